"""A number whose provider takes nothing is left in peace, costs the others nothing, and resumes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.meta import number_breaker
from deliverer.meta.ledger import Ledger
from deliverer.meta.media_uploader import FILES_AT_ONCE, PER_ACCOUNT
from deliverer.meta.number_breaker import MAX_IN_FLIGHT, SILENT_IN_A_ROW, UNWELL
from deliverer.meta.send_loop import WINDOW, SendLoop
from deliverer.meta.shared_pacing import TURN_LOCK
from deliverer.transport.response import Body, Response
from services import clock
from services.tasks import background_task
from tests.support.integration.message_provider import NUMBER, OTHER_NUMBER, TEXT, Office
from tests.support.integration.sealed_lines import seal_lines
from tests.support.observer import until, until_true

LONG = 30.0
TAKEN = Response(status=200, body=b'{"messages": [{"id": "wamid.1"}]}')
EDGE = Response(status=503, body=b"<html>Service Unavailable")
BACKLOG = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at)
select gen_random_uuid(), $1, 'c', 1, gen_random_uuid(), 'phone', '31600000000', '{"type": "text"}',
    now(), now()
from generate_series(1, $2::int)
"""


def error(code: int) -> Response:
    return Response(status=400, body=msgspec.json.encode({"error": {"code": code}}))


class Meta:
    """Answers each number as told; where that is None it hangs until it may answer."""

    def __init__(self, **says: Response | None) -> None:
        self.says = says
        self.posts: Counter[str] = Counter()
        self.may_answer = asyncio.Event()

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        number = url.rpartition("/")[2]
        self.posts[number] += 1
        if (answer := self.says[number]) is None:
            await self.may_answer.wait()
            return TAKEN
        return answer

    async def until_posts(self, count: int, number: str = NUMBER) -> float:
        """The time at which it has got so many."""
        await until_true(lambda: self.posts[number] >= count, LONG)
        return asyncio.get_running_loop().time()

    async def rate(self, since: int, count: int) -> float:
        """Messages a second, over so many after the first ones."""
        began, before = await self.until_posts(since), self.posts[NUMBER]
        ended = await self.until_posts(before + count)
        return (self.posts[NUMBER] - before) / (ended - began)


def working(office: Office, meta: Meta) -> Any:
    """Messages of each number that Meta knows go out, as by one process."""
    accounts = {
        number: msgspec.structs.replace(
            office.account, number=number, messages_url=f"x://meta/{number}"
        )
        for number in meta.says
    }
    ledger = Ledger(office.pool, clock.new_id(), {number: number for number in accounts})
    return background_task(SendLoop(ledger, meta, accounts, office.attempts.append).run())


async def backlog(office: Office, count: int, number: str = NUMBER) -> None:
    await office.pool.execute(BACKLOG, number, count)
    await seal_lines(office.pool)


async def states(office: Office, number: str = NUMBER) -> Counter[str]:
    sql = "select state, count(*) from deliverer.ledger where number = $1 group by state"
    return Counter({row["state"]: row["count"] for row in await office.pool.fetch(sql, number)})


async def until_all_have_reason(office: Office, reason: str) -> None:
    """All wait for this reason, also what was claimed when the number stopped."""
    others = (
        "select count(*) from deliverer.ledger where state <> 'queued' or reason not like $1 || '%'"
    )

    async def count_others() -> int:
        async with office.pool.acquire() as connection, connection.transaction():
            # No claim is under way meanwhile: what it took would still look queued.
            await connection.execute("select pg_advisory_xact_lock($1)", TURN_LOCK)
            return int(await connection.fetchval(others, reason))

    await until(count_others, lambda count: count == 0, LONG)


async def until_all_ended(office: Office) -> None:
    waiting = {"queued", "sending"}
    await until(lambda: states(office), lambda found: not found.keys() & waiting, LONG)


