"""Every route of the desk, walked: whoever may not see a conversation sees nothing by any of them,
no other site changes anything, and no answer can be made a script, a frame or a redirect."""

import asyncio
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
from aiohttp import web

from desk.access import Access, Department, Tenant
from desk.inbox.alarms import AlarmStore
from desk.inbox.filters import FILTERS
from desk.inbox.store import ConversationStore
from desk.login.attempt import FIRST_PAGE
from desk.service import prepare_secrets
from desk.web.navigation import page_path
from desk.web.security import form_token
from desk.web.stream import PAGES_OF_SESSION
from desk.web.words import load_words
from gateway.media.filenames import HEADER_CHARACTERS, parse_filename
from services import clock
from services.config.settings import DeskSettings, load
from services.http.server import serve
from services.http.webhook_signature import key_of
from services.http.webhook_signature import sign as sign_webhook
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api
from tests.support.archiver.records import WHY, message, record
from tests.support.decrypted_record import writer_of
from tests.support.desk.served import (
    ALMELO,
    CLOSED,
    ID,
    LOTTE,
    NAME,
    PLACE,
    ROLES,
    SECRET,
    SETTINGS,
    WORDS,
    Desk,
    received,
    served_desk,
)

HENGELO = Tenant("hengelo", "Hengelo", "urn:hengelo")
HANNA = Access(ALMELO, "h.vos", ROLES, (Department("zorg", "Zorg", True),))
NEIGHBOUR = Access(HENGELO, "b.smit", ROLES, (Department("burgerzaken", "Burgerzaken"),))
COLLEAGUE = Access(HENGELO, "a.kok", ROLES, (), all_departments=True)
OTHERS = {"other department": HANNA, "other municipality": NEIGHBOUR, "all there": COLLEAGUE}

OPEN = {
    "GET /",
    "GET /assets/{name}",
    "GET /logged-out",
    "GET /login",
    "GET /login/callback",
    "POST /events",
    "POST /language",
    "POST /login/ended",
}
"""Routes for which nobody need be logged in. Each of them has its own proof, or shows nothing."""
NO_PAGE = {"POST /events", "POST /login/ended"}
"""Routes that servers call, which send no form of ours."""
UPLOAD = "POST /conversations/{id}/file"
"""The form of an upload comes with its file, and is judged with it."""
LIST = b"event: list\ndata: 1\n\n"


@pytest.fixture
async def desk(pool: Pool, empty: str) -> AsyncIterator[Desk]:
    await ConversationStore(pool).apply([received()])
    async with served_desk(pool, empty) as desk:
        yield desk


def shows_nothing(route: str, body: str, headers: Any) -> bool:
    """True if an answer has no word of the conversation, and not its id unless that was asked for,
    which an answer may repeat."""
    shown = body + repr(dict(headers))
    hidden = [NAME, WORDS, "Fatima", "paspoort", *([] if PLACE.search(route) else [ID])]
    return not any(each in shown for each in hidden)


async def test_stranger_sees_the_way_in_and_nothing_else(desk: Desk) -> None:
    for route in desk.routes():
        status, headers, body = await desk.ask(route)
        assert shows_nothing(route, body, headers), route
        if route not in OPEN:
            assert status == 303, route
            assert headers["Location"].startswith("/login"), route
            assert headers["Cache-Control"] == "no-store", route
    assert set(desk.routes()) >= OPEN


@pytest.mark.parametrize("who", OTHERS)
async def test_employee_of_another_department_or_town_sees_nothing(desk: Desk, who: str) -> None:
    cookie = await desk.log_in(OTHERS[who])
    fields = {"form_token": form_token(cookie), "key": str(uuid4()), "assignee": "", "text": "x"}
    asked = 0
    for route in desk.routes():
        if route in {"POST /logout", "GET /stream"}:
            continue  # the one ends this walk, the other does not end
        status, headers, body = await desk.ask(route, cookie, fields)
        assert shows_nothing(route, body, headers), route
        if "/conversations/{id}" in route:
            asked += 1
            assert status == 404, route
    assert asked > 10
    for filter in FILTERS:
        for path in ("inbox", "inbox/list"):
            _, headers, body = await desk.ask(f"GET /{path}?filter={filter}", cookie)
            assert shows_nothing(path, body, headers), filter
    own = await desk.log_in(LOTTE)
    _, _, body = await desk.ask("GET /inbox", own)
    assert NAME in body and WORDS in body and ID in body  # the walk would have found it


async def test_conversation_that_does_not_exist_looks_like_one_of_others(desk: Desk) -> None:
    """A guess tells nothing: not by status, nor by body."""
    cookie = await desk.log_in(HANNA)
    answers = {
        (await desk.ask(f"GET /conversations/{id}", cookie))[::2]
        for id in (ID, ID[:-1] + "b", "106540352242922-x", "x", "..%2finbox")
    }
    assert (
        len({(status, re.sub(r"/conversations/[^\"]*", "", body)) for status, body in answers}) == 1
    )


