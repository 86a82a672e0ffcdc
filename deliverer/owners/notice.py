"""Notices that are due to the owner of a destination. Pure.

state              told                                              once for each
failing            after FAILING_AFTER                               failure
refusing           after REFUSING_AFTER: one message alone is not    failure
works              after WORKS_AFTER, if a failure was told since    failure
paused, resumed    at once                                           pause
parked             the first at once, then once in an hour           refused message
certificate        30 and 7 days before its end                      certificate

A destination that fails and works in turn is told of once in an hour.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

import msgspec

FAILING_AFTER = timedelta(minutes=5)
"""The alarm `PostkamerDestinationPaused` waits as long: a restart of a CRM takes less."""
REFUSING_AFTER = timedelta(seconds=10)
"""One message that is refused alone lasts no longer: probes at 0.5, 1, 2 and 4 s try others."""
WORKS_AFTER = timedelta(minutes=2)
"""Longer than a pause within one failure (`deliverer.crm.condition_store`)."""
AGAIN_AFTER = timedelta(hours=1)
CERTIFICATE_DAYS = (7, 30)
EVENTS = 5
"""Events that a notice names; `postkamer parked list` shows all."""

State = Literal["failing", "refusing", "works", "paused", "resumed", "parked", "certificate-ending"]


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """State of a destination, as its owner hears it; the `data` of the event."""

    destination: str
    state: State
    since: datetime
    """Start of the state; of the one that ended for `works` and `resumed`."""
    until: datetime | None = None
    """End of the failure, of the certificate, or of the term of the first refused message."""
    status: int = 0
    failure: str = ""
    whose: str = ""
    reason: str = ""
    parked: int = 0
    events: tuple[UUID, ...] = ()
    command: str = ""
    """First command for who operates Postkamer."""


class DestinationFailure(msgspec.Struct, frozen=True, kw_only=True):
    """Last failure of a destination, as the deliverer stored it."""

    since: datetime
    ended_at: datetime | None
    refuses: bool
    status: int
    failure: str
    whose: str
    reason: str


class Pause(NamedTuple):
    """Pause by a person."""

    since: datetime
    reason: str


class Told(NamedTuple):
    """Last notice of a state: start of the state, and time of the notice."""

    since: datetime
    at: datetime


ToldStates = Mapping[str, Told]


class DestinationState(NamedTuple):
    destination: str
    failure: DestinationFailure | None
    pause: Pause | None
    certificate_ends: datetime | None
    told: ToldStates


def due_notices(state: DestinationState, now: datetime) -> list[Notice]:
    """Return the notices that are due, without refused messages."""
    certificate = _certificate_notice(state, now)
    return [*_failure_notices(state, now), *_pause_notices(state), *certificate]


def is_parked_due(told: ToldStates, now: datetime) -> bool:
    """Return True if refused messages may be told now."""
    return "parked" not in told or now - told["parked"].at >= AGAIN_AFTER


def parked_notice(
    destination: str,
    parked: int,
    since: datetime,
    events: Collection[UUID],
    reason: str,
    kept: timedelta,
) -> Notice:
    return Notice(
        destination=destination,
        state="parked",
        since=since,
        until=since + kept,
        parked=parked,
        events=tuple(events)[:EVENTS],
        reason=reason,
        command=f"postkamer parked list --destination {destination}",
    )


def _failure_notices(state: DestinationState, now: datetime) -> Iterator[Notice]:
    failure, told = state.failure, state.told
    if failure is None:
        return
    begun = {each for each in ("failing", "refusing") if _is_told(told, each, failure.since)}
    if failure.ended_at:
        if (since := _since_told(told)) and now - failure.ended_at >= WORKS_AFTER:
            over = msgspec.structs.replace(failure, since=since)
            yield _failure_notice(state.destination, "works", over)
        return
    kind: State = "refusing" if failure.refuses else "failing"
    wait = REFUSING_AFTER if failure.refuses else FAILING_AFTER
    if begun & {kind, "refusing"} or now - failure.since < wait:
        return
    recent = (told[each] for each in {kind, "refusing"} if each in told)
    if all(now - each.at >= AGAIN_AFTER for each in recent):
        yield _failure_notice(state.destination, kind, failure)


def _since_told(told: ToldStates) -> datetime | None:
    """Return the start of the failure that was told last; None if it was told since that the
    destination works. It may have failed again meanwhile, too shortly to be told."""
    failures = [told[each] for each in ("failing", "refusing") if each in told]
    last = max(failures, key=lambda each: each.at, default=None)
    is_over = last is None or ("works" in told and told["works"].at >= last.at)
    return None if last is None or is_over else last.since


def _failure_notice(destination: str, kind: State, failure: DestinationFailure) -> Notice:
    if kind == "works":
        since, until = failure.since, failure.ended_at
        return Notice(destination=destination, state=kind, since=since, until=until)
    return Notice(
        destination=destination,
        state=kind,
        since=failure.since,
        status=failure.status,
        failure=failure.failure,
        whose=failure.whose,
        reason=failure.reason,
        command="postkamer destination list",
    )


def _pause_notices(state: DestinationState) -> Iterator[Notice]:
    pause, told = state.pause, state.told
    if pause and not _is_told(told, "paused", pause.since):
        yield Notice(
            destination=state.destination,
            state="paused",
            since=pause.since,
            reason=pause.reason,
            command="postkamer destination list",
        )
    elif not pause and "paused" in told and not _is_told(told, "resumed", told["paused"].since):
        since = told["paused"].since
        yield Notice(destination=state.destination, state="resumed", since=since)


def _certificate_notice(state: DestinationState, now: datetime) -> Iterator[Notice]:
    """Return the notice of the shortest term that has begun. Terms only go forward: of two
    processes with different files, one tells."""
    ends, told = state.certificate_ends, state.told.get("certificate-ending")
    begun = [ends - timedelta(days=days) for days in CERTIFICATE_DAYS] if ends else []
    since = next((each for each in begun if each <= now), None)
    if since and (told is None or told.since < since):
        yield Notice(
            destination=state.destination,
            state="certificate-ending",
            since=since,
            until=ends,
            command="postkamer check",
        )


def _is_told(told: ToldStates, state: str, since: datetime) -> bool:
    return state in told and told[state].since == since
