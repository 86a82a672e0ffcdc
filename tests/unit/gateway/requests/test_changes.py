"""A desk's orders beside messages allow certain combinations, and certain words to citizens."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from gateway.api_docs import examples
from gateway.requests import changes
from services.api.json_body import parse_body
from tests.support.gateway.commands import Json, faults

NOTICE, CLOSED = examples.NOTICE, examples.STATES["closed"]
CALL = "Bel ons op 14 0546."
LONG = "Wij " + "lezen " * 15 + "alles."


def parse_change(kind: TypeAdapter[Any], **members: Any) -> Any:
    made = parse_body(json.dumps(members).encode(), kind)
    assert not isinstance(made, list), made
    return made


def test_transfer_may_name_an_employee_without_a_department() -> None:
    made = parse_change(changes.TRANSFER, reason="x", employee="s.jansen")
    assert (made.department, made.employee) == (None, "s.jansen")
    assert list(faults({"reason": "x", "employee": "a" * 256}, changes.TRANSFER)) == ["/employee"]
    assert list(faults({"employee": "x"}, changes.TRANSFER)) == ["/reason"]


@pytest.mark.parametrize("outcome", ["answered", "forwarded", "redirected", "handled"])
def test_a_closing_says_what_was_done(outcome: str) -> None:
    assert parse_change(changes.CLOSE, outcome=outcome).outcome == outcome
    assert parse_change(changes.CLOSE).outcome is None


@pytest.mark.parametrize("outcome", ["", "done", "Handled", "silent", 1])
def test_unknown_outcome_is_refused(outcome: Any) -> None:
    assert list(faults({"outcome": outcome}, changes.CLOSE)) == ["/outcome"]


def test_a_conversation_is_put_together_with_one_that_has_the_form_of_an_id() -> None:
    assert (
        parse_change(changes.MERGE, **{"with": examples.CONVERSATION}).other
        == examples.CONVERSATION
    )
    assert list(faults({}, changes.MERGE)) == ["/with"]
    assert list(faults({"with": "106540352242922"}, changes.MERGE)) == ["/with"]
    assert list(faults({"other": examples.CONVERSATION}, changes.MERGE)) == ["/other", "/with"]


FORMS = [
    ("2026-12-01T17:00:00+01:00", datetime(2026, 12, 1, 16, tzinfo=UTC)),
    ("2026-12-01t16:00:00z", datetime(2026, 12, 1, 16, tzinfo=UTC)),
    ("2026-12-01T16:00:00.5Z", datetime(2026, 12, 1, 16, 0, 0, 500_000, tzinfo=UTC)),
    ("2026-12-01T16:00:00.123456789-00:30", datetime(2026, 12, 1, 16, 30, 0, 123456, tzinfo=UTC)),
]
NO_FORMS = [
    "",
    "2026-12-01",
    "2026-12-01T17:00:00",
    "2026-12-01 17:00:00Z",
    "2026-12-01T17:00Z",
    "1796140800",
    "2026-02-30T00:00:00Z",
    "2026-12-01T24:00:00Z",
    "2026-12-01T00:00:00+24:00",
    "0000-12-01T00:00:00Z",
    "２０２６-12-01T00:00:00Z",
    " 2026-12-01T17:00:00Z",
    1796140800,
]


@pytest.mark.parametrize(("given", "read"), FORMS)
def test_a_time_is_rfc_3339_with_any_offset(given: str, read: datetime) -> None:
    assert parse_change(changes.NOTICE, **(NOTICE | {"until": given})).until == read


@pytest.mark.parametrize("given", NO_FORMS)
def test_malformed_time_is_refused(given: Any) -> None:
    assert list(faults(NOTICE | {"until": given}, changes.NOTICE)) == ["/until"]


UNFIT = [
    (LONG, "sentence 1 has 17 words, 15 at most"),
    (f"Het is druk. {LONG}", "sentence 2 has 17 words, 15 at most"),
    (CALL, "names the telephone as the only way on"),
    ("Typ uw BSN.", "sentence 1 asks for what may not go by WhatsApp"),
    ("Het is druk. Reageer met uw BSN.", "sentence 2 asks for what may not go by WhatsApp"),
    ("Stuur ons:\n- naam\n- BSN", "sentence 3 asks for what may not go by WhatsApp"),
    ("Drukte door {reden}.", "has a placeholder, and nothing is filled in here"),
    ("...", "has no words"),
    (
        f"{LONG} {CALL}",
        "sentence 1 has 17 words, 15 at most; names the telephone as the only way on",
    ),
    ("  ", "must not be empty"),
    ("a" * 4097, "is over 4096 characters"),
]
FIFTEEN = "Het is nu druk en daarom duurt ons antwoord aan u wat langer dan anders."
FIT = [
    "Het is druk.",
    FIFTEEN,
    f"{CALL} Of mail ons.",
    "Stuur geen:\n- BSN\n- ID.",
    "Het is druk. " * 300,
]


@pytest.mark.parametrize(("text", "said"), UNFIT, ids=[str(n) for n in range(len(UNFIT))])
@pytest.mark.parametrize(("kind", "body"), [(changes.NOTICE, NOTICE), (changes.STATE, CLOSED)])
def test_text_for_citizens_must_be_plain_language(
    kind: TypeAdapter[Any], body: Json, text: str, said: str
) -> None:
    assert faults(body | {"text": text}, kind) == {"/text": said}


@pytest.mark.parametrize("text", FIT, ids=[str(n) for n in range(len(FIT))])
@pytest.mark.parametrize(("kind", "body"), [(changes.NOTICE, NOTICE), (changes.STATE, CLOSED)])
def test_plain_text_for_citizens_passes(kind: TypeAdapter[Any], body: Json, text: str) -> None:
    assert faults(body | {"text": text}, kind) == {}


@given(st.text(max_size=300))
def test_plain_language_error_never_quotes_the_text(text: str) -> None:
    mark = "GEHEIM"
    found = faults(NOTICE | {"text": f"{mark} {text} {LONG}"}, changes.NOTICE)
    assert list(found) == ["/text"]
    assert mark not in found["/text"]


UNTIL = {"until": NOTICE["until"]}
TEXT = {"text": NOTICE["text"]}
STATES = [
    ({"state": "closed"} | TEXT, {}),
    ({"state": "closed"} | TEXT | UNTIL, {}),
    ({"state": "closed"}, {"/text": "must be given: what citizens are told"}),
    ({"state": "receive-only"}, {}),
    ({"state": "receive-only"} | UNTIL, {}),
    ({"state": "receive-only"} | TEXT, {"/text": "goes with closed only"}),
    ({"state": "open"}, {}),
    ({"state": "open"} | UNTIL, {"/until": "does not go with open"}),
    ({"state": "open"} | TEXT, {"/text": "goes with closed only"}),
    ({"state": "shut"}, {"/state": "must be 'open', 'receive-only' or 'closed'"}),
    ({}, {"/state": "must be given"}),
]


@pytest.mark.parametrize(("body", "wanted"), STATES)
def test_a_closed_number_says_so_and_no_other_has_a_text(body: Json, wanted: Any) -> None:
    assert faults(body, changes.STATE) == wanted
