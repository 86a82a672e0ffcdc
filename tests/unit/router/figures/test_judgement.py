"""Judgements of the rules by what people then did: each case is a small day of the town."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from router.model.decision import MessageDecision
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.names import BERT
from tests.support.router.simulation import Stadhuis

NOON, EVENING = "2026-11-25 13:00", "2026-11-25 19:00"
Steps = Callable[[Stadhuis], Any]


def judged(hall: Stadhuis) -> list[tuple[str, str, str]]:
    """Verdict, rule and department of each judgement, in the order in which they were made."""
    figures = (each for _, _, changes in hall.done for each in changes.rule_figures)
    return [(each.what, each.rule, each.department) for each in figures]


def answered(hall: Stadhuis) -> Stadhuis:
    hall.hears("Mijn container is niet geleegd")
    hall.after(minutes=5).orders("text")
    return hall


def given_on(hall: Stadhuis, department: str = "balie") -> None:
    """A transfer that is meant: the other department answers."""
    hall.orders("transfer", to_department=department)
    hall.orders("text")


def transferred_alone(hall: Stadhuis) -> None:
    hall.hears("Mijn container is niet geleegd")
    hall.orders("transfer", to_department="balie")


def transferred(hall: Stadhuis) -> None:
    hall.hears("Mijn container is niet geleegd")
    given_on(hall)


def transferred_and_closed(hall: Stadhuis) -> None:
    """By telephone."""
    transferred_alone(hall)
    hall.orders("close", outcome="handled")


def transferred_and_left(hall: Stadhuis) -> None:
    answered(hall).orders("transfer", to_department="balie")
    hall.after(days=40)


def transferred_and_late(hall: Stadhuis) -> None:
    """The contact centre lets it wait, and the team leader gets it."""
    hall.hears("Mijn container is niet geleegd")
    hall.orders("transfer", to_department="klantcontact")
    hall.after(hours=2)
    assert hall.conversation.department == "teamleider"


def given_back_at_once(hall: Stadhuis) -> None:
    """A slip of the hand."""
    transferred_alone(hall)
    hall.orders("transfer", to_department="groen")
    hall.orders("text")
    hall.orders("close", outcome="answered")


def given_back_after_an_answer(hall: Stadhuis) -> None:
    transferred(hall)
    given_on(hall, "groen")
    hall.orders("close", outcome="answered")


def asked_on(hall: Stadhuis) -> None:
    answered(hall).after(minutes=5).hears("Waar moet hij dan staan?")


def passed_on_with_words(hall: Stadhuis) -> None:
    """ "Ik geef u door", and so it was."""
    given_on(answered(hall))


def passed_on_by_agreement(hall: Stadhuis) -> None:
    """ "Zal ik u doorgeven?" """
    answered(hall).hears("Ja, graag, doet u dat maar")
    given_on(hall)


def thanked_and_passed_on(hall: Stadhuis) -> None:
    answered(hall).hears("Dank u wel")
    given_on(hall)


def passed_on_later(hall: Stadhuis) -> None:
    asked_on(hall)
    given_on(hall)


def passed_on_with_another_subject(hall: Stadhuis) -> None:
    answered(hall).hears("En waar haal ik een paspoort?")
    given_on(hall, "burgerzaken")


def asked_what_it_is_about(hall: Stadhuis) -> None:
    hall.hears("Ik heb een probleem met jullie")
    hall.orders("text", text="Waar gaat het over?")
    hall.hears("Over mijn paspoort")
    given_on(hall, "burgerzaken")


def assigned_within(hall: Stadhuis) -> None:
    hall.hears("Mijn container is niet geleegd")
    hall.orders("transfer", to_department="groen", employee="sanne")


def assigned_and_passed_on(hall: Stadhuis) -> None:
    assigned_within(hall)
    given_on(hall)


def passed_on_twice(hall: Stadhuis) -> None:
    transferred(hall)
    hall.orders("transfer", to_department="burgerzaken")
    hall.orders("text")
    hall.orders("close", outcome="answered")


def closed(hall: Stadhuis) -> None:
    hall.hears("Mijn container is niet geleegd")
    hall.orders("close", outcome="handled")


def ended_by_itself_after_an_answer(hall: Stadhuis) -> None:
    answered(hall).after(days=40)


def ended_by_itself(hall: Stadhuis) -> None:
    """A chatbot answered, the citizen thanked, and nobody looked."""
    hall.hears("Mijn container is niet geleegd")
    hall.orders("text", author=MACHINE)
    hall.after(days=40)


def reopened(hall: Stadhuis) -> None:
    closed(hall)
    hall.after(hours=1).hears("De container is nog steeds niet geleegd")
    given_on(hall)


def no_rule(hall: Stadhuis) -> None:
    hall.hears("Wat een mooi weer")
    given_on(hall)


def greeted(hall: Stadhuis) -> None:
    hall.hears("hallo")
    given_on(hall)


def chosen_in_the_menu(hall: Stadhuis) -> None:
    hall.hears("Wat een mooi weer")
    hall.taps("menu:keuze/afval")
    given_on(hall)


def escalated(hall: Stadhuis) -> None:
    """After an hour at the contact centre it is the team leader's, who passes it on."""
    hall.hears("Waar is de garage?")
    hall.after(hours=2)
    assert hall.conversation.department == "teamleider"
    given_on(hall)


def danger(hall: Stadhuis) -> None:
    """Danger overrides the rule, which is not judged; the safety rule is."""
    hall.hears("Mijn container is niet geleegd")
    hall.hears("Ik wil dood")
    hall.orders("text")
    hall.orders("close", outcome="handled")


