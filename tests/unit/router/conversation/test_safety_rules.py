"""Danger: a text at once, and alarms to one person after another until somebody confirms."""

import pytest

from router.conversation.auto_reply import MAX_AUTO_TEXTS
from router.conversation.refusals import PERSON_NEEDED
from services.contract import Author
from services.event_types import CARE_ALARM, CARE_CONFIRMED
from tests.support.router.commands import MACHINE
from tests.support.router.config_full import config
from tests.support.router.decisions import data, records_of
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis

SATURDAY = "2026-11-28 23:40"
ALARMED = f"= {SATURDAY} wait_minutes=0\n ik wil dood -> zelfdoding, !wacht, @zorg\n"
DANGER = [
    ("mijn huis staat in brand", "emergency", ["noodgeval"]),
    ("ik wil dood", "suicide", ["zelfdoding"]),
    ("ik sla jullie in elkaar", "threat", []),  # a threat gets no answer of a machine
]
SCRIPTS = {
    "a safety rule decides when it names a department": "ik wil dood -> zelfdoding, !wacht, @zorg",
    "an ordinary rule decides when the safety rule names none": """
        mijn container staat in brand           -> noodgeval, !wacht, @groen, #afval""",
    "a safety text goes out in a burst that had a text, once": f"""
        = {SATURDAY}
        hoi                                     -> gesloten
        +5s ik wil dood                         -> zelfdoding, !wacht
        +5s echt waar, ik wil dood; +5s en ik vind mijn container vol
        +5s het huis staat in brand             -> noodgeval, !wacht""",
    "a safety text answers the first message that is not late": f"""
        = {SATURDAY}
        {{late=120}} ik wil dood                -> !wacht
        +5s ik wil dood                         -> zelfdoding
        +5s ik wil dood""",
    "no hours or menu text goes out for a day after danger": f"""{ALARMED}
        /confirm; +5m hoi; +5m mijn garage; /transfer groen
        +24h mijn garage                        -> garage""",
    "a safety text goes out from a number that only receives": """
        /state receive-only
        ik wil dood                             -> zelfdoding, !wacht""",
    "a safety text goes out from a closed number": """
        /state closed Dicht.
        ik wil dood                             -> zelfdoding, !wacht""",
    "a safety text goes out during a talk with a person": """
        mijn container; /text
        ik wil dood                             -> zelfdoding, !wacht, @groen""",
    "another danger wakes at once": f"""{ALARMED}
        /confirm; +1m mijn huis staat in brand  -> noodgeval, !wacht""",
    "an unconfirmed alarm goes to each destination twice": f"""{ALARMED}
        +9m
        +1m                                     -> ~alarmed, !piket
        +10m                                    -> ~alarmed, !wacht
        +10m                                    -> ~alarmed, !piket
        +10m                                    -> ~unconfirmed
        +10h""",
    "a safety text goes out when no alarm destination is set": """
        ik wil dood                             -> zelfdoding
        +59m""",
    "an edit with danger wakes a person and gets no text": """
        mijn container
        [edit]                                  -> !wacht""",
    "danger reopens what was closed and wakes again": f"""{ALARMED}
        /confirm; /close
        +1d ik wil dood                         -> zelfdoding, !wacht, reopened""",
} | {
    f"the same danger within the hour raises no second alarm: {words}": f"""{ALARMED}
        +2m {words}
        /confirm; +58m1s {words}                -> {text}!wacht"""
    for words in ("ik wil dood", "ik wil echt dood, ik wil dood") for text in ["zelfdoding, "]
} | {
    f"nothing but a confirmation ends the alarm: {command}": f"""{ALARMED}
        /{command}
        +10m                                    -> ~alarmed, !piket
        /confirm
        +3h"""
    for command in ("close", "transfer groen", "text", "note", "release")
} | {
    f"a confirmed alarm goes no further: {time}": f"""{ALARMED}
        +{time}                                 -> {alarms}
        /confirm
        +3h"""
    for time, alarms in [
        ("0m", ""),
        ("9m", ""),
        ("15m", "~alarmed, !piket"),
        ("25m", "~alarmed, ~alarmed, !piket, !wacht"),
    ]
}  # fmt: skip
TOWNS = {
    "a safety text goes out when no alarm destination is set": config(
        tenant={"care": {"destinations": []}}
    )
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_safety_rule(case: str) -> None:
    play(SCRIPTS[case], **{"given": TOWNS[case]} if case in TOWNS else {})


@pytest.mark.parametrize("start", [SATURDAY, "2026-11-25 13:00"])
@pytest.mark.parametrize(("words", "care", "texts"), DANGER)
def test_danger_precedes_menus_and_hours_and_wakes_a_person(
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


def test_safety_rule_with_a_department_comes_before_the_ordinary_rules() -> None:
    both = Stadhuis().hears("mijn container is vol en ik wil dood")
    assert (both.department, both.rule, both.care) == ("zorg", "dood", "suicide")
    assert both.reason == '"ik wil dood" staat erin (zorgregel dood)'


def test_safety_text_goes_out_beyond_the_daily_limit_of_texts() -> None:
    hall = Stadhuis("2026-11-25 09:00", config(tenant={"wait_minutes": 0}))
    for _ in range(10):
        hall.after(minutes=30).hears("mijn buren")
        hall.after(minutes=5).taps("menu:keuze/tijden")
    assert len(hall.heard) == MAX_AUTO_TEXTS
    hall.after(minutes=5).hears("ik wil dood")
    assert hall.heard == ["zelfdoding"]


def test_machine_that_repeats_the_safety_text_gets_it_once_an_hour() -> None:
    hall = Stadhuis()
    for _ in range(100):
        hall.after(seconds=20).hears("U zei: ik wil dood. Bel 113.")
    assert hall.heard == ["zelfdoding"]
    hall.after(hours=1).hears("ik wil dood")
    assert hall.heard == ["zelfdoding"]  # somebody may write from the same telephone


def test_alarms_are_numbered_and_each_new_danger_begins_a_series() -> None:
    hall = play(f"{ALARMED} +30m -> ~alarmed, ~alarmed, ~alarmed, !piket, !wacht, !piket")
    alarms = [data(event)["nth"] for event in hall.told if event.type == CARE_ALARM]
    assert alarms == [1, 2, 3, 4]
    assert len({event.id for event in hall.told}) == len(hall.told)
    hall.orders("confirm", departments=["groen"])
    assert hall.state.confirmed_by == "sanne"
    said = hall.after(minutes=31).hears("mijn huis staat in brand")
    assert (said.alarm.nth, said.alarm.care, hall.state.confirmed_by) == (1, "emergency", "")


def test_safety_rule_of_a_municipality_may_name_another_text() -> None:
    own = {"id": "eigen", "kind": "threat", "words": ["bijl"], "reply": "garage"}
    play("ik heb een bijl -> garage, !wacht", given=config(care=[own]))


def test_alarm_holds_no_pii_and_no_text() -> None:
    hall = play(ALARMED)
    hall.orders("link", zaak="ZAAK-1")
    hall.after(hours=1)
    alarms = [event for event in hall.told if event.type == CARE_ALARM]
    assert len(alarms) > 1
    for event in alarms:
        assert not any(word in event.data.decode() for word in ("dood", "3161", "wamid", "ZAAK"))
        assert event.message is None


def test_each_alarm_is_on_record_with_its_danger_and_its_destination() -> None:
    hall = play(f"{ALARMED} +10m -> ~alarmed, !piket")
    records = [record for record in records_of(hall.done) if record.kind == "conversation"]
    alarms = [data(record) for record in records if data(record)["event"] == "alarmed"]
    assert [(a["care"], a["asked"], a["nth"]) for a in alarms] == [
        ("suicide", "wacht", 1),
        ("suicide", "piket", 2),
    ]
    messages = [record for record in records_of(hall.done) if record.kind == "message"]
    assert messages[0].sequence == 1 and not messages[0].data.count(b"alarmed")


def test_confirmation_of_an_alarm_is_archived_with_its_author() -> None:
    hall = play(ALARMED)
    hall.orders("confirm")
    kept = data(records_of(hall.done)[-1])
    assert (kept["event"], kept["order"], kept["status"]) == ("confirmed", "confirm", "done")
    assert kept["by"]["author"]["id"] == "sanne"


def test_department_hears_once_that_an_alarm_was_confirmed_and_by_whom() -> None:
    hall = play(ALARMED)
    before = len(hall.told)
    for _ in range(2):
        hall.orders("confirm")
    event, _ = hall.told[before:]  # the other one is for who was alarmed
    assert event.type == CARE_CONFIRMED and event.message is None
    assert data(event)["by"]["author"] == {"kind": "employee", "id": "sanne"}


@pytest.mark.parametrize(
    ("minutes", "alarmed"), [(0, ["wacht"]), (15, ["wacht", "piket"]), (65, ["wacht", "piket"])]
)
def test_each_destination_that_was_alarmed_hears_of_the_confirmation(
    minutes: int, alarmed: list[str]
) -> None:
    """Else it would show the alarm on; and nobody hears it twice."""
    hall = play(ALARMED)
    hall.after(minutes=minutes)
    before, said = len(hall.told), hall.last.conversation
    first, second = (hall.orders("confirm", departments=["groen"]) for _ in range(2))
    assert [each.destination for each in first.alarmed] == alarmed and not second.alarmed
    own, *others = hall.told[before:]
    assert len(others) == len(alarmed)
    assert {each.type for each in (own, *others)} == {CARE_CONFIRMED}
    assert data(own)["department"] == "zorg"
    for each in others:
        assert data(each).keys() == {"conversationId", "by"}
        assert data(each)["conversationId"] == said and each.message is None
    assert len({each.id for each in hall.told}) == len(hall.told)


@pytest.mark.parametrize("author", [MACHINE, Author(kind="system", id="crm")])
def test_machine_confirms_no_alarm(author: Author) -> None:
    hall = play(ALARMED)
    refused = hall.orders("confirm", author=author)
    assert refused.reason == str(PERSON_NEEDED)
    assert hall.state.confirmed_by == ""
    hall.after(minutes=10)
    assert hall.told[-1].type == CARE_ALARM and data(hall.told[-1])["nth"] == 2
