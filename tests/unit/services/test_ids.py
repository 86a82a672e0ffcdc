import base64
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from services import clock
from services.ids import CONVERSATION, conversation_id, created_at, ordered_uuid7, parse_uuid, uuid7

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MOMENTS = st.integers(0, 2**53).map(lambda n: EPOCH + timedelta(microseconds=n))
CHANCE = st.binary(min_size=10, max_size=10)
NONE, CHANCES = bytes(10), b"\xff" * 10


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11", True),
        ("018FE5A4-52B7-7D7E-9A4E-0D2F0C6F3C11", True),
        ("018fe5a452b77d7e9a4e0d2f0c6f3c11", False),
        ("{018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11}", False),
        ("urn:uuid:018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11", False),
        ("018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c1", False),
        ("", False),
    ],
)
def test_uuid_is_parsed_in_one_notation(text: str, is_one: bool) -> None:
    assert (parse_uuid(text) is not None) == is_one


def test_uuid7_is_that_of_the_rfc_for_its_example() -> None:
    """RFC 9562, appendix A.6: rand_a 0xCC3, rand_b 0x18C4DC0C0C07398F."""
    at = datetime(2022, 2, 22, 14, 22, 22, tzinfo=timezone(-timedelta(hours=5)))
    chance = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(at, chance) == UUID("017F22E2-79B0-7CC3-98C4-DC0C0C07398F")


@given(MOMENTS, CHANCE)
@example(EPOCH + timedelta(milliseconds=1_700_000_000_001), b"\xff" * 10)
def test_uuid7_holds_version_time_and_randomness_as_the_rfc_says(
    at: datetime, chance: bytes
) -> None:
    id = uuid7(at, chance)
    bits = f"{id.int:0128b}"
    assert (id.version, id.variant) == (7, "specified in RFC 4122")
    assert int(bits[:48], 2) == (at - EPOCH) // timedelta(milliseconds=1)
    assert bits[52:64] + bits[66:] == f"{int.from_bytes(chance, 'big'):080b}"[6:]


@given(MOMENTS, MOMENTS, CHANCE, CHANCE)
@example(EPOCH + timedelta(microseconds=998), EPOCH + timedelta(microseconds=999), CHANCES, NONE)
@example(EPOCH + timedelta(microseconds=999), EPOCH + timedelta(microseconds=1000), CHANCES, NONE)
def test_ordered_uuid7_sorts_by_the_microsecond(
    one: datetime, other: datetime, some: bytes, more: bytes
) -> None:
    earlier, later = sorted((one, other))
    id, next = ordered_uuid7(earlier, some), ordered_uuid7(later, more)
    assert (id.version, id.variant) == (7, "specified in RFC 4122")
    assert created_at(id) == earlier - timedelta(microseconds=earlier.microsecond % 1000)
    assert id.int & (1 << 62) - 1 == int.from_bytes(some[:8], "big") & (1 << 62) - 1
    assert earlier == later or id < next


@given(st.binary(min_size=16, max_size=16))
def test_conversation_id_is_the_number_and_all_of_the_randomness_in_base_32(chance: bytes) -> None:
    id = conversation_id("10000001", chance)
    form = CONVERSATION.fullmatch(id)
    assert form and form[1] == "10000001"
    assert base64.b32decode(id.partition("-")[2].upper() + "======") == chance


@given(MOMENTS, MOMENTS, CHANCE, CHANCE)
def test_ids_sort_by_their_time(one: datetime, other: datetime, some: bytes, more: bytes) -> None:
    earlier, later = sorted([one, other])
    if (later - earlier) >= timedelta(milliseconds=1):
        assert uuid7(earlier, some) < uuid7(later, more)
        assert uuid7(earlier, some).bytes < uuid7(later, more).bytes


def test_new_ids_are_unique_and_hold_their_time() -> None:
    before = clock.now()
    ids = [clock.new_id() for _ in range(1000)]
    after = clock.now()
    assert len(set(ids)) == 1000
    for id in ids:
        made = EPOCH + timedelta(milliseconds=id.int >> 80)
        assert before - timedelta(milliseconds=1) < made <= after


def test_created_at_is_read_from_an_id_to_the_millisecond() -> None:
    at = datetime(2026, 11, 25, 10, 30, 0, 123456, tzinfo=UTC)
    assert created_at(uuid7(at, b"0123456789")) == at.replace(microsecond=123000)
