"""The sandbox over HTTP: the CRM, the desks, the stream and the page."""

import asyncio
import json
from typing import Any

import aiohttp
import pytest

from tests.support.sandbox_world import AUTHOR, World, body, event, world

BATCH = {"Content-Type": "application/cloudevents-batch+json"}


async def test_the_crm_counts_events_repeats_and_disorder(sandbox: World) -> None:
    for raw in (body("e1", 1), body("e3", 3), body("e1", 1), body("e2", 2)):
        assert (await sandbox.send_event(raw))[0] == 204
    _, summary = await sandbox.ask("GET", "/crm/summary")
    assert (summary["count"], summary["distinct"], summary["repeats"]) == (4, 3, 1)
    assert (summary["orderViolations"], summary["changed"]) == (1, 0)
    _, received = await sandbox.ask("GET", "/crm/received?after=2")
    assert [(a["n"], a["id"], a["first"]) for a in received] == [(3, "e1", False), (4, "e2", True)]
    assert received[1]["event"] == event("e2", 2)
    assert (await sandbox.ask("GET", "/crm/received?after=x"))[0] == 400
    assert (await sandbox.ask("DELETE", "/crm/received"))[0] == 204
    assert (await sandbox.ask("GET", "/crm/received"))[1] == []


@pytest.mark.parametrize(
    ("raw", "headers", "status"),
    [
        (json.dumps([event("e1", 1), event("e2", 2)]).encode(), BATCH, 204),
        (body(), {"webhook-signature": "v1,x"}, 401),
        (body(), {"Content-Type": "application/json"}, 415),
        (b"{}", {}, 400),
        (b"[", BATCH, 400),
        (json.dumps([event(), {"id": "a"}]).encode(), BATCH, 400),
    ],
)
async def test_the_crm_accepts_a_batch_and_refuses_what_is_not_valid(
    sandbox: World, raw: bytes, headers: dict[str, str], status: int
) -> None:
    answered, answer = await sandbox.send_event(raw, **headers)
    assert answered == status and (status == 204 or answer["status"] == status)
    count = (await sandbox.ask("GET", "/crm/summary"))[1]["count"]
    assert count == (2 if status == 204 else 0)


@pytest.mark.parametrize(
    ("mode", "status"), [("refuse", 503), ("bad-request", 400), ("redirect", 302), ("gone", 410)]
)
async def test_a_mode_of_the_crm_refuses_so_many_requests(
    sandbox: World, mode: str, status: int
) -> None:
    await sandbox.set_crm_mode(mode, count=2, retryAfter=7)
    statuses = [(await sandbox.send_event(body()))[0] for _ in range(3)]
    assert statuses == [status, status, 204]
    assert (await sandbox.ask("GET", "/crm/summary"))[1]["count"] == 1


async def test_a_mode_of_the_crm_can_be_for_one_conversation(sandbox: World) -> None:
    await sandbox.set_crm_mode("refuse", conversationId="c1")
    assert (await sandbox.send_event(body()))[0] == 503
    assert (await sandbox.send_event(body("e2", 1, "c2")))[0] == 204


async def test_a_mode_of_the_crm_can_be_for_a_part_of_all_events(sandbox: World) -> None:
    await sandbox.set_crm_mode("bad-request", oneIn=3)
    events = [body(f"e{n}", n, f"c{n}") for n in range(60)]
    first, again = [[(await sandbox.send_event(raw))[0] for raw in events] for _ in range(2)]
    assert first == again
    assert 10 <= first.count(400) <= 30 and first.count(204) == 60 - first.count(400)


async def test_a_lost_answer_of_the_crm_leaves_the_event_received(sandbox: World) -> None:
    for mode, count in (("lost", 1), ("half", 2), ("reset", 2)):
        await sandbox.set_crm_mode(mode, count=1)
        with pytest.raises(aiohttp.ClientError):
            await sandbox.send_event(body())
        assert (await sandbox.ask("GET", "/crm/summary"))[1]["count"] == count


