"""Two gateways, or archivers, that share a port: both take requests, and one that stops refuses
none."""

import asyncio
import json
import os
import signal
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from uuid import UUID

import aiohttp

from deploy.local.process import Process
from deploy.local.state import free_port
from tests.support.citizens import TOKEN, post, text, webhook
from tests.support.installation import Installation, frozen_database
from tests.support.observer import Watch, until

RUN = "shared"
HELD, FRESH, REFUSED = 16, 50, 8
COUNT = 2 * FRESH + REFUSED
UNKNOWN = UUID(int=0)
Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def body(when: str, n: int) -> bytes:
    return webhook(text(f"{RUN} {when} {n}", f"wamid.{when}.{n}", n))


async def hold(port: int) -> Connection:
    """A request in hand: its handler has begun, and waits for the database."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"GET /v1/messages/%s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n"
        b"Expect: 100-continue\r\n\r\n" % (str(UNKNOWN).encode(), TOKEN.encode())
    )
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    return reader, writer


async def status_line(connection: Connection) -> bytes:
    reader, writer = connection
    line = await reader.readline()
    writer.close()
    return line


async def webhooks_taken(session: aiohttp.ClientSession, operations: str) -> float:
    """Webhooks that one gateway has answered 200."""
    async with session.get(f"{operations}/metrics") as answer:
        lines = (await answer.text()).splitlines()
    name = 'postkamer_webhook_requests_total{status="200"}'
    return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(name))


def listening_sockets(port: int) -> int:
    """Count the listening sockets of all processes on an IPv4 port; 0A is the kernel's number for
    listening."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


async def refused_while_stopped(town: Installation, session: aiohttp.ClientSession) -> None:
    """Both gateways refuse what is for a municipality once its stop returns, and take what Meta
    repeats soon after its start."""
    tenant = partial(asyncio.to_thread, town.says, "tenant")
    stopped = json.loads(await tenant("stop", "almelo", "--json"))
    assert len(stopped["gateways"]) == 2, stopped

    async def repeated() -> list[int]:
        posts = [post(session, town.gateway, body("stopped", n)) for n in range(REFUSED)]
        return await asyncio.gather(*posts)

    assert set(await repeated()) == {503}
    await tenant("start", "almelo")
    await until(repeated, lambda statuses: set(statuses) == {200}, 30)


async def test_gateways_share_a_port_and_one_that_stops_refuses_nothing(
    town: Installation, watch: Watch
) -> None:
    port = int(town.gateway.rpartition(":")[2])
    second = town.add_second("gateway")
    town.restart(second)
    await asyncio.to_thread(town.wait_until_ready, second)
    one_each = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=one_each) as session:
        both = [post(session, town.gateway, body("both", n)) for n in range(FRESH)]
        assert set(await asyncio.gather(*both)) == {200}
        for name in ("gateway", second):
            assert await webhooks_taken(session, town.operations(name)) > 0, name
        await refused_while_stopped(town, session)

        with frozen_database(town):
            held = [await hold(port) for _ in range(HELD)]
            os.kill(town.services[second].pid, signal.SIGTERM)
            sockets = partial(asyncio.to_thread, listening_sockets, port)
            await until(sockets, lambda count: count == 1, 4)
            fresh = [post(session, town.gateway, body("fresh", n)) for n in range(FRESH)]
            assert set(await asyncio.gather(*fresh)) == {200}
    assert {await status_line(one) for one in held} == {b"HTTP/1.1 404 Not Found\r\n"}

    async def exit_code() -> int | None:
        return town.services[second].exit_code

    assert await until(exit_code, lambda code: code is not None, 30) == 0
    archived = await until(lambda: watch.archived(RUN), lambda rows: len(rows) == COUNT, 30)
    assert len(set(archived)) == COUNT


async def test_archivers_share_a_port_and_one_that_stops_refuses_no_reader(
    town: Installation,
) -> None:
    second = town.add_second("archiver")
    town.restart(second)
    await asyncio.to_thread(town.wait_until_ready, second)
    one_each = aiohttp.TCPConnector(force_close=True)
    async with aiohttp.ClientSession(connector=one_each) as session:

        async def read() -> int:
            async with session.get(f"{town.archiver}/v1/openapi.json") as answer:
                return answer.status

        stopping = asyncio.create_task(asyncio.to_thread(town.services["archiver"].stop))
        statuses = [await read()]
        while not stopping.done():
            statuses.append(await read())
        assert town.services["archiver"].exit_code == 0
        assert {*statuses, await read()} == {200}
    town.services["archiver"].start()
    await asyncio.to_thread(town.wait_until_ready, "archiver")


async def test_a_second_gateway_with_the_operations_port_of_the_first_ends(
    town: Installation,
) -> None:
    second = Process(replace(town.services["gateway"].program, name="by-mistake"))
    second.start()

    async def exit_code() -> int | None:
        return second.exit_code

    assert await until(exit_code, lambda code: code is not None, 30) == 1
    assert "in use" in second.program.log.read_text()


async def test_a_second_gateway_joins_once_it_has_a_broker_or_has_waited_for_one(
    town: Installation, watch: Watch
) -> None:
    """The first one takes all that comes until then."""
    port, nowhere = int(town.gateway.rpartition(":")[2]), f"amqp://x:x@127.0.0.1:{free_port()}/"
    second = town.add_second("gateway")
    program = town.services[second].program
    settings = {**program.environment, "POSTKAMER_AMQP_URL": nowhere}
    joining = Process(replace(program, name="joining", environment=settings))
    joining.start()
    try:

        async def status() -> int:
            with suppress(aiohttp.ClientError):
                async with watch.session.get(f"{town.operations(second)}/health/ready") as answer:
                    return answer.status
            return 0

        assert await until(status, lambda status: status != 0, 30) == 503
        assert listening_sockets(port) == 1
        sockets = partial(asyncio.to_thread, listening_sockets, port)
        await until(sockets, lambda count: count == 2, 30)
    finally:
        joining.stop()
