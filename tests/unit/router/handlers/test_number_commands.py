"""What the contact centre says of a number: a notice with an end, receive only, closed with a
text. No rule, no restart, no operator."""

from datetime import timedelta

import pytest

from tests.support.router.config_full import BORNE, NUMBER, config
from tests.support.router.simulation import Stadhuis, wall

STORM = "Door de storm duurt het langer."
SHUT = "Wij zijn vandaag dicht."


def test_a_notice_is_told_once_in_each_conversation() -> None:
    hall = Stadhuis()
    hall.says("notice", STORM)
    hall.hears("mijn container")
    hall.after(minutes=5).hears("en nog iets")
    assert hall.bodies == [STORM]
    hall.hears("mijn container", who={"phone": "31622222222"})
    assert hall.bodies == [STORM]
    hall.orders("close")
    hall.after(minutes=5).hears("mijn paspoort", who={"phone": "31622222222"})
    assert hall.heard[-1] == "_notice"


def test_a_notice_ends_by_itself_and_another_is_told_anew() -> None:
    hall = Stadhuis()
    hall.says("notice", STORM, until=wall("2026-11-25 14:00"))
    hall.after(minutes=59, seconds=59).hears("mijn container")
    assert hall.heard == ["_notice"]
    hall.after(seconds=1).hears("mijn container", who={"phone": "31622222222"})
    assert hall.heard == []
    hall.says("notice", "Er is weer iets.")
    hall.after(minutes=5).hears("hallo, mijn container")
    assert hall.bodies == [STORM, "Er is weer iets."]


def test_a_notice_without_words_takes_the_one_before_away() -> None:
    hall = Stadhuis()
    hall.says("notice", STORM)
    hall.says("notice", "")
    hall.hears("mijn container")
    assert hall.heard == []


def test_safety_text_precedes_a_notice_and_a_notice_the_opening_hours() -> None:
    hall = Stadhuis("2026-11-28 12:00")
    hall.says("notice", STORM)
    hall.hears("mijn garage")
    hall.after(minutes=5).hears("er is iets met de buren")
    hall.after(minutes=5).hears("en met de schutting")
    assert hall.heard == ["garage", "_notice", "gesloten"]
    other = Stadhuis("2026-11-28 12:00")
    other.says("notice", STORM)
    for _ in range(3):
        other.after(minutes=5).hears("er is iets met de buren")
    assert other.heard == ["_notice", "gesloten"]


def test_a_number_that_only_receives_says_nothing_by_itself() -> None:
    hall = Stadhuis()
    hall.says("notice", STORM)
    hall.says("state", state="receive-only")
    hall.hears("hoi")
    hall.after(minutes=2).hears("er is iets met de buren")
    hall.after(minutes=2).hears("mijn garage")
    hall.orders("transfer", to_department="burgerzaken")
    hall.after(hours=9)
    assert hall.happened == ["decided", "waiting"]  # all work goes on
    hall.orders("text")
    hall.orders("close")
    assert hall.heard == []


def test_a_number_that_is_closed_says_that_once_and_nothing_else() -> None:
    hall = Stadhuis("2026-11-28 12:00")
    hall.says("state", SHUT, state="closed")
    hall.hears("hoi")
    assert hall.bodies == [SHUT]
    hall.after(minutes=2).hears("er is iets met de buren")
    hall.after(minutes=2).hears("mijn garage")
    hall.after(minutes=2).orders("transfer", to_department="burgerzaken")
    hall.after(days=2)
    assert hall.bodies == []


def test_a_state_without_a_text_is_as_silent() -> None:
    hall = Stadhuis()
    hall.says("state", state="closed")
    hall.hears("mijn garage")
    assert hall.heard == []


def test_a_state_ends_by_itself_and_the_number_talks_again() -> None:
    hall = Stadhuis()
    hall.says("state", SHUT, state="closed", until=wall("2026-11-25 13:30"))
    hall.hears("er is iets met de buren")
    hall.until("2026-11-25 13:30").hears("mijn garage")
    assert hall.heard == ["_state", "garage"]


def test_a_number_that_is_closed_another_day_says_so_again() -> None:
    hall = Stadhuis(given=config(tenant={"wait_minutes": 0}))
    hall.says("state", SHUT, state="closed", until=wall("2026-11-25 14:00"))
    hall.hears("mijn container")
    hall.until("2026-11-26 10:00").says(
        "state", SHUT, state="closed", until=wall("2026-11-26 14:00")
    )
    hall.hears("en mijn container?")
    hall.after(minutes=5).hears("hallo, en mijn container?")
    assert hall.bodies == [SHUT, SHUT]


def test_open_again_is_said_by_the_contact_centre_as_well() -> None:
    hall = Stadhuis()
    hall.says("state", SHUT, state="closed")
    hall.says("state", state="open")
    hall.hears("mijn garage")
    assert hall.heard == ["garage"]


@pytest.mark.parametrize(
    ("number", "more"), [(BORNE, {"tenant": "hengelo"}), (NUMBER, {"tenant": "borne"})]
)
@pytest.mark.parametrize("order", ["notice", "state"])
def test_another_municipalitys_number_is_nobodys_to_speak_of(
    order: str, number: str, more: dict[str, str]
) -> None:
    hall = Stadhuis()
    said = hall.says(order, STORM, state="closed", number=number, **more)
    assert (said.kind, said.reason.partition(":")[0]) == ("refused", "number_unknown")
    assert hall.router.standings == {}


def test_number_notice_applies_to_its_own_number_only() -> None:
    hall = Stadhuis()
    hall.says("notice", STORM)
    hall.hears("mijn container", number=BORNE)
    assert "_notice" not in hall.heard


def test_number_notice_is_archived_and_told_to_no_crm() -> None:
    hall = Stadhuis()
    said = hall.says("notice", STORM, until=hall.now + timedelta(hours=2))
    assert (said.kind, said.status, said.conversation) == ("accepted", "done", "")
    assert hall.told == []
