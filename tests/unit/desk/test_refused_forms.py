"""Forms that were refused: what was typed in them is on the page again."""

from typing import Any, cast
from uuid import uuid4

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import MultiDict

from desk.pages.archive.holds import HoldPages
from desk.pages.archive.lists import ListPages
from desk.pages.archive.requests import RequestPages
from desk.pages.numbers import NumberPages
from desk.postkamer.client import Refused
from desk.postkamer.destruction import FullList, ItemPage, ListItem
from desk.postkamer.gateway import NumberState
from desk.postkamer.holds import FullHold
from desk.postkamer.privacy import FullRequest, LegalGround
from desk.web.assets import Assets
from desk.web.gate import Gate
from desk.web.site import Site
from tests.unit.desk.test_archive_pages import NOW, OpenGate, list_in, visit_of

ONE, OTHER = (f"106540352242922-{letter * 26}" for letter in "ab")
TYPED = "Wij wijzen dit af, <omdat> het geschil loopt"
SHOWN = "Wij wijzen dit af, &lt;omdat&gt; het geschil loopt"
DAY = "2026-01-02"
GROUNDS = tuple(LegalGround(each, "AVG", f"Grond {each}") for each in "ab")
REQUEST = FullRequest(
    id="AVG-2026-0001", kind="objection", received_on=NOW.date(), due_on=NOW.date(), state="open",
    steps=(), copies=(), letter="", has_person=True, refusal_grounds=GROUNDS,
    extension_grounds=GROUNDS,
)  # fmt: skip
HOLD = FullHold(
    id="BW-2026-0001", ground="woo", kind="conversation", state="standing", review_on=NOW.date(),
    placed_by="w.dekker", placed_at=NOW, words="", steps=(), conversations=1,
)  # fmt: skip
ITEMS = tuple(ListItem(each, "sport", "1.1", "listed", "") for each in (ONE, OTHER))


class _Refusing:
    """APIs that refuse each change, of the things as they are after it."""

    def __init__(self, request: FullRequest, hold: FullHold, state: str) -> None:
        self._request, self._hold, self._state = request, hold, state

    async def change(self, *_: Any) -> None:
        raise Refused(400, "", {"errors": [{"pointer": "/until", "detail": "is past"}]})

    change_request = change_number = change

    async def request(self, *_: Any) -> FullRequest:
        return self._request

    async def read(self, *_: Any) -> FullHold:
        return self._hold

    async def find(self, *_: Any) -> FullList:
        return list_in(self._state)

    async def items(self, *_: Any) -> ItemPage:
        return ItemPage(ITEMS)

    async def numbers(self, *_: Any) -> list[NumberState]:
        return [NumberState("11111", "open"), NumberState("22222", "open")]


STANDING = _Refusing(REQUEST, HOLD, "drawn")
MEANWHILE = _Refusing(
    msgspec.structs.replace(REQUEST, decision="refused", state="decided"),
    msgspec.structs.replace(HOLD, state="lifted", lifted_by="b.smit"),
    "destroyed",
)
"""Somebody else was a moment earlier."""


def routes(apis: Any) -> dict[str, Any]:
    gate, site = cast(Gate, OpenGate()), Site(Assets())
    pages: tuple[Any, ...] = (
        RequestPages(gate, site, apis, apis),
        HoldPages(gate, site, apis),
        ListPages(gate, site, apis),
        NumberPages(gate, site, apis),
    )
    return {
        route.path: route.handler
        for each in pages
        for route in each.routes()
        if route.method == "POST"
    }


async def answer(apis: _Refusing, path: str, fields: list[tuple[str, str]]) -> web.Response:
    """Send a form; return the page that says why it is refused."""
    id = {"requests": "AVG-2026-0001", "holds": "BW-2026-0001", "lists": "VL-2026-0001"}
    number = id.get(path.split("/")[2], "22222")
    request = make_mocked_request("POST", path, match_info={"id": number})
    common = [("reason", "verzoek"), ("key", str(uuid4()))]
    request._post = MultiDict([*fields, *common])  # type: ignore[assignment]  # as if it was read
    visit = visit_of({"privacy", "records", "archivist", "kcc"})
    return cast(web.Response, await routes(apis)[path](request, visit))


DECISION = [("decision", "partly"), ("ground", "b"), ("hold_review_on", DAY)]
SPARING = [("conversation", OTHER), ("reason", "woo"), ("until", DAY)]
CASES: list[tuple[str, list[tuple[str, str]], list[str]]] = [
    (
        "/archive/requests/{id}/decide",
        DECISION,
        ['"partly" selected', '"b" selected', f'name="hold_review_on" value="{DAY}"'],
    ),
    ("/archive/holds/{id}/review", [("review_on", DAY)], [f'required value="{DAY}"']),
    ("/archive/holds/{id}/lift", [], []),
    (
        "/archive/lists/{id}/spare",
        SPARING,
        [f'value="{OTHER}" checked', '"woo" selected', f'name="until" value="{DAY}"'],
    ),
    ("/archive/lists/{id}/step", [("step", "withdraw")], []),
    ("/numbers/{id}/notice", [("until", f"{DAY}T10:00")], [f'name="until" value="{DAY}T10:00"']),
    ("/numbers/{id}/state", [("state", "closed")], ['"closed" selected']),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fields", "drawn"), CASES, ids=[path for path, *_ in CASES])
async def test_form_that_was_refused_is_drawn_as_it_was(
    path: str, fields: list[tuple[str, str]], drawn: list[str]
) -> None:
    page = await answer(STANDING, path, [*fields, ("text", TYPED)])
    assert page.status == 400 and page.text
    before, *others = page.text.split(f"{SHOWN}</textarea>")
    own_form = before.rpartition('action="')[2].partition('"')[0]
    assert own_form.endswith(path.rpartition("/")[2]) and len(others) == 1
    assert [each for each in drawn if each not in page.text] == []


async def test_term_that_was_refused_is_drawn_as_it_was() -> None:
    page = await answer(
        STANDING, "/archive/requests/{id}/extend", [("until", DAY), ("ground", "b")]
    )
    assert page.text and f'name="until" value="{DAY}"' in page.text
    assert '<details class="desk-details" open>' in page.text


@pytest.mark.parametrize("path", [path for path, *_ in CASES if path.startswith("/archive")])
async def test_words_are_shown_when_their_form_is_not_there_any_more(path: str) -> None:
    fields = [*SPARING, ("step", "withdraw"), ("text", TYPED)]
    page = await answer(MEANWHILE, path, fields)
    assert page.text and "</textarea>" not in page.text
    assert page.text.count(SHOWN) == 1
