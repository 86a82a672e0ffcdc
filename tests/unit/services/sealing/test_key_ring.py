"""Sealed values open for their own use under their own key only, and say so when they do not."""

from datetime import date, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import contract
from services.amqp.sealed_batch import open_batch, seal_batch
from services.sealing import columns
from services.sealing.key_ring import (
    DAILY,
    MARK,
    SEALS_DAYS,
    KeyRing,
    KeyUnknown,
    Kind,
    NoWorkingKey,
    Unsealable,
    WorkingKey,
)

TODAY = date(2026, 11, 29)
TEXTS = st.text(min_size=1)


def key(kind: Kind, n: int = 1, day: date = TODAY) -> WorkingKey:
    return WorkingKey(bytes([n]) * 8, kind, day, bytes([n]) * 32)


def ring(*more: WorkingKey) -> KeyRing:
    made = KeyRing()
    made.install([key("queue", 1), key("table", 2), key("standing", 3), *more], TODAY)
    return made


RING = ring()
ROW, OTHER = columns.bind("row"), columns.bind("other")


@given(TEXTS)
def test_sealed_text_opens_and_shows_nothing(text: str) -> None:
    sealed = RING.seal_text(text, "wamid", ROW)
    assert RING.unseal_text(sealed, "wamid", ROW) == text != sealed
    assert RING.seal_text(text, "wamid", ROW) != sealed  # or equal texts would show
    assert len(text) < 4 or text not in sealed


@given(TEXTS, TEXTS)
def test_names_are_equal_if_and_only_if_what_they_seal_is(one: str, other: str) -> None:
    assert RING.unseal_text(RING.seal_name(one, "address"), "address") == one
    equal = RING.seal_name(one, "address") == RING.seal_name(other, "address")
    assert equal == (one == other)
    assert RING.seal_name(one, "address") != RING.seal_name(one, "employee")


@given(st.binary())
def test_sealed_bytes_open(plain: bytes) -> None:
    assert RING.unseal(RING.seal(plain, "decision", ROW), "decision", ROW) == plain


def test_open_value_in_a_row_does_not_open_and_an_empty_one_is_empty() -> None:
    assert (RING.unseal_text("", "wamid", ROW), RING.unseal(b"", "wamid", ROW)) == ("", b"")
    with pytest.raises(Unsealable):
        RING.unseal_text("wamid.HBgL", "wamid", ROW)
    with pytest.raises(Unsealable):
        RING.unseal(b"wamid.HBgL", "wamid", ROW)


def test_name_is_bound_to_nothing_unless_it_is_said() -> None:
    assert RING.unseal_text("31600000001", "address") == "31600000001"
    bound = RING.seal_name("id", "provider id", ROW)
    assert RING.unseal_text(bound, "provider id", ROW) == "id"
    with pytest.raises(Unsealable):
        RING.unseal_text(bound, "provider id", OTHER)


def test_nothing_opens_in_another_row() -> None:
    with pytest.raises(Unsealable):
        RING.unseal(RING.seal(b"hallo", "decision", ROW), "decision", OTHER)
    with pytest.raises(Unsealable):
        RING.unseal_text(RING.seal_text("hallo", "wamid", ROW), "wamid", OTHER)


@given(st.lists(TEXTS), st.lists(TEXTS))
def test_rows_are_told_apart_by_all_that_is_bound(one: list[str], other: list[str]) -> None:
    assert (columns.bind(*one) == columns.bind(*other)) == (one == other)


def test_nothing_opens_for_another_use_or_altered() -> None:
    sealed, text = RING.seal(b"hallo", "decision", ROW), RING.seal_text("hallo", "decision", ROW)
    name = RING.seal_name("hallo", "decision")
    with pytest.raises(Unsealable):
        RING.unseal(sealed, "quarantine", ROW)
    for wrong in (sealed[:-1], sealed[:20], sealed[:-1] + bytes([sealed[-1] ^ 1])):
        with pytest.raises(Unsealable):
            RING.unseal(wrong, "decision", ROW)
    for altered in (text[:-4], text + "?", name[:-4], name + "?"):
        with pytest.raises(Unsealable):
            RING.unseal_text(altered, "decision", ROW)
    for moved in (text, name):
        with pytest.raises(Unsealable):
            RING.unseal_text(moved, "wamid", ROW)