async def test_an_answer_of_the_crm_can_be_large(sandbox: World) -> None:
    await sandbox.set_crm_mode("large", count=1)
    status, content = await sandbox.send_event(body())
    assert (status, len(content)) == (200, 10 * 1024 * 1024)


async def test_a_hanging_crm_holds_its_answer_until_the_next_mode(sandbox: World) -> None:
    await sandbox.set_crm_mode("hang", count=1)
    hanging = asyncio.create_task(sandbox.send_event(body()))
    async with asyncio.timeout(20):
        while (await sandbox.ask("GET", "/crm/summary"))[1]["mode"] == "hang":
            await asyncio.sleep(0)
    assert not hanging.done()
    await sandbox.set_crm_mode("ok")
    assert (await hanging)[0] == 503
    assert (await sandbox.ask("POST", "/crm/mode", json={"mode": "angry"}))[0] == 400


async def test_a_page_learns_when_the_mode_of_the_crm_ends(sandbox: World) -> None:
    await sandbox.set_crm_mode("refuse", count=1)
    await sandbox.send_event(body())
    stream = await sandbox.read_stream('"ok"')
    assert stream.index('"refuse"') < stream.index('"ok"')


async def test_an_answer_of_the_desk_goes_to_the_gateway_under_its_own_key(sandbox: World) -> None:
    for key in ({"key": "k1"}, {}):
        assert (await sandbox.answer(**key))[0] == 202
    (first, key), (_, fresh) = sandbox.services.commands
    text = {"type": "text", "text": {"body": "Dag"}}
    assert first == {"conversationId": "c1", **text, "author": AUTHOR}
    assert (key, len(fresh)) == ("k1", 36)


async def test_a_refusal_of_an_answer_is_passed_on_to_the_desk(sandbox: World) -> None:
    status, answer = await sandbox.answer(conversationId="moved")
    assert (status, answer["code"]) == (409, "transferred")
    assert (await sandbox.answer(text=" "))[0] == 400


async def test_a_desk_sends_any_message_of_the_gateway_and_the_pages_show_it(
    sandbox: World,
) -> None:
    message = {"type": "reaction", "reaction": {"messageId": "m0", "emoji": "👍"}}
    assert (await sandbox.answer(text="👍", message=message))[0] == 202
    ((command, _),) = sandbox.services.commands
    assert command == {"conversationId": "c1", "author": AUTHOR, **message}
    stream = await sandbox.read_stream("event: ready")
    assert '"type":"reaction","text":"👍","about":"m0"' in stream


async def test_a_desk_transfers_closes_notes_confirms_and_uploads(sandbox: World) -> None:
    for action, fields in (
        ("transfer", {"department": "d"}),
        ("close", {}),
        ("note", {"text": "x"}),
        ("confirm", {}),
    ):
        command = {"conversationId": "c1", "action": action, "body": fields}
        assert (await sandbox.ask("POST", "/desk/actions", json=command))[0] == 201
        path, raw = sandbox.services.requests[-1]
        assert path == f"/v1/conversations/c1/_{action}"
        assert json.loads(raw) == {**fields, "author": AUTHOR}
    stream = await sandbox.read_stream("event: ready")
    for name in ("note", "confirmed"):
        assert f'event: {name}\ndata: {{"conversationId":"c1"' in stream
    headers = {"Content-Type": "image/png"}
    assert (await sandbox.ask("POST", "/desk/media", data=b"png", headers=headers))[0] == 201
    assert sandbox.services.requests[-1] == ("/v1/media", b"png")
    unknown = {"conversationId": "c1", "action": "destroy"}
    assert (await sandbox.ask("POST", "/desk/actions", json=unknown))[0] == 400
    assert len(sandbox.services.requests) == 5


@pytest.mark.parametrize(
    ("path", "asked"), [("orders/o1", "/v1/messages/o1"), ("numbers", "/v1/numbers")]
)
async def test_a_desk_reads_the_outcome_of_a_command_and_the_numbers(
    sandbox: World, path: str, asked: str
) -> None:
    assert await sandbox.ask("GET", f"/desk/{path}") == (200, {"read": asked})


