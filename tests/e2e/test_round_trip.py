"""The whole trip: a webhook to the CRM and the archive, an answer back to the phone."""

import asyncio
from typing import Any

import aiohttp
import msgspec
import pytest

from tests.support.citizens import NUMBER, phone, post, signature, text, webhook
from tests.support.installation import NEIGHBOUR_NUMBER, Installation, frozen_database
from tests.support.observer import BEARER, Watch, until

MIB = 1024 * 1024


async def test_a_signed_webhook_is_at_the_crm_and_in_the_archive_within_a_second(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    body = webhook(text("trip mijn container is vol", "wamid.trip", 1))
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert await post(session, town.gateway, body) == 200
    events = await until(lambda: watch.events("trip"), bool, 5)
    data = events[0]["event"]["data"]
    messages = await until(lambda: watch.messages(data["conversationId"]), bool, 5)
    took = loop.time() - started
    assert data["department"] == "openbare-ruimte"
    assert len(data["decision"].pop("version")) == 12
    assert data["decision"] == {"rule": "afval", "reason": '"container" staat erin (regel afval)'}
    assert (messages[0]["id"], messages[0]["wamid"]) == (data["messageId"], "wamid.trip")
    assert messages[0]["raw"] == text("trip mijn container is vol", "wamid.trip", 1)
    assert took < 1


async def test_the_same_webhook_posted_five_times_at_once_is_there_once(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    body = webhook(text("repeated", "wamid.repeated", 2))
    before = await watch.metric("router", "postkamer_duplicates_total")
    statuses = await asyncio.gather(*(post(session, town.gateway, body) for _ in range(5)))
    assert statuses == [200] * 5
    await until(
        lambda: watch.metric("router", "postkamer_duplicates_total"), lambda n: n == before + 4, 5
    )
    await until(lambda: watch.archived("repeated"), bool, 5)
    assert len(await watch.archived("repeated")) == 1
    assert len(await watch.events("repeated")) == 1
    receipts = "select count(*) from opened.receipt where body like '%repeated%'"
    await until(lambda: watch.count(receipts), lambda n: n == 5, 5)


async def _answer(
    session: aiohttp.ClientSession, town: Installation, body: dict[str, Any], key: str
) -> tuple[int, Any]:
    headers = BEARER | {"Idempotency-Key": key}
    async with session.post(f"{town.gateway}/v1/messages", json=body, headers=headers) as answer:
        return answer.status, await answer.json()


async def test_an_answer_reaches_the_phone_and_its_status_comes_back(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    assert await post(session, town.gateway, webhook(text("ask", "wamid.ask", 3))) == 200
    (event,) = await until(lambda: watch.events("ask"), bool, 5)
    conversation = event["event"]["data"]["conversationId"]
    body = {
        "conversationId": conversation,
        "type": "text",
        "text": {"body": "Wij komen morgen langs."},
        "author": {"kind": "employee", "id": "e1"},
    }
    first = await _answer(session, town, body, "answer-1")
    assert first[0] == 202
    assert await _answer(session, town, body, "answer-1") == first
    changed = body | {"text": {"body": "Iets anders."}}
    assert (await _answer(session, town, changed, "answer-1"))[0] == 409

    async def status() -> str:
        url = f"{town.gateway}/v1/messages/{first[1]['id']}"
        async with session.get(url, headers=BEARER) as answer:
            return str((await answer.json())["status"])

    await until(status, lambda said: said == "delivered", 10)
    messages = await until(
        lambda: watch.messages(conversation), lambda ms: ms[-1]["status"] == "delivered", 10
    )
    assert [(m["direction"], m["text"]) for m in messages] == [
        ("in", "ask"),
        ("out", "Wij komen morgen langs."),
    ]
    assert messages[-1]["author"] == {"kind": "employee", "id": "e1"}
    assert messages[-1]["wamid"].startswith("wamid.")


async def test_a_message_to_a_citizen_who_never_wrote_opens_a_conversation(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    to = f"+{phone(4)}"
    body = {"number": NUMBER, "to": to, "type": "text", "text": {"body": "Uw pas ligt klaar."}}
    status, accepted = await _answer(session, town, body, "first-1")
    assert status == 202
    sent = f"select count(*) from deliverer.ledger where state = 'sent' and id = '{accepted['id']}'"
    await until(lambda: watch.count(sent), lambda n: n == 1, 5)


BAD_ORDERS: list[tuple[dict[str, Any], set[str]]] = [
    ({}, {"/type", "/number", "/to"}),
    (
        {"type": "text", "text": {"body": ""}, "conversationId": "x"},
        {"/text/body", "/conversationId"},
    ),
    ({"type": "telegram", "text": {"body": "a"}, "number": NUMBER, "to": "1"}, {"/type", "/to"}),
]


@pytest.mark.parametrize(("body", "pointers"), BAD_ORDERS)
async def test_an_order_that_is_wrong_hears_of_every_fault_at_once(
    town: Installation, session: aiohttp.ClientSession, body: dict[str, Any], pointers: set[str]
) -> None:
    status, problem = await _answer(session, town, body, "bad-1")
    assert status == 400
    assert {error["pointer"] for error in problem["errors"]} == pointers


async def test_without_a_token_nothing_is_told(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    for url in (f"{town.gateway}/v1/messages/x", f"{town.archiver}/v1/conversations/x/messages"):
        async with session.get(url) as answer:
            assert answer.status == 401
            assert answer.content_type == "application/problem+json"
            assert answer.headers["API-Version"]


async def test_the_handshake_echoes_the_challenge_to_whoever_knows_the_token(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    url = f"{town.gateway}/webhooks/whatsapp"
    async with session.get(url, params=query | {"hub.verify_token": "sandbox-verify-token"}) as a:
        assert (a.status, await a.text()) == (200, "1158201444")
    async with session.get(url, params=query | {"hub.verify_token": "guess"}) as a:
        assert a.status == 403


async def test_what_is_not_metas_or_is_too_large_is_refused_and_rubbish_is_kept(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    good = webhook(text("never", "wamid.never", 5))
    assert await post(session, town.gateway, good, signature(good, b"another secret")) == 401
    assert await post(session, town.gateway, good, "") == 401
    before = {name: town.memory(name) for name in ("gateway", "router", "archiver")}
    large = b'{"object":"' + b"x" * (4 * MIB) + b'"}'
    for _ in range(10):
        assert await post(session, town.gateway, large) == 413
    quarantined = "select count(*) from router.quarantine"
    kept = await watch.count(quarantined)
    for n, rubbish in enumerate((b"rubbish", b"[]", b'{"entry":7}', b"\xff\x00", b"[" * 100_000)):
        assert await post(session, town.gateway, rubbish) == 200, n
    await until(lambda: watch.count(quarantined), lambda n: n == kept + 5, 5)
    counted = "postkamer_quarantined_total"  # after its row: it is published in between
    await until(lambda: watch.metric("router", counted), lambda n: n >= 5, 5)
    after = {name: town.memory(name) for name in before}
    assert all(after[name] - before[name] < 32 for name in before), (before, after)
    assert await watch.events("never") == []
    assert all(process.exit_code is None for process in town.services.values())


async def test_one_bad_item_does_not_take_its_siblings_along(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    bad = {**text("sibling bad", "wamid.bad", 6), "id": None, "text": 7, "from_user_id": "NL.x"}
    body = webhook(text("sibling 1", "wamid.s1", 6), bad, text("sibling 2", "wamid.s2", 6))
    assert await post(session, town.gateway, body) == 200
    events = await until(lambda: watch.events("sibling"), lambda seen: len(seen) == 2, 5)
    assert [event["event"]["data"]["text"] for event in events] == ["sibling 1", "sibling 2"]


async def test_a_body_of_two_municipalities_is_cut_in_two_and_each_gets_its_own(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    ours = msgspec.json.decode(webhook(text("both almelo afval", "wamid.b1", 7)))
    theirs = webhook(text("both hengelo afval", "wamid.b2", 7), number=NEIGHBOUR_NUMBER)
    ours["entry"] += msgspec.json.decode(theirs)["entry"]
    assert await post(session, town.gateway, msgspec.json.encode(ours)) == 200
    events = await until(lambda: watch.events("both"), lambda seen: len(seen) == 2, 5)
    found = {
        event["event"]["source"]: (
            event["event"]["data"]["department"],
            event["event"]["data"]["text"],
            event["conversationId"].partition("-")[0],
        )
        for event in events
    }
    assert found == {
        "urn:nld:gemeente-almelo.systeem:postkamer": (
            "openbare-ruimte",
            "both almelo afval",
            NUMBER,
        ),
        "urn:nld:gemeente-hengelo.systeem:postkamer": (
            "balie",
            "both hengelo afval",
            NEIGHBOUR_NUMBER,
        ),
    }
    receipts = "select count(*) from opened.receipt where body like '%both%'"
    await until(lambda: watch.count(receipts), lambda n: n == 1, 5)


async def test_a_body_of_a_thousand_messages_is_taken_whole_and_in_order(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    messages = [text(f"thousand {n}", f"wamid.t{n}", 100 + n % 20) for n in range(1000)]
    assert await post(session, town.gateway, webhook(*messages)) == 200
    events = await until(lambda: watch.events("thousand"), lambda seen: len(seen) >= 1000, 20)
    assert len({event["id"] for event in events}) == 1000
    last: dict[str, int] = {}
    for event in events:
        n = int(event["event"]["data"]["text"].split()[1])
        assert last.get(event["conversationId"], -1) < n
        last[event["conversationId"]] = n


async def test_without_a_database_webhooks_are_taken_and_the_api_says_so(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    await asyncio.to_thread(town.database.kill)
    try:
        assert await post(session, town.gateway, webhook(text("nodb", "wamid.nodb", 8))) == 200
        order = {"number": NUMBER, "to": "+31612345678", "type": "text", "text": {"body": "x"}}
        status, problem = await _answer(session, town, order, "nodb-1")
        assert (status, problem["detail"]) == (503, "the database does not answer")
        url = f"{town.operations('router')}/health/ready"
        async with session.get(url) as answer:
            assert answer.status == 503
        async with session.get(f"{town.operations('gateway')}/health/ready") as answer:
            assert answer.status == 200
    finally:
        await asyncio.to_thread(town.database.start)
    await until(lambda: watch.events("nodb"), bool, 30)


async def test_no_log_and_no_metric_holds_personal_data(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    seen = town.logs()
    for name in ("gateway", "router", "deliverer", "archiver"):
        async with session.get(f"{town.operations(name)}/metrics") as answer:
            seen += await answer.text()
    assert "partition.held" in seen
    for private in ("3161000", "Sanne", "container is vol", "wamid.", "morgen langs", "citizen1"):
        assert private not in seen


async def test_a_database_that_stands_still_is_answered_in_seconds(
    town: Installation, session: aiohttp.ClientSession
) -> None:
    loop = asyncio.get_running_loop()
    order = {"number": NUMBER, "to": "+31612345678", "type": "text", "text": {"body": "x"}}
    with frozen_database(town):
        started = loop.time()
        status, problem = await _answer(session, town, order, "frozen-1")
        assert (status, problem["detail"]) == (503, "the database does not answer")
        async with session.get(
            f"{town.archiver}/v1/conversations/{NUMBER}-{'a' * 26}/messages", headers=BEARER
        ) as answer:
            assert answer.status == 503
        async with session.get(f"{town.operations('router')}/health/ready") as answer:
            assert answer.status == 503
        assert await post(session, town.gateway, webhook(text("ice", "wamid.ice", 9))) == 200
        assert loop.time() - started < 12
    assert (await _answer(session, town, order, "frozen-1"))[0] == 202
