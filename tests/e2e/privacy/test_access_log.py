"""Whoever looks at a whole installation's record is on it, and what was done with a message too."""

import asyncio
from functools import partial
from operator import ne
from uuid import UUID

import aiohttp
import msgspec

from tests.support.citizens import post, text, webhook
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY
from tests.support.installation import Installation
from tests.support.observer import Watch, until
from tests.support.tokens import admitted, bearer, made

WORDS = "bekeken"
LOOKED = """select count(*) from opened.record where kind = 'view' and data->>'token' = '{}'"""
DONE = """select name from archiver.processing where trace_id = decode('{}', 'hex') order by name"""


async def test_who_looks_is_on_the_record_and_the_processing_log_tells_of_it(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    sent = text(f"{WORDS} container", "wamid.bekeken", 5801)
    assert await post(session, town.gateway, webhook(sent)) == 200
    (event,) = await until(lambda: watch.events(WORDS), bool, 20)
    message = event["event"]["data"]["messageId"]
    url = f"{town.archiver}/v1/messages/{message}"
    token = await made(town.database.url, "kijkers", "almelo", roles=("read",), people=True)
    await admitted(session, town.archiver, token)

    async def look(**headers: str) -> int:
        async with session.get(url, headers=bearer(token) | headers) as answer:
            return answer.status

    assert await look() == 400
    named = {"Postkamer-Employee": "m.devries", "Postkamer-Reason": "klacht 12"}
    await until(lambda: look(**named), lambda status: status == 200, 20)
    assert await watch.count(LOOKED.format("kijkers")) == 1

    env = {"POSTKAMER_DATABASE_URL": town.database.url, "POSTKAMER_ARCHIVE_KEY": KEY}
    command = ("archive", "views", "--employee", "m.devries", "--json")
    listed = await asyncio.to_thread(postkamer, *command, env=env)
    (view,) = [msgspec.json.decode(line) for line in listed.stdout.splitlines()]
    assert (view["message"], view["token"], view["reason"]) == (message, "kijkers", "klacht 12")

    hex = UUID(message).hex
    done = await until(lambda: _done(town, hex), lambda names: len(names) == 3, 20)
    assert done == ["bericht doorgegeven", "bericht ontvangen", "gesprek ingezien"]


async def _done(town: Installation, trace: str) -> list[str]:
    said = await asyncio.to_thread(town.database.execute, DONE.format(trace))
    return said.splitlines()


async def test_a_desk_that_looks_on_writes_no_view_for_each_look(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    sent = text("toeschouwer container", "wamid.toeschouwer", 5802)
    assert await post(session, town.gateway, webhook(sent)) == 200
    (event,) = await until(lambda: watch.events("toeschouwer"), bool, 20)
    conversation = event["event"]["data"]["conversationId"]
    url = f"{town.sandbox}/desk/record/{conversation}"

    async def status() -> int:
        async with session.get(url) as answer:
            return answer.status

    async with session.get(f"{town.sandbox}/stream"):  # a page that listens
        await until(status, lambda found: found == 200, 20)
        before = await watch.count(_OF.format(conversation))
        for _ in range(3):
            last = await _asked(town)
            await until(partial(_asked, town), partial(ne, last), 20)
        assert await watch.count(_OF.format(conversation)) == before, "it looked, at nothing new"
        sent = text("toeschouwer nog een container", "wamid.toeschouwer.2", 5802)
        assert await post(session, town.gateway, webhook(sent)) == 200
        seen = lambda: watch.count(_OF.format(conversation))  # noqa: E731
        after = await until(seen, lambda count: count > before, 20)
    assert after == before + 1, "the one that is new"


_OF = """select count(*) from opened.record where kind = 'view' and conversation = '{}'"""


async def _asked(town: Installation) -> str:
    """When the sandbox's token was last used."""
    sql = "select asked from access.budget where name = 'sandbox'"
    return await asyncio.to_thread(town.database.execute, sql)
