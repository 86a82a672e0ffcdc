"""The whole trip: a webhook to the CRM and the archive, an answer back to the phone."""

import asyncio
import json
import re
import shutil
from collections import Counter
from functools import partial
from typing import Any

import aiohttp
import msgspec

from deploy.grafana.__main__ import DASHBOARDS
from services.amqp import topology
from services.restoration.waiting_room import WAITS
from tests.support.citizens import NUMBER, phone, post, signature, text, webhook
from tests.support.e2e.crm_desk import AUTHOR, Desk, wrote
from tests.support.installation import NEIGHBOUR_NUMBER, frozen_database
from tests.support.integration.raw_http import said
from tests.support.observer import BEARER, Watch, until
from tests.support.promql import expression_faults, known_metrics, names_in, scraped_metrics
from tests.support.promtool import load_rules

MIB = 1024 * 1024
UNREADABLE = (b"rubbish", b"[]", b'{"entry":7}', b"\xff\x00", b"[" * 100_000)
REFUSED = 0
"""Answer of a port that is shut."""
SHOWN = 20
"""Metrics of dashboards and alarms that one message is enough to show."""
BAD_MESSAGE = {"type": "text", "text": {"body": ""}, "conversationId": "x"}


def to_citizen(citizen: int) -> dict[str, Any]:
    """A message to a citizen who may never have written."""
    message = {"type": "text", "text": {"body": "Uw pas ligt klaar."}}
    return message | {"number": NUMBER, "to": f"+{phone(citizen)}"}


async def post_webhook(watch: Watch, *messages: dict[str, Any]) -> None:
    assert await post(watch.session, watch.town.gateway, webhook(*messages)) == 200


async def get(watch: Watch, url: str) -> int:
    async with watch.session.get(url, headers=BEARER) as answer:
        return answer.status


async def test_webhook_is_at_the_crm_and_in_the_archive(watch: Watch) -> None:
    message = text("trip mijn container is vol", "wamid.trip", 1)
    await post_webhook(watch, message)
    events = await until(lambda: watch.events("trip"), bool, 5)
    data = events[0]["event"]["data"]
    messages = await until(lambda: watch.messages(data["conversationId"]), bool, 5)
    assert data["department"] == "openbare-ruimte"
    assert len(data["decision"].pop("version")) == 12
    assert data["decision"] == {"rule": "afval", "reason": '"container" staat erin (regel afval)'}
    assert (messages[0]["id"], messages[0]["wamid"]) == (data["messageId"], "wamid.trip")
    assert messages[0]["raw"] == message


async def test_webhook_posted_five_times_at_once_is_delivered_once(watch: Watch) -> None:
    name = "postkamer_duplicates_total"
    before = await watch.metric("router", name)
    await asyncio.gather(
        *(post_webhook(watch, text("repeated", "wamid.repeated", 2)) for _ in range(5))
    )
    await until(lambda: watch.metric("router", name), lambda n: n == before + 4, 5)
    await until(lambda: watch.archived("repeated"), bool, 5)
    assert len(await watch.archived("repeated")) == 1
    assert len(await watch.events("repeated")) == 1
    receipts = "select count(*) from opened.receipt where body like '%repeated%'"
    await until(lambda: watch.count(receipts), lambda n: n == 5, 5)


async def test_answer_reaches_the_phone_and_its_status_comes_back(watch: Watch) -> None:
    desk, asked = Desk(watch), await wrote(watch, "ask", "wamid.ask", 3)
    conversation = asked["conversationId"]
    body = {"conversationId": conversation, "type": "text", "author": AUTHOR}
    answer = body | {"text": {"body": "Wij komen morgen langs."}}
    first = await desk.post("/v1/messages", answer, "answer-1")
    assert first[0] == 202
    assert await desk.post("/v1/messages", answer, "answer-1") == first
    changed = body | {"text": {"body": "Iets anders."}}
    assert (await desk.post("/v1/messages", changed, "answer-1"))[0] == 409
    arrived = lambda said: said["status"] == "delivered"  # noqa: E731
    await until(lambda: desk.status(first[1]["id"]), arrived, 10)
    messages = await until(lambda: watch.messages(conversation), lambda ms: arrived(ms[-1]), 10)
    assert [(m["direction"], m["text"]) for m in messages] == [
        ("in", "ask"),
        ("out", "Wij komen morgen langs."),
    ]
    assert messages[-1]["author"] == AUTHOR | {"identified": "stated"}
    assert messages[-1]["wamid"].startswith("wamid.")


