"""What the sandbox remembers, and that all of it is bounded."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from router.output import crm_events
from sandbox import event_stream
from sandbox.crm import inbox
from sandbox.crm.event_validation import Event
from sandbox.crm.inbox import Inbox
from sandbox.event_stream import EventStream
from sandbox.meta import handsets, media_store
from sandbox.meta.handsets import Handsets
from sandbox.meta.media_store import MediaStore
from sandbox.meta.webhook_payloads import Citizen, Sent
from sandbox.organisation import Number

NUMBER = Number("1", "almelo")
AT = datetime(2026, 11, 20, tzinfo=UTC)


def event(id: str, sequence: int, conversation: str = "c", raw: bytes = b"{}") -> Event:
    return Event(id, "type", sequence, conversation, raw)


def sent(n: int = 0, opaque: str = "") -> Sent:
    return Sent(wamid=f"wamid.{n}", number=NUMBER, phone="316", bsuid="NL.A", opaque=opaque)


def test_repeats_are_counted_and_a_repeat_with_other_content_stands_out() -> None:
    box = Inbox()
    assert [box.add(event("a", 1)), box.add(event("a", 1)), box.add(event("b", 2))] == [
        True,
        False,
        True,
    ]
    box.add(event("a", 1, raw=b"{ }"))
    summary = box.summary()
    assert (summary["count"], summary["distinct"], summary["repeats"]) == (4, 2, 2)
    assert summary["changed"] == 1


def test_disorder_is_counted_for_first_arrivals_within_one_conversation_only() -> None:
    box = Inbox()
    for id, sequence, conversation in (
        ("a", 1, "c"),
        ("b", 3, "c"),
        ("c", 2, "d"),
        ("a", 1, "c"),
        ("d", 2, "c"),
        ("e", 3, "c"),
        ("f", 4, "c"),
    ):
        box.add(event(id, sequence, conversation))
    summary = box.summary()
    assert summary["orderViolations"] == 2
    assert [(v.after, v.sequence) for v in summary["violations"]] == [(3, 2), (3, 3)]


def test_arrivals_are_given_after_a_counter_and_at_most_so_many() -> None:
    box = Inbox()
    for n in range(5):
        box.add(event(str(n), n))
    assert [a.n for a in box.after(2, 2)] == [3, 4]
    assert box.after(5, 10) == []


def test_the_latest_arrivals_are_given_in_their_order() -> None:
    box = Inbox()
    assert box.latest(3) == []
    for n in range(5):
        box.add(event(str(n), n))
    assert [a.n for a in box.latest(3)] == [3, 4, 5]
    assert [a.n for a in box.latest(9)] == [1, 2, 3, 4, 5]


def test_the_inbox_drops_the_oldest_and_says_how_many() -> None:
    box = Inbox()
    for n in range(inbox.EVENTS_KEPT + 10):
        box.add(event(str(n), n))
    assert box.after(0, 1)[0].n == 11
    assert box.summary()["eventsDropped"] == 10


def test_an_emptied_inbox_starts_anew() -> None:
    box = Inbox()
    box.add(event("a", 5))
    box.clear()
    assert box.add(event("a", 1))
    assert box.summary()["orderViolations"] == 0


def test_a_message_that_a_citizen_gets_twice_is_counted() -> None:
    phones = Handsets()
    id = "0190a1b2-0000-7000-8000-000000000000"
    for n, opaque in enumerate((f"{id}.1", f"{id}.2", "", "")):
        phones.accept(sent(n, opaque), "text", {}, AT)
    assert phones.summary() == {"count": 4, "repeats": 1}
    assert [arrival.n for arrival in phones.messages_after(1, 2)] == [2, 3]


def test_what_is_read_is_no_longer_unread() -> None:
    phones = Handsets()
    phones.deliver(sent(1))
    phones.deliver(sent(2))
    assert [one.wamid for one in phones.mark_read("1", "316")] == ["wamid.1", "wamid.2"]
    assert phones.mark_read("1", "316") == []


@pytest.mark.slow
def test_phones_remember_so_many_people_and_chats_and_no_more() -> None:
    phones = Handsets()
    for n in range(handsets.PEOPLE_KEPT + 1):
        phones.add_citizen(Citizen(str(n)))
    assert phones.find_citizen(Citizen("0").bsuid) is None
    assert phones.find_citizen(Citizen("1").bsuid) == Citizen("1")
    for n in range(handsets.UNREAD_KEPT + 1):
        phones.deliver(Sent(wamid="w", number=Number(str(n), "t"), phone="316", bsuid="NL.A"))
    assert phones.mark_read("0", "316") == []
    assert len(phones.mark_read("1", "316")) == 1


def test_media_is_described_with_base64_in_webhooks_and_hex_in_the_graph_api() -> None:
    medium = MediaStore(Random(1)).add("image/png", b"hello")
    assert medium.webhook_fields()["sha256"] == "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="
    answer = medium.description("http://x")
    assert answer["sha256"].startswith("2cf24dba5fb0a30e26e83b2ac5b9e29e")
    assert answer["file_size"] == "5"


def test_the_oldest_media_goes_when_all_of_it_is_too_much() -> None:
    store = MediaStore(Random(1))
    first = store.add("image/png", bytes(media_store.TOTAL_BYTES - 10))
    second = store.add("image/png", bytes(20))
    assert store.get(first.id) is None
    assert store.get(second.id) is second
    assert store.remove(second.id)
    assert not store.remove(second.id)


def test_media_that_meta_does_not_take_is_named() -> None:
    assert media_store.upload_fault("image/gif", 5)
    assert media_store.upload_fault("image/png", 0)
    assert media_store.upload_fault("image/png", 5 * media_store.MEGABYTE + 1)
    assert media_store.upload_fault("image/png", 5) == ""


def test_the_stream_keeps_the_latest_and_gives_them_in_bounded_batches() -> None:
    happenings = EventStream("run")
    for n in range(event_stream.EVENTS_KEPT + 5):
        happenings.publish("kind", {"n": n})
    batch = happenings.since(0)
    assert (batch[0].n, len(batch)) == (6, event_stream.MAX_BATCH)
    assert [one.n for one in happenings.since(event_stream.EVENTS_KEPT + 3)] == [2004, 2005]


def test_a_page_that_fell_behind_is_told_how_much_it_missed() -> None:
    happenings = EventStream("run")
    for _ in range(event_stream.EVENTS_KEPT + 5):
        happenings.publish("kind", {})
    assert b'event: missed\ndata: {"count": 3}' in happenings._encode(happenings.since(2), 2)
    assert b"missed" not in happenings._encode(happenings.since(0), 0)


def test_line_ends_in_foreign_json_cannot_break_an_event() -> None:
    import msgspec

    happenings = EventStream("run")
    happenings.publish("crm", msgspec.Raw(b'{\r\n"a": 1\n}'))
    assert b'data: {  "a": 1 }\n\n' in happenings._encode(happenings.since(0), 0)


def test_an_alarm_of_care_comes_by_a_way_of_its_own_and_is_no_disorder() -> None:
    box = Inbox()
    for happened in (event("a", 3), Event("b", inbox.CARE_ALARM, 1, "c", b"{}"), event("c", 4)):
        box.add(happened)
    assert box.summary()["orderViolations"] == 0
    assert inbox.CARE_ALARM == crm_events.CARE_ALARM


def test_meta_s_window_is_shut_a_day_after_they_wrote_to_that_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handsets, "PEOPLE_KEPT", 2)
    phones, day = Handsets(), timedelta(days=1)
    phones.record_written("1", "NL.A", AT)
    assert not phones.is_window_closed("1", "NL.A", AT + day - timedelta(seconds=1))
    assert phones.is_window_closed("1", "NL.A", AT + day)
    assert not phones.is_window_closed("2", "NL.A", AT + day)  # nothing is known of who wrote to it
    for who in ("NL.B", "NL.C"):
        phones.record_written("1", who, AT)
    assert not phones.is_window_closed("1", "NL.A", AT + day)  # forgotten: the one longest silent
    assert phones.is_window_closed("1", "NL.C", AT + day)
