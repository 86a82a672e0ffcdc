"""Judgement on a copy of the object store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from cli.backup.object_copy import CopyState, judge_copy

NOW = datetime(2026, 12, 1, 9, tzinfo=UTC)
GOOD = CopyState(
    copied_at=NOW - timedelta(hours=6), signed_at=NOW, files=12_000, looked_at=1000, lacking=0
)
CASES: dict[str, tuple[dict[str, Any], str]] = {
    "all is there": ({"has_checkpoint": True}, ""),
    "nothing was signed": ({"signed_at": None}, ""),
    "it is empty": ({"copied_at": None}, "the copy of the object store is empty, or another"),
    "another archive": ({"has_first_order": False}, "the copy of the object store is empty, or an"),
    "it is old": (
        {"copied_at": NOW - timedelta(days=3)},
        "the copy of the object store is 3 d beh",
    ),
    "an order": ({"lacking_orders": (4,)}, "the copy lacks 1 order of destruction: with it, what"),
    "an order of another key": (
        {"wrong_orders": (4, 5)},
        "the copy has 2 orders of destruction altered or under a key that was taken away: copy",
    ),
    "files": (
        {"lacking": 2, "lacking_names": ("sealed/a", "sealed/b")},
        "the copy lacks 2 files of 1,000 that the database names: sealed/a, sealed/b",
    ),
    "a checkpoint": ({"has_checkpoint": False}, "the copy lacks the newest checkpoint of its time"),
    "tokens": ({"lacks_tokens": True}, "the copy knows less of the tokens than the object store"),
}


@pytest.mark.parametrize("case", CASES)
def test_copy_is_judged(case: str) -> None:
    change, sentence = CASES[case]
    found = list(judge_copy(msgspec.structs.replace(GOOD, **change), timedelta(days=2)))
    assert len(found) == bool(sentence), found
    assert all(each.sentence.startswith(sentence) for each in found), found
    assert [each.weight for each in found] == (
        ["warning" if case == "tokens" else "fault"] * len(found)
    )
