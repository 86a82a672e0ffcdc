"""People greet, send six photographs and then ask: the first words decide for all of it."""

from datetime import timedelta
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from router.model.decision import Decision
from router.output.crm_events import DECIDED, RECEIVED, TRANSFERRED
from tests.support.router.commands import MACHINE
from tests.support.router.config_full import NUMBER, config
from tests.support.router.simulation import Stadhuis, data
from tests.support.router.timer_delivery import timeout

PHOTO: dict[str, Any] = {"type": "image"}
WORDLESS: list[tuple[str, dict[str, Any]]] = [
    ("hoi", {}),
    ("Goedemorgen!", {}),
    ("is daar iemand?", {}),
    ("ik heb een vraag", {}),
    ("", PHOTO),
    ("", {"type": "sticker"}),
    ("", {"type": "audio"}),
    ("", {"type": "voice"}),
    ("", {"type": "video"}),
    ("", {"type": "location", "content": {"name": "container", "latitude": 1, "longitude": 2}}),
    ("", {"type": "contacts", "content": [{"name": {"formatted_name": "paspoort"}}]}),
    ("", {"type": "unsupported", "content": {"type": "poll"}}),
    ("👋", {}),
]


def kinds(hall: Stadhuis) -> list[str]:
    """Of the events so far, without what all begin with."""
    return [event.type.removeprefix("nl.postkamer.").removesuffix(".v1") for event in hall.told]


@pytest.mark.parametrize(("words", "more"), WORDLESS)
def test_message_without_a_subject_is_provisional_and_no_task(
    words: str, more: dict[str, Any]
) -> None:
    hall = Stadhuis()
    first = hall.hears(words, **more)
    assert (first.provisional, first.task, first.department) == (True, False, "klantcontact")
    assert [event.type for event in hall.told] == [RECEIVED]
    after = hall.after(seconds=30).hears("mijn container is vol")
    assert (after.provisional, after.task, after.department) == (False, True, "groen")
    assert after.conversation == first.conversation


def test_six_photographs_and_then_the_question_are_one_task_of_who_it_is_for() -> None:
    hall = Stadhuis()
    photos = [hall.after(seconds=5).hears(**PHOTO) for _ in range(6)]
    question = hall.after(seconds=50).hears("deze lantaarn is al weken stuk")
    later = hall.after(seconds=5).hears("op de Enschedesestraat")
    assert [d.task for d in [*photos, question, later]] == [False] * 6 + [True] * 2
    assert [d.department for d in photos] == ["klantcontact"] * 6
    assert (question.department, question.rule) == ("groen", "afval")
    assert (later.department, later.rule) == ("groen", "afval")
    assert question.moved_from == "klantcontact" and later.transfer is None
    assert kinds(hall) == ["message-received"] * 6 + [
        "conversation-transferred",
        "message-received",
        "message-received",
    ]
    assert hall.happened == [] and hall.heard == []
    hall.after(hours=1)
    assert hall.happened == ["waiting"]  # nobody answered; no silence was left to decide


@pytest.mark.parametrize("caption", ["mijn container is vol", "Container"])
def test_a_caption_is_words(caption: str) -> None:
    hall = Stadhuis()
    hall.hears(**PHOTO)
    assert hall.hears(caption, **PHOTO).department == "groen"


def test_unknown_words_go_to_the_fallback_and_a_rule_may_still_decide() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    first = hall.after(seconds=5).hears("er is iets met de buren")
    assert (first.provisional, first.task, first.department) == (False, True, "klantcontact")
    second = hall.after(seconds=5).hears("hun container")
    assert (second.department, second.rule) == ("groen", "afval")
    third = hall.after(seconds=5).hears("en mijn paspoort")
    assert (third.department, third.rule) == ("groen", "afval")


def test_photographs_alone_go_to_the_fallback_after_a_minute() -> None:
    hall = Stadhuis()
    hall.hears(**PHOTO)
    hall.after(seconds=50).hears(**PHOTO)
    assert hall.after(seconds=59).happened == []
    assert hall.after(seconds=1).happened == ["decided"]
    decided = hall.told[-1]
    assert (decided.type, decided.department) == (DECIDED, "klantcontact")
    assert "na de groet kwam er niets meer" in data(decided)["reason"]
    assert not hall.hears(**PHOTO).provisional
    assert hall.after(minutes=5).happened == []


def test_how_long_a_silence_is_is_a_choice() -> None:
    hall = Stadhuis(given=config(tenant={"burst_seconds": 120}))
    hall.hears("hoi")
    assert hall.after(seconds=119).happened == []
    assert hall.after(seconds=1).happened == ["decided"]


