"""The signer signs one log, which only grows, and no other time than now."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from archiver.signing.signing_policy import (
    CLOCK_DIFFERENCE,
    ENTRIES_AT_FIRST,
    ENTRIES_PER_SECOND,
    LastSigned,
    defer_checkpoint,
    read_text,
    refuse_checkpoint,
)
from services.transparency.signed_note import Checkpoint, InvalidNote, note_text

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
ROOT, OTHER = bytes(32), bytes([1] * 32)
LAST = LastSigned(700, ROOT)
NEXT = Checkpoint("example.nl", 701, OTHER, NOW)


def refused(last: LastSigned = LAST, **changed: object) -> str | None:
    return refuse_checkpoint(msgspec.structs.replace(NEXT, **changed), "example.nl", last, NOW)


@pytest.mark.parametrize(
    "changed",
    [
        {}, {"size": 10**9}, {"size": 700, "root": ROOT},
        {"at": NOW - CLOCK_DIFFERENCE}, {"at": NOW + CLOCK_DIFFERENCE},
    ],
)  # fmt: skip
def test_signer_signs_a_log_that_grew_or_is_the_same(changed: dict[str, object]) -> None:
    assert refused(**changed) is None


@pytest.mark.parametrize("size", [0, 1, 700])
def test_new_signer_signs_any_log(size: int) -> None:
    assert refused(LastSigned(), size=size) is None


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"origin": "example.org"}, "it is of another log"),
        ({"size": 700}, "another log of 700 entries was signed"),
        ({"size": 699}, "a log of 700 entries was signed, and this one has 699"),
        ({"size": 0, "root": ROOT}, "a log of 700 entries was signed, and this one has 0"),
        ({"at": NOW - CLOCK_DIFFERENCE - timedelta(seconds=1)}, "its time is not now"),
        ({"at": NOW + CLOCK_DIFFERENCE + timedelta(seconds=1)}, "its time is not now"),
    ],
)
def test_signer_refuses_another_log_and_another_time(changed: dict[str, object], why: str) -> None:
    assert refused(**changed) == why


MINUTE = 60 * ENTRIES_PER_SECOND


@pytest.mark.parametrize(
    ("at", "most"),
    [
        (NOW - timedelta(minutes=1), MINUTE), (NOW - timedelta(days=3), 3 * 24 * 60 * MINUTE),
        (NOW, ENTRIES_PER_SECOND), (NOW + CLOCK_DIFFERENCE, ENTRIES_PER_SECOND),
        (None, ENTRIES_AT_FIRST),
    ],
)  # fmt: skip
def test_log_that_grew_faster_than_a_log_can_is_not_signed_yet(
    at: datetime | None, most: int
) -> None:
    last = msgspec.structs.replace(LAST, at=at)
    for size, is_signed in ((700, True), (700 + most, True), (701 + most, False), (2**62, False)):
        asked = msgspec.structs.replace(NEXT, size=size)
        assert (defer_checkpoint(asked, last, NOW) is None) == is_signed, size


def test_text_of_a_checkpoint_is_read() -> None:
    assert read_text(note_text(NEXT)) == NEXT


@pytest.mark.parametrize(
    "text",
    [
        "", "transfer 1000", note_text(NEXT) + "\n", note_text(NEXT)[:-1],
        note_text(NEXT).replace("701", "0701"), note_text(NEXT).replace("701", "-701"),
        note_text(NEXT).replace("Z", "+00:00"), note_text(NEXT) + "extra\n",
        note_text(NEXT) + "\n— example.nl AAAA\n",
    ],
)  # fmt: skip
def test_nothing_but_the_text_of_a_checkpoint_is_signed(text: str) -> None:
    with pytest.raises(InvalidNote):
        read_text(text)
