"""Bursts: people greet, send six photographs and then ask; the first words decide for all of it."""

from datetime import timedelta
from itertools import pairwise

import msgspec
import pytest

from services.event_types import DECIDED, RECEIVED, TRANSFERRED
from tests.support.router.decisions import data
from tests.support.router.script import play
from tests.support.router.simulation import Stadhuis
from tests.support.router.timer_delivery import timeout

WORDLESS = [
    *("hoi", "Goedemorgen!", "is daar iemand?", "ik heb een vraag", "👋", "[image]", "[sticker]"),
    *("[audio]", "[voice]", "[video]", "[location]", "[contacts]", "[unsupported:poll]"),
]
EMPTY = ["[reaction] 👍", "[revoke]", "[system]", "[request_welcome]"]
SCRIPTS = {
    "a caption decides": "[image]; [image] mijn container is vol -> @groen",
    "a caption of one word decides": "[image]; [image] Container -> @groen",
    "unknown words go to the fallback until a rule decides": """
        hoi
        +5s er is iets met de buren     -> keuze, no provisional, task, @klantcontact
        +5s hun container               -> @groen, #afval
        +5s en mijn paspoort            -> @groen, #afval""",
    "a silence may be configured": """
        = 2026-11-25 13:00 burst_seconds=120
        hoi; +119s
        +1s                             -> keuze, ~decided""",
    "a greeting alone gets a menu after a minute": """
        hoi
        +1m                             -> keuze, ~decided
        mijn paspoort                   -> @burgerzaken""",
    "an answer decides, and then no silence does": """
        hoi; +20s /text; +5m
        [image]                         -> no provisional, task
        mijn container                  -> @klantcontact""",
    "an answer of a machine decides no department": "hoi; /machine; mijn container -> @groen",
    "a transfer decides": "hoi; /transfer balie -> doorgestuurd\n +5m mijn container -> @balie",
    "thanks as the very first words are a greeting": """
        bedankt                         -> provisional, no task
        +1m                             -> keuze, ~decided""",
    "a reply to a template stays with its department": """
        /begin department=balie
        wat betekent dit van mijn paspoort -> @balie, no provisional, task
        +5m""",
} | {
    f"no subject yet, after which words decide: {words}": f"""
        {words}                         -> {text}provisional, no task, @klantcontact
        +30s mijn container is vol      -> no provisional, task, @groen, no opened"""
    for words in WORDLESS
    for text in ["spraakbericht, " if words in ("[audio]", "[voice]") else
                 "bestand, " if "poll" in words else ""]
} | {
    f"an empty message gets no menu: {words}": f"{words} -> @klantcontact, no task\n +12h"
    for words in EMPTY
} | {
    f"thanks after an answer ask for nothing: {words}": f"""
        mijn container is vol; /text
        +5m {words}                     -> no task, no provisional, @groen
        +1d"""
    for words in ("Bedankt!", "ok", "👍")
} | {
    f"thanks for what the municipality began ask for nothing: {words}{begun}": f"""
        /begin {begun}
        +5m {words}                     -> no task, no opened
        +12h"""
    for words in ("bedankt", "ok", "👍") for begun in ("department=groen", "")
}  # fmt: skip


@pytest.mark.parametrize("case", SCRIPTS)
def test_burst(case: str) -> None:
    play(SCRIPTS[case])


def test_message_without_a_subject_is_published_as_received() -> None:
    assert [event.type for event in play("hoi").told] == [RECEIVED]


def test_six_photographs_and_a_question_are_one_task_of_its_department() -> None:
    hall = Stadhuis()
    photos = [hall.after(seconds=5).hears(type="image") for _ in range(6)]
    question = hall.after(seconds=50).hears("deze lantaarn is al weken stuk")
    later = hall.after(seconds=5).hears("op de Enschedesestraat")
    assert [d.task for d in [*photos, question, later]] == [False] * 6 + [True] * 2
    assert [d.department for d in photos] == ["klantcontact"] * 6
    assert question.moved_from == "klantcontact" and later.transfer is None
    assert {(d.department, d.rule) for d in (question, later)} == {("groen", "afval")}
    assert [event.type for event in hall.told] == [RECEIVED] * 6 + [TRANSFERRED] + [RECEIVED] * 2
    play("+1h -> duurt_langer, ~waiting", hall)  # no silence was left to decide


def test_photographs_alone_go_to_the_fallback_after_a_minute() -> None:
    hall = play("[image]; +50s [image]; +59s")
    play("+1s -> keuze, ~decided", hall)
    decided = hall.told[-1]
    assert (decided.type, decided.department) == (DECIDED, "klantcontact")
    assert "na de groet kwam er niets meer" in data(decided)["reason"]
    play("[image] -> no provisional\n +5m", hall)


def test_silence_that_fires_late_or_twice_decides_once_without_a_text() -> None:
    hall = play("hoi")
    [timer] = [t for t in hall.router.timers.values() if t.kind == "quiet"]
    late = msgspec.structs.replace(timeout(timer), told_at=timer.due_at + timedelta(hours=2))
    hall.takes(late, late)
    assert hall.happened == ["decided"] and hall.heard == []
    play("[image]; +5m", hall)


def test_messages_of_a_burst_are_numbered_in_order() -> None:
    hall = Stadhuis()
    done = [hall.hears(words) for words in ("hoi", "👋", "mijn container", "en nog iets")]
    assert [d.sequence for d in done] == [1, 2, 4, 5]
    assert all(one.sequence < other.sequence for one, other in pairwise(hall.told))
    assert [event.sequence for event in hall.told if event.type == TRANSFERRED] == [3]


def test_conversation_belongs_to_one_number() -> None:
    hall = play("hoi")
    other = hall.hears("mijn container", number="30000002")
    first = hall.hears("ik heb een vraag")
    assert other.conversation != first.conversation
    assert (first.department, first.provisional) == ("klantcontact", True)
