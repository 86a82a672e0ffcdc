"""Pages of the archivist and the privacy officer: for whom they are, and what they ask and show."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast, get_args
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import MultiDict, MultiDictProxy

from archiver.destruction.destruction_list import SPARING_REASONS, ItemState, State
from archiver.privacy.disclosures.examples import DISCLOSURE_ID
from archiver.privacy.examples import REQUEST_ID
from archiver.privacy.holds.examples import HOLD_ID
from archiver.privacy.lists.examples import LIST_ID
from archiver.privacy.lists.routes import STEP_EVENTS
from desk.access import Access, Tenant
from desk.conversation.reasons import MAX_CHARACTERS
from desk.login.provider import Tokens
from desk.login.sessions import Session
from desk.pages.archive.exposures import exposure_body
from desk.pages.archive.holds import hold_body
from desk.pages.archive.lists import (
    REASONS,
    REFUSALS,
    STEPS,
    list_steps,
    sparing_body,
    trouble_of_list,
)
from desk.pages.archive.people import SHOWN, PeoplePages, report_body
from desk.pages.archive.reason import TROUBLES, id_of, read_reason, trouble_of
from desk.pages.archive.requests import decision_body
from desk.pages.archive.search import SNIPPET, list_found, search_body, shorten
from desk.pages.archive.views import view_body
from desk.pages.forms import NOTHING_TYPED, Form
from desk.postkamer.archive import Hit, Hits, NoteHit
from desk.postkamer.client import Refused
from desk.postkamer.destruction import FullList
from desk.postkamer.privacy import PrivacyOffice, PrivacyRequest
from desk.service import archive_routes
from desk.web.assets import Assets
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from desk.web.words import Language, load_words

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
ROLES = ("send", "care", "kcc", "read", "rules", "records", "archivist", "privacy", "operator")
NEEDED = {
    "/archive/search": {"records"},
    "/archive/disclosures": {"records"},
    "/archive/disclosures/new": {"records"},
    "/archive/disclosures/{id}": {"records"},
    "/archive/disclosures/{id}/step": {"records"},
    "/archive/disclosures/{id}/decide": {"records"},
    "/archive/disclosures/{id}/inventory/{form}": {"records"},
    "/archive/disclosures/{id}/result": {"records"},
    "/archive/disclosures/{id}/documents/{number}": {"records"},
    "/archive/disclosures/{id}/documents/{number}/redact": {"records"},
    "/archive/disclosures/{id}/documents/{number}/decide": {"records"},
    "/archive/disclosures/{id}/documents/{number}/pictures/{message}": {"records"},
    "/archive/disclosures/{id}/documents/{number}/preview/{form}": {"records"},
    "/archive/search/conversation": {"records", "read"},
    "/archive/people": {"privacy"},
    "/archive/people/report": {"privacy"},
    "/archive/requests": {"privacy"},
    "/archive/requests/{id}": {"privacy"},
    "/archive/requests/{id}/extend": {"privacy"},
    "/archive/requests/{id}/decide": {"privacy"},
    "/archive/requests/{id}/erase": {"privacy"},
    "/archive/views": {"privacy"},
    "/archive/exposures": {"privacy"},
    "/archive/exposures/file": {"privacy"},
    "/archive/annotations": {"privacy"},
}
"""Path -> roles that an employee needs, all of them."""
KEEPERS, HOLDERS = {"records", "archivist"}, {"records", "archivist", "privacy"}
EITHER = {
    "/archive/holds": HOLDERS,
    "/archive/holds/new": HOLDERS,
    "/archive/holds/{id}": HOLDERS,
    "/archive/holds/{id}/review": HOLDERS,
    "/archive/holds/{id}/lift": HOLDERS,
    "/archive/lists": KEEPERS,
    "/archive/lists/{id}": KEEPERS,
    "/archive/lists/{id}/step": KEEPERS,
    "/archive/lists/{id}/spare": {"records"},
    "/archive/lists/{id}/declaration": KEEPERS,
    "/archive/lists/{id}/declaration.pdf": KEEPERS,
}
"""Path -> roles of which an employee needs one."""
FIND = ("POST", "/archive/people")
Handler = Callable[[web.Request, Visit], Awaitable[web.StreamResponse]]


class OpenGate:
    """A gate past which everybody is let: what comes after it decides."""

    def require(self, handler: Handler) -> Handler:
        return handler


def visit_of(roles: set[str]) -> Visit:
    access = Access(Tenant("almelo", "Almelo", "urn:x"), "w.dekker", frozenset(roles), ())
    return Visit("nl", NOW, session=Session(b"s", access, Tokens("t", "", ""), NOW, NOW))


def _posted(fields: dict[str, str]) -> web.Request:
    """Return a request whose form was read."""
    request = make_mocked_request("POST", "/archive/people")
    request._post = MultiDictProxy(MultiDict(fields))
    return request


def routes() -> list[web.RouteDef]:
    nothing = cast(Any, None)
    return archive_routes(cast(Gate, OpenGate()), nothing, nothing, nothing, nothing)


def test_each_page_has_its_roles() -> None:
    assert {route.path for route in routes()} == NEEDED.keys() | EITHER.keys()


@pytest.mark.parametrize("route", routes(), ids=lambda each: f"{each.method} {each.path}")
async def test_page_is_not_there_for_an_employee_without_its_roles(route: web.RouteDef) -> None:
    handler = cast(Handler, route.handler)
    either = EITHER.get(route.path)
    for missing in [either] if either else [{each} for each in NEEDED[route.path]]:
        others = {each for each in ROLES if each not in missing}
        request = make_mocked_request(route.method, route.path)
        with pytest.raises(Refused) as refused:
            await handler(request, visit_of(others))
        assert refused.value.status == 403  # which the gate shows as a page that is not there


@pytest.mark.parametrize("path", [each for each in (*EITHER, *NEEDED) if "{id}" in each])
async def test_page_of_what_is_no_id_is_not_there(path: str) -> None:
    """Else its heading says what a link says: to call a number, say."""
    asked = [route for route in routes() if route.path == path]
    assert asked
    for route in asked:
        for id in ("Bel direct 088-1234567", "AVG-2026-0001\n", "AVG-2026-0001/..", ""):
            request = make_mocked_request(route.method, path, match_info={"id": id})
            request._post = MultiDict({"step": "review"})  # type: ignore[assignment]
            with pytest.raises(Refused) as refused:
                await cast(Handler, route.handler)(request, visit_of(set(ROLES)))
            assert refused.value.status == 404


@pytest.mark.parametrize("id", [REQUEST_ID, LIST_ID, HOLD_ID, DISCLOSURE_ID])
def test_id_has_the_form_that_the_record_gives_it(id: str) -> None:
    request = make_mocked_request("GET", "/", match_info={"id": id})
    assert id_of(request) == id


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
    for day in ("0001-01-01", "9999-12-31"):  # before the one and after the other there is no day
        assert search_body(Form({"since": day, "until": day})) == {}


def _reported(messages: int, notes: int = 0) -> dict[str, Any]:
    at = NOW.isoformat()
    message = {
        "at": at,
        "direction": "in",
        "type": "text",
        "text": "lang geleden",
        "author": "citizen",
    }
    note = {"id": "n", "at": at, "department": "balie", "text": "een notitie"}
    return {
        "openedAt": at,
        "departments": ["balie"],
        "messages": [
            message | {"id": str(n), "files": [], "annotations": []} for n in range(messages)
        ],
        "notes": [note] * notes,
    }


@pytest.mark.parametrize(
    ("conversations", "rows", "is_whole"),
    [
        ([(SHOWN, 0)], [(SHOWN, 0)], True),
        ([(SHOWN, 1)], [(SHOWN, 0)], False),
        ([(SHOWN - 1, 2), (1, 0)], [(SHOWN - 1, 1)], False),
        ([(0, 0), (9, 9)], [(0, 0), (9, 9)], True),
        ([(20_000, 0), (1, 1)], [(SHOWN, 0)], False),
        ([(0, 0)] * (SHOWN + 1), [(0, 0)] * SHOWN, False),
    ],
)
async def test_page_of_a_person_shows_the_first_messages_of_any_report(
    conversations: list[tuple[int, int]], rows: list[tuple[int, int]], is_whole: bool
) -> None:
    """One large report takes the desk from nobody."""
    view = {"at": NOW.isoformat(), "department": "balie", "why": "klacht"}
    parts = [_reported(*each) for each in conversations]
    report = {"about": [], "conversations": parts, "views": [view] * 2 * SHOWN, "more": {}}

    class Office(PrivacyOffice):
        async def report(self, token: str, body: dict[str, Any], reason: str) -> bytes:
            return msgspec.json.encode({"report": report, "others": 0})

    pages = PeoplePages(cast(Gate, OpenGate()), Site(Assets()), Office(cast(Any, None)))
    [find] = [each.handler for each in pages.routes() if (each.method, each.path) == FIND]
    page = (await cast(Handler, find)(_posted({"reason": "verzoek"}), visit_of({"privacy"}))).text
    assert page.count("lang geleden") == sum(messages for messages, _ in rows)
    assert page.count("een notitie") == sum(notes for _, notes in rows)
    assert page.count(f"berichten: {conversations[0][0]}<") >= 1, "all are counted"
    assert ("de eerste 200 berichten" in page) is not is_whole
    assert page.count("klacht") == SHOWN


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


def test_hold_is_of_what_was_filled_in() -> None:
    case = {"ground": "woo", "review_on": "2027-06-01", "text": " Woo 17 "}
    given = {"words": " zwembad ", "department": "sport", "until": "2026-11-30", "phone": ""}
    assert hold_body(Form(case | given)) == {
        "ground": "woo",
        "reviewOn": "2027-06-01",
        "text": "Woo 17",
        "selection": {
            "words": "zwembad",
            "departments": ["sport"],
            "until": datetime.fromisoformat("2026-12-01T00:00:00+01:00"),
        },
    }
    assert hold_body(Form({"phone": "+31 6-1"}))["identities"] == [
        {"kind": "phone", "value": "+3161"}
    ]


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
        (409, "lifted", "", "archive.lifted"),
        (400, "", "/reviewOn", "holds.wrong_day"),
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


def list_in(state: str) -> FullList:
    return FullList(
        id="VL-2026-0001", kind="term", state=state, drawn_by="w.dekker", drawn_at=NOW, counts={},
        up_to=NOW.date(), destroyed_from=NOW if state == "approved" else None, steps=(), groups=(),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("state", "role", "verbs"),
    [
        ("drawn", "records", ("review", "withdraw")),
        ("drawn", "archivist", ("withdraw",)),
        ("reviewed", "records", ("return", "withdraw")),
        ("reviewed", "archivist", ("approve", "return", "withdraw")),
        ("approved", "archivist", ("withdraw",)),
        ("destroying", "records", ("withdraw",)),
        ("destroyed", "archivist", ()),
        ("reviewed", "privacy", ()),
    ],
)
def test_page_offers_the_steps_that_the_employee_may_take(
    state: str, role: str, verbs: tuple[str, ...]
) -> None:
    session = visit_of({role}).session
    assert session and list_steps(list_in(state), session.access) == verbs


def test_sparing_has_the_boxes_that_are_checked() -> None:
    boxes = [("conversation", "a"), ("conversation", "b")]
    form = Form(MultiDict([*boxes, ("reason", "woo"), ("text", " "), ("until", "2027-01-01")]))
    assert sparing_body(form) == {
        "conversations": ["a", "b"], "reason": "woo", "until": "2027-01-01",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("status", "code", "pointer", "words"),
    [
        *((409, each, "", f"lists.{each}") for each in REFUSALS),
        (400, "", "/until", "lists.wrong_until"),
        (400, "", "/text", "lists.text_needed"),
        (409, "refused", "", "archive.refused"),
        (403, "", "", "archive.not_whole"),
    ],
)
def test_refused_step_is_explained(status: int, code: str, pointer: str, words: str) -> None:
    assert trouble_of_list(Refused(status, code, {"errors": [{"pointer": pointer}]})) == words
    assert words in load_words("nl")


def test_each_code_of_a_list_has_words() -> None:
    tables = {
        "list_state": get_args(State), "item_state": get_args(ItemState),
        "spare_reason": SPARING_REASONS, "list_event": STEP_EVENTS, "list_step": STEPS,
    }  # fmt: skip
    assert {f"{table}.{each}" for table, codes in tables.items() for each in codes} <= (
        load_words("nl").keys()
    )
    assert REASONS == SPARING_REASONS


@pytest.mark.parametrize("state", get_args(State))
@pytest.mark.parametrize("language", get_args(Language))
def test_page_of_a_list_is_shown_in_each_state(state: str, language: Language) -> None:
    visit = msgspec.structs.replace(visit_of({"records", "archivist"}), language=language)
    assert visit.session
    found, access = list_in(state), visit.session.access
    shown = Site(Assets()).render(
        visit, "archive_list.html", list=found, items=(), next=None, chosen={}, access=access,
        steps=list_steps(found, access), may_spare=state == "drawn", reasons=REASONS, max_text=1,
        trouble="", verb="", typed=NOTHING_TYPED, boxes=(),
    )  # fmt: skip
    assert load_words(language)[f"list_state.{state}"] in shown
    for verb in list_steps(found, access):
        assert load_words(language)[f"list_step.{verb}"] in shown