async def test_no_form_of_another_site_changes_anything(desk: Desk, pool: Pool) -> None:
    cookie = await desk.log_in(LOTTE)
    wrong = [
        ({}, {}),
        ({"form_token": ""}, {}),
        ({"form_token": "0" * 64}, {}),
        ({"form_token": form_token("of another session")}, {}),
        ({"form_token": form_token(cookie)}, {"Sec-Fetch-Site": "cross-site"}),
        ({"form_token": form_token(cookie)}, {"Sec-Fetch-Site": "same-site"}),
        ({"form_token": form_token(cookie)}, {"Origin": "https://evil.example"}),
        ({"form_token": form_token(cookie)}, {"Origin": "null"}),
    ]
    posts = [each for each in desk.routes() if each.startswith("POST") and each not in NO_PAGE]
    assert len(posts) > 10
    for route in posts:
        for fields, headers in wrong:
            is_elsewhere = bool(headers)
            if (route == UPLOAD and not is_elsewhere) or route == "POST /language":
                continue
            status, _, _ = await desk.ask(route, cookie, fields, **headers)
            assert status == 403, (route, fields, headers)
    row = await pool.fetchrow("select assignee from desk.conversation")
    assert row and row["assignee"] == ""
    for table in ("draft", "answer", "standard_answer"):
        assert await pool.fetchval(f"select count(*) from desk.{table}") == 0, table
    assert await pool.fetchval("select count(*) from desk.session") == 1  # nobody is logged out


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"a=%ff", "application/x-www-form-urlencoded; charset=bogus"),
        (b"text=\\ud800", "application/x-www-form-urlencoded; charset=unicode_escape"),
        (b"x", "multipart/form-data"),
    ],
)
async def test_body_that_is_no_form_is_refused_and_breaks_nothing(
    desk: Desk, body: bytes, kind: str
) -> None:
    cookie = await desk.log_in(LOTTE)
    for path in ("/language", f"/conversations/{ID}/answer", f"/conversations/{ID}/file"):
        headers = {"Cookie": f"desk={cookie}", "Content-Type": kind}
        given = {"data": body, "headers": headers, "allow_redirects": False}
        async with desk.http.post(desk.url + path, **given) as answer:
            assert answer.status in (303, 400, 403, 404, 503), path
    odd = {"Cookie": f"desk={cookie}", "Desk-Form-Token": "\xff"}
    async with desk.http.post(f"{desk.url}/conversations/{ID}/take", headers=odd) as answer:
        assert answer.status == 403


@pytest.mark.parametrize(("who", "status"), [("", 401), (LOTTE, 503)])
async def test_each_box_of_an_unsent_form_is_on_the_page(
    desk: Desk, who: Access | str, status: int
) -> None:
    """The session ended, or the archive is away: sent again, it spares the same conversations."""
    cookie = await desk.log_in(who) if isinstance(who, Access) else ""
    boxes = [("conversation", f"{ID[:-3]}{n:03}") for n in range(100)]
    fields = [("form_token", form_token(cookie)), *boxes, ("reason", "woo"), ("text", "Woo 17")]
    path, headers = f"{desk.url}/archive/lists/VL-2026-0001/spare", {"Cookie": f"desk={cookie}"}
    async with desk.http.post(path, data=fields, headers=headers) as answer:
        assert answer.status == status
        page = await answer.text()
    assert re.findall(r'name="(conversation)" value="([^"]*)"', page) == boxes
    assert "Woo 17</textarea>" in page
    assert 'name="to" value="/archive/lists/VL-2026-0001"' in page  # in the other language


async def test_each_change_belongs_to_a_page(desk: Desk) -> None:
    routes = list(desk.routes())
    pages = {path for method, path in map(str.split, routes) if method == "GET"}
    changes = {path for method, path in map(str.split, routes) if method == "POST"}
    found = {change: page_path(change, change, pages) for change in changes}
    assert set(found.values()) <= pages
    of_inbox = {change for change, page in found.items() if page == FIRST_PAGE}
    assert of_inbox == {"/alarms/{id}/confirm", "/events", "/language", "/logout"}


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/x", "GET", 404), ("/language", "GET", 405)]
)
async def test_browser_gets_a_page_for_what_is_not_there(
    desk: Desk, path: str, method: str, status: int
) -> None:
    async with desk.http.request(method, desk.url + path, headers={"Accept": "text/html"}) as page:
        assert (page.status, page.content_type) == (status, "text/html")
        assert "Niet gevonden" in await page.text() or "Not found" in await page.text()


