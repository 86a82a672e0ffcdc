"""The sandbox over real HTTP: the CRM, the desks, the stream and the page."""

import asyncio
import json

import aiohttp
import pytest

from tests.support.sandbox_world import (
    FROM,
    World,
    body,
    event,
    read_until,
    world,
)


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
    for mode, count in (("lost", 1), ("half", 2), ("reset", 2)):
        await sandbox.ask("POST", "/crm/mode", json={"mode": mode, "count": 1})
        with pytest.raises(aiohttp.ClientError):
            await sandbox.tell(body())
        assert (await sandbox.ask("GET", "/crm/summary"))[1]["count"] == count


async def test_a_page_is_told_when_the_crm_takes_everything_again(sandbox: World) -> None:
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        await read_until(stream, "event: ready")
        await sandbox.ask("POST", "/crm/mode", json={"mode": "refuse", "count": 1})
        await sandbox.tell(body())
        assert '"refuse"' in await read_until(stream, '"ok"')


async def test_an_answer_may_be_large(sandbox: World) -> None:
    await sandbox.ask("POST", "/crm/mode", json={"mode": "large", "count": 1})
    status, said = await sandbox.tell(body())
    assert (status, len(said)) == (200, 10 * 1024 * 1024)


async def test_the_crm_can_refuse_a_part_of_all_events_always_the_same_ones(sandbox: World) -> None:
    await sandbox.ask("POST", "/crm/mode", json={"mode": "bad-request", "oneIn": 3})
    asked = [f"e{n}" for n in range(60)]
    first = [(await sandbox.tell(body(id, n, f"c{n}")))[0] for n, id in enumerate(asked)]
    again = [(await sandbox.tell(body(id, n, f"c{n}")))[0] for n, id in enumerate(asked)]
    assert first == again
    assert 10 <= first.count(400) <= 30 and first.count(204) == 60 - first.count(400)


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


async def test_a_desk_sends_whatever_the_gateway_takes_and_says_who_it_is(sandbox: World) -> None:
    message = {"type": "reaction", "reaction": {"messageId": "m0", "emoji": "👍"}}
    said = {"conversationId": "c1", "text": "👍", "message": message}
    assert (await sandbox.ask("POST", "/desk/answers", json=said))[0] == 202
    ((sent, _),) = sandbox.services.commands
    author = {"kind": "employee", "id": "sandbox"}
    assert sent == {"conversationId": "c1", "author": author, **message}
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        text = await read_until(stream, "event: ready")
    assert '"type":"reaction","text":"👍","about":"m0"' in text


async def test_a_desk_passes_on_closes_notes_and_uploads(sandbox: World) -> None:
    for action, given in (
        ("transfer", {"department": "d"}),
        ("close", {}),
        ("note", {"text": "x"}),
        ("confirm", {}),
    ):
        said = {"conversationId": "c1", "action": action, "body": given}
        assert (await sandbox.ask("POST", "/desk/actions", json=said))[0] == 201
        path, raw = sandbox.services.asked[-1]
        assert path == f"/v1/conversations/c1/_{action}"
        assert json.loads(raw) == {**given, "author": {"kind": "employee", "id": "sandbox"}}
    kind = {"Content-Type": "image/png"}
    assert (await sandbox.ask("POST", "/desk/media", data=b"png", headers=kind))[0] == 201
    assert sandbox.services.asked[-1] == ("/v1/media", b"png")
    odd = {"conversationId": "c1", "action": "destroy"}
    assert (await sandbox.ask("POST", "/desk/actions", json=odd))[0] == 400
    assert len(sandbox.services.asked) == 5


async def test_what_became_of_an_order_can_be_asked_and_a_confirmation_is_told(
    sandbox: World,
) -> None:
    assert await sandbox.ask("GET", "/desk/orders/o1") == (200, {"read": "/v1/messages/o1"})
    said = {"conversationId": "c1", "action": "confirm"}
    assert (await sandbox.ask("POST", "/desk/actions", json=said))[0] == 201
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        text = await read_until(stream, "event: ready")
    assert 'event: confirmed\ndata: {"conversationId":"c1"' in text


async def test_the_contact_centre_reads_and_says_what_holds_of_a_number(sandbox: World) -> None:
    assert await sandbox.ask("GET", "/desk/numbers") == (200, {"read": "/v1/numbers"})
    author = {"author": {"kind": "employee", "id": "sandbox"}}
    for method, what, given in (
        ("PUT", "state", {"state": "receive-only"}),
        ("PUT", "notice", {"text": "x"}),
        ("DELETE", "notice", {}),
    ):
        path = f"/desk/numbers/106/{what}"
        assert (await sandbox.ask(method, path, json=given))[0] == 201
        asked, raw = sandbox.services.asked[-1]
        assert (asked, json.loads(raw)) == (f"/v1/numbers/106/{what}", given | author)
    assert (await sandbox.ask("DELETE", "/desk/numbers/106/state"))[0] == 405
    assert (await sandbox.ask("PUT", "/desk/numbers/106/notice", data=b"[]"))[0] == 400
    assert len(sandbox.services.asked) == 3


async def test_the_record_is_the_archivers_and_its_changes_are_told(sandbox: World) -> None:
    assert await sandbox.ask("GET", "/desk/record/c1") == (200, {"messages": []})
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        sandbox.services.record = [{"id": "m1"}]
        text = await read_until(stream, "event: record")
    assert '"messages":[{"id":"m1"}]' in text


@pytest.mark.slow
async def test_a_desk_asks_the_record_only_for_what_it_has_not_seen(sandbox: World) -> None:
    sandbox.services.record = [{"id": "m1", "sequence": 3}]
    await sandbox.ask("GET", "/desk/record/c1")
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        sandbox.services.record.append({"id": "m2", "sequence": 7})
        text = await read_until(stream, "event: record")
        assert '"messages":[{"id":"m1","sequence":3},{"id":"m2","sequence":7}]' in text
        sandbox.services.record.append({"id": "m3", "sequence": 9})
        await read_until(stream, '"m3"')
    assert {after for after in sandbox.services.looked if after} == {"3", "7"}


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
