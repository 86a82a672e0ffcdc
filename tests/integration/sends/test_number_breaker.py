"""A number whose provider takes nothing is left in peace, costs the others nothing, and goes on."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from deliverer.meta.ledger import Ledger
from deliverer.meta.media_uploader import FILES_AT_ONCE, PER_ACCOUNT
from deliverer.meta.number_breaker import MAX_IN_FLIGHT, SILENT_IN_A_ROW, UNWELL
from deliverer.meta.send_loop import WINDOW, SendLoop
from deliverer.transport.response import Body, Response
from services import clock
from services.tasks import background_task
from tests.support.integration.message_provider import NUMBER, Account, Office

OTHER = "206540352242923"
TEXT = {"type": "text", "text": {"body": "Ja."}}
LONG = 30.0
PROBED_SECONDS = 90.0
"""A stopped number is tried after 4 s, 16 and 64 more; two may be over when all is explained."""


class Meta:
    """Says to each number what it was told to say; hangs until it may answer where that is None."""

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


TAKEN = Response(status=200, body=b'{"messages": [{"id": "wamid.1"}]}')
EDGE = Response(status=503, body=b"<html>Service Unavailable")


def error(code: int) -> Response:
    return Response(status=400, body=msgspec.json.encode({"error": {"code": code}}))


def working(office: Office, meta: Meta, account: Account) -> Any:
    """Messages of each number that Meta knows go out, as by one process."""
    accounts = {
        number: msgspec.structs.replace(account, number=number, messages_url=f"x://meta/{number}")
        for number in meta.says
    }
    ledger = Ledger(office.pool, clock.new_id(), {number: number for number in accounts})
    return background_task(SendLoop(ledger, meta, accounts, office.attempts.append).run())


async def backlog(office: Office, count: int, number: str = NUMBER) -> None:
    await office.pool.execute(_BACKLOG, number, count)


async def states(office: Office, number: str = NUMBER) -> Counter[str]:
    rows = await office.pool.fetch(_STATES, number)
    return Counter({row["state"]: row["count"] for row in rows})


async def until(holds: Any, seconds: float = LONG) -> None:
    async with asyncio.timeout(seconds):
        while not await holds():
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("code", [190, 131048, 80007, 4])
async def test_what_stops_or_slows_a_number_is_asked_by_few_told_once_and_costs_no_attempt(
    place: tuple[Office, Account], code: int
) -> None:
    office, account = place
    meta = Meta(**{NUMBER: error(code)})
    await backlog(office, 500)
    with capture_logs() as lines:
        async with working(office, meta, account):
            await until(lambda: explained(office, str(code)))
            first = meta.posts[NUMBER]
            await asyncio.sleep(1)  # in which 80 would have gone
            assert meta.posts[NUMBER] == first <= MAX_IN_FLIGHT
            if code == 190:
                await until(lambda: tried_again(meta, first), PROBED_SECONDS)
    assert await states(office) == {"queued": 500}
    attempts = "select count(*) from deliverer.ledger where attempt > 0"
    assert await office.pool.fetchval(attempts) == meta.posts[NUMBER]
    said = [line["event"] for line in lines if line["event"].startswith("number.")]
    assert said == ["number.stopped" if code in (190, 131048) else "number.held"]


async def tried_again(meta: Meta, first: int) -> bool:
    return meta.posts[NUMBER] > first


async def explained(office: Office, reason: str) -> bool:
    """Whoever asks after any message of it is told why it waits."""
    untold = "select count(*) from deliverer.ledger where reason not like $1 || '%'"
    return await office.pool.fetchval(untold, reason) == 0


async def test_an_edge_of_meta_s_that_breaks_down_costs_a_few_messages_of_which_nobody_knows(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    meta = Meta(**{NUMBER: EDGE})
    await backlog(office, 300)
    waiting = "select count(*) from deliverer.ledger where state = 'queued' and reason = $1"

    async def held() -> bool:
        return await office.pool.fetchval(waiting, UNWELL) == 300 - meta.posts[NUMBER]

    async with working(office, meta, account):
        await until(held)
        meta.says[NUMBER] = TAKEN
        lost = meta.posts[NUMBER]
        assert SILENT_IN_A_ROW <= lost <= MAX_IN_FLIGHT
        await until(lambda: gone(office))
    assert await states(office) == {"sent": 300 - lost, "unknown": lost}


async def gone(office: Office) -> bool:
    return not (await states(office)).keys() & {"queued", "sending"}


async def test_what_waited_for_its_number_goes_in_the_order_in_which_it_came(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    meta = Meta(**{NUMBER: error(190)})
    await backlog(office, 100)
    async with working(office, meta, account):
        await until(lambda: explained(office, "190"))
        meta.says[NUMBER] = TAKEN
        await until(lambda: gone(office))
    rows = await office.pool.fetch("select attempt from deliverer.ledger order by position")
    waited = await office.pool.fetch(
        "select position from deliverer.ledger where attempt = 1 order by claimed_at, position"
    )
    assert [row["position"] for row in waited] == sorted(row["position"] for row in waited)
    assert len(waited) >= 100 - MAX_IN_FLIGHT
    assert {row["attempt"] for row in rows} <= {1, 2}


@pytest.mark.parametrize("hangs", [False, True])
async def test_a_number_whose_provider_hangs_leaves_another_its_places(
    place: tuple[Office, Account], hangs: bool
) -> None:
    office, account = place
    meta = Meta(**{NUMBER: TAKEN, OTHER: TAKEN})
    await backlog(office, 200, OTHER)

    async def wide() -> bool:
        return meta.posts[OTHER] >= 60

    async def hung() -> bool:
        return (await states(office, OTHER))["sending"] == MAX_IN_FLIGHT

    async with working(office, meta, account):
        await until(wide)
        if hangs:
            meta.says[OTHER] = None
            await until(hung)
        for _ in range(10):
            began = asyncio.get_running_loop().time()
            await office.until(await office.queue(TEXT), "sent")
            assert asyncio.get_running_loop().time() - began < 2
        if hangs:
            assert (await states(office, OTHER))["sending"] == MAX_IN_FLIGHT
        meta.may_answer.set()
    assert 2 * MAX_IN_FLIGHT < WINDOW and 2 * PER_ACCOUNT < FILES_AT_ONCE


async def test_an_account_that_takes_no_files_leaves_another_its_places(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    dead = msgspec.structs.replace(account, name=f"meta:{OTHER}", number=OTHER)
    image = {"type": "image", "image": {}}
    async with silent() as port:
        dead = msgspec.structs.replace(dead, media_url=f"http://127.0.0.1:{port}/media")
        for n in range(2 * PER_ACCOUNT):
            await office.queue(image, number=OTHER, media=await office.uploaded(bytes([n])))
        async with office.working(**{NUMBER: account, OTHER: dead}):
            await until(lambda: full(office, dead.name))
            id = await office.queue(image, media=await office.uploaded(b"mine"))
            await office.until(id, "sent")
            assert await full(office, dead.name)


async def full(office: Office, account: str) -> bool:
    at_it = "select count(*) from deliverer.upload where account = $1 and claimed_by is not null"
    return await office.pool.fetchval(at_it, account) == PER_ACCOUNT


@asynccontextmanager
async def silent() -> AsyncIterator[int]:
    """The port of a provider that reads, and never answers."""

    async def reads(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.read(65536):
            pass
        writer.close()

    server = await asyncio.start_server(reads, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def test_a_number_that_went_too_fast_goes_half_as_fast(
    place: tuple[Office, Account],
) -> None:
    office, account = place
    meta = Meta(**{NUMBER: error(130429)})
    await backlog(office, 400)
    async with working(office, meta, account):

        async def told() -> bool:
            return meta.posts[NUMBER] > 0

        await until(told)
        meta.says[NUMBER] = TAKEN
        await asyncio.sleep(1)  # until what it had saved up is gone
        before = (await states(office))["sent"]
        await asyncio.sleep(2)
        in_two = (await states(office))["sent"] - before
    assert 40 <= in_two <= 100


@pytest.mark.parametrize("processes", [1, 2])
async def test_a_number_goes_at_one_pace_however_many_processes_send(
    place: tuple[Office, Account], processes: int
) -> None:
    office, account = place
    meta = Meta(**{NUMBER: TAKEN})
    await backlog(office, 1000)
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        for _ in range(processes):
            await stack.enter_async_context(working(office, meta, account))
        await until(lambda: sent_over(meta, 160))
        before, began = meta.posts[NUMBER], loop.time()
        await until(lambda: sent_over(meta, 560))
        rate = (meta.posts[NUMBER] - before) / (loop.time() - began)
    assert 80 * 0.8 < rate < 80 * 1.1


async def sent_over(meta: Meta, count: int) -> bool:
    return meta.posts[NUMBER] > count


_BACKLOG = """
insert into deliverer.ledger (id, number, conversation, place, person, address_kind, address,
    content, created_at, due_at)
select gen_random_uuid(), $1, 'c', 1, gen_random_uuid(), 'phone', '31600000000', '{"type": "text"}',
    now(), now()
from generate_series(1, $2::int)
"""

_STATES = "select state, count(*) from deliverer.ledger where number = $1 group by state"