@pytest.mark.parametrize(
    ("accepted", "kind"), [("text/html", "text/html"), ("*/*", "application/problem+json")]
)
async def test_browser_gets_a_page_for_a_fault_of_ours(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, accepted: str, kind: str
) -> None:
    async def fail(*_: Any) -> None:
        raise OverflowError

    monkeypatch.setattr(AlarmStore, "list", fail)
    cookie = await desk.log_in(LOTTE)
    status, headers, page = await desk.ask("GET /inbox", cookie, Accept=accepted)
    assert (status, headers["Content-Type"].partition(";")[0]) == (500, kind)
    assert "OverflowError" not in page and "Fatima" not in page


@pytest.mark.parametrize(("minutes", "status"), [(45, 200), (75, 503)])
async def test_access_lasts_as_long_as_its_token_while_the_provider_is_away(
    desk: Desk, minutes: int, status: int
) -> None:
    """A right that was taken away does not live on because nobody can be asked."""
    cookie = await desk.log_in(LOTTE, timedelta(minutes=minutes))
    await desk.use(cookie)
    for path in ("/inbox", "/inbox/list"):
        got, _, page = await desk.ask(f"GET {path}", cookie)
        assert got == status
        assert ("Wacht op antwoord" in page or "Waiting" in page) == (status == 200), page


async def test_pages_of_one_employee_leave_room_for_others(desk: Desk) -> None:
    lotte, hanna = [await desk.log_in(each) for each in (LOTTE, HANNA)]
    streams = [await _open_stream(desk, lotte, "/stream") for _ in range(PAGES_OF_SESSION)]
    headers = {"Cookie": f"desk={lotte}"}
    async with desk.http.get(f"{desk.url}/stream", headers=headers) as one_more:
        assert one_more.status == 503
    streams.append(await _open_stream(desk, hanna, "/stream"))
    for each in streams:
        each.close()


async def test_language_is_no_way_to_another_site(desk: Desk) -> None:
    for to in ("//evil.example", "https://evil.example", "/\\evil.example", "/x\r\nA: b"):
        status, headers, _ = await desk.ask("POST /language", "", {"language": "en", "to": to})
        assert (status, headers["Location"], "A" in headers) == (303, "/inbox", False)


async def test_every_answer_keeps_scripts_and_frames_out(desk: Desk) -> None:
    cookie = await desk.log_in(LOTTE)
    fields = {"form_token": form_token(cookie)}
    walked = [*desk.routes(), "GET /nothing", "PUT /inbox", "GET /%2e%2e/etc/passwd"]
    for who in ("", cookie):
        for route in walked:
            if route == "GET /stream" and who:
                continue  # it does not end; its headers are below
            _, headers, _ = await desk.ask(route, who, fields)
            check_headers(route, headers)


def check_headers(route: str, headers: Any) -> None:
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'") and "unsafe" not in policy, route
    assert "*" not in policy and "data:" not in policy and "http:" not in policy.replace(CLOSED, "")
    assert "frame-ancestors 'none'" in policy, route
    assert headers["X-Frame-Options"] == "DENY", route
    assert headers["X-Content-Type-Options"] == "nosniff", route
    assert headers["Referrer-Policy"] == "no-referrer", route
    assert headers["Server"] == "Postkamer", route


async def test_stream_says_fixed_words_to_those_alone_who_reach_the_conversation(
    desk: Desk, pool: Pool
) -> None:
    """A line break in an id begins no event of its own, and others hear nothing at all."""
    evil = f"{ID}%0a%0aevent: evil%0adata: {ID}"
    cookies = [await desk.log_in(each) for each in (LOTTE, HANNA, NEIGHBOUR)]
    paths = (f"/stream?conversation={ID}", f"/stream?conversation={evil}", "/stream?since=a%0ab")
    streams = [await _open_stream(desk, each, path) for path in paths for each in cookies]
    for each in streams:
        check_headers("GET /stream", each.headers)
        await _read_until(each, LIST)  # a page without a mark fetches once
    await ConversationStore(pool).apply([received(2)])
    own = streams[:: len(cookies)]
    for heard in [await _read_until(each, LIST) for each in own]:
        assert set(heard.split(b"\n")) <= {b"", b"event: list", b"event: conversation", b"data: 1"}
    others = [_read_until(each, b"event", 0.5) for each in streams if each not in own]
    silence = await asyncio.gather(*others, return_exceptions=True)
    assert all(isinstance(each, TimeoutError) for each in silence), silence
    for each in streams:
        each.close()


async def _open_stream(desk: Desk, cookie: str, path: str) -> aiohttp.ClientResponse:
    headers = {"Cookie": f"desk={cookie}", "Accept": "text/event-stream"}
    answer: aiohttp.ClientResponse = await desk.http.get(desk.url + path, headers=headers)
    assert answer.status == 200
    return answer


