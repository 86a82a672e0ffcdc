"""Deadlines, legal grounds and letters of requests about personal data."""

from datetime import UTC, date, datetime
from typing import Any, get_args

import msgspec
import pytest

from archiver.subject_access.report import Copy
from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.erasure import Erasure
from archiver.subject_access.requests.legal_grounds import (
    EXTENSIONS,
    KINDS,
    REFUSALS,
    extension,
    list_grounds,
    refusal,
)
from archiver.subject_access.requests.letters import (
    COPIES,
    KEPT,
    KINDS_WITH_COPIES,
    LetterFacts,
    letter,
)
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.request_metrics import STATES
from services.language import readability

TODAY = date(2026, 11, 26)
ASKED = Request(
    id="AVG-2026-0001",
    tenant="almelo",
    kind="erasure",
    received_on=date(2026, 11, 25),
    due_on=date(2026, 12, 25),
)
ELSEWHERE = (
    Copy(place="crm, het systeem van Burgerzaken", what="Uw berichten"),
    Copy(place="Back-ups", what="Een kopie van het archief", until=date(2026, 12, 31)),
)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (date(2026, 11, 25), date(2026, 12, 25)),
        (date(2026, 12, 31), date(2027, 1, 31)),
        (date(2027, 1, 31), date(2027, 2, 28)),
        (date(2028, 1, 30), date(2028, 2, 29)),
    ],
)
def test_request_is_due_after_a_calendar_month(received: date, due: date) -> None:
    assert deadlines.due_date(received) == due


@pytest.mark.parametrize(
    ("today", "state"),
    [
        (date(2026, 12, 19), "open"),
        (date(2026, 12, 20), "soon"),
        (date(2026, 12, 25), "soon"),
        (date(2026, 12, 26), "overdue"),
    ],
)
def test_request_is_due_soon_for_five_days_and_overdue_after(today: date, state: str) -> None:
    assert deadlines.state(ASKED.due_on, today, decided=False) == state
    assert deadlines.state(ASKED.due_on, today, decided=True) == "decided"


@pytest.mark.parametrize(
    ("until", "today", "error"),
    [
        (date(2027, 2, 25), TODAY, ""),
        (date(2027, 2, 26), TODAY, "at most two further months, so no later than 2027-02-25"),
        (date(2026, 12, 25), TODAY, "expected a later day"),
        (date(2027, 1, 25), date(2026, 12, 26), "within the first month"),
    ],
)
def test_extension_is_at_most_two_months_and_made_in_the_first_month(
    until: date, today: date, error: str
) -> None:
    errors = list(deadlines.extension_errors(ASKED.received_on, until, ASKED.due_on, today))
    assert len(errors) == bool(error)
    assert error in "".join(each.sentence for each in errors)


def test_request_received_tomorrow_is_refused() -> None:
    assert list(deadlines.receipt_errors(TODAY, TODAY)) == []
    [fault] = deadlines.receipt_errors(date(2026, 11, 27), TODAY)
    assert "yet to come" in fault.sentence


@pytest.mark.parametrize("ground", [*REFUSALS, *EXTENSIONS], ids=lambda each: each.code)
def test_legal_ground_names_its_article_in_readable_words(ground: object) -> None:
    assert isinstance(ground, type(REFUSALS[0]))
    assert "artikel" in ground.article
    assert list(readability.readability_faults(ground.text)) == []
    assert set(ground.kinds) <= set(KINDS)


def test_codes_of_grounds_are_unique_and_every_kind_can_be_refused() -> None:
    codes = [each.code for each in (*REFUSALS, *EXTENSIONS)]
    assert len(set(codes)) == len(codes)
    assert all(list(list_grounds(REFUSALS, kind)) for kind in KINDS)
    assert refusal("archief", "erasure") and refusal("archief", "access") is None
    assert extension("ingewikkeld") and extension("archief") is None


