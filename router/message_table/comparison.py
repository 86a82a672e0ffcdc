"""Compare the judgements of two versions of rules on the same table. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import msgspec

from router.message_table.judgement import JudgedRow

Change = Literal["right", "wrong", "other"]
"""A message that is newly right, newly wrong, or wrong in another way than before."""
CHANGES: tuple[Change, ...] = "right", "wrong", "other"


class ChangedRow(msgspec.Struct, frozen=True):
    """A message that goes to another department than by the other version."""

    change: Change
    before: JudgedRow
    now: JudgedRow


def rename_departments(judged: Sequence[JudgedRow], names: Mapping[str, str]) -> list[JudgedRow]:
    """Return judgements with the present names of departments: one that is there instead of a
    former one moves no message."""
    return [
        msgspec.structs.replace(each, department=names.get(each.department, each.department))
        for each in judged
    ]


def compare_judgements(
    before: Sequence[JudgedRow], now: Sequence[JudgedRow]
) -> Iterator[ChangedRow]:
    """Yield the messages of which the department changed, in the order of the table."""
    for one, other in zip(before, now, strict=True):
        if one.department != other.department:
            yield ChangedRow(_change(other, one), one, other)


def _change(now: JudgedRow, before: JudgedRow) -> Change:
    if now.is_right:
        return "right"
    return "wrong" if before.is_right else "other"