async def test_message_to_a_citizen_who_never_wrote_is_sent(watch: Watch) -> None:
    status, accepted = await Desk(watch).post("/v1/messages", to_citizen(4))
    assert status == 202
    sent = f"select count(*) from deliverer.ledger where state = 'sent' and id = '{accepted['id']}'"
    await until(lambda: watch.count(sent), lambda n: n == 1, 5)


async def test_all_faults_of_a_message_are_named_at_once(watch: Watch) -> None:
    status, problem = await Desk(watch).post("/v1/messages", BAD_MESSAGE)
    assert status == 400
    pointers = {error["pointer"] for error in problem["errors"]}
    assert pointers == {"/text/body", "/conversationId"}


async def test_request_without_a_token_is_refused(watch: Watch) -> None:
    town = watch.town
    for url in (f"{town.gateway}/v1/messages/x", f"{town.archiver}/v1/conversations/x/messages"):
        async with watch.session.get(url) as answer:
            assert answer.status == 401
            assert answer.content_type == "application/problem+json"
            assert answer.headers["API-Version"]


def request(line: str, *headers: str, body: bytes = b"") -> bytes:
    lines = (line, "Host: x", "Connection: close", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


async def test_no_listener_names_the_software_and_versions_behind_it(watch: Watch) -> None:
    body = webhook(text("nameless", "wamid.nameless", 41))
    asked = {
        "page": request("GET / HTTP/1.1"),
        "metrics": request("GET /metrics HTTP/1.1"),
        "document": request("GET /v1/openapi.json HTTP/1.1"),
        "refused": request("POST /v1/openapi.json HTTP/1.1"),
        "without a token": request("GET /v1/messages/x HTTP/1.1"),
        "webhook": request(
            "POST /webhooks/whatsapp HTTP/1.1", f"X-Hub-Signature-256: {signature(body)}", body=body
        ),
        "no HTTP": b"nonsense\r\n\r\n",
        "too long": request("GET / HTTP/1.1", f"X: {'x' * 5000}"),
    }
    seen = Counter[int]()
    own = {f"POSTKAMER_DESK{each}_PORT" for each in ("", "_OPS")}  # of a town that has a desk
    for port in [port for name, port in watch.town.ports.items() if name not in own]:
        for name, raw in asked.items():
            [(status, headers, _)] = await said(port, raw)
            assert headers["server"] == "Postkamer", (port, name)
            assert not re.search("aiohttp|python", str(headers), re.IGNORECASE), (port, name)
            seen[status] += 1
    assert seen.keys() >= {200, 400, 401, 404, 405, 431}


async def test_handshake_echoes_the_challenge_only_with_the_verify_token(watch: Watch) -> None:
    query = {"hub.mode": "subscribe", "hub.challenge": "1158201444"}
    url = f"{watch.town.gateway}/webhooks/whatsapp"
    shown = query | {"hub.verify_token": "sandbox-verify-token"}
    async with watch.session.get(url, params=shown) as answer:
        assert (answer.status, await answer.text()) == (200, "1158201444")
    async with watch.session.get(url, params=query | {"hub.verify_token": "guess"}) as answer:
        assert answer.status == 403
    for challenge, status in (("1" * 200, 200), ("1" * 201, 400), ("", 400)):
        async with watch.session.get(url, params=shown | {"hub.challenge": challenge}) as answer:
            assert answer.status == status


async def test_forged_and_large_bodies_are_refused_and_unreadable_ones_kept(watch: Watch) -> None:
    town, session = watch.town, watch.session
    good = webhook(text("never", "wamid.never", 5))
    assert await post(session, town.gateway, good, signature(good, b"another secret")) == 401
    assert await post(session, town.gateway, good, "") == 401
    before = {name: town.memory(name) for name in ("gateway", "router", "archiver")}
    large = b'{"object":"' + b"x" * (4 * MIB) + b'"}'
    for _ in range(10):
        assert await post(session, town.gateway, large) == 413
    quarantined = "select count(*) from router.quarantine"
    kept = await watch.count(quarantined)
    for n, body in enumerate(UNREADABLE):
        assert await post(session, town.gateway, body) == 200, n
    await until(lambda: watch.count(quarantined), lambda n: n == kept + 5, 5)
    counted = "postkamer_quarantined_total"  # after its row: it is published in between
    await until(lambda: watch.metric("router", counted), lambda n: n >= 5, 5)
    after = {name: town.memory(name) for name in before}
    assert all(after[name] - before[name] < 32 for name in before), (before, after)
    assert await watch.events("never") == []
    assert all(process.exit_code is None for process in town.services.values())
    await retry_and_drop_quarantined(watch)


async def retry_and_drop_quarantined(watch: Watch) -> None:
    """A unit that still cannot be decided is in quarantine again, and the balance closes."""

    async def run(*words: str) -> Any:
        return json.loads(await asyncio.to_thread(watch.town.says, *words, "--json"))

    elsewhere = webhook(text("elsewhere", "wamid.elsewhere", 5), number="999000111")
    assert await post(watch.session, watch.town.gateway, elsewhere) == 200
    first = await until(lambda: run("quarantine", "list"), lambda units: len(units) >= 6, 10)
    assert await run("quarantine", "again", "--all") == {"count": len(first), "dryRun": False}
    old = {unit["id"] for unit in first}
    anew = lambda units: len(units) == len(old) and not old & {u["id"] for u in units}  # noqa: E731
    again = await until(lambda: run("quarantine", "list"), anew, 15)
    assert Counter(u["reason"] for u in again) == Counter(u["reason"] for u in first)
    balance = lambda: asyncio.to_thread(watch.town.says, "balance")  # noqa: E731
    await until(balance, lambda said: "The balance closes" in said, 20)
    dropped = await run("quarantine", "drop", "--all", "--reason", "a test")
    assert dropped["count"] == len(again)
    await until(lambda: watch.metric("router", "postkamer_quarantine"), lambda n: n == 0, 10)


async def test_malformed_item_leaves_its_siblings_in_the_body_unharmed(watch: Watch) -> None:
    bad = {**text("sibling bad", "wamid.bad", 6), "id": None, "text": 7, "from_user_id": "NL.x"}
    siblings = [text(f"sibling {n}", f"wamid.s{n}", 6) for n in (1, 2)]
    await post_webhook(watch, siblings[0], bad, siblings[1])
    events = await until(lambda: watch.events("sibling"), lambda seen: len(seen) == 2, 5)
    assert [event["event"]["data"]["text"] for event in events] == ["sibling 1", "sibling 2"]


async def test_body_of_two_municipalities_is_split_and_each_gets_its_own(watch: Watch) -> None:
    ours = msgspec.json.decode(webhook(text("both almelo afval", "wamid.b1", 7)))
    theirs = webhook(text("both hengelo afval", "wamid.b2", 7), number=NEIGHBOUR_NUMBER)
    ours["entry"] += msgspec.json.decode(theirs)["entry"]
    assert await post(watch.session, watch.town.gateway, msgspec.json.encode(ours)) == 200
    events = await until(lambda: watch.events("both"), lambda seen: len(seen) == 2, 5)
    found = set()
    for event in events:
        data, number = event["event"]["data"], event["conversationId"].partition("-")[0]
        found.add((event["event"]["source"], data["department"], data["text"], number))
    source = "urn:nld:gemeente-{}.systeem:postkamer"
    assert found == {
        (source.format("almelo"), "openbare-ruimte", "both almelo afval", NUMBER),
        (source.format("hengelo"), "balie", "both hengelo afval", NEIGHBOUR_NUMBER),
    }
    receipts = "select count(*) from opened.receipt where body like '%both%'"
    await until(lambda: watch.count(receipts), lambda n: n == 1, 5)


async def test_body_of_a_thousand_messages_is_taken_whole_and_in_order(watch: Watch) -> None:
    messages = [text(f"thousand {n}", f"wamid.t{n}", 100 + n % 20) for n in range(1000)]
    await post_webhook(watch, *messages)
    events = await until(lambda: watch.events("thousand"), lambda seen: len(seen) >= 1000, 20)
    assert len({event["id"] for event in events}) == 1000
    last: dict[str, int] = {}
    for event in events:
        n = int(event["event"]["data"]["text"].split()[1])
        assert last.get(event["conversationId"], -1) < n
        last[event["conversationId"]] = n


async def test_webhooks_are_taken_without_a_database_and_the_api_answers_503(watch: Watch) -> None:
    town, desk = watch.town, Desk(watch)
    await asyncio.to_thread(town.database.kill)
    try:
        await post_webhook(watch, text("nodb", "wamid.nodb", 8))
        status, problem = await desk.post("/v1/messages", to_citizen(8))
        assert (status, problem["detail"]) == (503, "the database does not answer")
        assert await get(watch, f"{town.operations('router')}/health/ready") == 503
        assert await get(watch, f"{town.operations('gateway')}/health/ready") == 200
    finally:
        await asyncio.to_thread(town.database.start)
    await until(lambda: watch.events("nodb"), bool, 30)


async def test_status_shows_who_does_what(watch: Watch) -> None:
    town, broker = watch.town, {"POSTKAMER_AMQP_URL": watch.town.broker.url}
    status = msgspec.json.decode(await asyncio.to_thread(town.says, "status", "--json", **broker))
    assert [each["ready"] for each in status["services"]] == [True] * 4
    assert status["others"] == [], "the database knows no others"
    instances = {each["name"]: each["instance"] for each in status["services"]}
    partition = status["partitions"][topology.partition_of(NUMBER, len(status["partitions"]))]
    assert partition["queue"]["owner"] == f"router {instances['router']}"
    assert partition["epoch"] >= 1
    owners = {each["queue"]["owner"] for each in status["destinations"]}
    assert owners == {f"deliverer {instances['deliverer']}"}
    assert status["archive"]["queue"]["owner"] == f"archiver {instances['archiver']}"
    assert status["archive"]["entries"] > 0
    files = next(each for each in status["disk"] if each["name"] == "files")
    assert 0 < files["free"] < files["total"]
    assert status["faults"] == status["notAsked"] == []


async def test_logs_and_metrics_hold_no_personal_data(watch: Watch) -> None:
    town, seen = watch.town, watch.town.logs()
    for name in ("gateway", "router", "deliverer", "archiver"):
        for path in ("/metrics", "/health/status"):
            async with watch.session.get(town.operations(name) + path) as answer:
                seen += await answer.text()
    seen += await asyncio.to_thread(town.says, "status")
    assert "partition.held" in seen
    for private in ("3161000", "Sanne", "container is vol", "wamid.", "morgen langs", "citizen1"):
        assert private not in seen


async def test_metrics_pages_show_what_dashboards_and_alarms_ask_for(watch: Watch) -> None:
    await post_webhook(watch, text("counted", "wamid.counted", 9))
    await until(lambda: watch.archived("counted"), bool, 30)
    shown: dict[str, set[str]] = {}
    for name in ("gateway", "router", "deliverer", "archiver"):
        async with watch.session.get(f"{watch.town.operations(name)}/metrics") as answer:
            for metric, labels in scraped_metrics(await answer.text()).items():
                shown[metric] = shown.get(metric, set()) | labels
    asked = [query for dashboard in DASHBOARDS.values() for query in dashboard.queries]
    asked += [rule["expr"] for rule in load_rules()]
    known = known_metrics()
    assert [fault for query in asked for fault in expression_faults(query, known | shown)] == []
    assert len(shown.keys() & set[str]().union(*map(names_in, asked))) > SHOWN
    async with watch.session.get(f"{watch.town.operations('gateway')}/metrics") as answer:
        counted = await answer.text()
    assert 'webhook_requests_total{status="503"}' in counted, "the first one must be an increase"


async def test_api_answers_in_seconds_while_the_database_hangs(watch: Watch) -> None:
    loop, town, desk = asyncio.get_running_loop(), watch.town, Desk(watch)
    with frozen_database(town):
        started = loop.time()
        status, problem = await desk.post("/v1/messages", to_citizen(9), "frozen-1")
        assert (status, problem["detail"]) == (503, "the database does not answer")
        conversation = f"{town.archiver}/v1/conversations/{NUMBER}-{'a' * 26}/messages"
        for url in (conversation, f"{town.operations('router')}/health/ready"):
            assert await get(watch, url) == 503
        await post_webhook(watch, text("ice", "wamid.ice", 9))
        assert loop.time() - started < 12
    assert (await desk.post("/v1/messages", to_citizen(9), "frozen-1"))[0] == 202


async def traced(watch: Watch, id: str, *options: str) -> str:
    """A wamid is given on standard input."""
    given = "-" if id.startswith("wamid.") else id
    line = ("trace", given, "--reason", "klacht 12", *options)
    return await asyncio.to_thread(watch.town.says, *line, stdin=id)


async def turns(watch: Watch, id: str) -> list[tuple[str, str]]:
    """Each part that is to act, and why."""
    trace = json.loads(await traced(watch, id, "--json"))
    unknown = [{"who": "", "state": "unknown"}]
    return [(turn["who"], turn["state"]) for turn in trace.get("now", unknown)]


async def finished(watch: Watch, id: str) -> None:
    await until(lambda: turns(watch, id), lambda now: now == [], 20)


async def test_trace_follows_a_message_through_a_crash_of_each_service(watch: Watch) -> None:
    town, words = watch.town, "spoorzoeken mijn container is vol"
    crash = partial(asyncio.to_thread, town.kill)
    await crash("archiver")
    asked = await wrote(watch, words, "wamid.trace1", 11)
    unrecorded = [("archiver", "it is not in the record yet")]
    await until(lambda: turns(watch, "wamid.trace1"), lambda now: now == unrecorded, 10)
    town.restart("archiver")
    await finished(watch, asked["messageId"])
    await crash("deliverer")
    await post_webhook(watch, text(words, "wamid.trace2", 11))
    queued = [("deliverer", "it is in the queue of crm, behind earlier ones")]
    await until(lambda: turns(watch, "wamid.trace2"), lambda now: now == queued, 10)
    town.restart("deliverer")
    await finished(watch, "wamid.trace2")
    await crash("router")
    _, answer = await Desk(watch).answer(asked["conversationId"])
    undecided = [("router", "it is in the queue of its partition")]
    await until(lambda: turns(watch, answer["id"]), lambda now: now == undecided, 10)
    await crash("gateway")
    assert await turns(watch, answer["id"]) == undecided
    town.restart("gateway")
    town.restart("router")
    await asyncio.to_thread(town.wait_until_ready, "gateway")
    await until(lambda: Desk(watch).status(answer["id"]), lambda s: s["status"] == "delivered", 20)
    await finished(watch, answer["id"])
    shown = [await traced(watch, id) for id in ("wamid.trace1", answer["id"])]
    print(*shown)
    for line in ("received from the citizen", "decided", "in the record", "delivered"):
        assert f"  {line}" in shown[0]
    for line in ("received from a CRM", "offered to Meta", "taken by Meta", "Meta: delivered"):
        assert f"  {line}" in shown[1]
    for private in ("wamid", "spoorzoeken", "Goedemiddag", phone(11), "Sanne", "NL.citizen"):
        assert private not in "".join(shown)


async def test_balance_tells_how_much_waits_to_be_decided(watch: Watch) -> None:
    town = watch.town

    async def undecided() -> int:
        amqp = {"POSTKAMER_AMQP_URL": town.broker.url}
        return int(
            json.loads(await asyncio.to_thread(town.says, "balance", "--json", **amqp))["undecided"]
        )

    await asyncio.to_thread(town.kill, "router")
    await post_webhook(watch, text("wie leest dit", "wamid.undecided", 12))
    await until(undecided, lambda count: count == 1, 10)
    town.restart("router")
    await until(undecided, lambda count: count == 0, 20)


async def not_ready(watch: Watch, name: str) -> str:
    """Why a service is not ready; empty while its operations port is shut."""
    try:
        async with watch.session.get(f"{watch.town.operations(name)}/health/ready") as answer:
            return "ready" if answer.status == 200 else str((await answer.json())["detail"])
    except aiohttp.ClientConnectionError:
        return ""


async def test_no_service_starts_before_the_destructions_were_compared(watch: Watch) -> None:
    """The database was restarted, and the object store is another: nothing says what was destroyed.
    A service that runs goes on."""
    town = watch.town
    store, aside = town.objects, town.objects.with_name("aside")
    for name in ("archiver", "gateway", "deliverer"):
        town.kill(name)
    await asyncio.to_thread(town.database.kill)
    store.rename(aside)
    try:
        await asyncio.to_thread(town.database.start)
        for name in ("archiver", "gateway", "deliverer"):
            town.restart(name)
            await until(partial(not_ready, watch, name), lambda why: WAITS in why, 20)
        missing = "order of destruction outside missing: 0"
        await until(partial(not_ready, watch, "archiver"), lambda why: missing in why, 20)
        await until(partial(not_ready, watch, "router"), lambda why: why == "ready", 20)
        early = webhook(text("too early", "wamid.early", 8))
        assert await post(watch.session, town.gateway, early) == REFUSED
        assert await asyncio.to_thread(town.services["deliverer"].stop), "it stops while it waits"
        town.restart("deliverer")
    finally:
        shutil.rmtree(store)
        aside.rename(store)
        await asyncio.to_thread(town.wait_until_ready)
    assert WAITS in town.logs()
    await post_webhook(watch, text("opened", "wamid.opened", 8))
    await until(lambda: watch.events("opened"), bool, 30)
