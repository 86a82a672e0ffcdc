"""Pages of the archivist and the privacy officer: for whom they are, and what they ask and show."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast
from uuid import uuid4

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from desk.access import Access, Tenant
from desk.conversation.reasons import MAX_CHARACTERS
from desk.login.provider import Tokens
from desk.login.sessions import Session
from desk.pages.archive.exposures import exposure_body
from desk.pages.archive.people import report_body
from desk.pages.archive.reason import TROUBLES, read_reason, trouble_of
from desk.pages.archive.requests import decision_body
from desk.pages.archive.search import SNIPPET, list_found, search_body, shorten
from desk.pages.archive.views import view_body
from desk.pages.forms import Form
from desk.postkamer.archive import Hit, Hits, NoteHit
from desk.postkamer.client import Refused
from desk.postkamer.privacy import PrivacyRequest
from desk.service import archive_routes
from desk.web.gate import Gate
from desk.web.site import Visit
from desk.web.words import load_words

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ROLES = ("send", "care", "kcc", "read", "rules", "records", "archivist", "privacy", "operator")
NEEDED = {
    "/archive/search": {"records"},
    "/archive/conversations": {"records", "read"},
    "/archive/people": {"privacy"},
    "/archive/people/report": {"privacy"},
    "/archive/requests": {"privacy"},
    "/archive/requests/{id}": {"privacy"},
    "/archive/requests/{id}/extend": {"privacy"},
    "/archive/requests/{id}/decide": {"privacy"},
    "/archive/views": {"privacy"},
    "/archive/exposures": {"privacy"},
    "/archive/exposures/file": {"privacy"},
    "/archive/annotations": {"privacy"},
}
"""Path -> roles that an employee needs, all of them."""
Handler = Callable[[web.Request, Visit], Awaitable[web.StreamResponse]]


class _OpenGate:
    """A gate past which everybody is let: what comes after it decides."""

    def require(self, handler: Handler) -> Handler:
        return handler


def visit_of(roles: set[str]) -> Visit:
    access = Access(Tenant("almelo", "Almelo", "urn:x"), "w.dekker", frozenset(roles), ())
    return Visit("nl", NOW, session=Session(b"s", access, Tokens("t", "", ""), NOW, NOW))


def routes() -> list[web.RouteDef]:
    nothing = cast(Any, None)
    return archive_routes(cast(Gate, _OpenGate()), nothing, nothing, nothing, nothing)


def test_each_page_has_its_roles() -> None:
    assert {route.path for route in routes()} == NEEDED.keys()


@pytest.mark.parametrize("route", routes(), ids=lambda each: f"{each.method} {each.path}")
async def test_page_is_not_there_for_an_employee_without_its_roles(route: web.RouteDef) -> None:
    needed = NEEDED[route.path]
    handler = cast(Handler, route.handler)
    for missing in needed:
        others = {each for each in ROLES if each != missing}
        request = make_mocked_request(route.method, route.path)
        with pytest.raises(Refused) as refused:
            await handler(request, visit_of(others))
        assert refused.value.status == 403  # which the gate shows as a page that is not there


def test_reason_is_one_line_of_bounded_length() -> None:
    assert read_reason(Form({"reason": " klacht\r\nX-Evil: 1\u202e \x00 "})) == "klacht X-Evil: 1"
    assert len(read_reason(Form({"reason": "a" * 2 * MAX_CHARACTERS}))) == MAX_CHARACTERS
    assert read_reason(Form({"reason": " \n "})) == read_reason(Form({})) == ""


def test_search_asks_for_what_was_filled_in_with_whole_days() -> None:
    given = {"words": " zwembad ", "since": "2026-11-01", "until": "2026-11-30", "kind": "note"}
    body = search_body(Form(given | {"department": "sport", "after": "x", "as_of": "y"}))
    assert body | {"from": 0, "until": 0} == {
        "words": "zwembad", "types": ["note"], "departments": ["sport"], "after": "x", "asOf": "y",
        "from": 0, "until": 0,
    }  # fmt: skip
    assert body["from"].isoformat() == "2026-11-01T00:00:00+01:00"
    assert body["until"].isoformat() == "2026-12-01T00:00:00+01:00"
    assert search_body(Form({"kind": "<script>", "since": "ooit"})) == {}


def test_person_is_asked_by_number_without_what_people_write_between_the_digits() -> None:
    given = {"phone": "+31 (6) 12-34.56 78", "bsuid": "", "since": "2026-01-01"}
    assert report_body(Form(given)) == {
        "identities": [{"kind": "phone", "value": "+31612345678"}],
        "from": "2026-01-01",
    }
    assert report_body(Form({"request": " AVG-2026-0001 "})) == {
        "identities": [],
        "request": "AVG-2026-0001",
    }


def test_decision_and_views_leave_out_what_is_empty() -> None:
    assert decision_body(Form({"decision": "granted", "ground": "", "text": " "})) == {
        "decision": "granted"
    }
    assert view_body(Form({"conversation": " c ", "employee": ""})) == {"conversation": "c"}


def test_exposure_is_asked_of_one_subject_in_whole_days() -> None:
    days = {"since": "2026-11-20", "until": "2026-11-20"}
    form = {"subject": "token", "name": " zaaksysteem ", "reason": "x"} | days
    body = exposure_body(Form(form))
    assert body.pop("until") - body.pop("from") == timedelta(days=1)
    assert body == {"token": "zaaksysteem"}
    assert exposure_body(Form({"subject": "from", "name": "x"})) == {}
    assert exposure_body(Form({"subject": "token", "name": " "})) == {}


@pytest.mark.parametrize(
    ("status", "code", "pointer", "words"),
    [
        (400, "", "/words", "archive.words"),
        (400, "", "/identities/0/value", "archive.person"),
        (400, "", "/elsewhere", "archive.refused"),
        (400, "too_broad", "", "archive.too"),
        (403, "", "", "archive.not_whole"),
        (409, "decided", "", "archive.decided"),
        (409, "pdf_too_large", "", "archive.pdf"),
    ],
)
def test_refusal_is_explained(status: int, code: str, pointer: str, words: str) -> None:
    assert trouble_of(Refused(status, code, {"errors": [{"pointer": pointer}]})) == words
    assert words in load_words("nl")


@pytest.mark.parametrize("status", [401, 404])
def test_page_that_is_not_there_and_an_ended_token_are_for_the_gate(status: int) -> None:
    with pytest.raises(Refused):
        trouble_of(Refused(status, "", {}))


def test_each_refusal_has_words() -> None:
    assert set(TROUBLES.values()) <= load_words("nl").keys()


def test_messages_and_notes_are_one_list_with_the_newest_first() -> None:
    hit = Hit(uuid4(), "c1", "text", "in", NOW, "Waar is\nhet zwembad?", "sport")
    note = NoteHit(uuid4(), "c2", NOW + timedelta(hours=1), "belt terug", "sport")
    found = list_found(Hits((hit,), (note,), 0, 2, True, "x"))
    assert [(each.conversation, each.kind, each.snippet, each.is_ours) for each in found] == [
        ("c2", "note", "belt terug", True),
        ("c1", "text", "Waar is het zwembad?", False),
    ]
    assert len(shorten("a" * 2 * SNIPPET)) == SNIPPET


def test_days_left_go_below_zero_when_a_request_is_overdue() -> None:
    request = PrivacyRequest(
        "AVG-2026-0001", "access", date(2026, 11, 1), date(2026, 12, 1), "soon"
    )
    assert [request.days_left(date(2026, 11, 29)), request.days_left(date(2026, 12, 3))] == [2, -2]