def test_key_of_tomorrow_opens_today_and_seals_tomorrow() -> None:
    later = key("table", 9, TODAY + timedelta(days=1))
    both = ring(later)
    assert both.seal(b"", "a", ROW)[len(MARK) :].startswith(bytes([2]) * 8)
    both.install([], TODAY)
    tomorrow = KeyRing()
    tomorrow.install([key("table", 2), later], TODAY + timedelta(days=1))
    sealed = tomorrow.seal(b"hallo", "a", ROW)
    assert sealed[len(MARK) :].startswith(bytes([9]) * 8)
    assert both.unseal(sealed, "a", ROW) == b"hallo"


def test_process_that_reads_no_newer_keys_stops_sealing_and_still_opens() -> None:
    own = ring()
    sealed = own.seal(b"hallo", "a", ROW)
    own.advance(TODAY + timedelta(SEALS_DAYS))
    assert own.seal(b"", "a", ROW)
    own.advance(TODAY + timedelta(SEALS_DAYS + 1))
    with pytest.raises(NoWorkingKey):
        own.seal(b"", "a", ROW)
    assert not own.ready.is_set()
    assert own.unseal(sealed, "a", ROW) == b"hallo"


def test_destroyed_key_opens_nothing() -> None:
    own = ring()
    sealed = own.seal(b"hallo", "a", ROW)
    own.forget([bytes([2]) * 8])
    with pytest.raises(KeyUnknown):
        own.unseal(sealed, "a", ROW)


def test_key_that_a_read_did_not_find_is_asked_for_once() -> None:
    mine, other = ring(), ring(key("table", 9, TODAY + timedelta(1)))
    other.advance(TODAY + timedelta(1))
    sealed = other.seal(b"hallo", "decision", ROW)

    def misses() -> bool:
        with pytest.raises(KeyUnknown):
            mine.unseal(sealed, "decision", ROW)
        return not mine.complete.is_set()

    before = mine.begin_read()  # this read began before anything was missed
    assert misses()
    mine.end_read(before)
    assert not mine.complete.is_set()
    mine.end_read(mine.begin_read())
    assert mine.complete.is_set()
    assert not misses()
    mine.install([key("table", 9, TODAY + timedelta(1))], TODAY)  # it was given again
    assert mine.unseal(sealed, "decision", ROW) == b"hallo"


def test_ring_without_keys_seals_nothing() -> None:
    empty = KeyRing()
    for seal in (
        lambda: empty.seal(b"", "a", ROW),
        lambda: empty.seal_text("a", "a", ROW),
        lambda: empty.seal_name("a", "a"),
        lambda: empty.hash(b"", "a"),
    ):
        with pytest.raises(NoWorkingKey):
            seal()
    assert not empty.ready.is_set() and ring().ready.is_set()


def test_queue_and_tables_have_keys_of_their_own() -> None:
    ids = {
        kind: bytes(RING.seal_buffer(b"", "a", kind))[len(MARK) : len(MARK) + 8] for kind in DAILY
    }
    assert len(set(ids.values())) == 2


def test_content_shows_its_type_alone() -> None:
    content = b'{"type":"text","text":{"body":"geheim"}}'
    row = dict.fromkeys(columns.LEDGER)
    sealed = columns.seal_content(content, columns.bind_ledger(row))
    assert b"geheim" not in sealed and b'"type":"text"' in sealed
    row["content"] = sealed.decode()
    assert columns.unseal_content(row)["text"] == {"body": "geheim"}
    for other in ({"address": "31600000002"}, {"media": "a"}, {"content": content.decode()}):
        with pytest.raises(Unsealable):
            columns.unseal_content(row | other)


def test_state_is_a_json_string() -> None:
    sealed = columns.seal_json('{"assignee":"J. Jansen"}', columns.CONVERSATION, ROW)
    assert "Jansen" not in sealed
    assert columns.unseal_json(sealed, columns.CONVERSATION, ROW) == '{"assignee":"J. Jansen"}'
    with pytest.raises(Unsealable):
        columns.unseal_json("{}", columns.CONVERSATION, ROW)


def test_batch_travels_sealed_and_an_open_one_is_refused() -> None:
    batch = contract.DeliveryBatch(destination="crm-geheim", deliveries=[])
    name, sealed = seal_batch(batch)
    body = bytes(sealed)
    assert b"geheim" not in body and open_batch(name, body) == batch
    with pytest.raises(msgspec.DecodeError):  # of somebody who has the broker and no key
        open_batch(contract.DELIVERY_BATCH, contract.encode(batch))
    with pytest.raises(KeyError):  # an older version leaves it in its queue
        contract.decode(name, body)
    with pytest.raises(KeyError):  # a key that this process has not read yet
        open_batch(name, body[:4] + bytes(8) + body[12:])