async def _read_until(answer: aiohttp.ClientResponse, end: bytes, seconds: float = 10) -> bytes:
    heard = b""
    async with asyncio.timeout(seconds):
        while end not in heard:
            heard += await answer.content.readany()
    return heard


async def _away(request: web.Request) -> web.Response:
    return web.Response(status=503)


def _form_with_file(token: str, name: bytes, caption: str) -> bytes:
    """Return a form with a file, with a name that may be no UTF-8."""
    given = {"form_token": token, "key": str(uuid4()), "last_answer": "none", "caption": caption}
    fields = [
        f'--X\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in given.items()
    ]
    head = b'--X\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n' % name
    return b"".join([*fields, head, b"Content-Type: audio/ogg\r\n\r\nOggS\r\n--X--\r\n"])


async def test_file_of_any_name_is_passed_on_and_no_text_with_it_is_lost(
    pool: Pool, empty: str
) -> None:
    """A name within what the gateway takes; and sound, which has no text beside it, with one."""
    names, sent = [], []

    async def upload(request: web.Request) -> web.Response:
        await request.read()
        header = request.headers["Content-Disposition"]
        assert len(header) <= HEADER_CHARACTERS
        names.append(parse_filename(header))
        return web.json_response({"id": str(uuid4()), "mimeType": "audio/ogg"}, status=201)

    async def send(request: web.Request) -> web.Response:
        sent.append(await request.json())
        return web.Response(status=202, headers={"Location": f"/v1/messages/{uuid4()}"})

    app = web.Application()
    app.router.add_post("/v1/media", upload)
    app.router.add_post("/v1/messages", send)
    app.router.add_get("/{rest:.*}", _away)
    await ConversationStore(pool).apply([received()])
    step = {"event": "opened", "department": "burgerzaken", "decision": WHY}
    asked = message(WORDS, department="burgerzaken", conversation=ID)
    await (await writer_of(pool)).add([record("conversation", step, conversation=ID), asked])
    async with (
        serve(app, "127.0.0.1", 0) as port,
        archive_api(pool) as archive,
        served_desk(pool, empty, archiver=archive.url, gateway=f"http://127.0.0.1:{port}") as desk,
    ):
        cookie = await desk.log_in(LOTTE)
        headers = {"Content-Type": "multipart/form-data; boundary=X", "Cookie": f"desk={cookie}"}

        async def post(name: bytes, caption: str = "") -> tuple[int, str]:
            body = _form_with_file(form_token(cookie), name, caption)
            path = f"{desk.url}/conversations/{ID}/file"
            async with desk.http.post(
                path, data=body, headers=headers, allow_redirects=False
            ) as answer:
                return answer.status, await answer.text()

        for name in (b"caf\xe9.ogg", ("م" * 200 + ".ogg").encode(), b"geluid.ogg"):
            assert (await post(name))[0] == 303, name
        assert names == ["caf.ogg", "م" * 118 + ".ogg", "geluid.ogg"] and len(sent) == 3
        status, page = await post(b"geluid.ogg", "Zo klinkt het")
        assert (status, len(sent)) == (400, 3), "nothing is sent"
        assert load_words("nl")["file.no_caption"] in page and 'value="Zo klinkt het"' in page


async def test_exchanged_secrets_count_from_the_next_request(desk: Desk) -> None:
    new, url = "whsec_YWZ0ZXJ3YXJkc2FmdGVyd2FyZHNhZnRlcndhcmRz", "postgresql://127.0.0.1/desk"

    async def sign(secret: str) -> int:
        body, id, at = b"[]", "one", str(int(clock.now().timestamp()))
        headers = {
            "Content-Type": "application/cloudevents-batch+json",
            "webhook-id": id,
            "webhook-timestamp": at,
            "webhook-signature": sign_webhook([key_of(secret)], id, at, body),
        }
        async with desk.http.post(f"{desk.url}/events", data=body, headers=headers) as answer:
            return int(answer.status)

    async def exchange(*secrets: str) -> tuple[int, int]:
        settings = {"POSTKAMER_DESK_SECRET": ",".join(secrets), "POSTKAMER_DATABASE_URL": url}
        given = SETTINGS | settings | {"POSTKAMER_DESK_CLIENT_SECRET": secrets[0]}
        prepare_secrets(desk.built, load(DeskSettings, given))()
        assert desk.built.provider.client.secret == secrets[0]
        return await sign(SECRET), await sign(new)

    assert await exchange(SECRET) == (204, 401)
    assert await exchange(new, SECRET) == (204, 204)
    assert await exchange(new) == (401, 204)
