"""Archived WAL in a folder: pieces of 16 MB, compressed or not, that have to follow one another
from a base back-up to the moment that a restore is for, over each new time line. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from cli.backup.base_backup import BaseBackup, read_position
from cli.backup.finding import Finding

NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.gz)?")
HISTORY = re.compile(r"([0-9A-F]{8})\.history(\.gz)?")
"""File that says from which time lines one comes, and where it left them."""
ANCESTOR = re.compile(r"\s*([0-9]+)\s+([0-9A-F]+)/([0-9A-F]+)\b.*", re.IGNORECASE)
"""Line of a history: a time line, and the place in the WAL at which it was left."""
SHOWN = 3
"""Names of damaged pieces in a sentence."""


class Piece(NamedTuple):
    """A piece of WAL by its name, in the order in which it was written."""

    timeline: int
    number: int
    """Place in the WAL, in pieces."""
    name: str


class Fork(NamedTuple):
    """Beginning of a time line, as its history says."""

    ancestors: Mapping[int, int]
    """Time lines that it comes from -> the piece in which each was left: what one wrote behind it
    is of no use here."""
    number: int
    """Place of its first piece, in pieces: it has what the last one wrote there, and goes on."""


class Start(NamedTuple):
    """Piece with which a base back-up begins."""

    base: str
    piece: Piece


class ArchivedWal(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces in a folder, the beginnings of time lines whose history is there too, and the names of
    what does not open."""

    pieces: Sequence[Piece]
    damaged: Sequence[str]
    forks: Mapping[int, Fork] = {}


def read_fork(history: str, piece_bytes: int) -> Fork:
    """Read the history of a time line. ValueError if it names none that it comes from."""
    found = [match for line in history.splitlines() if (match := ANCESTOR.fullmatch(line))]
    if not found:
        raise ValueError("names no time line")
    left = {
        int(match[1]): read_position(f"{match[2]}/{match[3]}") // piece_bytes for match in found
    }
    return Fork(left, left[int(found[-1][1])])


def read_pieces(names: Iterable[str], piece_bytes: int) -> list[Piece]:
    """Return the pieces among the names of a folder, in order. Other files are no pieces: the
    history of a time line, the end of one that was left."""
    in_a_log = (1 << 32) // piece_bytes
    found = [(match, name) for name in names if (match := NAME.fullmatch(name))]
    return sorted(
        Piece(int(match[1], 16), int(match[2], 16) * in_a_log + int(match[3], 16), name)
        for match, name in found
    )


def judge_wal(
    wal: ArchivedWal, last_archived: str, starts: Sequence[Start] = ()
) -> Iterator[Finding]:
    """Yield what a restore would stop at. `last_archived` is what PostgreSQL archived last, and
    `starts` are those of the base back-ups: what is older than all of them may lack."""
    if not wal.pieces:
        yield Finding(owner="back-up", sentence="there is no WAL in the folder of --wal")
        return
    yield from filter(None, (_judge_start(wal, last_archived, each) for each in starts))
    oldest = min((each.piece.number for each in starts), default=0)
    needed = [piece for piece in wal.pieces if piece.number >= oldest]
    for before, after in pairwise(needed):
        is_new = after.timeline != before.timeline
        lacks = _fork_fault(wal, after) if is_new else _gap(before, after)
        if lacks:
            yield Finding(owner="back-up", sentence=f"archived WAL lacks {lacks}")
    yield from _judge_files(wal, last_archived)


def find_starts(bases: Iterable[BaseBackup], cluster: str, piece_bytes: int) -> list[Start]:
    """Return where the whole base back-ups of a cluster begin, of which that is known."""
    in_a_log, found = (1 << 32) // piece_bytes, list[Start]()
    for base in bases:
        if base.is_whole and base.begins and base.cluster in ("", cluster):
            timeline, position = base.begins
            number = position // piece_bytes
            name = f"{timeline:08X}{number // in_a_log:08X}{number % in_a_log:08X}"
            found.append(Start(base.name, Piece(timeline, number, name)))
    return found


def _judge_start(wal: ArchivedWal, last_archived: str, start: Start) -> Finding | None:
    """Return that the piece lacks with which a base back-up begins. PostgreSQL may archive it after
    the back-up: then nothing behind it is there."""
    is_passed = any(piece.number > start.piece.number for piece in wal.pieces)
    is_due = is_passed or last_archived[:24] >= start.piece.name
    if not is_due or any(_stands_for(wal, piece, start.piece) for piece in wal.pieces):
        return None
    lacks = f"{start.piece.name}, with which the base back-up {start.base} begins"
    sentence = f"archived WAL lacks {lacks}: a restore from it ends there"
    return Finding(owner="back-up", is_retryable=not is_passed, sentence=sentence)


def _stands_for(wal: ArchivedWal, piece: Piece, first: Piece) -> bool:
    """Return True if a piece is this one, or has what it wrote: as the first of a new time line."""
    if piece.number != first.number:
        return False
    fork = wal.forks.get(piece.timeline)
    comes_from = fork is not None and fork.ancestors.get(first.timeline, -1) >= first.number
    return piece.timeline == first.timeline or comes_from


def _judge_files(wal: ArchivedWal, last_archived: str) -> Iterator[Finding]:
    if wal.damaged:
        more = len(wal.damaged) - SHOWN
        rest = f" and {more} more" if more > 0 else ""
        names = f"{', '.join(wal.damaged[:SHOWN])}{rest}"
        bent = f"archived WAL does not open: {names}: make a base back-up, and look at the disk"
        yield Finding(owner="back-up", sentence=bent)
    # Archived beside the pieces are `PIECE.OFFSET.backup` after a base back-up, and histories.
    last = NAME.match(last_archived)
    if last and last[0] not in {each.name[:24] for each in wal.pieces}:
        late = f"the folder of --wal lacks {last[0]}, which PostgreSQL archived last"
        yield Finding(weight="warning", owner="back-up", is_retryable=True, sentence=late)


def _gap(before: Piece, after: Piece) -> str:
    """Return what is lacking between two pieces; '' if nothing is."""
    if after.number <= before.number + 1:
        return ""
    return _between(before, after)


def _fork_fault(wal: ArchivedWal, first: Piece) -> str:
    """Return what is lacking where the time line of its first piece begins; '' if nothing is. The
    names alone do not say: the time line that was left may have gone on, beside the new one."""
    fork = wal.forks.get(first.timeline)
    if fork is None:
        return f"{first.name[:8]}.history: a restore does not find {first.name} and what follows"
    former = [each for each in wal.pieces if each.number <= fork.ancestors.get(each.timeline, -1)]
    if not former:  # their time is over: base back-ups that need them are gone too
        return ""
    last = max(former, key=lambda piece: piece.number)
    is_whole = last.number >= fork.number - 1 and first.number <= fork.number
    return "" if is_whole else _between(last, first)


def _between(before: Piece, after: Piece) -> str:
    return f"what comes between {before.name} and {after.name}: a restore ends there"
