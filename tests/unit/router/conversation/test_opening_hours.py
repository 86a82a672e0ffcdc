"""A department that is closed: who has it meanwhile, and what the citizen reads, once."""

import pytest

from router.output.crm_events import TRANSFERRED
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.config_full import DESK, config
from tests.support.router.simulation import Stadhuis, wall

BURGERZAKEN = '"paspoort" staat erin (regel paspoort)'
EVENING = f"{BURGERZAKEN}; Burgerzaken is gesloten"
NIGHT = f"{EVENING}; Avonddienst is gesloten"


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


def test_text_of_a_closed_office_goes_once_in_each_closed_period() -> None:
    hall = Stadhuis("2026-11-25 18:00", config(tenant={"menu": "", "wait_minutes": 0}))
    for _ in range(3):
        hall.after(minutes=30).hears("er is iets met de buren")
    hall.until("2026-11-26 08:30").hears("en nog iets")
    assert hall.heard == ["gesloten"]
    hall.until("2026-11-26 10:00").hears("en nog iets")
    assert hall.heard == []
    hall.until("2026-11-26 18:00").hears("en nog iets")
    assert hall.heard == ["gesloten"]
    hall.until("2026-11-27 08:30").hears("en nog iets")
    assert hall.heard == []


def test_greeting_to_a_closed_office_gets_one_text() -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("Goedenavond")
    assert hall.heard == ["gesloten"]
    hall.after(minutes=5)
    assert hall.happened == ["decided"] and hall.heard == []


def test_the_question_after_the_greeting_is_not_answered_a_second_time() -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("Goedenavond")
    hall.after(seconds=20).hears("er is iets met de buren")
    assert hall.heard == ["gesloten"]


def test_a_department_that_never_opens_promises_nothing() -> None:
    never = {"id": "nooit", "tenant": "hengelo", "name": "N", "destination": "crm", "hours": "off"}
    rule = {"id": "nooit", "words": ["nooit"], "department": "nooit"}
    hall = Stadhuis(given=config(departments=[never], rules=[rule]))
    assert hall.hears("nooit").department == "nooit"
    assert hall.heard == []


@pytest.mark.parametrize(
    ("moment", "department", "reason", "heard"),
    [
        ("2026-11-25 16:59", "burgerzaken", BURGERZAKEN, []),
        ("2026-11-25 17:00", "avond", EVENING, []),  # it is open: nothing is closed for the citizen
        ("2026-11-25 22:00", "meldkamer", NIGHT, []),
        ("2026-11-28 12:00", "meldkamer", NIGHT, []),
    ],
)
def test_another_department_stands_in_and_the_reason_says_for_whom(
    moment: str, department: str, reason: str, heard: list[str]
) -> None:
    hall = Stadhuis(moment)
    said = hall.hears("mijn paspoort")
    assert (said.department, said.rule, said.reason) == (department, "paspoort", reason)
    assert (hall.state.home_department, hall.heard) == ("burgerzaken", heard)


def test_conversation_moves_along_the_deputies_and_back() -> None:
    hall = Stadhuis("2026-11-25 16:00")
    went = [("2026-11-25 16:00", "mijn paspoort")]
    went += [(f"2026-11-25 {hour}:30", "en nog iets") for hour in range(17, 24)]
    went += [("2026-11-26 08:30", "x"), ("2026-11-26 09:30", "y"), ("2026-11-26 18:00", "z")]
    said = [hall.until(moment).hears(words) for moment, words in went]
    assert [d.department for d in said] == [
        "burgerzaken",
        *["avond"] * 5,
        *["meldkamer"] * 3,
        "burgerzaken",
        "avond",
    ]
    assert [d.reason for d in said] == [
        BURGERZAKEN,
        *[EVENING] * 5,
        *[NIGHT] * 3,
        BURGERZAKEN,
        EVENING,
    ]
    moves = [event for event in hall.told if event.type == TRANSFERRED]
    assert [event.department for event in moves] == ["avond", "meldkamer", "burgerzaken", "avond"]
    assert {d.rule for d in said} == {"paspoort"}
    assert len(hall.router.conversations[hall.id].departments) == 3


@pytest.mark.parametrize("words", ["bedankt", "ok", "hoi", "over huren", "fraude", "x"])
def test_conversation_returns_from_its_deputy_at_opening_time(
    words: str,
) -> None:
    hall = Stadhuis("2026-11-25 18:00", number=DESK)
    assert hall.hears("er is iets met de buren").department == "meldkamer"
    hall.after(minutes=5).hears(words)
    assert hall.state.home_department == "balie"
    back = hall.until("2026-11-26 09:00").hears("en nu?")
    assert back.department == "balie"


