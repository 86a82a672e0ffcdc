"""A municipality that moves is refused at the door and at the API, with 503, and others are not."""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from gateway import stops
from gateway.stops import Stopped, StoppedNumbers, StopsWatch, watch_stops
from gateway.webhook.handler import PATH
from services import metrics
from services.postgres.database import COMMAND_SECONDS, DATABASE_ERRORS, Pool, connection_pool
from services.stops.gateway_rows import BEAT_LOCK, gateway_rows, still_open
from services.stops.refusal import MOVES
from tests.integration.gateway.test_uploads import PNG, opened
from tests.integration.gateway.test_webhook import SECRET, door
from tests.support.citizens import text, webhook
from tests.support.integration.crm_desk import CONVERSATION, NUMBER, TOWN, Taken, desk_of
from tests.support.integration.crm_desk import opened as conversation_opened
from tests.support.integration.owner_desk import owner_desk
from tests.support.integration.raw_http import HOST, said
from tests.support.integration.stops import STOP, start, stop
from tests.support.observer import until

OTHER = "206540352242923"
TENANT = TOWN.numbers[0].tenant
REFUSES = "select refuses from sharing.gateway"
STOPPED = Stopped(frozenset([NUMBER]), frozenset([TENANT]))


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The gateway's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 2) as own:
        yield own


def posted(body: bytes) -> bytes:
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    head = f"POST {PATH} HTTP/1.1\r\nX-Hub-Signature-256: sha256={signature}\r\n"
    length = f"Connection: close\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + HOST + length.encode() + body


def joined(*bodies: bytes) -> bytes:
    """One body with the entries of all."""
    whole = [msgspec.json.decode(each) for each in bodies]
    entries = [entry for each in whole for entry in each["entry"]]
    return msgspec.json.encode(whole[0] | {"entry": entries})


async def refused(pool: Pool, numbers: list[str]) -> bool:
    return not still_open(await gateway_rows(pool), numbers)


def shown(number: str) -> float | None:
    return metrics.REGISTRY.get_sample_value("postkamer_number_stopped", {"number": number})


async def test_webhook_of_a_stopped_number_is_refused_as_a_whole_also_without_the_database(
    own: Pool, pool: Pool
) -> None:
    known, kept = StoppedNumbers(), Taken()
    watch = StopsWatch(own, known, lambda: [NUMBER])
    ours, others = (
        webhook(text("hoi", "wamid.1", 1)),
        webhook(text("a", "wamid.2", 2), number=OTHER),
    )

    async def answer(body: bytes) -> tuple[int, dict[str, str], dict[str, object]]:
        ((status, headers, content),) = await said(port, posted(body))
        problem = msgspec.json.decode(content) if content else {}
        return status, {name.lower(): value for name, value in headers.items()}, problem

    async with door(kept, False, stopped=known) as port:
        await watch.beat()
        assert (await answer(ours))[0] == 200 and shown(NUMBER) == 0
        await stop(pool, NUMBER, TENANT)
        await watch.beat()
        for body in (ours, joined(others, ours)):
            status, headers, problem = await answer(body)
            assert (status, problem["code"], problem["detail"]) == (503, MOVES.code, MOVES.detail)
            assert 5 <= int(headers["retry-after"]) <= 15
        assert (await answer(others))[0] == 200
        assert [each.keys[0] for each in kept.entries] == [NUMBER, OTHER]
        await own.close()
        with pytest.raises(DATABASE_ERRORS):
            await watch.beat()
        assert (await answer(ours))[0] == 503, "what it read last still holds"
    assert (len(kept.entries), shown(NUMBER)) == (2, 1)


async def test_gateway_tells_that_it_refuses_a_beat_after_it_does_and_that_it_has_left(
    own: Pool, pool: Pool
) -> None:
    known = StoppedNumbers()
    watch = StopsWatch(own, known, lambda: [NUMBER])
    assert await refused(pool, [NUMBER]), "no gateway runs"
    await watch.beat()
    await stop(pool, NUMBER, TENANT)
    assert not await refused(pool, [NUMBER])
    await watch.beat()
    assert known.now == STOPPED and not await refused(pool, [NUMBER])
    await watch.beat()
    assert await refused(pool, [NUMBER]) and not await refused(pool, [NUMBER, OTHER])
    await start(pool)
    await watch.beat()
    assert known.now == Stopped() and await pool.fetchval(REFUSES) == []
    await stop(pool, NUMBER, TENANT)
    assert not await refused(pool, [NUMBER]), "it may let something in until its next beat"
    await pool.execute("update sharing.gateway set seen_at = now() - interval '41 s'")
    assert await refused(pool, [NUMBER]), "it is gone"
    other = StoppedNumbers()
    async with watch_stops(own, other, list):
        assert other.now == STOPPED, "before a door opens"
        assert await pool.fetchval("select count(*) from sharing.gateway") == 1
    assert await pool.fetchval("select count(*) from sharing.gateway") == 0


async def test_gateway_that_starts_during_a_stop_knows_of_it(own: Pool, pool: Pool) -> None:
    """Its first beat would otherwise be written after the stop and tell of the time before."""
    known = StoppedNumbers()
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("select pg_advisory_xact_lock($1)", BEAT_LOCK)
        await connection.execute(STOP, NUMBER, TENANT)
        beat = asyncio.create_task(StopsWatch(own, known, list).beat())
        await until(lambda: pool.fetchval(WAITS), bool, 10)
    await beat
    assert known.now == STOPPED