async def test_the_contact_centre_sets_the_state_and_notice_of_a_number(sandbox: World) -> None:
    for method, what, fields in (
        ("PUT", "state", {"state": "receive-only"}),
        ("PUT", "notice", {"text": "x"}),
        ("DELETE", "notice", {}),
    ):
        assert (await sandbox.ask(method, f"/desk/numbers/106/{what}", json=fields))[0] == 201
        path, raw = sandbox.services.requests[-1]
        assert (path, json.loads(raw)) == (f"/v1/numbers/106/{what}", fields | {"author": AUTHOR})
    assert (await sandbox.ask("DELETE", "/desk/numbers/106/state"))[0] == 405
    assert (await sandbox.ask("PUT", "/desk/numbers/106/notice", data=b"[]"))[0] == 400
    assert len(sandbox.services.requests) == 3


@pytest.mark.slow
async def test_a_desk_polls_a_record_for_messages_that_it_does_not_have(sandbox: World) -> None:
    records: list[dict[str, Any]] = [{"id": f"m{n}", "sequence": n} for n in (3, 7, 9)]
    assert await sandbox.ask("GET", "/desk/record/c1") == (200, {"messages": []})
    assert await sandbox.ask("GET", "/desk/history/c1") == (200, {"history": []})
    async with sandbox.http.get(sandbox.url + "/stream") as stream:
        for record in records:
            sandbox.services.record.append(record)
            text = await sandbox.read_until(stream, f'"{record["id"]}"')
    assert '"messages":[{"id":"m3","sequence":3},{"id":"m7","sequence":7},{"id":"m9"' in text
    assert {after for after in sandbox.services.polled if after} == {"3", "7"}
    assert await sandbox.ask("GET", "/desk/record/c1") == (200, {"messages": records})


async def test_a_desk_learns_that_the_gateway_or_the_archiver_does_not_answer() -> None:
    nowhere = "http://127.0.0.1:9"
    async with world(gateway_url=nowhere, archiver_url=nowhere) as sandbox:
        for answer in (await sandbox.answer(), await sandbox.ask("GET", "/desk/record/c1")):
            assert (answer[0], answer[1]["code"]) == (502, "unreachable")
        status, sent = await sandbox.write(text="hoi")
        assert (status, sent["gateway"]) == (202, 0)


async def test_the_stream_goes_on_where_a_page_was(sandbox: World) -> None:
    await sandbox.write(text="een")
    stream = await sandbox.read_stream("event: ready")
    assert stream.index("event: hello") < stream.index("event: citizen")
    last = stream.split("id: ")[-1].partition("\n")[0]
    await sandbox.send_event(body())
    stream = await sandbox.read_stream("event: ready", **{"Last-Event-ID": last})
    assert "event: citizen" not in stream and "event: crm" in stream


async def test_another_site_cannot_use_the_sandbox_through_a_browser(sandbox: World) -> None:
    headers = {"Sec-Fetch-Site": "cross-site"}
    assert (await sandbox.ask("GET", "/town", headers=headers))[0] == 403


async def test_the_page_has_a_strict_policy_and_is_cached(sandbox: World) -> None:
    async with sandbox.http.get(sandbox.url + "/") as answer:
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        tag = answer.headers["ETag"]
    assert (await sandbox.ask("GET", "/", headers={"If-None-Match": tag}))[0] == 304
    assert (await sandbox.ask("GET", "/page/../settings.py"))[0] == 404


async def test_newest_conversation_of_a_citizen_with_a_number_is_found(sandbox: World) -> None:
    ids = ("106540352242923-b", "106540352242922-c", "106540352242922-a")
    sandbox.services.written["NL.1"] = [{"conversationId": id} for id in ids]

    async def find(**writer: str) -> tuple[int, Any]:
        return await sandbox.ask("POST", "/desk/conversation", json=writer)

    number = "106540352242922"
    assert await find(number=number, bsuid="NL.1") == (200, {"conversationId": ids[1]})
    assert await find(number=number, bsuid="NL.2") == (200, {"conversationId": ""})
    assert (await find(number=number))[0] == 400
