"""One text in a burst: what is due once and was held back by another follows when the burst is
over; what the municipality began is asked nothing."""

import pytest

from router.output.crm_events import TEXT_SENT
from services.config.model import Configuration
from tests.support.router.config_full import CONFIG, config
from tests.support.router.simulation import Stadhuis, data

CALM = config(tenant={"wait_minutes": 0})
PHONE = "31611111111"


def greeted(given: Configuration = CALM) -> Stadhuis:
    """In a closed office: that was said, and the burst goes on."""
    hall = Stadhuis("2026-11-25 18:00", given)
    hall.hears("Goedenavond")
    assert hall.heard == ["gesloten"]
    return hall.after(seconds=10)


@pytest.mark.parametrize(
    ("words", "type", "text"),
    [
        ("ik maak bezwaar", "text", "officieel"),
        ("mijn bsn is 111222333", "text", "bsn"),
        ("", "audio", "spraakbericht"),
        ("over de garage", "text", "garage"),
    ],
)
def test_deferred_reply_follows_the_burst(words: str, type: str, text: str) -> None:
    hall = greeted()
    hall.hears(words, type)
    assert hall.after(seconds=59).heard == []
    assert hall.after(seconds=1).heard == [text]
    said = hall.told[-1]
    assert data(said)["automatic"]["name"] == text
    assert hall.state.pending_texts == ()
    hall.after(minutes=5).hears(words, type)
    hall.after(minutes=5)
    assert text not in hall.heard


def test_nothing_of_several_is_lost_and_they_do_not_come_together() -> None:
    hall = greeted()
    hall.hears("mijn bsn is 111222333")
    hall.after(seconds=10).hears("en ik maak bezwaar")
    hall.after(seconds=10).hears("tegen bezwaar bedoel ik, bsn 111222333")
    assert hall.after(minutes=1).heard == ["bsn"]
    assert hall.after(minutes=1).heard == ["officieel"]
    assert [event.type for event in hall.told[-2:]] == [TEXT_SENT, TEXT_SENT]
    hall.after(hours=12)
    assert hall.heard == []


def test_an_answer_ends_a_burst() -> None:
    hall = greeted()
    hall.orders("text")
    hall.after(seconds=10).hears("over de garage")
    assert hall.heard == ["garage"]


def test_the_burst_must_be_over() -> None:
    hall = greeted()
    hall.hears("ik maak bezwaar")
    for _ in range(5):
        hall.after(seconds=40).hears("en nog iets")
    assert hall.heard == []
    assert hall.after(minutes=1).heard == ["officieel"]


@pytest.mark.parametrize("order", ["close", "state", "danger"])
def test_deferred_reply_is_dropped_after_closing_danger_or_silence(
    order: str,
) -> None:
    hall = greeted()
    hall.hears("over de garage en mijn bsn 111222333")
    if order == "close":
        hall.orders("close")
    elif order == "state":
        hall.says("state", state="receive-only")
    else:
        hall.hears("ik wil dood")
    hall.after(minutes=5)
    assert {"garage", "bsn"}.isdisjoint(hall.heard) and "said" not in hall.happened


@pytest.mark.parametrize("words", ["ja", "dat is goed, tot morgen dan", "hoi", "wie bent u?"])
@pytest.mark.parametrize("department", ["", "groen"])
def test_reply_to_a_template_gets_no_menu(words: str, department: str) -> None:
    hall = Stadhuis(given=CALM)
    begun = hall.orders("template", conversation="", to=PHONE, department=department)
    said = hall.after(hours=2).hears(words)
    assert said.conversation == begun.conversation
    assert (said.department, said.provisional) == (department or "klantcontact", False)
    hall.after(minutes=30)
    assert hall.heard == [] and hall.happened == []


def test_a_rule_may_still_move_what_nobody_placed() -> None:
    hall = Stadhuis(given=CALM)
    hall.orders("template", conversation="", to=PHONE)
    assert hall.hears("hoi").department == "klantcontact"
    assert hall.hears("mijn container").department == "groen"


def test_reply_that_a_closing_dropped_goes_in_the_next_conversation() -> None:
    automatic = ["eerste_contact", *CONFIG.tenants[0].automatic]
    hall = Stadhuis(given=config(tenant={"automatic": automatic}))
    hall.hears("over de garage")
    hall.orders("close")
    assert hall.after(days=2).hears("mijn container").opened
    assert hall.heard == ["garage", "afgesloten", "eerste_contact"]
    hall.orders("close")
    assert hall.after(days=2).hears("mijn paspoort").opened
    assert hall.heard == ["afgesloten"]