WAITS = """
select exists (select from pg_stat_activity where wait_event_type = 'Lock'
    and wait_event = 'advisory')
"""
ORDER = {"number": NUMBER, "to": "+31600000011", "type": "text", "text": {"body": "Goedemiddag"}}
CONSENT = {
    "number": NUMBER, "to": "+31600000011", "purpose": "afspraken", "source": "balie",
    "givenAt": "2026-11-20T10:00:00Z",
}  # fmt: skip
COMMANDS = [
    ("POST", "messages", ORDER),
    ("POST", f"conversations/{CONVERSATION}/_close", {}),
    ("POST", "consents", CONSENT),
    ("DELETE", f"numbers/{NUMBER}/notice", {}),
]


async def test_command_for_a_stopped_municipality_is_refused_and_nothing_of_it_is_kept(
    pool: Pool,
) -> None:
    known = StoppedNumbers()
    await conversation_opened(pool, CONVERSATION, "burgerzaken")
    async with desk_of(pool, stopped=known) as desk:
        assert (await desk.ask("POST", "messages", ORDER, [("Idempotency-Key", "before")]))[
            0
        ] == 202
        known.now = STOPPED
        for method, path, body in COMMANDS:
            status, problem = await desk.ask(method, path, body)
            assert (status, problem["code"]) == (503, MOVES.code), path
        before = await desk.ask("POST", "messages", ORDER, [("Idempotency-Key", "before")])
        assert before[0] == 202, "the same answer again"
        assert (await desk.ask("GET", f"messages/{before[1]['id']}"))[0] == 200
        known.now = Stopped(frozenset([OTHER]), frozenset(["elders"]))
        assert (await desk.ask("POST", "messages", ORDER))[0] == 202
    assert len(desk.commands) == 2
    assert await pool.fetchval("select count(*) from gateway.command") == 2


async def test_command_that_was_stored_and_not_published_says_nothing_of_its_fate(
    pool: Pool,
) -> None:
    """Its first request may have reached the broker, so that a desk must not give it anew."""
    known = StoppedNumbers()
    async with desk_of(pool, stopped=known) as desk:
        assert (await desk.post("messages", ORDER))[0] == 202
        await pool.execute("update gateway.command set confirmed_at = null")
        known.now = STOPPED
        status, problem = await desk.post("messages", ORDER)
        assert (status, problem["detail"], "code" in problem) == (503, MOVES.detail, False)
        assert len(desk.commands) == 1
        known.now = Stopped()
        assert (await desk.post("messages", ORDER))[0] == 202
    assert [each.id for each in desk.commands] == [desk.commands[0].id] * 2


async def test_file_for_a_stopped_municipality_is_refused_before_it_has_come(
    pool: Pool, tmp_path: Path
) -> None:
    known = StoppedNumbers(Stopped(frozenset(), frozenset(["almelo"])))

    async def never_whole() -> AsyncIterator[bytes]:
        yield PNG
        await asyncio.Event().wait()

    async with opened(pool, tmp_path, known) as (desk, _):
        status, problem = await desk.post(never_whole())
        assert (status, problem["code"]) == (503, MOVES.code)
        status, problem = await desk.post(PNG)
        assert (status, problem["code"], await desk.files()) == (503, MOVES.code, [])
        known.now = Stopped()
        assert (await desk.post(PNG))[0] == 201


async def test_file_that_comes_in_during_the_stop_is_refused_and_nothing_of_it_is_kept(
    pool: Pool, tmp_path: Path
) -> None:
    known = StoppedNumbers()

    async def slowly() -> AsyncIterator[bytes]:
        yield PNG
        await until(lambda: pool.fetchval("select count(*) from gateway.upload"), bool, 10)
        known.now = STOPPED
        yield bytes(10)

    async with opened(pool, tmp_path, known) as (desk, _):
        status, problem = await desk.post(slowly())
        assert (status, problem["code"], await desk.files()) == (503, MOVES.code, [])
        assert await pool.fetchval("select count(*) from gateway.media") == 0


async def test_owner_changes_nothing_of_a_stopped_municipality(pool: Pool) -> None:
    known = StoppedNumbers()
    async with owner_desk(pool, stopped=known) as desk:
        status, secret = await desk.post("secrets", {})
        assert status == 201
        known.now = STOPPED
        for path, body in (
            ("_resend", {"state": "parked"}),
            ("secrets", {}),
            (f"secrets/{secret['id']}/_end", {}),
        ):
            status, problem = await desk.post(path, body, key=path.replace("/", "-"))
            assert (status, problem["code"]) == (503, MOVES.code), path
        [kept] = (await desk.get("secrets"))["secrets"]
        assert (kept["id"], kept["endsAt"]) == (secret["id"], None)
        assert await pool.fetchval("select count(*) from deliverer.resend") == 0


async def test_gateway_that_the_database_keeps_waiting_beats_again(
    own: Pool, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives, and counts as gone after 40 s of silence."""
    monkeypatch.setattr(stops, "ANSWER_SECONDS", 0.2)
    watch = StopsWatch(own, StoppedNumbers(), lambda: [NUMBER])
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("lock table sharing.gateway")
        beat = asyncio.create_task(watch.beat())
        await asyncio.wait([beat], timeout=COMMAND_SECONDS / 2)
        assert beat.done() and isinstance(beat.exception(), TimeoutError), "not by the pool's bound"
    monkeypatch.undo()
    await watch.beat()
    assert await pool.fetchval(REFUSES) == []
