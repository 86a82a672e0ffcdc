"""The record of a whole installation: who viewed it, what operators did, and changed identities."""

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

VIEWS = "select count(*) from opened.record where kind = 'view' and {}"
ABOUT = "select count(*) from opened.record where kind = '{}' and data::text like '%{}%'"
ACTIONS = "select name from archiver.processing where trace_id = '\\x{}' order by name"
LAST_USED = "select asked from access.budget where name = 'sandbox'"


async def test_viewer_is_on_the_record_and_in_the_processing_log(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    sent = text("bekeken container", "wamid.bekeken", 5801)
    assert await post(session, town.gateway, webhook(sent)) == 200
    [event] = await until(lambda: watch.events("bekeken"), bool, 20)
    message = event["event"]["data"]["messageId"]
    token = await made(town.database.url, "kijkers", "almelo", roles=("read",), people=True)
    await admitted(session, town.archiver, token)

    async def view(**headers: str) -> int:
        url = f"{town.archiver}/v1/messages/{message}"
        async with session.get(url, headers=bearer(token) | headers) as answer:
            return answer.status

    assert await view() == 400
    named = {"Postkamer-Employee": "m.devries", "Postkamer-Reason": "klacht 12"}
    await until(lambda: view(**named), lambda status: status == 200, 20)
    assert await watch.count(VIEWS.format("data->>'token' = 'kijkers'")) == 1

    env = {"POSTKAMER_DATABASE_URL": town.database.url, "POSTKAMER_ARCHIVE_KEY": KEY}
    command = ("archive", "views", "--employee", "m.devries", "--json")
    listed = await asyncio.to_thread(postkamer, *command, env=env)
    [shown] = [msgspec.json.decode(line) for line in listed.stdout.splitlines()]
    assert (shown["message"], shown["token"], shown["reason"]) == (message, "kijkers", "klacht 12")

    async def actions() -> list[str]:
        sql = ACTIONS.format(UUID(message).hex)
        return (await asyncio.to_thread(town.database.execute, sql)).splitlines()

    expected = ["bericht doorgegeven", "bericht ontvangen", "gesprek ingezien"]
    await until(actions, lambda names: names == expected, 20)


async def test_desk_that_polls_a_conversation_adds_views_for_new_messages_only(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    sent = text("toeschouwer container", "wamid.toeschouwer", 5802)
    assert await post(session, town.gateway, webhook(sent)) == 200
    [event] = await until(lambda: watch.events("toeschouwer"), bool, 20)
    conversation = event["event"]["data"]["conversationId"]

    async def status() -> int:
        async with session.get(f"{town.sandbox}/desk/record/{conversation}") as answer:
            return answer.status

    async def views() -> int:
        return int(await watch.count(VIEWS.format(f"conversation = '{conversation}'")))

    async def last_used() -> str:
        return await asyncio.to_thread(town.database.execute, LAST_USED)

    async with session.get(f"{town.sandbox}/stream"):  # a page that listens
        await until(status, lambda found: found == 200, 20)
        before = await until(views, bool, 20)  # the first look is on record
        for _ in range(3):
            await until(last_used, partial(ne, await last_used()), 20)
        assert await views() == before
        sent = text("toeschouwer nog een container", "wamid.toeschouwer.2", 5802)
        assert await post(session, town.gateway, webhook(sent)) == 200
        assert await until(views, lambda count: count > before, 20) == before + 1


async def test_command_is_on_the_record_within_seconds(town: Installation, watch: Watch) -> None:
    env = {
        "POSTKAMER_DATABASE_URL": town.database.url,
        "POSTKAMER_CONFIG": str(town.config),
        "POSTKAMER_OPERATOR": "S. Jansen",
    }
    arguments = ("pause", "crm", "--reason", "onderhoud op dinsdag")
    done = await asyncio.to_thread(postkamer, "destination", *arguments, env=env)
    assert done.exit_code == 0, done.output
    try:
        recorded = ABOUT.format("operation", "onderhoud op dinsdag")
        await until(lambda: watch.count(recorded), lambda count: count == 1, 5)
    finally:
        await asyncio.to_thread(postkamer, "destination", "resume", "crm", env=env)


async def test_new_number_of_a_citizen_is_on_the_record(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    for n, citizen in enumerate((4711, 4712)):
        message = text("renamed", f"wamid.renamed.{n}", citizen) | {"from_user_id": "NL.renamed"}
        assert await post(session, town.gateway, webhook(message)) == 200
    gained = ABOUT.format("identity", "gained")
    await until(lambda: watch.count(gained), lambda count: count == 1, 5)