def facts(**given: Any) -> LetterFacts:
    nothing = {"copies": (), "text": "", "municipality": "Gemeente Almelo", "today": TODAY}
    return LetterFacts(**nothing | given)


def _decided(request: Request, decision: str, ground: str = "") -> Request:
    at = datetime(2026, 11, 26, tzinfo=UTC)
    return msgspec.structs.replace(request, decision=decision, ground=ground, decided_at=at)


def _letters(kind: str) -> list[tuple[Request, str]]:
    """Requests in every state, with a text of their letter."""
    asked = msgspec.structs.replace(ASKED, kind=kind)
    codes = [each.code for each in REFUSALS if kind in each.kinds]
    return [
        (asked, ""),
        *((msgspec.structs.replace(asked, extension=each.code), each.text) for each in EXTENSIONS),
        (_decided(asked, "granted"), "Wij doen wat u vroeg."),
        *((_decided(asked, "partly", code), "een deel") for code in codes),
        *((_decided(asked, "refused", code), "Wij doen niet wat u vroeg.") for code in codes),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_letter_is_readable_and_names_the_copies(kind: str) -> None:
    for request, text_of_state in _letters(kind):
        text = letter(request, facts(copies=ELSEWHERE))
        assert list(readability.readability_faults(text)) == [], text
        assert text_of_state in text and request.id in text
        assert (COPIES in text) == (kind in KINDS_WITH_COPIES)
        ground = refusal(request.ground, request.kind)
        assert ground is None or (ground.text in text and ground.article in text)
        assert ("bezwaar" in text) == (request.decision in ("partly", "refused"))
        assert ("uiterlijk op" in text) == (request.decision is None)


def test_letter_has_the_text_of_the_decision_and_no_empty_list_of_copies() -> None:
    decided = _decided(ASKED, "refused", "archief")
    assert "Tot 2036." in letter(decided, facts(text="Tot 2036."))
    assert COPIES not in letter(decided, facts())


ON = datetime(2026, 12, 3, 9, tzinfo=UTC)
ERASURES = [
    (Erasure(waiting=2), "Dat is nog niet gebeurd."),
    (Erasure(list="VL-2026-0001", state="reviewed", waiting=2), "Dat is nog niet gebeurd."),
    (Erasure(list="VL-2026-0001", state="approved", destroyed_from=ON, waiting=2), "op 3 december"),
    (Erasure(list="VL-2026-0001", state="destroying", waiting=1), "bezig met wissen"),
    (Erasure(list="VL-2026-0001", state="withdrawn", waiting=2), "Dat is nog niet gebeurd."),
    (Erasure(), "Er is dus niets om te wissen."),
]


@pytest.mark.parametrize(("erasure", "said"), ERASURES)
@pytest.mark.parametrize("decision", ["granted", "partly"])
def test_letter_says_when_it_will_be_erased_and_not_that_it_was(
    decision: str, erasure: Erasure, said: str
) -> None:
    asked = msgspec.structs.replace(ASKED, kind="erasure")
    text = letter(_decided(asked, decision), facts(erasure=erasure))
    assert said in text and "gewist." not in text
    assert list(readability.readability_faults(text)) == [], text


def test_letter_says_what_was_erased_and_what_was_kept_and_why() -> None:
    asked = msgspec.structs.replace(ASKED, kind="erasure")
    kept = dict.fromkeys(KEPT, 1)
    erasure = Erasure(state="destroyed", destroyed_at=ON, destroyed=2, kept=kept)
    text = letter(_decided(asked, "granted"), facts(erasure=erasure))
    assert "Wij hebben 2 gesprekken met u gewist. Dat was klaar op 3 december 2026." in text
    assert all(sentence in text for sentence in KEPT.values())
    assert "nog niet gebeurd" not in text
    assert list(readability.readability_faults(text)) == [], text


def test_every_open_state_is_counted() -> None:
    assert {*STATES, "decided"} == set(get_args(deadlines.State))
