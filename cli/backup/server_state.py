"""Judgement on what PostgreSQL says of its WAL and of what makes a commit last. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from cli.backup.archived_wal import read_pieces
from cli.backup.finding import Finding, Weight, format_age

LONGEST_TIMEOUT = 300
"""Largest `archive_timeout`, in seconds, that is not named: a restore loses so much on a quiet
night. The page on back-ups recommends 60."""
LATE_FACTOR = 3
"""A segment is late after so many times `archive_timeout`: one is written, one is on its way."""
LATE = timedelta(minutes=5)
"""Shortest time after which a segment is late, since archives are busy at times."""
SMALLEST_BEHIND = 8192
"""Bytes of WAL after the last archived segment that are no activity: the head of a page."""
MOST_HELD = 1024**3
"""Bytes of WAL that a slot which nobody reads may hold back. pg_wal has no limit of its own, and a
full disk stops PostgreSQL."""


class Slot(msgspec.Struct, frozen=True):
    name: str
    active: bool
    wal_status: str
    held_bytes: int


class ServerState(msgspec.Struct, frozen=True, kw_only=True):
    """Settings as they are without those of a session, and what archives WAL."""

    archive_mode: str
    archive_command: str
    archive_library: str
    archive_timeout: int
    wal_level: str
    synchronous_commit: str
    fsync: str
    full_page_writes: str
    data_checksums: str
    last_archived_wal: str
    last_archived_at: datetime | None
    last_failed_at: datetime | None
    failed: int
    position: int
    """Byte of the WAL that is written next."""
    segment_bytes: int
    cluster: str
    """Number that `initdb` gave it; copies have it too."""
    now: datetime


def judge_server(state: ServerState, slots: list[Slot]) -> Iterator[Finding]:
    yield from _judge_settings(state)
    yield from _judge_archiving(state)
    yield from filter(None, map(_judge_slot, slots))


DURABLE = {
    "fsync": ("off", "a loss of power destroys the database"),
    "full_page_writes": ("off", "a loss of power tears pages, which no WAL mends"),
    "wal_level": ("minimal", "its WAL restores no base back-up"),
}
"""Setting -> its wrong value, and what follows from it."""
WEAK = {
    "data_checksums": ("off", "a page that the disk bends is backed up unseen; see pg_checksums"),
    "synchronous_commit": ("off", "services ask for it themselves, other programs lose commits"),
}


def _judge_settings(state: ServerState) -> Iterator[Finding]:
    for name, (wrong, then) in (DURABLE | WEAK).items():
        if getattr(state, name) == wrong:
            weight: Weight = "fault" if name in DURABLE else "warning"
            sentence = f"{name} is {wrong}: {then}"
            yield Finding(weight=weight, owner="database", sentence=sentence)


def _judge_archiving(state: ServerState) -> Iterator[Finding]:
    if state.archive_mode == "off":
        lost = "archive_mode is off: a restore loses all that was written since the base back-up"
        yield Finding(owner="database", sentence=lost)
        return
    if not state.archive_command and not state.archive_library:
        full = (
            "archive_command is empty: nothing is archived, and pg_wal grows until the disk is full"
        )
        yield Finding(owner="database", sentence=full)
        return
    last = state.last_archived_at
    since = (
        f"the last segment was archived {format_age(state.now - last)} ago" if last else "none was"
    )
    if state.last_failed_at and (last is None or state.last_failed_at > last):
        times = "once" if state.failed == 1 else f"{state.failed} times so far"
        fails = f"archiving WAL fails ({times}); {since}"
        yield Finding(owner="back-up", is_retryable=True, sentence=fails)
    elif is_late(state):
        late = f"{bytes_behind(state)} bytes of WAL are not archived; {since}"
        yield Finding(owner="back-up", is_retryable=True, sentence=late)
    if not 0 < state.archive_timeout <= LONGEST_TIMEOUT:
        slow = "without a limit" if not state.archive_timeout else f"{state.archive_timeout} s"
        sentence = (
            f"archive_timeout is {slow}: on a quiet night a restore loses as much; 60 s is good"
        )
        yield Finding(weight="warning", owner="database", sentence=sentence)


def is_late(state: ServerState) -> bool:
    """Return True if WAL was written that should be archived by now."""
    longest = max(LATE, timedelta(seconds=LATE_FACTOR * state.archive_timeout))
    last = state.last_archived_at
    is_old = last is None or state.now - last > longest
    return is_old and bytes_behind(state) > SMALLEST_BEHIND


def bytes_behind(state: ServerState) -> int:
    """Return the bytes of WAL after the last archived segment; all of it if none is."""
    last = read_pieces([state.last_archived_wal[:24]], state.segment_bytes)
    if not last:
        return state.position
    return max(0, state.position - (last[0].number + 1) * state.segment_bytes)


def _judge_slot(slot: Slot) -> Finding | None:
    held = f"the replication slot {slot.name} holds back {slot.held_bytes / 1e9:.1f} GB of WAL"
    if slot.wal_status == "lost":
        sentence = f"the replication slot {slot.name} has lost its WAL: make its stand-by anew"
        return Finding(owner="database", sentence=sentence)
    if slot.active or slot.held_bytes <= MOST_HELD:
        return None
    sentence = (
        f"{held}, and nobody reads it: drop it, or start what reads it, before the disk is full"
    )
    return Finding(owner="database", is_retryable=True, sentence=sentence)