@pytest.mark.parametrize(
    ("code", "event"), [(190, "number.stopped"), (131048, "number.stopped"), (4, "number.held")]
)
async def test_number_that_meta_stops_or_slows_is_tried_by_few_and_logged_once(
    office: Office, code: int, event: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(number_breaker, "wait_before_try", lambda tries, chance: 3600.0)
    meta = Meta(**{NUMBER: error(code)})
    await backlog(office, 300)
    with capture_logs() as lines:
        async with working(office, meta):
            await until_all_have_reason(office, str(code))
            first = meta.posts[NUMBER]
            await asyncio.sleep(1)  # in which 80 would have gone
            assert meta.posts[NUMBER] == first <= MAX_IN_FLIGHT
    assert await states(office) == {"queued": 300}
    attempts = "select count(*) from deliverer.ledger where attempt > 0"
    assert await office.pool.fetchval(attempts) == meta.posts[NUMBER]
    assert [e["event"] for e in lines if e["event"].startswith("number.")] == [event]


async def test_message_that_meta_refuses_is_in_the_log_by_its_id_and_code(office: Office) -> None:
    meta = Meta(**{NUMBER: error(131026)})
    await backlog(office, 3)
    with capture_logs() as lines:
        async with working(office, meta):
            await until_all_ended(office)
    ids = await office.pool.fetch("select id from deliverer.ledger where state = 'failed'")
    refused = [each for each in lines if each["event"] == "send.refused"]
    assert {each["message"] for each in refused} == {row["id"] for row in ids}
    assert {(each["number"], each["code"]) for each in refused} == {(NUMBER, 131026)}
    assert len(refused) == 3


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """A held number is tried each second, instead of after 4 s, 16, 64 and so on."""
    monkeypatch.setattr(number_breaker, "wait_before_try", lambda tries, chance: 1.0)


async def test_messages_of_a_stopped_number_go_in_order_once_it_resumes(
    office: Office, soon: None
) -> None:
    meta = Meta(**{NUMBER: error(190)})
    await backlog(office, 100)
    async with working(office, meta):
        await until_all_have_reason(office, "190")
        meta.says[NUMBER] = TAKEN
        await until_all_ended(office)
    rows = await office.pool.fetch(
        "select position, attempt from deliverer.ledger order by claimed_at, position"
    )
    waited = [row["position"] for row in rows if row["attempt"] == 1]
    assert waited == sorted(waited) and len(waited) >= 100 - MAX_IN_FLIGHT
    assert {row["attempt"] for row in rows} <= {1, 2}


async def test_breakdown_at_meta_leaves_few_messages_unknown(office: Office, soon: None) -> None:
    meta = Meta(**{NUMBER: EDGE})
    await backlog(office, 300)
    waiting = "select count(*) from deliverer.ledger where state = 'queued' and reason = $1"

    async def lost() -> int:
        """Messages posted, once all others wait; 0 before."""
        count = await office.pool.fetchval(waiting, UNWELL)
        return meta.posts[NUMBER] if count == 300 - meta.posts[NUMBER] else 0

    async with working(office, meta):
        unknown = await until(lost, bool, LONG)
        meta.says[NUMBER] = TAKEN
        assert SILENT_IN_A_ROW <= unknown <= MAX_IN_FLIGHT
        await until_all_ended(office)
    assert await states(office) == {"sent": 300 - unknown, "unknown": unknown}


async def test_number_whose_provider_hangs_leaves_another_its_places(office: Office) -> None:
    meta = Meta(**{NUMBER: TAKEN, OTHER_NUMBER: TAKEN})
    await backlog(office, 600, OTHER_NUMBER)
    loop = asyncio.get_running_loop()

    async def send_ten() -> None:
        for _ in range(10):
            began = loop.time()
            await office.send(TEXT)
            assert loop.time() - began < 2

    async with working(office, meta):
        await meta.until_posts(60, OTHER_NUMBER)
        await send_ten()
        meta.says[OTHER_NUMBER] = None
        hung = lambda found: found["sending"] == MAX_IN_FLIGHT  # noqa: E731
        await until(lambda: states(office, OTHER_NUMBER), hung, LONG)
        await send_ten()
        assert hung(await states(office, OTHER_NUMBER))
        meta.may_answer.set()
    assert 2 * MAX_IN_FLIGHT < WINDOW and 2 * PER_ACCOUNT < FILES_AT_ONCE


async def test_account_that_takes_no_files_leaves_another_its_places(office: Office) -> None:
    name = f"meta:{OTHER_NUMBER}"
    at_it = "select count(*) from deliverer.upload where account = $1 and claimed_by is not null"
    async with silent_server() as url:
        dead = msgspec.structs.replace(
            office.account, name=name, number=OTHER_NUMBER, media_url=url
        )
        for n in range(2 * PER_ACCOUNT):
            await office.queue_image(bytes([n]), number=OTHER_NUMBER)
        full = lambda count: count == PER_ACCOUNT  # noqa: E731
        async with office.working(**{OTHER_NUMBER: dead}):
            await until(lambda: office.pool.fetchval(at_it, name), full, LONG)
        async with office.working(**{NUMBER: office.account, OTHER_NUMBER: dead}):
            await until(lambda: office.pool.fetchval(at_it, name), full, LONG)
            await office.until(await office.queue_image(b"mine"), "sent")
            assert full(await office.pool.fetchval(at_it, name))


@asynccontextmanager
async def silent_server() -> AsyncIterator[str]:
    """A provider that reads, and never answers."""

    async def read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(read, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/media"
    finally:
        server.close()


async def test_number_that_went_too_fast_goes_half_as_fast(office: Office) -> None:
    meta = Meta(**{NUMBER: error(130429)})
    await backlog(office, 400)
    async with working(office, meta):
        await meta.until_posts(1)
        meta.says[NUMBER] = TAKEN
        rate = await meta.rate(since=60, count=80)  # what it had saved up is gone
    assert 20 <= rate <= 50


@pytest.mark.parametrize("processes", [1, 2])
async def test_number_goes_at_one_rate_however_many_processes_send(
    office: Office, processes: int
) -> None:
    meta = Meta(**{NUMBER: TAKEN})
    await backlog(office, 600)
    async with AsyncExitStack() as stack:
        for _ in range(processes):
            await stack.enter_async_context(working(office, meta))
        rate = await meta.rate(since=160, count=400)  # for 5 s: one short halt is no rate
    assert 80 * 0.8 < rate < 80 * 1.1
