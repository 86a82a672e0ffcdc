"""Tasks of Open Klant: reason and terms, without a word of the citizen."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.destinations.openklant.contact_text import MAX_TEXT
from deliverer.destinations.openklant.events import PayloadOptions, parse_event
from deliverer.destinations.openklant.task_payloads import (
    NO_PHONE,
    add_lines,
    close_task,
    move_task,
    reopen_task,
    task_payload,
)
from tests.unit.deliverer.destinations.openklant.test_contact_text import OPTIONS, event

CONTACT, ACTOR = (str(UUID(int=n)) for n in (1, 3))
PHONE = {"kind": "phone", "value": "31612345678"}
BSUID = {"kind": "bsuid", "value": "NL.123"}
WORK: dict[str, Any] = {
    "text": "GEHEIM",
    "from": {"identities": [PHONE, BSUID], "name": "GEHEIM"},
    "media": [{"link": "/v1/media/GEHEIM", "filename": "GEHEIM.pdf"}],
    "place": {"latitude": 52.0, "longitude": 6.0},
    "decision": {"reason": "container\nstaat erin"},
    "due": "2026-12-24",
    "windowUntil": "2026-11-26T12:00:00Z",
    "priority": "high",
    "tags": ["klacht", "spoed"],
}
TERMS = [
    "Wettelijke termijn: 24-12-2026",
    "Antwoorden via WhatsApp kan tot donderdag 26 november om 13.00 uur",
    "Prioriteit: hoog",
    "Kenmerken: klacht, spoed",
]


def payload(data: dict[str, Any], options: PayloadOptions = OPTIONS) -> dict[str, Any]:
    delivery = event(data)
    return task_payload(delivery, parse_event(delivery), CONTACT, ACTOR, options)


def remarks(data: dict[str, Any]) -> list[str]:
    text: str = payload(data)["toelichting"]
    return text.splitlines()


def test_task_has_one_actor_and_says_where_why_and_until_when() -> None:
    body = payload(WORK)
    assert body["toelichting"].splitlines() == [
        "Gesprek: https://kcc.example/10000001-c1",
        "Waarom hier: container staat erin",
        *TERMS,
    ]
    assert body["toegewezenAanActoren"] == [{"uuid": ACTOR}]
    assert body["aanleidinggevendKlantcontact"] == {"uuid": CONTACT}
    assert body["status"] == "te_verwerken" and "nummer" not in body


def test_task_has_no_word_of_the_citizen() -> None:
    assert "GEHEIM" not in str(payload(WORK))
    assert "31612345678" not in str(payload(WORK)) and "NL.123" not in str(payload(WORK))


@pytest.mark.parametrize(
    ("citizen", "is_said"),
    [
        ({"identities": [BSUID]}, True),
        ({"identities": [BSUID, PHONE]}, False),
        ({"identities": []}, False),
        ("afval", False),
        (None, False),
    ],
    ids=["user id only", "phone", "confidential", "previous department of a transfer", "none"],
)
def test_task_says_that_a_citizen_has_no_telephone_number(citizen: Any, is_said: bool) -> None:
    assert (NO_PHONE in remarks({"from": citizen})) is is_said


def test_terms_still_fit_after_a_long_reason_and_many_tags() -> None:
    lines = remarks(WORK | {"decision": {"reason": "r" * 1200}, "tags": ["t" * 64] * 20})
    assert lines[1] == f"Waarom hier: {'r' * 299}…"
    assert lines[2:5] == TERMS[:3]
    assert lines[5].startswith("Kenmerken: tttt") and lines[5].endswith("…")


def test_moved_task_has_the_new_actor_the_reason_and_the_terms() -> None:
    there = {"toelichting": "Gesprek: x\nNotitie van Sanne", "status": "te_verwerken"}
    change = move_task(there, parse_event(event(WORK)), ACTOR, "Doorgezet naar Burgerzaken. x")
    assert change["toegewezenAanActoren"] == [{"uuid": ACTOR}]
    assert change["toelichting"].splitlines() == [
        "Gesprek: x",
        "Notitie van Sanne",
        "Doorgezet naar Burgerzaken. x",
        *TERMS,
    ]
    assert "status" not in change


def test_task_is_ended_and_opened_once_each() -> None:
    open_task, done = {"status": "te_verwerken"}, {"status": "verwerkt"}
    assert close_task(open_task, "Klaar.") == {"status": "verwerkt", "toelichting": "Klaar."}
    assert close_task(done, "Klaar.") is None
    reopened = reopen_task(done, "Mislukt.")
    assert reopened == {"status": "te_verwerken", "toelichting": "Mislukt."}
    assert reopen_task(reopened, "Mislukt.") is None
    assert reopen_task(open_task, "Mislukt.") == {"toelichting": "Mislukt."}


LINES = st.text(st.characters(exclude_characters="\0\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029"))


@given(LINES, st.lists(LINES, max_size=5))
def test_remarks_grow_and_repeat_no_line(previous: str, lines: list[str]) -> None:
    text = add_lines(previous, lines)
    assert len(text) <= max(MAX_TEXT, len(previous))
    assert add_lines(text, lines) == text
    assert text.startswith(previous)


@given(st.text(max_size=1000), st.text("abc ", min_size=1, max_size=1200))
def test_full_remarks_keep_the_newest_line_and_show_the_cut(previous: str, line: str) -> None:
    text = add_lines(previous, [line])
    assert len(text) <= MAX_TEXT
    if text != previous and not text.startswith(previous):
        assert "…" in text and text.endswith((line.strip()[-1], "…"))
