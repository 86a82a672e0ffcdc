"""Notices and states that the contact centre sets for a number: without a rule or a restart."""

from datetime import timedelta

import pytest

from tests.support.router.config_full import BORNE, NUMBER
from tests.support.router.decisions import data, records_of
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis, wall

STORM = "Door de storm duurt het langer."
SHUT = "Wij zijn vandaag dicht."
SCRIPTS = {
    "a notice goes once in each conversation": """
        /notice Storm.
        mijn container                      -> _notice
        +5m en nog iets
        {who=bert} mijn container           -> _notice
        /close                              -> afgesloten
        +5m {who=bert} mijn paspoort        -> _notice""",
    "a notice without words takes the previous one away": """
        /notice Storm.
        /notice
        mijn container""",
    "a rule's text precedes a notice, and a notice the opening hours": """
        = 2026-11-28 12:00
        /notice Storm.
        mijn garage                         -> garage
        +5m er is iets met de buren         -> _notice
        +5m en met de schutting             -> gesloten""",
    "a notice precedes the opening hours": """
        = 2026-11-28 12:00
        /notice Storm.
        +5m er is iets met de buren         -> _notice
        +5m er is iets met de buren         -> gesloten
        +5m er is iets met de buren""",
    "a number that only receives sends no text, and its work goes on": """
        /notice Storm.
        /state receive-only
        hoi
        +2m er is iets met de buren         -> ~decided
        +2m mijn garage
        /transfer burgerzaken
        +9h                                 -> ~waiting
        /text
        /close""",
    "a closed number sends its text once and no other": """
        = 2026-11-28 12:00
        /state closed Dicht.
        hoi                                 -> _state
        +2m er is iets met de buren         -> ~decided
        +2m mijn garage
        +2m /transfer burgerzaken
        +2d                                 -> ~waiting""",
    "a closed number without a text is silent": """
        /state closed
        mijn garage""",
    "a number that is opened again sends its texts": """
        /state closed Dicht.
        /state open
        mijn garage                         -> garage""",
    "a notice applies to its own number only": """
        /notice Storm.
        {number=borne} mijn container       -> keuze""",
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_number_notice_and_state(case: str) -> None:
    play(SCRIPTS[case])


def test_notice_expires_and_another_is_sent_anew() -> None:
    hall = Stadhuis()
    hall.says("notice", STORM, until=wall("2026-11-25 14:00"))
    play("+59m59s mijn container -> _notice", hall)
    play("+1s {who=bert} mijn container", hall)
    hall.says("notice", "Er is weer iets.")
    play("+5m hallo, mijn container -> _notice", hall)
    assert hall.bodies == [STORM, "Er is weer iets."]


def test_state_expires_and_another_day_sends_its_text_again() -> None:
    hall = Stadhuis()
    hall.says("state", SHUT, state="closed", until=wall("2026-11-25 13:30"))
    play("er is iets met de buren -> _state", hall)
    play("@2026-11-25 13:30 mijn garage -> garage", hall)
    hall.until("2026-11-26 10:00")
    hall.says("state", SHUT, state="closed", until=wall("2026-11-26 14:00"))
    hall.hears("en mijn container?")
    hall.after(minutes=5).hears("hallo, en mijn container?")
    assert hall.bodies.count(SHUT) == 2


@pytest.mark.parametrize(("number", "tenant"), [(BORNE, "hengelo"), (NUMBER, "borne")])
@pytest.mark.parametrize("type", ["notice", "state"])
def test_number_of_another_municipality_is_refused(type: str, number: str, tenant: str) -> None:
    hall = Stadhuis()
    refused = hall.says(type, STORM, state="closed", number=number, tenant=tenant)
    assert (refused.kind, refused.reason.partition(":")[0]) == ("refused", "number_unknown")
    assert hall.router.standings == {}
    [record] = records_of(hall.done)
    kept = data(record)
    assert (record.kind, kept["event"], kept["status"]) == ("number", type, "failed")
    assert kept["reason"] == refused.reason


def test_number_notice_is_archived_and_published_to_no_crm() -> None:
    hall = Stadhuis()
    done = hall.says("notice", STORM, until=hall.now + timedelta(hours=2))
    assert (done.kind, done.status, done.conversation) == ("accepted", "done", "")
    assert hall.told == []
    [record] = records_of(hall.done)
    kept = data(record)
    assert (record.kind, record.tenant, record.conversation) == ("number", "hengelo", "")
    assert (kept["event"], kept["number"], kept["text"]) == ("notice", NUMBER, STORM)
    assert (kept["status"], kept["state"], kept["reason"]) == ("done", None, None)
    assert kept["until"] == "2026-11-25T15:00:00+01:00"