def test_conversation_returns_at_opening_time_without_a_message() -> None:
    hall = Stadhuis("2026-11-27 18:00", config(tenant={"wait_minutes": 0}))  # a Friday
    hall.hears("mijn paspoort")
    hall.after(hours=5).hears("bent u er?")  # the evening has gone home as well
    hall.until("2026-11-30 08:59")
    assert hall.happened == []
    hall.until("2026-11-30 09:00")
    assert hall.happened == ["returned"]
    now = hall.router.conversations[hall.id]
    assert (now.department, now.rule, now.reason) == ("burgerzaken", "paspoort", BURGERZAKEN)
    moved = hall.told[-1]
    assert (moved.type, moved.department, moved.sequence) == (
        TRANSFERRED,
        "burgerzaken",
        now.sequence - 1,
    )
    assert hall.hears("en nu?").sequence == now.sequence + 1


@pytest.mark.parametrize(
    ("order", "department"),
    [("text", "avond"), ("transfer", "groen"), ("close", "avond"), ("note", "burgerzaken")],
)
def test_conversation_stays_with_a_deputy_that_took_it_up(order: str, department: str) -> None:
    hall = Stadhuis("2026-11-25 18:00", config(tenant={"wait_minutes": 0}))
    hall.hears("mijn paspoort")
    hall.orders(order, to_department="groen")
    hall.until("2026-11-26 10:00")
    assert hall.happened == (["returned"] if department == "burgerzaken" else [])
    assert hall.router.conversations[hall.id].department == department


@pytest.mark.parametrize("author", [SANNE, MACHINE])
def test_conversation_stays_with_a_person_who_answered(author: object) -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("mijn paspoort")
    hall.orders("text", author=author)
    answered = author == SANNE
    back = hall.until("2026-11-26 10:00").hears("dank, nog een vraag over de foto")
    assert back.department == ("avond" if answered else "burgerzaken")
    assert back.reason == (EVENING if answered else BURGERZAKEN)


def test_answered_conversation_stays_when_its_department_closes() -> None:
    hall = Stadhuis("2026-11-25 16:00")
    hall.hears("mijn paspoort")
    hall.orders("text")
    assert hall.until("2026-11-25 18:00").hears("en nog iets").department == "burgerzaken"
    assert hall.heard == ["gesloten"]


def test_conversation_answered_by_a_deputy_reopens_at_its_own_department() -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("mijn paspoort")
    hall.orders("text")
    hall.orders("close")
    back = hall.until("2026-11-26 10:00").hears("het is niet gelukt")
    assert (back.reopened, back.department, back.reason) == (True, "burgerzaken", BURGERZAKEN)


def test_a_transfer_is_a_new_home() -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("mijn paspoort")
    hall.orders("transfer", to_department="groen")
    back = hall.until("2026-11-26 10:00").hears("en nu?")
    assert (back.department, back.reason) == ("groen", "overgedragen")


def test_transfer_to_a_closed_department_goes_to_its_deputy() -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("mijn container")
    assert hall.orders("transfer", to_department="burgerzaken").department == "burgerzaken"
    assert hall.hears("en nu?").department == "avond"
    assert hall.until("2026-11-26 10:00").hears("hallo, en?").department == "burgerzaken"


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
def test_the_night_in_which_the_clock_changes_is_one_closed_period(moment: str, opens: str) -> None:
    hall = Stadhuis(moment, config(tenant={"menu": ""}))
    hall.hears("er is iets met de buren")
    assert hall.state.closed_until == wall(opens)
    hall.after(hours=3).hears("en nog iets")
    hall.until(opens.replace("09:00", "08:59")).hears("en nog iets")
    assert hall.heard == ["gesloten"]
    hall.after(minutes=1).hears("en nog iets")
    assert hall.heard == []


def test_opening_hours_count_real_hours_through_the_clock_change() -> None:
    """From 22:00 to 06:00 there are nine hours in the night in which summer ends."""
    night = {"hours": "Mo-Su 22:00-06:00", "tenant": "hengelo", "destination": "crm"}
    rule = {"id": "nacht", "words": ["nachtbus"], "department": "nacht"}
    given = config(
        departments=[{"id": "nacht", "name": "Nacht", **night}],
        rules=[rule],
        tenant={"wait_minutes": 8 * 60 + 30},
    )
    hall = Stadhuis("2026-10-24 22:00", given)
    hall.hears("de nachtbus")
    hall.until("2026-10-25 05:29")
    assert hall.happened == []
    hall.until("2026-10-25 05:30")
    assert hall.happened == ["waiting"]
