"""Closed departments: who has their conversations meanwhile, and the text that goes once."""

from datetime import timedelta

import msgspec
import pytest

from services.event_types import TRANSFERRED
from tests.support.router.config_full import DESK, config
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis, wall
from tests.support.router.timer_delivery import timeout

BURGERZAKEN = '"paspoort" staat erin (regel paspoort)'
EVENING = f"{BURGERZAKEN}; Burgerzaken is gesloten"
NIGHT = f"{EVENING}; Avonddienst is gesloten"
AT_SIX = "= 2026-11-25 18:00\n mijn paspoort -> @avond\n"
SCRIPTS = {
    "text of a closed office goes once in each closed period": """
        = 2026-11-25 18:00 menu= wait_minutes=0
        +30m er is iets met de buren; +30m nog iets; @2026-11-26 08:30 en nog iets -> gesloten
        @2026-11-26 10:00 en nog iets
        @2026-11-26 18:00 en nog iets -> gesloten
        @2026-11-27 08:30 en nog iets""",
    "a greeting to a closed office gets one text": """
        = 2026-11-25 18:00
        Goedenavond -> gesloten
        +5m -> ~decided""",
    "a question after the greeting gets no second text": """
        = 2026-11-25 18:00
        Goedenavond; +20s er is iets met de buren -> gesloten""",
    "an answered conversation stays when its department closes": """
        = 2026-11-25 16:00
        mijn paspoort; /text
        @2026-11-25 18:00 en nog iets -> gesloten, @burgerzaken""",
    "a conversation that a deputy answered stays": f"""{AT_SIX}
        /text; @2026-11-26 10:00 dank, nog een vraag over de foto -> @avond""",
    "a conversation that a machine answered returns": f"""{AT_SIX}
        /machine
        @2026-11-26 10:00 nog een vraag -> duurt_langer, ~waiting, ~returned, @burgerzaken""",
    "a conversation that a deputy answered reopens at its own department": f"""{AT_SIX}
        /text; /close -> afgesloten
        @2026-11-26 10:00 het is niet gelukt -> reopened, @burgerzaken""",
    "a transfer is a new home": f"""{AT_SIX}
        /transfer groen -> doorgestuurd
        @2026-11-26 10:00 en nu? -> duurt_langer, ~waiting, @groen""",
    "a transfer to a closed department goes to its deputy": """
        = 2026-11-25 18:00
        mijn container
        /transfer burgerzaken -> @burgerzaken, doorgestuurd
        en nu? -> @avond
        @2026-11-26 10:00 hallo, en? -> duurt_langer, ~waiting, ~returned, @burgerzaken""",
} | {
    f"a conversation stays with a deputy that took it up: {command}": f"""
        = 2026-11-25 18:00 wait_minutes=0
        mijn paspoort
        {command}
        @2026-11-26 10:00 -> {at}"""
    for command, at in [
        ("/text", "@avond"),
        ("/transfer groen -> doorgestuurd", "@groen"),
        ("/close -> afgesloten", "@avond"),
        ("/note", "@burgerzaken, ~returned"),
    ]
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
def test_opening_hours(case: str) -> None:
    play(SCRIPTS[case])


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-11-25 08:59", "woensdag 25 november om 09.00 uur"),
        ("2026-11-25 09:00", ""),
        ("2026-11-25 16:59", ""),
        ("2026-11-25 17:00", "donderdag 26 november om 09.00 uur"),
        ("2026-11-27 18:00", "maandag 30 november om 09.00 uur"),
        ("2026-11-28 12:00", "maandag 30 november om 09.00 uur"),
        ("2026-12-24 17:30", "maandag 28 december om 09.00 uur"),  # over Christmas
        ("2026-12-25 10:00", "maandag 28 december om 09.00 uur"),
        ("2026-12-31 18:00", "vrijdag 1 januari om 09.00 uur"),  # nobody said it is a holiday
    ],
)
def test_text_of_a_closed_office_says_when_it_opens(moment: str, opens: str) -> None:
    hall = Stadhuis(moment, config(tenant={"menu": ""}))
    hall.hears("er is iets met de buren")
    assert hall.bodies == ([f"Wij zijn gesloten tot {opens}."] if opens else [])


def test_department_that_never_opens_promises_nothing() -> None:
    never = {"id": "nooit", "tenant": "hengelo", "name": "N", "destination": "crm", "hours": "off"}
    rule = {"id": "nooit", "words": ["nooit"], "department": "nooit"}
    play("nooit -> @nooit", given=config(departments=[never], rules=[rule]))


