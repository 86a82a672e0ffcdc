import pytest

from sandbox.crm import inbox
from sandbox.crm.event_validation import Event
from sandbox.crm.inbox import Inbox
from services.event_types import CARE_ALARM, DESTINATION_STATE_CHANGED


def add(box: Inbox, *events: tuple[str, int, str]) -> list[bool]:
    return [box.add(Event(id, "type", n, conversation, b"{}")) for id, n, conversation in events]


def test_repeats_and_changed_repeats_are_counted() -> None:
    box = Inbox()
    once, twice = ("a", 1, "c"), ("b", 2, "c")
    assert add(box, once, twice, twice, twice) == [True, True, False, False]
    box.add(Event("a", "type", 1, "c", b"{ }"))
    summary = box.summary()
    assert (summary["count"], summary["distinct"], summary["repeats"]) == (5, 2, 3)
    assert summary["changed"] == 1
    assert [one.n for one in box.latest(2)] == [4, 5]
    assert [one.n for one in box.latest(9)] == [1, 2, 3, 4, 5]


def test_disorder_is_counted_for_first_arrivals_within_a_conversation() -> None:
    box = Inbox()
    first = (("a", 1, "c"), ("b", 3, "c"), ("c", 2, "d"), ("a", 1, "c"))
    add(box, *first, ("d", 2, "c"), ("e", 3, "c"), ("f", 4, "c"))
    summary = box.summary()
    assert summary["orderViolations"] == 2
    assert [(v.after, v.sequence) for v in summary["violations"]] == [(3, 2), (3, 3)]
    box.clear()
    assert add(box, ("a", 1, "c")) == [True]
    assert box.summary()["orderViolations"] == 0


@pytest.mark.parametrize("type", [CARE_ALARM, DESTINATION_STATE_CHANGED])
def test_an_alarm_and_a_notice_have_no_order_with_other_events(type: str) -> None:
    box = Inbox()
    add(box, ("a", 3, "c"))
    box.add(Event("b", type, 1, "c", b"{}"))
    add(box, ("c", 4, "c"))
    assert box.summary()["orderViolations"] == 0


def test_dropped_events_and_forgotten_ids_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "EVENTS_KEPT", 2)
    monkeypatch.setattr(inbox, "IDS_KEPT", 3)
    box = Inbox()
    add(box, *((str(n), n, "c") for n in range(5)))
    assert [one.n for one in box.after(0, 9)] == [4, 5]
    assert (box.summary()["eventsDropped"], box.summary()["idsForgotten"]) == (3, 2)
