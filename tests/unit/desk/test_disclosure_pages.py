"""Pages of disclosures: what a person may choose, what is asked for it, and how a text is shown."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any, cast
from uuid import UUID

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import MultiDict, MultiDictProxy

from archiver.disclosure.disclosure import DECISIONS as RECORDED_DECISIONS
from archiver.disclosure.disclosure import KINDS as RECORDED_KINDS
from archiver.disclosure.disclosure import PERSONS
from archiver.disclosure.grounds import PRIVACY
from archiver.privacy.disclosures import examples
from archiver.privacy.disclosures.orders import DECIDE, DRAW, REDACT
from desk.access import Access, Tenant
from desk.login.provider import Tokens
from desk.login.sessions import Session
from desk.pages.archive.disclosures import (
    DECISIONS,
    KINDS,
    POINTERS,
    REFUSALS,
    DisclosurePages,
    decision_body,
    disclosure_body,
    disclosure_steps,
    trouble_of_disclosure,
)
from desk.pages.archive.documents import (
    MOST_PROPOSALS,
    PAGE,
    USUAL,
    DocumentPages,
    show_proposals,
    show_texts,
)
from desk.pages.archive.marked_text import join_words, list_words, mark_text
from desk.pages.archive.redaction_order import ORDERS, Nothing, redaction_body
from desk.pages.forms import Form
from desk.postkamer.client import Refused
from desk.postkamer.disclosures import DisclosureOffice, FullDisclosure, FullDocument, Text
from desk.web.assets import Assets
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from desk.web.words import Language, load_words

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
OPENING = UUID("018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11")
FOUND = msgspec.convert(examples.FULL_DISCLOSURE, FullDisclosure)
DOCUMENT = msgspec.convert(examples.FULL_DOCUMENT, FullDocument)
MESSAGE = DOCUMENT.texts[0].message
TEXT = DOCUMENT.texts[0].text
PATH = f"/archive/disclosures/{FOUND.id}/documents/1"
Handler = Callable[[web.Request, Visit], Awaitable[web.StreamResponse]]


class OpenGate:
    """A gate past which everybody is let."""

    def require(self, handler: Handler) -> Handler:
        return handler


class Office(DisclosureOffice):
    """An office with one disclosure of one document, which keeps what it is asked for."""

    def __init__(self, found: FullDisclosure = FOUND, document: FullDocument = DOCUMENT) -> None:
        self.found, self._document, self.orders = found, document, list[Any]()
        self.refusal: Refused | None = None

    async def find(self, token: str, id: str) -> FullDisclosure:
        return self.found

    async def document(self, *_: Any) -> FullDocument:
        return self._document

    async def change(self, token: str, id: str, verb: str, body: dict[str, Any]) -> None:
        self.orders.append((verb, body))
        if self.refusal:
            raise self.refusal

    async def redact(
        self, token: str, id: str, number: int, look: Any, body: dict[str, Any]
    ) -> None:
        self.orders.append(body)
        if self.refusal:
            raise self.refusal


class Reasons:
    def __init__(self, reason: str = "Woo 17") -> None:
        self.reason = reason

    async def find(self, *_: Any) -> str:
        return self.reason

    async def store(self, session: bytes, of: str, reason: str, now: datetime) -> None:
        self.reason = reason


def visit_of(language: Language = "nl") -> Visit:
    access = Access(Tenant("almelo", "Almelo", "urn:x"), "d.kok", frozenset({"records"}), ())
    session = Session(b"s", access, Tokens("t", "", ""), NOW, NOW)
    return Visit(language, NOW, session=session, form_token="f", opening=OPENING)


async def answer(
    office: Office,
    method: str = "GET",
    end: str = "",
    fields: Any = (),
    *,
    reasons: Reasons | None = None,
    query: str = "",
    language: Language = "nl",
) -> web.Response:
    given = cast(Any, reasons or Reasons())
    pages = DocumentPages(*made_of(office, given)).routes()
    handler = handler_of(pages, method, "/archive/disclosures/{id}/documents/{number}" + end)
    match = {"id": FOUND.id, "number": "1"}
    request = make_mocked_request(method, f"{PATH}{end}{query}", match_info=match)
    request._post = MultiDictProxy(MultiDict(fields))
    return cast(web.Response, await handler(request, visit_of(language)))


def made_of(office: Office, reasons: Any) -> tuple[Gate, Site, Office, Any, Any]:
    return cast(Gate, OpenGate()), Site(Assets()), office, None, reasons


def handler_of(routes: list[web.RouteDef], method: str, path: str) -> Handler:
    [handler] = [each.handler for each in routes if (each.method, each.path) == (method, path)]
    return cast(Handler, handler)


async def step(office: Office, end: str, fields: Any) -> web.Response:
    """The answer to a form on the page of the disclosure."""
    pages = DisclosurePages(*made_of(office, Reasons())).routes()
    path = "/archive/disclosures/{id}" + end
    request = make_mocked_request("POST", path, match_info={"id": FOUND.id})
    request._post = MultiDictProxy(MultiDict(fields))
    handler = handler_of(pages, "POST", path)
    return cast(web.Response, await handler(request, visit_of()))


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("state", ["drawn", "reviewed", "approved"])
async def test_document_shows_what_is_left_out_and_changes_only_while_it_is_drawn(
    state: str, language: Language
) -> None:
    found = msgspec.structs.replace(FOUND, state=state)
    page = (await answer(Office(found), language=language)).text or ""
    assert '<del class="desk-redacted" data-ground="5.1.2e">Henk</del>' in page
    assert f'src="{PATH}/pictures/{MESSAGE}?opening={OPENING}"' in page
    assert '<rect class="desk-box" x="0" y="0" width="500" height="1000"/>' in page
    assert (page.count('name="do" value="everywhere"') == 1) == (state == "drawn")
    assert (f"mark={MESSAGE}" in page) == (state == "drawn")
    still = f'href="{PATH}?opening={OPENING}&amp;page=1#text-{MESSAGE}">'
    assert (still in page) == (state == "drawn"), "Henk stands inside Henks"


async def test_words_are_chosen_without_a_script() -> None:
    page = (await answer(Office(), query=f"?mark={MESSAGE}")).text or ""
    start = TEXT.index("zwembad")
    assert f'name="word" value="{start}-{start + len("zwembad")}">zwembad</label>' in page


async def test_nothing_is_shown_without_a_reason_which_holds_for_all_documents() -> None:
    office, reasons = Office(), Reasons("")
    page = (await answer(office, reasons=reasons)).text or ""
    assert "Henk" not in page and f'action="{PATH}"' in page
    refused = await answer(office, "POST", fields={"reason": " "}, reasons=reasons)
    assert refused.status == 400
    given = await answer(office, "POST", fields={"reason": "Woo 17"}, reasons=reasons)
    assert given.headers["Location"] == f"{PATH}?opening={OPENING}"
    assert "Henk" in ((await answer(office, reasons=reasons)).text or "")


async def test_refused_redaction_is_explained_with_what_was_typed() -> None:
    office = Office()
    office.refusal = Refused(400, "", {"errors": [{"pointer": "/words/0/words"}]})
    fields = {"do": "everywhere", "words": "Piet & Co", "ground": "5.1.2e"}
    refused = await answer(office, "POST", "/redact", fields)
    assert refused.status == 400
    assert "Deze woorden staan nergens" in (refused.text or "")
    assert "Piet &amp; Co" in (refused.text or "")
    office.refusal = None
    done = await answer(office, "POST", "/redact", fields | {"page": "3"})
    assert done.headers["Location"] == f"{PATH}?opening={OPENING}&page=3#done"
    nothing = await answer(office, "POST", "/redact", {"do": "words", "message": MESSAGE})
    assert nothing.status == 400 and len(office.orders) == 2


BOX = {"x": "0", "y": "10", "width": "20", "height": "30"}


@pytest.mark.parametrize(
    ("fields", "body"),
    [
        (
            {"do": "everywhere", "words": " Henk ", "ground": "5.1.2e"},
            {"words": [{"words": "Henk", "ground": "5.1.2e"}]},
        ),
        (
            [("do", "words"), ("message", MESSAGE), ("ground", "5.1.2i"), ("word", "0-7"),
             ("word", "8-12"), ("word", "20-23"), ("word", "kwaad"), ("word", "0-9")],
            {"spans": [(0, 12, "5.1.2i"), (20, 23, "5.1.2i")]},
        ),
        (
            {"do": "part", "message": MESSAGE, "start": "8", "end": "12", "quote": "Henk",
             "ground": "5.1.2e"},
            {"spans": [(8, 12, "5.1.2e")]},
        ),
        (
            {"do": "back", "message": MESSAGE, "start": "9", "end": "13"},
            {"remove": {"spans": [{"message": MESSAGE, "from": 9, "to": 13}]}},
        ),
        ({"do": "show", "message": MESSAGE}, {"pictures": [MESSAGE]}),
        ({"do": "hide", "message": MESSAGE}, {"remove": {"pictures": [MESSAGE]}}),
        (
            {"do": "box", "message": MESSAGE, "ground": "5.1.1d"} | BOX,
            {"boxes": [{"message": MESSAGE, "ground": "5.1.1d", "x": 0, "y": 10, "width": 20,
                        "height": 30}]},
        ),
        (
            {"do": "unbox", "message": MESSAGE} | BOX,
            {"remove": {"boxes": [{"message": MESSAGE, "x": 0, "y": 10, "width": 20,
                                   "height": 30}]}},
        ),
        ({"do": "list", "list": "what\n"}, {"list": "what\n"}),
    ],
)  # fmt: skip
def test_form_asks_for_what_was_chosen_and_the_archive_takes_it(
    fields: Any, body: dict[str, Any]
) -> None:
    if "spans" in body:
        body = {
            "spans": [
                {"message": MESSAGE, "from": start, "to": end, "ground": ground}
                for start, end, ground in body["spans"]
            ]
        }
    asked = redaction_body(Form(MultiDict(fields)), DOCUMENT)
    assert asked == body
    REDACT.validate_json(msgspec.json.encode(asked))


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"do": "destroy"},
        {"do": "words", "message": MESSAGE},
        {"do": "propose", "proposal": f"{MESSAGE},0,1,5.1.2e"},
        # A browser that counts otherwise, or another text.
        {"do": "part", "message": MESSAGE, "start": "9", "end": "13", "quote": "Henk"},
        {"do": "part", "message": "another", "start": "0", "end": "4", "quote": "Henk"},
        {"do": "part", "message": MESSAGE, "start": "4", "end": "4", "quote": ""},
    ],
)
def test_form_that_chose_nothing_asks_for_nothing(fields: dict[str, str]) -> None:
    with pytest.raises(Nothing) as nothing:
        redaction_body(Form(fields), DOCUMENT)
    assert str(nothing.value) in load_words("nl")


def test_proposal_that_was_chosen_is_left_out() -> None:
    span = msgspec.structs.replace(DOCUMENT.spans[0], start=19, end=26)
    document = msgspec.structs.replace(DOCUMENT, proposals=(span,))
    fields = {"do": "propose", "proposal": span.value}
    [asked] = redaction_body(Form(fields), document)["spans"]
    assert (asked["from"], asked["to"]) == (19, 26)
    assert ORDERS.keys() >= {"propose", "list"}


@pytest.mark.parametrize(
    ("text", "spans", "proposals", "segments"),
    [
        ("Jan belt", [], [], [("Jan belt", (), False)]),
        ("", [], [], [("", (), False)]),
        ("Jan belt", [(0, 3, "a")], [], [("Jan", ("a",), False), (" belt", (), False)]),
        ("Jan belt", [], [(4, 8)], [("Jan ", (), False), ("belt", (), True)]),
        # What is left out is no proposal; two grounds meet.
        (
            "abcdef",
            [(0, 3, "a"), (2, 4, "b")],
            [(3, 6)],
            [("ab", ("a",), False), ("c", ("a", "b"), False), ("d", ("b",), False),
             ("ef", (), True)],
        ),
        ("😕 Jan", [(2, 5, "a")], [], [("😕 ", (), False), ("Jan", ("a",), False)]),
    ],
)  # fmt: skip
def test_text_is_shown_in_segments(
    text: str, spans: Any, proposals: Any, segments: list[tuple[str, tuple[str, ...], bool]]
) -> None:
    made = mark_text(text, spans, proposals) or []
    shown = [(each.text, each.grounds, each.is_proposed) for each in made]
    assert shown == (segments if text else [])


def test_words_leave_out_the_marks_beside_them_and_join_with_those_between() -> None:
    text = "Bel (Henk), van nr. 14!  Dank"
    words, rest = list_words(text, [(5, 9, "a")])
    assert [each.text for each in words] == ["Bel", "Henk", "van", "nr", "14", "Dank"]
    assert [each.is_redacted for each in words] == [False, True, False, False, False, False]
    assert "".join(each.before + each.text for each in words) + rest == text
    chosen = {each.value for each in words[1:5]} - {words[2].value}
    assert [text[start:end] for start, end in join_words(text, chosen)] == ["Henk", "nr. 14"]
    assert join_words(text, {"0-2", "1-3", ""}) == []


def test_page_has_a_hundred_texts_and_their_proposals() -> None:
    texts = tuple(Text(f"m{n}", "message", NOW, "dag") for n in range(PAGE + 1))
    found = [msgspec.structs.replace(DOCUMENT.spans[0], message=each.message) for each in texts]
    proposals = tuple(found * (MOST_PROPOSALS // PAGE + 1))
    document = msgspec.structs.replace(DOCUMENT, texts=texts, spans=(), proposals=proposals)
    assert [len(show_texts(document, page, "")) for page in (1, 2, 3)] == [PAGE, 1, 0]
    counts = [len(show_proposals(document, page)) for page in (1, 2, 3)]
    assert counts == [MOST_PROPOSALS, MOST_PROPOSALS // PAGE + 1, 0]


def test_disclosure_and_decision_are_asked_as_the_archive_takes_them() -> None:
    given = {"kind": "woo", "review_on": "2027-06-01", "text": " Woo 17 ", "words": "zwembad",
             "named": "directeur, s.jansen"}  # fmt: skip
    body = disclosure_body(Form(given))
    assert body["named"] == ["directeur", "s.jansen"] and body["text"] == "Woo 17"
    DRAW.validate_json(msgspec.json.encode(body))
    fields = MultiDict([("number", "1"), ("number", "3"), ("number", "x"), ("ground", "5.1.2i")])
    closed = decision_body(Form(MultiDict([*fields.items(), ("decision", "closed")])))
    assert closed == {"numbers": [1, 3], "decision": "closed", "grounds": ["5.1.2i"]}
    DECIDE.validate_json(msgspec.json.encode(closed))
    partly = decision_body(Form(MultiDict([*fields.items(), ("decision", "partly")])))
    assert partly == {"numbers": [1, 3], "decision": "partly"}


@pytest.mark.parametrize(
    ("state", "decided", "steps"),
    [
        ("drawn", True, ("review", "refresh")),
        ("drawn", False, ("refresh",)),
        ("reviewed", True, ("approve", "return")),
        ("approved", True, ()),
    ],
)
def test_steps_follow_the_state(state: str, decided: bool, steps: tuple[str, ...]) -> None:
    [document] = FOUND.documents
    document = msgspec.structs.replace(document, decision="partly" if decided else None)
    found = msgspec.structs.replace(FOUND, state=state, documents=(document,))
    assert disclosure_steps(found) == steps


def test_choices_are_those_of_the_archive_and_have_words() -> None:
    assert {*KINDS} == {*RECORDED_KINDS} and {*DECISIONS} == {*RECORDED_DECISIONS}
    assert {*PERSONS} <= {*REFUSALS} and USUAL == PRIVACY
    known = load_words("nl")
    assert {f"disclosures.{each}" for each in REFUSALS} | {*POINTERS.values()} <= known.keys()
    for kind in KINDS:
        assert {f"decision_{kind}.{each}" for each in DECISIONS} <= known.keys()


@pytest.mark.parametrize(
    ("status", "code", "pointer", "words"),
    [
        (409, "left_out", "", "disclosures.left_out"),
        (409, "refused", "", "archive.refused"),
        (400, "", "/grounds/0", "disclosures.wrong_ground"),
        (400, "", "/reviewOn", "holds.wrong_day"),
        (403, "", "", "archive.not_whole"),
    ],
)
def test_refusal_is_explained(status: int, code: str, pointer: str, words: str) -> None:
    body = {"errors": [{"pointer": pointer}]}
    assert trouble_of_disclosure(Refused(status, code, body)) == words


async def test_approval_takes_the_id_and_says_whose_it_is_not() -> None:
    office = Office(msgspec.structs.replace(FOUND, state="reviewed"))
    wrong = await step(office, "/step", {"step": "approve", "typed": "WOO-2026-0009"})
    assert wrong.status == 400 and office.orders == []
    fields = {"step": "approve", "typed": FOUND.id, "text": "akkoord <b>"}
    done = await step(office, "/step", fields)
    assert done.status == 303 and office.orders == [("approve", {"text": "akkoord <b>"})]
    office.refusal = Refused(409, "disclosure_decider_does_not_approve", {})
    refused = await step(office, "/step", fields)
    assert refused.status == 400
    assert "Iemand anders keurt het goed." in (refused.text or "")
    assert "akkoord &lt;b&gt;</textarea>" in (refused.text or ""), "what was typed is not lost"
    with pytest.raises(Refused):
        await step(office, "/step", {"step": "destroy"})


async def test_decision_is_about_documents_that_were_chosen() -> None:
    office = Office(msgspec.structs.replace(FOUND, state="drawn"))
    nothing = await step(office, "/decide", {"decision": "outside"})
    assert nothing.status == 400 and office.orders == []
    assert "Kies eerst documenten" in (nothing.text or "")
    office.refusal = Refused(409, "left_out", {})
    refused = await step(office, "/decide", {"decision": "open", "number": "1"})
    assert 'value="1" checked' in (refused.text or "")
    assert '<option value="open" selected>' in (refused.text or "")


async def test_result_is_fetched_for_a_reason() -> None:
    refused = await step(Office(), "/result", {"reason": " "})
    assert refused.status == 400 and "Zeg eerst waarom" in (refused.text or "")
