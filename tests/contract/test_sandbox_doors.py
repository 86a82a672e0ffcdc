"""The sandbox over real HTTP, alone: the Graph API, the CRM, the phones, the desks, the stream."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from sandbox import town
from sandbox.events import signature
from sandbox.service import Running, running
from sandbox.settings import SandboxSettings
from sandbox.webhooks import bsuid, sign
from services.http import problem, serve

NUMBER = town.EXAMPLE.numbers[0].id
TOKEN = {"Authorization": "Bearer sandbox-access-token"}
TEXT: dict[str, Any] = {
    "messaging_product": "whatsapp",
    "recipient_type": "individual",
    "to": "+31600000011",
    "type": "text",
    "text": {"body": "Goedemorgen"},
    "biz_opaque_callback_data": "0190a1b2-0000-7000-8000-000000000000.1",
}
FROM = {"from": "31600000011", "name": "Fatima", "number": NUMBER}


class Services:
    """A gateway and an archiver that write down what they were told."""

    def __init__(self) -> None:
        self.webhooks: list[dict[str, Any]] = []
        self.answers: list[int] = []
        """Statuses for the next webhooks, then 200."""
        self.commands: list[tuple[dict[str, Any], str]] = []
        self.record: list[dict[str, Any]] = []
        self.news = asyncio.Event()

    async def webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        assert request.headers["X-Hub-Signature-256"] == sign(body, "sandbox-app-secret")
        status = self.answers.pop(0) if self.answers else 200
        if status == 200:
            value = json.loads(body)["entry"][0]["changes"][0]["value"]
            self.webhooks.append(value)
            self.news.set()
        return web.Response(status=status)

    async def command(self, request: web.Request) -> web.Response:
        assert request.headers["Authorization"] == "Bearer sandbox-api-token"
        body = await request.json()
        self.commands.append((body, request.headers["Idempotency-Key"]))
        if body["conversationId"] == "moved":
            return problem(409, "transferred", code="transferred")
        return web.Response(status=202, headers={"Location": "/v1/messages/m1"})

    async def messages(self, _: web.Request) -> web.Response:
        return web.json_response({"messages": self.record})

    async def until(self, n: int) -> list[dict[str, Any]]:
        """The webhooks, once there are `n`."""
        async with asyncio.timeout(20):
            while len(self.webhooks) < n:
                self.news.clear()
                await self.news.wait()
        return self.webhooks

    def statuses(self) -> list[str]:
        return [s["status"] for value in self.webhooks for s in value.get("statuses", [])]


class World:
    def __init__(self, sandbox: Running, services: Services, http: aiohttp.ClientSession) -> None:
        self.url = sandbox.url
        self.services = services
        self.http = http

    async def ask(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        async with self.http.request(method, self.url + path, **options) as answer:
            text = await answer.text()
            is_json = "json" in answer.content_type
            return answer.status, json.loads(text) if is_json and text else text

    async def send(self, **changed: Any) -> tuple[int, Any]:
        path = f"/graph/v26.0/{NUMBER}/messages"
        return await self.ask("POST", path, json=TEXT | changed, headers=TOKEN)

    async def tell(
        self, body: bytes, kind: str = "application/cloudevents+json", **headers: str
    ) -> Any:
        at = str(int(time.time()))
        signed = {
            "Content-Type": kind,
            "webhook-id": "w",
            "webhook-timestamp": at,
            "webhook-signature": signature(b"sandbox-crm-secret", "w", at, body),
        }
        return await self.ask("POST", "/crm/events", data=body, headers=signed | headers)


@asynccontextmanager
async def world(**settings: Any) -> AsyncIterator[World]:
    services = Services()
    app = web.Application()
    app.router.add_post("/webhooks/whatsapp", services.webhook)
    app.router.add_post("/v1/messages", services.command)
    app.router.add_get("/v1/conversations/{id}/messages", services.messages)
    async with serve(app, "127.0.0.1", 0) as port:
        url = f"http://127.0.0.1:{port}"
        defaults = {"gateway_url": url, "archiver_url": url, "status_seconds": (0.0, 0.05)}
        asked = SandboxSettings(port=0, seed=1, **(defaults | settings))
        async with running(asked) as sandbox, aiohttp.ClientSession() as http:
            yield World(sandbox, services, http)


@pytest.fixture
async def sandbox() -> AsyncIterator[World]:
    async with world() as started:
        yield started


def event(id: str = "e1", sequence: int = 1, conversation: str = "c1") -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": id,
        "source": "urn:nld:oin:00000001234567890000:systeem:postkamer",
        "type": "nl.postkamer.message-received.v1",
        "time": "2026-11-20T08:14:03Z",
        "datacontenttype": "application/json",
        "sequence": str(sequence),
        "sequencetype": "Integer",
        "data": {"conversationId": conversation, "text": "é"},
    }


def body(*args: Any, **kwargs: Any) -> bytes:
    return json.dumps(event(*args, **kwargs)).encode()


async def test_a_message_is_accepted_and_its_statuses_come_signed_with_our_value(
    sandbox: World,
) -> None:
    status, answer = await sandbox.send()
    assert status == 200
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]
    for value in sandbox.services.webhooks:
        told = value["statuses"][0]
        assert told["id"] == answer["messages"][0]["id"]
        assert told["biz_opaque_callback_data"] == TEXT["biz_opaque_callback_data"]
    _, received = await sandbox.ask("GET", "/phone/received")
    assert [(m["n"], m["phone"], m["content"]) for m in received] == [
        (1, "31600000011", {"body": "Goedemorgen"})
    ]


@pytest.mark.parametrize("token", [{}, {"Authorization": "Bearer other"}])
async def test_without_the_right_token_meta_answers_190(
    sandbox: World, token: dict[str, str]
) -> None:
    path = f"/graph/v26.0/{NUMBER}/messages"
    status, answer = await sandbox.ask("POST", path, json=TEXT, headers=token)
    assert (status, answer["error"]["code"]) == (401, 190)


async def test_what_meta_would_refuse_is_refused(sandbox: World) -> None:
    assert (await sandbox.send(to="31600000011"))[1]["error"]["code"] == 131009
    unknown = await sandbox.ask("POST", "/graph/v26.0/5/messages", json=TEXT, headers=TOKEN)
    assert unknown[1]["error"]["code"] == 100
    path = f"/graph/v26.0/{NUMBER}/messages"
    broken = await sandbox.ask("POST", path, data=b"\xff{", headers=TOKEN)
    assert (broken[0], broken[1]["error"]["code"]) == (400, 100)


@pytest.mark.parametrize(
    ("number", "status", "code"),
    [
        ("31600131047", 400, 131047),
        ("31600131026", 400, 131026),
        ("31600130429", 429, 130429),
        ("31600131056", 400, 131056),
        ("31600131000", 500, 131000),
        ("31600000190", 401, 190),
        ("31600131031", 403, 131031),
    ],
)
async def test_a_magic_number_is_refused_with_the_code_that_it_holds(
    sandbox: World, number: str, status: int, code: int
) -> None:
    answered, answer = await sandbox.send(to=f"+{number}")
    assert (answered, answer["error"]["code"]) == (status, code)
    assert (await sandbox.ask("GET", "/phone/summary"))[1]["count"] == 0


async def test_a_message_may_be_refused_twice_and_then_taken(sandbox: World) -> None:
    answers = [(await sandbox.send(to="+31602130429"))[0] for _ in range(4)]
    assert answers == [429, 429, 200, 429]


async def test_a_lost_answer_is_a_broken_connection_and_the_message_goes_out(
    sandbox: World,
) -> None:
    with pytest.raises(aiohttp.ClientError):
        await sandbox.send(to="+31600000499")
    await sandbox.services.until(2)
    assert sorted(sandbox.services.statuses()) == ["delivered", "sent"]


async def test_a_proxys_page_instead_of_an_answer_is_no_error_of_meta(sandbox: World) -> None:
    status, answer = await sandbox.send(to="+31600000502")
    assert status == 502
    assert "<html>" in answer


async def test_a_message_that_fails_later_says_why_in_its_status(sandbox: World) -> None:
    assert (await sandbox.send(to="+31601131047"))[0] == 200
    (value,) = await sandbox.services.until(1)
    assert value["statuses"][0]["errors"][0]["code"] == 131047
    assert "recipient_user_id" not in value["statuses"][0]


async def test_an_answer_that_never_comes_is_not_a_message(sandbox: World) -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await sandbox.send(to="+31600000408")
    assert (await sandbox.ask("GET", "/phone/summary"))[1]["count"] == 0


async def test_with_limits_the_46th_message_to_one_citizen_is_too_many() -> None:
    async with world(limits=True) as sandbox:
        codes = [(await sandbox.send())[0] for _ in range(46)]
    assert codes == [200] * 45 + [400]


async def test_read_is_told_only_when_the_citizen_looks(sandbox: World) -> None:
    await sandbox.send()
    await sandbox.services.until(2)
    looked = {"number": NUMBER, "bsuid": bsuid("31600000011")}
    assert await sandbox.ask("POST", "/phone/read", json=looked) == (200, {"read": 1})
    assert await sandbox.ask("POST", "/phone/read", json=looked) == (200, {"read": 0})
    await sandbox.services.until(3)
    assert sandbox.services.statuses()[-1] == "read"


async def test_a_message_to_a_bsuid_reaches_the_citizen_whose_number_is_hidden(
    sandbox: World,
) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"hidden": True, "text": "hoi"})
    incoming = sandbox.services.webhooks[0]["messages"][0]
    assert "from" not in incoming
    status, answer = await sandbox.send(to=None, recipient=incoming["from_user_id"])
    assert (status, answer["contacts"][0]["user_id"]) == (200, incoming["from_user_id"])
    await sandbox.services.until(3)
    told = sandbox.services.webhooks[-1]["statuses"][0]
    assert told["recipient_user_id"] == incoming["from_user_id"]
    assert "recipient_id" not in told


async def test_a_webhook_is_repeated_until_the_gateway_answers_200(sandbox: World) -> None:
    sandbox.services.answers = [503, 204]
    said = await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "hoi"})
    assert (said[0], said[1]["accepted"], said[1]["gateway"]) == (202, False, 503)
    (value,) = await sandbox.services.until(1)
    assert value["messages"][0]["id"] == said[1]["wamid"]
    _, summary = await sandbox.ask("GET", "/phone/summary")
    assert summary["webhooks"] == {"posted": 3, "accepted": 1, "refused": 2, "givenUp": 0}


async def test_copies_of_one_webhook_are_posted_at_the_same_time(sandbox: World) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "hoi", "copies": 3})
    values = await sandbox.services.until(3)
    assert values[0] == values[1] == values[2]


@pytest.mark.parametrize(
    ("message", "kind"),
    [
        ({"kind": "image", "text": "kijk"}, "image"),
        ({"kind": "location"}, "location"),
        ({"kind": "reaction", "about": "wamid.X", "emoji": "👍"}, "reaction"),
        ({"kind": "choice", "about": "wamid.X", "row": "a", "text": "Afval"}, "interactive"),
    ],
)
async def test_a_phone_sends_more_than_text(
    sandbox: World, message: dict[str, Any], kind: str
) -> None:
    status, _ = await sandbox.ask("POST", "/phone/messages", json=FROM | message)
    assert status == 200
    assert sandbox.services.webhooks[0]["messages"][0]["type"] == kind


@pytest.mark.parametrize(
    "message",
    [
        {},
        {"text": " "},
        {"text": "hoi", "number": "5"},
        {"text": "hoi", "from": "Fatima"},
        {"text": "hoi", "copies": 11},
        {"text": "hoi", "tekst": "hoi"},
        {"text": "x" * 65_537},
        {"kind": "image", "media": "5"},
        {"kind": "image", "sample": "kat"},
        {"kind": "reaction"},
    ],
)
async def test_what_no_phone_could_send_is_refused_and_nothing_is_posted(
    sandbox: World, message: dict[str, Any]
) -> None:
    status, answer = await sandbox.ask("POST", "/phone/messages", json=FROM | message)
    assert (status, answer["status"]) == (400, 400)
    assert sandbox.services.webhooks == []


async def test_a_photo_can_be_fetched_as_from_meta_and_only_with_the_token(sandbox: World) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"kind": "image"})
    image = sandbox.services.webhooks[0]["messages"][0]["image"]
    status, about = await sandbox.ask("GET", f"/graph/v26.0/{image['id']}", headers=TOKEN)
    assert (status, about["mime_type"]) == (200, "image/png")
    async with sandbox.http.get(about["url"], headers=TOKEN) as answer:
        content = await answer.read()
    assert (len(content), content[:4]) == (int(about["file_size"]), b"\x89PNG")
    async with sandbox.http.get(about["url"]) as answer:
        assert answer.status == 401
    late = about["url"].partition("?")[0] + "?ext=5"
    async with sandbox.http.get(late, headers=TOKEN) as answer:
        assert answer.status == 404


async def test_media_is_uploaded_checked_and_removed(sandbox: World) -> None:
    path = f"/graph/v26.0/{NUMBER}/media"

    def form(kind: str, content: bytes = b"hello") -> aiohttp.FormData:
        fields = aiohttp.FormData({"messaging_product": "whatsapp", "type": kind})
        fields.add_field("file", content, filename="a", content_type=kind)
        return fields

    status, answer = await sandbox.ask("POST", path, data=form("text/plain"), headers=TOKEN)
    assert status == 200
    gone = f"/graph/v26.0/{answer['id']}"
    assert await sandbox.ask("DELETE", gone, headers=TOKEN) == (200, {"success": True})
    assert (await sandbox.ask("GET", gone, headers=TOKEN))[0] == 400
    for kind, content in (("image/gif", b"x"), ("image/webp", bytes(600_000))):
        status, answer = await sandbox.ask("POST", path, data=form(kind, content), headers=TOKEN)
        assert (status, answer["error"]["code"]) == (400, 131053)


async def test_a_read_receipt_is_answered_as_meta_does(sandbox: World) -> None:
    path = f"/graph/v26.0/{NUMBER}/messages"
    receipt = {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.X"}
    assert await sandbox.ask("POST", path, json=receipt, headers=TOKEN) == (200, {"success": True})


async def test_the_crm_takes_events_and_knows_repeats_and_disorder(sandbox: World) -> None:
    for raw in (body("e1", 1), body("e3", 3), body("e1", 1), body("e2", 2)):
        assert (await sandbox.tell(raw))[0] == 204
    _, summary = await sandbox.ask("GET", "/crm/summary")
    assert (summary["count"], summary["distinct"], summary["repeats"]) == (4, 3, 1)
    assert (summary["orderViolations"], summary["changed"]) == (1, 0)
    _, received = await sandbox.ask("GET", "/crm/received?after=2")
    assert [(a["n"], a["id"], a["first"]) for a in received] == [(3, "e1", False), (4, "e2", True)]
    assert received[1]["event"] == event("e2", 2)
    assert (await sandbox.ask("DELETE", "/crm/received"))[0] == 204
    assert (await sandbox.ask("GET", "/crm/received"))[1] == []


async def test_the_crm_takes_a_batch(sandbox: World) -> None:
    raw = json.dumps([event("e1", 1), event("e2", 2)]).encode()
    assert (await sandbox.tell(raw, "application/cloudevents-batch+json"))[0] == 204
    assert (await sandbox.ask("GET", "/crm/summary"))[1]["distinct"] == 2


@pytest.mark.parametrize(
    ("raw", "changed", "status"),
    [
        (body(), {"webhook-signature": "v1,x"}, 401),
        (body(), {"webhook-timestamp": "5"}, 401),
        (body(), {"Content-Type": "application/json"}, 415),
        (b"{}", {}, 400),
        (b"[", {"Content-Type": "application/cloudevents-batch+json"}, 400),
        (b'[{"id": "a"}]', {"Content-Type": "application/cloudevents-batch+json"}, 400),
    ],
)
async def test_the_crm_refuses_what_it_cannot_trust_or_use(
    sandbox: World, raw: bytes, changed: dict[str, str], status: int
) -> None:
    answered, answer = await sandbox.tell(raw, **changed)
    assert (answered, answer["status"]) == (status, status)
    assert (await sandbox.ask("GET", "/crm/summary"))[1]["count"] == 0


@pytest.mark.parametrize(
    ("mode", "status"), [("refuse", 503), ("bad-request", 400), ("too-many", 429), ("gone", 410)]
)
async def test_the_crm_refuses_as_often_as_it_was_told(
    sandbox: World, mode: str, status: int
) -> None:
    told = {"mode": mode, "count": 2, "retryAfter": 7}
    assert (await sandbox.ask("POST", "/crm/mode", json=told))[0] == 200
    assert [(await sandbox.tell(body()))[0] for _ in range(3)] == [status, status, 204]
    assert (await sandbox.ask("GET", "/crm/summary"))[1]["count"] == 1


async def test_the_crm_can_refuse_one_conversation_only(sandbox: World) -> None:
    await sandbox.ask("POST", "/crm/mode", json={"mode": "refuse", "conversationId": "c1"})
    assert (await sandbox.tell(body()))[0] == 503
    assert (await sandbox.tell(body("e2", 1, "c2")))[0] == 204


async def test_a_lost_answer_of_the_crm_leaves_the_event_received(sandbox: World) -> None:
    for mode, count in (("lost", 1), ("reset", 1)):
        await sandbox.ask("POST", "/crm/mode", json={"mode": mode, "count": 1})
        with pytest.raises(aiohttp.ClientError):
            await sandbox.tell(body())
        assert (await sandbox.ask("GET", "/crm/summary"))[1]["count"] == count


async def test_a_hanging_crm_holds_its_answer_until_it_is_told_otherwise(sandbox: World) -> None:
    await sandbox.ask("POST", "/crm/mode", json={"mode": "hang"})
    hanging = asyncio.create_task(sandbox.tell(body()))
    done, _ = await asyncio.wait([hanging], timeout=0.3)
    assert not done
    await sandbox.ask("POST", "/crm/mode", json={"mode": "ok"})
    assert (await hanging)[0] == 503


async def test_a_mode_that_does_not_exist_is_refused(sandbox: World) -> None:
    assert (await sandbox.ask("POST", "/crm/mode", json={"mode": "angry"}))[0] == 400


async def test_an_answer_from_the_desk_goes_to_the_gateway_under_its_own_key(
    sandbox: World,
) -> None:
    said = {"conversationId": "c1", "text": "Dag", "key": "k1"}
    assert (await sandbox.ask("POST", "/desk/answers", json=said))[0] == 202
    await sandbox.ask("POST", "/desk/answers", json={"conversationId": "c1", "text": "Dag"})
    (first, key), (_, fresh) = sandbox.services.commands
    assert first == {
        "conversationId": "c1",
        "type": "text",
        "text": {"body": "Dag"},
        "author": {"kind": "employee", "id": "sandbox"},
    }
    assert key == "k1"
    assert len(fresh) == 36


async def test_what_the_gateway_refuses_comes_back_to_the_desk_as_it_was_said(
    sandbox: World,
) -> None:
    status, answer = await sandbox.ask(
        "POST", "/desk/answers", json={"conversationId": "moved", "text": "Dag"}
    )
    assert (status, answer["code"]) == (409, "transferred")
    empty = {"conversationId": "c1", "text": " "}
    assert (await sandbox.ask("POST", "/desk/answers", json=empty))[0] == 400


async def test_the_record_is_the_archivers_and_its_changes_are_told(sandbox: World) -> None:
    assert await sandbox.ask("GET", "/desk/record/c1") == (200, {"messages": []})
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        sandbox.services.record = [{"id": "m1"}]
        text = await read_until(stream, "event: record")
    assert '"messages": [{"id": "m1"}]' in text


async def test_without_gateway_and_archiver_the_sandbox_says_so() -> None:
    nobody = "http://127.0.0.1:9"
    async with world(gateway_url=nobody, archiver_url=nobody) as sandbox:
        said = {"conversationId": "c1", "text": "Dag"}
        for answer in (
            await sandbox.ask("POST", "/desk/answers", json=said),
            await sandbox.ask("GET", "/desk/record/c1"),
        ):
            assert (answer[0], answer[1]["code"]) == (502, "unreachable")
        status, sent = await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "hoi"})
        assert (status, sent["gateway"]) == (202, 0)


async def test_the_stream_tells_what_happened_and_goes_on_where_a_page_was(
    sandbox: World,
) -> None:
    await sandbox.ask("POST", "/phone/messages", json=FROM | {"text": "een"})
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        text = await read_until(stream, "event: ready")
    assert text.index("event: hello") < text.index("event: citizen") < text.index("event: ready")
    last = text.split("id: ")[-1].partition("\n")[0]
    await sandbox.tell(body())
    headers = {"Last-Event-ID": last}
    async with sandbox.http.get(sandbox.url + "/stream", headers=headers) as stream:
        text = await read_until(stream, "event: ready")
    assert "event: citizen" not in text
    assert "event: crm" in text


async def test_another_site_cannot_use_the_sandbox_through_a_browser(sandbox: World) -> None:
    elsewhere = {"Sec-Fetch-Site": "cross-site"}
    assert (await sandbox.ask("GET", "/town", headers=elsewhere))[0] == 403


async def test_the_page_comes_under_a_strict_policy(sandbox: World) -> None:
    async with sandbox.http.get(sandbox.url + "/") as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        tag = answer.headers["ETag"]
    async with sandbox.http.get(sandbox.url + "/", headers={"If-None-Match": tag}) as answer:
        assert answer.status == 304
    assert (await sandbox.ask("GET", "/page/../settings.py"))[0] == 404


async def read_until(stream: aiohttp.ClientResponse, word: str) -> str:
    text = ""
    async with asyncio.timeout(20):
        async for chunk in stream.content.iter_any():
            text += chunk.decode()
            if word in text and text.endswith("\n\n"):
                return text
    raise AssertionError("the stream ended")
