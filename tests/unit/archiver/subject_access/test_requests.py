"""A request has a date, a term and a ground; and what a citizen is told of it they can read."""

from datetime import UTC, date, datetime
from typing import get_args

import msgspec
import pytest

from archiver.subject_access.report import Copy
from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.legal_grounds import (
    EXTENSIONS,
    KINDS,
    REFUSALS,
    extension,
    list_grounds,
    refusal,
)
from archiver.subject_access.requests.letters import COPIES, KINDS_WITH_COPIES, letter
from archiver.subject_access.requests.store import Request
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
def test_a_month_is_one_of_the_calendar(received: date, due: date) -> None:
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
def test_the_last_five_days_are_soon_and_the_last_day_is_in_time(today: date, state: str) -> None:
    assert deadlines.state(ASKED.due_on, today, decided=False) == state
    assert deadlines.state(ASKED.due_on, today, decided=True) == "decided"


@pytest.mark.parametrize(
    ("until", "today", "said"),
    [
        (date(2027, 2, 25), TODAY, []),
        (date(2027, 2, 26), TODAY, ["at most two further months, so no later than 2027-02-25"]),
        (date(2026, 12, 25), TODAY, ["expected a later day"]),
        (date(2027, 1, 25), date(2026, 12, 26), ["within the first month"]),
    ],
)
def test_two_further_months_at_most_and_said_in_the_first(
    until: date, today: date, said: list[str]
) -> None:
    wrong = list(deadlines.extension_errors(ASKED.received_on, until, ASKED.due_on, today))
    assert len(wrong) == len(said)
    assert all(part in whole for part, whole in zip(said, wrong, strict=True))


def test_nothing_is_received_tomorrow() -> None:
    assert deadlines.receipt_date_error(TODAY, TODAY) == ""
    assert "yet to come" in deadlines.receipt_date_error(date(2026, 11, 27), TODAY)


@pytest.mark.parametrize("ground", [*REFUSALS, *EXTENSIONS], ids=lambda each: each.code)
def test_every_ground_names_its_article_in_words_that_citizens_read(ground: object) -> None:
    assert isinstance(ground, type(REFUSALS[0]))
    assert "artikel" in ground.article
    assert list(readability.readability_faults(ground.text)) == []
    assert set(ground.kinds) <= set(KINDS)


def test_a_code_is_one_ground_and_each_kind_of_request_can_be_refused() -> None:
    codes = [each.code for each in (*REFUSALS, *EXTENSIONS)]
    assert len(set(codes)) == len(codes)
    assert all(list(list_grounds(REFUSALS, kind)) for kind in KINDS)
    assert refusal("archief", "erasure") and refusal("archief", "access") is None
    assert extension("ingewikkeld") and extension("archief") is None


def _letters(kind: str) -> list[tuple[Request, str]]:
    asked = msgspec.structs.replace(ASKED, kind=kind)
    against = [each.code for each in REFUSALS if kind in each.kinds]
    at = datetime(2026, 11, 26, tzinfo=UTC)
    decide = lambda how, why: msgspec.structs.replace(  # noqa: E731
        asked, decision=how, ground=why, decided_at=at
    )
    return [
        (asked, ""),
        *((msgspec.structs.replace(asked, extension=each.code), each.text) for each in EXTENSIONS),
        (decide("granted", ""), "Wij doen wat u vroeg."),
        *((decide("partly", code), "een deel") for code in against),
        *((decide("refused", code), "Wij doen niet wat u vroeg.") for code in against),
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_letter_can_be_read_and_says_who_has_copies(kind: str) -> None:
    for request, said in _letters(kind):
        text = letter(request, ELSEWHERE, "", "Gemeente Almelo", TODAY)
        assert list(readability.readability_faults(text)) == [], text
        assert said in text and request.id in text
        assert (COPIES in text) == (kind in KINDS_WITH_COPIES)
        ground = refusal(request.ground, request.kind)
        assert ground is None or (ground.text in text and ground.article in text)
        assert ("bezwaar" in text) == (request.decision in ("partly", "refused"))
        assert ("uiterlijk op" in text) == (request.decision is None)


def test_what_was_added_to_a_decision_is_in_the_letter() -> None:
    decided = msgspec.structs.replace(
        ASKED, decision="refused", ground="archief", decided_at=datetime(2026, 11, 26, tzinfo=UTC)
    )
    assert "Tot 2036." in letter(decided, (), "Tot 2036.", "Gemeente Almelo", TODAY)
    assert COPIES not in letter(decided, (), "", "Gemeente Almelo", TODAY)


def test_the_states_are_those_that_are_counted() -> None:
    from archiver.subject_access.requests.request_metrics import STATES

    assert {*STATES, "decided"} == set(get_args(deadlines.State))
