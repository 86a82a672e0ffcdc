"""Compare the row of a file with the entries about it: the message that brought it, the results
of fetching and scanning it, and its release. Pure.

The row is a working table, which somebody with all rights on the database can change. The entries
are sealed and in the log.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal
from uuid import UUID

import msgspec

from archiver.media.fetch_policy import FURTHEST_AHEAD, REASONS, RELEASED, AnnouncedFile

IN_FLIGHT = timedelta(hours=1)
"""Time that a result may take to reach the record, normally seconds: a router that restarts, or an
archive that catches up, is no tampering."""
DATE_BEFORE_ALL = datetime(1, 1, 1, tzinfo=UTC)
"""Time of a result that does not say its own."""

What = Literal[
    "missing",
    "damaged",
    "unreadable",
    "unnamed",
    "another",
    "shut",
    "moved",
    "announced",
    "delayed",
    "bent",
    "forged",
    "unrecorded",
    "released",
]
SENTENCES: dict[What, str] = {
    "missing": "there is nothing of this name in the object store",
    "damaged": "what lies there is not what was kept",
    "unreadable": "what lies there is what was kept, and does not open with the key of its row",
    "unnamed": "no message has this file",
    "another": "the record says that this file came with the message, and its table does not",
    "shut": "it does not open: its salt or its hash was changed or is gone, and no"
    " erasure is on the record",
    "moved": "its table gives it another place than its message has: {}",
    "announced": "its table does not say of it what its message said",
    "delayed": "its table lets nobody look for it before a time that this archive never sets",
    "bent": "its table has another state, salt, name or verdict than this archive wrote",
    "forged": "its table and the record do not agree: {}",
    "unrecorded": "its table has a result that the record does not have",
    "released": "it is shown although it was quarantined, and no release is on the record",
}


class FileFinding(msgspec.Struct, frozen=True, rename="camel"):
    """Fault of a file in one sentence, with its name in the store and the message it came with."""

    what: What
    sentence: str
    object: str
    message: UUID | None = None


def file_finding(
    what: What, key: str, message: UUID | None = None, columns: Sequence[str] = ()
) -> FileFinding:
    return FileFinding(what, SENTENCES[what].format(", ".join(columns)), key, message)


class Place(msgspec.Struct, frozen=True):
    """Plain columns that a file has from its message."""

    tenant: str
    conversation: str
    department: str


class Announcement(msgspec.Struct, frozen=True):
    """A file as its message announced it, and what decides where and how long it is looked for."""

    file: AnnouncedFile
    mime_type: str
    """The type again, in the open."""
    number: str
    sent_at: datetime
    upload: UUID | None = None
    """The upload again, in the open."""


class Result(msgspec.Struct, frozen=True, rename="camel"):
    """Result of a file: as its media record has it, or as its row does."""

    state: str
    object: str = ""
    scanned: bool = False
    reason: str = ""
    size: int = 0
    mime_type: str = ""
    sha256: str = ""
    at: datetime = DATE_BEFORE_ALL


class FileRow(msgspec.Struct, frozen=True, kw_only=True):
    """Row of a file, with its sealed columns opened as far as they open."""

    place: Place
    announced: Announcement | None
    result: Result
    has_result: bool
    """True if the row says that the file has come to its end."""
    released_by: str
    due_at: datetime
    """Time of the next attempt to fetch or scan it."""
    is_bound: bool = True
    """False if its keyed hash is not that of what it says."""


class FileHistory(msgspec.Struct, frozen=True, kw_only=True):
    """Entries about a file, as far as they open."""

    place: Place | None
    """Place of its message; None if no message has the file."""
    is_erased: bool
    """True if the message has no salt or no key. `check_keys` compares that with the erasures."""
    announced: Announcement | None
    results: Sequence[Result] = ()
    """Results, the oldest first."""
    is_released: bool = False
    """True if an operator's release of it is on the record."""


def find_faults(
    row: FileRow | None, history: FileHistory, now: datetime
) -> Iterator[tuple[What, tuple[str, ...]]]:
    """Yield the faults of a file, with the names of the columns that are wrong."""
    if row is None:
        if not history.is_erased:
            yield "another", ()
        return
    if history.place is None:
        yield "unnamed", ()
        return
    if moved := _differing(row.place, history.place):
        yield "moved", moved
    if history.is_erased:
        return
    if row.announced is None or row.announced != history.announced:
        yield "announced", ()
    if row.result.state in ("fetched", "available", "quarantined") and not row.result.sha256:
        yield "shut", ()
    yield from _faults_of_columns(row, history, now)


def _faults_of_columns(
    row: FileRow, history: FileHistory, now: datetime
) -> Iterator[tuple[What, tuple[str, ...]]]:
    if row.due_at - now > FURTHEST_AHEAD:
        yield "delayed", ()
    faults = [*_faults_of_result(row, history, now)]
    if not (row.is_bound or faults):  # these say more
        yield "bent", ()
    yield from faults


def _faults_of_result(
    row: FileRow, history: FileHistory, now: datetime
) -> Iterator[tuple[What, tuple[str, ...]]]:
    result, last = row.result, history.results[-1] if history.results else None
    is_final = result.state in ("available", "quarantined", "lost")
    if is_final != row.has_result or (last and not is_final):
        yield "forged", ("state",)
    elif is_final and (last is None or last.at < result.at):
        if abs(now - result.at) > IN_FLIGHT:
            yield "unrecorded", ()
    elif is_final and last:
        yield from _faults_of_recorded(row, last)
        # The release may still be on its way when the result has come.
        if now - result.at > IN_FLIGHT and _is_shown_unreleased(row, history):
            yield "released", ()


def _faults_of_recorded(row: FileRow, last: Result) -> Iterator[tuple[What, tuple[str, ...]]]:
    result = row.result
    if last.object != result.object:
        yield "another", ()
    different = [name for name in _differing(result, last) if name not in ("object", "sha256")]
    if result.sha256 and last.sha256 != result.sha256:
        different.append("sha256")
    if _is_rescheduled(row) and {result.reason, last.reason} <= _RESCHEDULED:
        different = [name for name in different if name != "reason"]
    if row.released_by and result.reason != RELEASED.format(row.released_by):
        different.append("released_by")
    if not row.released_by and result.reason.startswith(RELEASED.format("")):
        different.append("released_by")
    if different:
        yield "forged", tuple(different)


def _is_rescheduled(row: FileRow) -> bool:
    """Return if the file waits for a belated scan, which writes a reason without a result."""
    return row.result.state == "available" and not row.result.scanned and not row.released_by


_RESCHEDULED = {"", *REASONS.values()}


def _is_shown_unreleased(row: FileRow, history: FileHistory) -> bool:
    """Return if the file became available as only a release allows. A forged row that Postkamer
    has reported since is in the record as it was forged, so the record alone does not tell."""
    if row.result.state != "available" or history.is_released:
        return False
    was_quarantined = any(each.state == "quarantined" for each in history.results)
    return was_quarantined or row.released_by != ""


def _differing(one: msgspec.Struct, other: msgspec.Struct) -> tuple[str, ...]:
    return tuple(
        name for name in one.__struct_fields__ if getattr(one, name) != getattr(other, name)
    )