def danger_that_was_none(hall: Stadhuis) -> None:
    hall.hears("Ik wil dood")
    given_on(hall, "groen")


def merged(hall: Stadhuis) -> None:
    """The one that is merged away is judged by nobody; the other is closed."""
    hall.hears("Mijn container is niet geleegd")
    first = hall.id
    hall.hears("Waar haal ik een paspoort?", who=BERT)
    second, hall.id = hall.id, first
    hall.orders("merge", other=second)
    hall.orders("close", outcome="handled")


def passed_on_by_a_chatbot(hall: Stadhuis) -> None:
    hall.hears("Mijn container is niet geleegd")
    hall.orders("transfer", to_department="balie", author=MACHINE)
    hall.orders("transfer", to_department="burgerzaken", author=SANNE)
    hall.orders("text")


def ordered_by_a_test_token(hall: Stadhuis) -> None:
    hall.hears("Mijn container is niet geleegd")
    hall.orders("transfer", to_department="balie", test=True)
    hall.orders("text", test=True)


RIGHT, CORRECTED = ("right", "afval", "groen"), ("corrected", "afval", "groen")
CASES: dict[str, tuple[Steps, list[tuple[str, str, str]]]] = {
    "a message alone": (lambda hall: hall.hears("Mijn container is niet geleegd"), []),
    "an answer alone": (answered, []),
    "a transfer alone": (transferred_alone, []),
    "a transfer": (transferred, [CORRECTED]),
    "a transfer and a closing": (transferred_and_closed, [CORRECTED]),
    "a transfer and an end by itself": (transferred_and_left, [CORRECTED]),
    "a transfer and waiting too long": (transferred_and_late, [CORRECTED]),
    "given back at once": (given_back_at_once, [RIGHT]),
    "given back after an answer": (given_back_after_an_answer, [CORRECTED]),
    "a question after an answer": (asked_on, []),
    "a transfer by agreement": (passed_on_by_agreement, [CORRECTED]),
    "a transfer once the subject is known": (
        asked_what_it_is_about,
        [("corrected", "", "klantcontact")],
    ),
    "a transfer at the first answer": (passed_on_with_words, [CORRECTED]),
    "a transfer after thanks": (thanked_and_passed_on, [CORRECTED]),
    "a transfer of a later question": (passed_on_later, [CORRECTED]),
    "a transfer of another subject": (passed_on_with_another_subject, []),
    "an assignment within the department": (assigned_within, []),
    "a transfer after that": (assigned_and_passed_on, [CORRECTED]),
    "two transfers, an answer and a closing": (passed_on_twice, [CORRECTED]),
    "a closing": (closed, [RIGHT]),
    "an end by itself after an answer": (ended_by_itself_after_an_answer, [RIGHT]),
    "an end by itself without one": (ended_by_itself, []),
    "what is opened again": (reopened, [RIGHT]),
    "no rule": (no_rule, [("corrected", "", "klantcontact")]),
    "a greeting": (greeted, []),
    "a choice in a menu": (chosen_in_the_menu, [("corrected", "_menu", "groen")]),
    "waiting too long": (escalated, []),
    "danger": (danger, [("right", "dood", "zorg")]),
    "danger that was none": (danger_that_was_none, [("corrected", "dood", "zorg")]),
    "a merge": (merged, [RIGHT]),
    "a chatbot": (passed_on_by_a_chatbot, []),
    "a test token": (ordered_by_a_test_token, []),
}


@pytest.mark.parametrize("case", CASES)
def test_placement_is_judged_once_by_what_people_do(case: str) -> None:
    steps, expected = CASES[case]
    hall = Stadhuis(NOON)
    steps(hall)
    assert judged(hall) == expected


@pytest.mark.parametrize(
    ("to", "verdict"), [("burgerzaken", "right"), ("meldkamer", "corrected"), (None, "right")]
)
def test_deputy_stands_for_the_department_that_was_chosen(to: str | None, verdict: str) -> None:
    """In the evening another department has it; giving it back, or answering, corrects nothing."""
    hall = Stadhuis(EVENING)
    hall.hears("Waar haal ik een paspoort?")
    assert hall.conversation.department == "avond"
    if to:
        hall.orders("transfer", to_department=to)
    hall.orders("close", outcome="answered")
    assert judged(hall) == [(verdict, "paspoort", "burgerzaken")]


def test_return_of_a_department_that_opens_corrects_nothing() -> None:
    hall = Stadhuis(EVENING)
    hall.hears("Waar haal ik een paspoort?")
    hall.until("2026-11-26 09:30")
    assert hall.conversation.department == "burgerzaken" and judged(hall) == []
    hall.orders("close", outcome="answered")
    assert judged(hall) == [("right", "paspoort", "burgerzaken")]


def test_judgement_is_of_the_version_that_chose_and_of_the_month_in_which_it_was_made() -> None:
    hall = Stadhuis("2026-11-30 16:00")
    hall.hears("Mijn container is niet geleegd")
    decision = hall.done[-1][1]
    assert isinstance(decision, MessageDecision)
    placed = hall.state.placed
    assert placed and placed.version == decision.version == hall.router.ground.version
    hall.router.ground = msgspec.structs.replace(hall.router.ground, version="newer")
    hall.until("2026-12-01 10:00").orders("close", outcome="answered")
    [figure] = hall.done[-1][2].rule_figures
    assert (figure.version, f"{figure.month:%Y-%m-%d}") == (placed.version, "2026-12-01")
    assert hall.done[-1][1].version == "newer"
    assert hall.state.placed is None
