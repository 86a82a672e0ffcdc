"""Danger: a text at once whatever else there is, a person who is woken, and the next one until
somebody has confirmed."""

from typing import Any

import pytest

from router.conversation.auto_reply import MAX_AUTO_TEXTS
from router.output.crm_events import CARE_ALARM
from tests.support.router.commands import SANNE
from tests.support.router.config_full import config
from tests.support.router.simulation import Stadhuis, data

SATURDAY = "2026-11-28 23:40"
DANGER = [
    ("mijn huis staat in brand", "emergency", ["noodgeval"]),
    ("ik wil dood", "suicide", ["zelfdoding"]),
    ("ik sla jullie in elkaar", "threat", []),  # a threat gets no answer of a machine
]


def alarmed(words: str = "ik wil dood", start: str = SATURDAY, **more: Any) -> Stadhuis:
    hall = Stadhuis(start, **more)
    hall.hears(words)
    assert hall.woken == ["wacht"]
    return hall


@pytest.mark.parametrize("start", [SATURDAY, "2026-11-25 13:00"])
@pytest.mark.parametrize(("words", "care", "texts"), DANGER)
def test_danger_is_told_before_menus_and_hours_and_wakes_a_person(
    words: str, care: str, texts: list[str], start: str
) -> None:
    hall = Stadhuis(start)
    said = hall.hears(words)
    assert (said.care, said.priority, said.task) == (care, "urgent", True)
    assert f"(zorgregel {said.care_reason.rpartition(' ')[2]}" in said.care_reason
    assert hall.heard == texts and hall.woken == ["wacht"]
    alarm = next(event for event in hall.told if event.type == CARE_ALARM)
    assert data(alarm) == {"conversationId": said.conversation, "care": care, "nth": 1}
    assert hall.told[0] == alarm  # nothing goes before it


def test_safety_rule_decides_the_department_only_when_it_names_one() -> None:
    assert Stadhuis().hears("ik wil dood").department == "zorg"
    said = Stadhuis().hears("mijn container staat in brand")
    assert (said.department, said.rule) == ("groen", "afval")
    both = Stadhuis().hears("mijn container is vol en ik wil dood")
    assert (both.department, both.rule) == ("zorg", "dood")
    assert both.reason == '"ik wil dood" staat erin (zorgregel dood)'


def test_safety_text_goes_out_in_a_burst_that_had_a_text() -> None:
    hall = Stadhuis(SATURDAY)
    hall.hears("hoi")
    hall.after(seconds=5).hears("ik wil dood")
    hall.after(seconds=5).hears("echt waar, ik wil dood")  # one answer to one danger
    hall.after(seconds=5).hears("en ik vind mijn container vol")
    assert hall.heard == ["gesloten", "zelfdoding"]
    hall.after(seconds=5).hears("het huis staat in brand")
    assert hall.heard == ["noodgeval"]


def test_safety_text_answers_the_first_message_that_is_not_late() -> None:
    """Though a late one woke somebody just before."""
    hall = Stadhuis(SATURDAY)
    hall.hears("ik wil dood", late=120)
    assert (hall.heard, hall.woken) == ([], ["wacht"])
    hall.after(seconds=5).hears("ik wil dood")
    hall.after(seconds=5).hears("ik wil dood")
    assert (hall.heard, hall.woken) == (["zelfdoding"], [])


def test_no_hours_or_menu_text_goes_out_for_a_day_after_danger() -> None:
    hall = alarmed(given=config(tenant={"wait_minutes": 0}))
    assert hall.heard == ["zelfdoding"]
    hall.after(minutes=5).hears("hoi")
    hall.after(minutes=5).hears("mijn garage")
    hall.orders("transfer", to_department="groen")
    assert hall.heard == []
    hall.after(hours=24).hears("mijn garage")
    assert hall.heard == ["garage"]


def test_safety_text_goes_out_beyond_the_daily_limit_of_texts() -> None:
    hall = Stadhuis("2026-11-25 09:00", config(tenant={"wait_minutes": 0}))
    for _ in range(10):
        hall.after(minutes=30).hears("mijn buren")
        hall.after(minutes=5).taps("menu:keuze/tijden")
    assert len(hall.heard) == MAX_AUTO_TEXTS
    hall.after(minutes=5).hears("ik wil dood")
    assert hall.heard == ["zelfdoding"]


@pytest.mark.parametrize("state", ["receive-only", "closed"])
def test_safety_text_goes_out_from_a_silent_number(state: str) -> None:
    hall = Stadhuis()
    hall.says("state", "Wij zijn dicht.", state=state)
    hall.hears("ik wil dood")
    assert hall.heard == ["zelfdoding"]


def test_safety_text_goes_out_during_a_talk_with_a_person() -> None:
    hall = Stadhuis()
    hall.hears("mijn container")
    hall.orders("text")
    said = hall.hears("ik wil dood")
    assert (said.department, said.care) == ("groen", "suicide")
    assert hall.heard == ["zelfdoding"] and hall.woken == ["wacht"]


