"""Archived WAL in a folder: pieces of 16 MB, compressed or not, that have to follow one another
from a base back-up to the moment that a restore is for. Pure."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import msgspec

from cli.backup.finding import Finding

NAME = re.compile(r"([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})(\.gz)?")
SHOWN = 3
"""Names of damaged pieces in a sentence."""


class Piece(NamedTuple):
    """A piece of WAL by its name, in the order in which it was written."""

    timeline: int
    number: int
    """Place in the WAL, in pieces."""
    name: str


class ArchivedWal(msgspec.Struct, frozen=True, kw_only=True):
    """Pieces in a folder, and those of them that do not open."""

    pieces: Sequence[Piece]
    damaged: Sequence[str]


def read_pieces(names: Iterable[str], piece_bytes: int) -> list[Piece]:
    """Return the pieces among the names of a folder, in order. Other files are no pieces: the
    history of a time line, the end of one that was left."""
    in_a_log = (1 << 32) // piece_bytes
    found = [(match, name) for name in names if (match := NAME.fullmatch(name))]
    return sorted(
        Piece(int(match[1], 16), int(match[2], 16) * in_a_log + int(match[3], 16), name)
        for match, name in found
    )


def judge_wal(wal: ArchivedWal, last_archived: str) -> Iterator[Finding]:
    """Yield what a restore would stop at. `last_archived` is what PostgreSQL archived last."""
    if not wal.pieces:
        yield Finding(owner="back-up", sentence="there is no WAL in the folder of --wal")
        return
    for before, after in pairwise(wal.pieces):
        if after.number > before.number + 1:
            lacks = f"archived WAL lacks what comes between {before.name} and {after.name}"
            yield Finding(owner="back-up", sentence=f"{lacks}: a restore ends there")
    if wal.damaged:
        more = len(wal.damaged) - SHOWN
        rest = f" and {more} more" if more > 0 else ""
        names = f"{', '.join(wal.damaged[:SHOWN])}{rest}"
        bent = f"archived WAL does not open: {names}: make a base back-up, and look at the disk"
        yield Finding(owner="back-up", sentence=bent)
    if last_archived and last_archived not in {each.name[:24] for each in wal.pieces}:
        late = f"the folder of --wal lacks {last_archived}, which PostgreSQL archived last"
        yield Finding(weight="warning", owner="back-up", is_retryable=True, sentence=late)