def test_greeting_alone_gets_a_menu_after_a_minute() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    assert hall.heard == []
    assert hall.after(minutes=1).heard == ["keuze"]
    assert hall.hears("mijn paspoort").department == "burgerzaken"


def test_an_answer_decides_as_well_and_then_no_silence_does() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    hall.after(seconds=20).orders("text")
    assert hall.after(minutes=5).happened == [] and hall.heard == []
    photo = hall.hears(**PHOTO)
    assert not photo.provisional and photo.task
    assert hall.hears("mijn container").department == "klantcontact"


def test_machine_answer_decides_no_department() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    hall.orders("text", author=MACHINE)
    assert hall.hears("mijn container").department == "groen"


def test_a_transfer_decides() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    hall.orders("transfer", to_department="balie")
    assert hall.after(minutes=5).happened == []
    assert hall.hears("mijn container").department == "balie"


@pytest.mark.parametrize("thanks", ["Bedankt!", "ok", "👍"])
def test_thanks_after_an_answer_are_no_task_and_say_nothing(thanks: str) -> None:
    hall = Stadhuis()
    hall.hears("mijn container is vol")
    hall.orders("text")
    said = hall.after(minutes=5).hears(thanks)
    assert (said.task, said.provisional, said.department) == (False, False, "groen")
    assert hall.state.waiting_since is None
    assert hall.after(days=1).happened == [] and hall.heard == []


def test_thanks_as_the_very_first_word_are_a_greeting() -> None:
    hall = Stadhuis()
    said = hall.hears("bedankt")
    assert said.provisional and not said.task
    assert hall.after(minutes=1).happened == ["decided"]


@pytest.mark.parametrize(
    ("words", "more"),
    [
        ("👍", {"type": "reaction"}),
        ("", {"type": "revoke", "content": {"original_message_id": "wamid.x"}}),
        ("", {"type": "system", "content": {"body": "x is nu y", "type": "user_changed_number"}}),
        ("", {"type": "request_welcome", "content": {}}),
    ],
)
def test_empty_message_gets_no_menu_and_is_no_task(words: str, more: dict[str, Any]) -> None:
    hall = Stadhuis()
    said = hall.hears(words, **more)
    assert (said.department, said.task) == ("klantcontact", False)
    hall.after(hours=12)
    assert hall.happened == [] and hall.heard == []


@pytest.mark.parametrize("words", ["bedankt", "ok", "👍"])
@pytest.mark.parametrize("begun", [{"department": "groen"}, {}])
def test_thanks_for_what_the_municipality_wrote_first_are_asked_nothing(
    words: str, begun: dict[str, str]
) -> None:
    """To a reminder, say."""
    hall = Stadhuis()
    sent = hall.orders("template", conversation="", to="31611111111", text="x", **begun)
    said = hall.after(minutes=5).hears(words)
    assert said.conversation == sent.conversation and not said.task
    hall.after(hours=12)
    assert hall.happened == [] and hall.heard == []


def test_reply_to_a_template_stays_with_the_department_that_sent_it() -> None:
    hall = Stadhuis()
    hall.orders("template", conversation="", to="31611111111", text="x", department="balie")
    said = hall.hears("wat betekent dit van mijn paspoort")
    assert (said.department, said.provisional, said.task) == ("balie", False, True)
    assert hall.after(minutes=5).heard == []


def test_a_silence_that_is_told_late_or_twice_decides_once() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    [timer] = [t for t in hall.router.timers.values() if t.kind == "quiet"]
    told = msgspec.structs.replace(timeout(timer), told_at=timer.due_at + timedelta(hours=2))
    hall.takes(told, told)
    assert hall.happened == ["decided"] and hall.heard == []
    hall.hears(**PHOTO)
    assert hall.after(minutes=5).happened == []


def test_messages_of_a_burst_are_numbered_in_order() -> None:
    hall = Stadhuis()
    done: list[Decision] = [hall.hears("hoi"), hall.hears(**PHOTO), hall.hears("mijn container")]
    done.append(hall.hears("en nog iets"))
    assert [d.sequence for d in done] == [1, 2, 4, 5]
    assert all(one.sequence < other.sequence for one, other in pairwise(hall.told))
    [moved] = [event for event in hall.told if event.type == TRANSFERRED]
    assert moved.sequence == 3


def test_a_conversation_is_of_one_number() -> None:
    hall = Stadhuis()
    hall.hears("hoi")
    other = hall.hears("mijn container", number="30000002")
    first = hall.hears("ik heb een vraag", number=NUMBER)
    assert other.conversation != first.conversation
    assert (first.department, first.provisional) == ("klantcontact", True)
