"""Departments and menus that are removed while conversations are open in them."""

from typing import Any

import msgspec
import pytest

from router.conversation.refusals import NO_DEPARTMENT
from services.config.model import Configuration
from services.event_types import TRANSFERRED
from tests.support.router.config_full import CONFIG, TEXTS
from tests.support.router.harness import ground
from tests.support.router.simulation import Stadhuis

SAID: list[tuple[str, str]] = [
    *(("👍", "reaction"), ("", "image"), ("en nu?", "text"), ("bedankt", "text"), ("hoi", "text")),
    *(("STOP", "text"), ("over huren", "text"), ("fraude", "text"), ("ik wil dood", "text")),
    ("mijn container", "text"),
]


def without(*gone: str) -> Configuration:
    """Hengelo when these departments are no more; nothing refers to them."""
    given = CONFIG.model_dump(mode="json", by_alias=True)

    def stays(row: dict[str, Any]) -> bool:
        return row.get("department") not in gone

    given["departments"] = [d for d in given["departments"] if d["id"] not in gone]
    for department in given["departments"]:
        for key in ("when_closed", "escalate_to"):
            department[key] = "" if department[key] in gone else department[key]
    given["rules"] = [rule for rule in given["rules"] if stays(rule)]
    given["care"] = [rule for rule in given["care"] if stays(rule)]
    for menu in given["menus"]:
        menu["options"] = [option for option in menu["options"] if stays(option)]
    return Configuration.model_validate_json(msgspec.json.encode(given))


def reorganised(hall: Stadhuis, *gone: str) -> Configuration:
    config = without(*gone)
    hall.router.ground = ground(config, TEXTS)
    return config


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("words", "type"), SAID)
def test_message_to_a_removed_department_goes_to_the_fallback(
    words: str, type: str, closed: bool
) -> None:
    hall = Stadhuis()
    hall.hears("jeugdzorg")
    if closed:
        hall.orders("close")
    before = len(hall.told)
    config = reorganised(hall, "zorg")
    said = hall.after(minutes=5).hears(words, type)
    assert said.department in ("klantcontact", "groen")
    assert said.destination in {each.id for each in config.destinations}
    assert all(config.department(e.tenant, e.department) for e in hall.told[before:])


def test_conversation_of_a_removed_department_is_published_as_transferred() -> None:
    hall = Stadhuis()
    hall.hears("jeugdzorg")
    reorganised(hall, "zorg")
    said = hall.after(minutes=5).hears("en nu?")
    assert (said.department, said.rule, said.moved_from) == ("klantcontact", "", "zorg")
    assert hall.told[1].type == TRANSFERRED
    assert hall.hears("mijn container").department == "groen"


@pytest.mark.parametrize("gone", ["burgerzaken", "avond", "meldkamer"])
def test_removed_department_is_no_deputy_and_has_none(gone: str) -> None:
    hall = Stadhuis("2026-11-25 18:00")
    hall.hears("mijn paspoort")
    config = reorganised(hall, gone)
    said = hall.until("2026-11-25 23:00").hears("en nu?")
    assert config.department("hengelo", said.department)
    back = hall.until("2026-11-26 09:30").hears("en nu?")
    assert back.department == ("klantcontact" if gone == "burgerzaken" else "burgerzaken")
    assert "gesloten" not in back.reason


@pytest.mark.parametrize("start", ["2026-11-25 13:00", "2026-11-25 18:00"])
@pytest.mark.parametrize("words", ["hoi", "er is iets met de buren", "jeugdzorg", "ik wil dood"])
def test_timers_of_a_removed_department_still_fire(words: str, start: str) -> None:
    hall = Stadhuis(start)
    hall.hears(words)
    before = len(hall.told)
    config = reorganised(hall, "zorg", "teamleider")
    hall.after(days=30)
    for event in hall.told[before:]:
        assert event.department == "zorg" or config.department(event.tenant, event.department)
    for _, decision, _ in hall.done:
        assert bool(decision.event) <= bool(decision.destination)


def test_removed_menu_is_not_followed() -> None:
    hall = Stadhuis()
    hall.hears("er is iets met de buren")
    hengelo, borne = CONFIG.tenants
    tenants = (hengelo.model_copy(update={"menu": ""}), borne)
    given = CONFIG.model_copy(update={"menus": CONFIG.menus[1:], "tenants": tenants})
    hall.router.ground = ground(given, TEXTS)
    assert hall.after(minutes=2).hears("2").department == "klantcontact"
    assert hall.heard == ["keuze", "keuze_onduidelijk"]
    hall.after(minutes=30)
    assert hall.happened == []


def test_closed_conversation_of_a_removed_department_is_not_opened_again() -> None:
    hall = Stadhuis()
    hall.hears("jeugdzorg")
    hall.orders("close")
    reorganised(hall, "zorg")
    assert hall.orders("reopen").reason == str(NO_DEPARTMENT)


@pytest.mark.parametrize("order", ["close", "note", "confirm"])
def test_command_in_a_removed_department_is_published_to_no_destination(order: str) -> None:
    hall = Stadhuis()
    hall.hears("jeugdzorg")
    before = len(hall.told)
    reorganised(hall, "zorg")
    done = hall.orders(order)
    assert (done.kind, done.destination, done.event) == ("accepted", "", None)
    assert len(hall.told) == before
