"""The alarm for a number that has fallen silent: after five usual gaps and two hours of open time.
Pure."""

from datetime import datetime, timedelta

import msgspec

from router.silence.open_time import OpenTime
from router.silence.usual_gap import UsualGaps

USUAL_GAPS = 5.0
"""Usual gaps in a row without a message that are an alarm."""
LEAST_SECONDS = 2 * 3600.0
"""Open time without a message before which there is no alarm."""
UNHEARD, TOO_FEW = "no citizen has written yet", "too few messages to judge"
"""Reasons why a number has no alarm: no message, and no usual gap."""
UNATTENDED = timedelta(minutes=15)
"""Interval between two looks after which the open time in between does not count: no router ran, so
messages may have waited elsewhere. What was counted before still counts: else a stop each night
would hide a dead number for ever."""


class Profile(msgspec.Struct, frozen=True):
    """Open time of a number and its usual gaps in it, from the four weeks before its last
    message."""

    open_time: OpenTime
    gaps: UsualGaps


class NumberSilence(msgspec.Struct, frozen=True, kw_only=True):
    """A number at the last look, as stored."""

    number: str
    heard_at: datetime | None = None
    """Time of the last message of a citizen."""
    counts_from: datetime | None = None
    """Time from which an alarm is possible: four weeks after the first message."""
    clock_from: datetime | None = None
    """Time before which no silence counts: the number was closed, or no router ran. Then the begin
    is later by the open time of that."""
    silent_since: datetime | None = None
    """Begin of a silence that is an alarm, until the next message."""
    silent_seconds: float = 0.0
    """Open time since the last message."""
    usual_gap_seconds: float | None = None
    """Usual gap of this weekday and hour, in open time."""
    alarm_at: datetime | None = None
    """Time of the alarm if no message comes, as far as it can be foreseen."""
    looked_at: datetime


def look_at_number(
    before: NumberSilence,
    heard_at: datetime,
    profile: Profile,
    is_closed: bool,
    now: datetime,
) -> NumberSilence:
    """Return the state of a number now.

    An alarm lasts until the next message, so that there is only one for a silence. For lack of
    `counts_from` there is none.
    """
    goes_on = not is_closed and before.silent_since is not None and before.heard_at == heard_at
    since = max(heard_at, before.clock_from or heard_at)
    if is_closed:
        since = now
    elif not goes_on and now - before.looked_at > UNATTENDED:
        away = profile.open_time.seconds(max(before.looked_at, since), max(since, now))
        since = profile.open_time.add(since, away)
    alarm_at = find_alarm_time(since, profile)
    if alarm_at and (before.counts_from is None or alarm_at < before.counts_from):
        alarm_at = _first_opening(before.counts_from, profile.open_time)
    is_silent = goes_on or (alarm_at is not None and alarm_at <= now)
    return NumberSilence(
        number=before.number,
        heard_at=heard_at,
        counts_from=before.counts_from,
        clock_from=since if since > heard_at else None,
        silent_since=since if is_silent else None,
        silent_seconds=profile.open_time.seconds(since, max(since, now)),
        usual_gap_seconds=profile.gaps.at(now),
        alarm_at=alarm_at,
        looked_at=now,
    )


def find_alarm_time(since: datetime, profile: Profile) -> datetime | None:
    """Return when a silence that begins at `since` is an alarm; None if that is not within the open
    time of the profile.

    Each hour counts by its own usual gap: neither a quiet night nor a busy morning decides alone.
    """
    gaps_passed = open_seconds = 0.0
    for start, end in profile.open_time.pieces_from(since):
        gap = profile.gaps.at(start)
        if gap is None:
            return None
        seconds = (end - start).total_seconds()
        left = max((USUAL_GAPS - gaps_passed) * gap, LEAST_SECONDS - open_seconds)
        if left <= seconds:
            return start + timedelta(seconds=max(left, 0.0))
        gaps_passed += seconds / gap
        open_seconds += seconds
    return None


def _first_opening(at: datetime | None, open_time: OpenTime) -> datetime | None:
    """Return the first open moment from `at` on."""
    return next((start for start, _ in open_time.pieces_from(at)), None) if at else None