@pytest.mark.parametrize(
    ("moment", "department", "reason"),
    [
        ("2026-11-25 16:59", "burgerzaken", BURGERZAKEN),
        ("2026-11-25 17:00", "avond", EVENING),  # it is open: nothing is closed for the citizen
        ("2026-11-25 22:00", "meldkamer", NIGHT),
        ("2026-11-28 12:00", "meldkamer", NIGHT),
    ],
)
def test_reason_of_a_deputy_names_the_closed_departments(
    moment: str, department: str, reason: str
) -> None:
    hall = Stadhuis(moment)
    said = hall.hears("mijn paspoort")
    assert (said.department, said.rule, said.reason) == (department, "paspoort", reason)
    assert (hall.state.home_department, hall.heard) == ("burgerzaken", [])


def test_conversation_moves_along_the_deputies_and_back() -> None:
    hall = Stadhuis("2026-11-25 16:00")
    moments = ["2026-11-25 16:00", *(f"2026-11-25 {hour}:30" for hour in range(17, 24))]
    moments += ["2026-11-26 08:30", "2026-11-26 09:30", "2026-11-26 18:00"]
    said = [hall.until(moment).hears("mijn paspoort") for moment in moments]
    own, evening, night = ("burgerzaken", BURGERZAKEN), ("avond", EVENING), ("meldkamer", NIGHT)
    went = [own, *[evening] * 5, *[night] * 3, own, evening]
    assert [(d.department, d.reason) for d in said] == went
    moves = [event.department for event in hall.told if event.type == TRANSFERRED]
    assert moves == ["avond", "meldkamer", "burgerzaken", "avond"]
    assert {d.rule for d in said} == {"paspoort"}
    assert len(hall.conversation.departments) == 3


@pytest.mark.parametrize("words", ["bedankt", "ok", "hoi", "over huren", "fraude", "x"])
def test_conversation_returns_from_its_deputy_at_opening_time(words: str) -> None:
    hall = Stadhuis("2026-11-25 18:00", number=DESK)
    assert hall.hears("er is iets met de buren").department == "meldkamer"
    hall.after(minutes=5).hears(words)
    assert hall.state.home_department == "balie"
    assert hall.until("2026-11-26 09:00").hears("en nu?").department == "balie"


def test_conversation_returns_at_opening_time_without_a_message() -> None:
    hall = Stadhuis("2026-11-27 18:00", config(tenant={"wait_minutes": 0}))  # a Friday
    play("mijn paspoort\n +5h bent u er?\n @2026-11-30 08:59", hall)
    play("@2026-11-30 09:00 -> ~returned, @burgerzaken, #paspoort", hall)
    assert hall.conversation.reason == BURGERZAKEN
    moved, sequence = hall.told[-1], hall.conversation.sequence
    assert (moved.type, moved.department) == (TRANSFERRED, "burgerzaken")
    assert moved.sequence == sequence - 1
    assert hall.hears("en nu?").sequence == sequence + 1


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        # Summer ends in the night of 24 October 2026, begins in that of 28 March 2027.
        ("2026-10-24 23:00", "2026-10-26 09:00"),
        ("2026-10-25 02:30", "2026-10-26 09:00"),
        ("2027-03-27 23:00", "2027-03-29 09:00"),
        ("2027-03-28 01:59", "2027-03-29 09:00"),
    ],
)
def test_night_in_which_the_clock_changes_is_one_closed_period(moment: str, opens: str) -> None:
    hall = play(f"= {moment} menu=\n er is iets met de buren -> gesloten")
    assert hall.state.closed_until == wall(opens)
    hall.after(hours=3).hears("en nog iets")
    hall.until(opens.replace("09:00", "08:59")).hears("en nog iets")
    hall.after(minutes=1).hears("en nog iets")
    assert hall.heard == []


def test_opening_hours_count_real_hours_through_the_clock_change() -> None:
    """The night in which summer ends has nine hours from 22:00 to 06:00."""
    night = {"id": "nacht", "name": "Nacht", "hours": "Mo-Su 22:00-06:00", "tenant": "hengelo"}
    given = config(
        departments=[night | {"destination": "crm"}],
        rules=[{"id": "nacht", "words": ["nachtbus"], "department": "nacht"}],
        tenant={"wait_minutes": 8 * 60 + 30},
    )
    hall = play("= 2026-10-24 22:00\n de nachtbus; @2026-10-25 05:29", given=given)
    play("@2026-10-25 05:30 -> duurt_langer, ~waiting", hall)


def test_timer_before_opening_time_is_set_anew() -> None:
    hall = play(AT_SIX)
    [timer] = [each for each in hall.router.timers.values() if each.kind == "opens"]
    early = msgspec.structs.replace(timeout(timer), at=timer.due_at - timedelta(hours=1))
    hall.takes(early)
    [anew] = [each for each in hall.router.timers.values() if each.kind == "opens"]
    assert (anew.due_at, hall.conversation.department) == (timer.due_at, "avond")
    assert hall.happened == []