def test_a_machine_that_reads_our_help_back_to_us_is_not_answered_for_ever() -> None:
    hall = Stadhuis()
    for _ in range(100):
        hall.after(seconds=20).hears("U zei: ik wil dood. Bel 113.")
    assert hall.heard == ["zelfdoding"]
    hall.after(hours=1).hears("ik wil dood")
    assert hall.heard == ["zelfdoding"]  # somebody may write from the same telephone


@pytest.mark.parametrize("again", ["ik wil dood", "ik wil echt dood, ik wil dood"])
def test_same_danger_within_the_hour_raises_no_second_alarm(again: str) -> None:
    hall = alarmed()
    hall.after(minutes=2).hears(again)
    assert hall.woken == []
    hall.orders("confirm")
    said = hall.after(minutes=58, seconds=1).hears(again)
    assert hall.woken == ["wacht"] and said.alarm and said.alarm.nth == 1
    assert hall.state.confirmed_by == ""


def test_another_danger_wakes_at_once() -> None:
    hall = alarmed()
    hall.orders("confirm")
    said = hall.after(minutes=1).hears("mijn huis staat in brand")
    assert hall.woken == ["wacht"] and said.alarm and said.alarm.care == "emergency"


def test_unconfirmed_alarm_goes_to_each_destination_twice() -> None:
    hall = alarmed(given=config(tenant={"wait_minutes": 0}))
    for minutes, woken, happened in [
        (9, [], []),
        (1, ["piket"], ["alarmed"]),
        (10, ["wacht"], ["alarmed"]),
        (10, ["piket"], ["alarmed"]),
        (10, [], ["unconfirmed"]),
        (600, [], []),
    ]:
        hall.after(minutes=minutes)
        assert (hall.woken, hall.happened) == (woken, happened)
    alarms = [data(event)["nth"] for event in hall.told if event.type == CARE_ALARM]
    assert alarms == [1, 2, 3, 4]
    assert len({event.id for event in hall.told}) == len(hall.told)


@pytest.mark.parametrize("after", [0, 9, 15, 25])
def test_confirmed_alarm_goes_to_no_further_destination(after: int) -> None:
    hall = alarmed()
    hall.after(minutes=after)
    confirmed = hall.orders("confirm", departments=["groen"], author=SANNE)
    assert confirmed.kind == "accepted" and hall.state.confirmed_by == "sanne"
    asked = hall.woken
    hall.after(hours=3)
    assert hall.woken == [] and len(asked) == after // 10
    assert "unconfirmed" not in hall.happened


@pytest.mark.parametrize("order", ["close", "transfer", "text", "note", "release"])
def test_nothing_but_a_confirmation_ends_the_alarm(order: str) -> None:
    """Whoever closed it may have been a machine that had seen nothing."""
    hall = alarmed()
    assert hall.orders(order, to_department="groen").kind == "accepted"
    hall.after(minutes=10)
    assert hall.woken == ["piket"]
    assert hall.orders("confirm").kind == "accepted"
    hall.after(hours=3)
    assert hall.woken == []


def test_safety_text_goes_out_when_no_alarm_destination_is_set() -> None:
    hall = Stadhuis(given=config(tenant={"care": {"destinations": []}}))
    said = hall.hears("ik wil dood")
    assert (said.care, said.alarm, hall.heard) == ("suicide", None, ["zelfdoding"])
    hall.after(hours=1)
    assert hall.woken == []


def test_an_edit_with_danger_in_it_is_not_answered_and_wakes_a_person() -> None:
    hall = Stadhuis()
    hall.hears("mijn container")
    edited = {
        "original_message_id": "w",
        "message": {"type": "text", "text": {"body": "ik wil dood"}},
    }
    hall.hears(type="edit", content=edited)
    assert (hall.heard, hall.woken) == ([], ["wacht"])


def test_danger_opens_what_was_closed_and_wakes_again() -> None:
    hall = alarmed()
    hall.orders("confirm")
    hall.orders("close")
    said = hall.after(days=1).hears("ik wil dood")
    assert said.reopened and hall.woken == ["wacht"]


def test_a_rule_of_the_municipality_may_name_another_text() -> None:
    own = {"id": "eigen", "kind": "threat", "words": ["bijl"], "reply": "garage"}
    hall = Stadhuis(given=config(care=[own]))
    hall.hears("ik heb een bijl")
    assert hall.heard == ["garage"]


def test_alarm_holds_no_pii_and_no_text() -> None:
    hall = alarmed()
    hall.after(hours=1)
    for event in hall.told:
        if event.type == CARE_ALARM:
            said = event.data.decode()
            assert "dood" not in said and "3161" not in said and "wamid" not in said
            assert event.message is None
