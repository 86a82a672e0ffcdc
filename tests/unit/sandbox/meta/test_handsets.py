from datetime import UTC, datetime, timedelta

import pytest

from sandbox.meta import handsets
from sandbox.meta.handsets import Handsets
from sandbox.meta.webhook_payloads import Citizen, Sent
from sandbox.organisation import Number

AT = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)


def sent(n: int = 0, opaque: str = "", number: str = "1") -> Sent:
    at = Number(number, "almelo")
    return Sent(wamid=f"wamid.{n}", number=at, phone="316", bsuid="NL.A", opaque=opaque)


def test_a_message_that_a_citizen_gets_twice_is_counted() -> None:
    phones, id = Handsets(), "0190a1b2-0000-7000-8000-000000000000"
    for n, opaque in enumerate((f"{id}.1", f"{id}.2", "", "")):
        phones.accept(sent(n, opaque), "text", {}, AT)
    assert phones.summary() == {"count": 4, "repeats": 1}
    assert [arrival.n for arrival in phones.messages_after(1, 2)] == [2, 3]


def test_a_chat_is_read_once_and_the_chat_longest_silent_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handsets, "UNREAD_KEPT", 2)
    phones = Handsets()
    for n, number in enumerate("1232"):
        phones.deliver(sent(n, number=number))
    assert phones.mark_read("1", "316") == []
    assert [one.wamid for one in phones.mark_read("2", "316")] == ["wamid.1", "wamid.3"]
    assert phones.mark_read("2", "316") == []
    assert len(phones.mark_read("3", "316")) == 1


def test_the_window_closes_a_day_after_a_citizen_wrote_to_the_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handsets, "PEOPLE_KEPT", 2)
    phones = Handsets()
    phones.record_written("1", "NL.A", AT)
    assert not phones.is_window_closed("1", "NL.A", AT + DAY - timedelta(seconds=1))
    assert phones.is_window_closed("1", "NL.A", AT + DAY)
    assert not phones.is_window_closed("2", "NL.A", AT + DAY), "they never wrote to it"
    for bsuid in ("NL.B", "NL.C"):
        phones.record_written("1", bsuid, AT)
    assert not phones.is_window_closed("1", "NL.A", AT + DAY), "forgotten: longest silent"
    assert phones.is_window_closed("1", "NL.C", AT + DAY)


def test_the_citizen_longest_silent_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handsets, "PEOPLE_KEPT", 1)
    phones = Handsets()
    for phone in "01":
        phones.add_citizen(Citizen(phone, "Sam"))
    assert phones.find_citizen(Citizen("0").bsuid) is None
    assert phones.find_citizen(Citizen("1").bsuid) == Citizen("1", "Sam")
    assert [phones.find_holder(phone, "p").name for phone in "01"] == ["", "Sam"]
