"""What changes beside the messages is on the record of a whole installation: names, commands."""

import asyncio

import aiohttp

from tests.support.citizens import post, text, webhook
from tests.support.cli.command_line import postkamer
from tests.support.installation import Installation
from tests.support.observer import Watch, until

KINDS = "select count(*) from opened.record where kind = '{}' and data::text like '%{}%'"


async def test_a_command_is_on_the_record_within_seconds(town: Installation, watch: Watch) -> None:
    env = {
        "POSTKAMER_DATABASE_URL": town.database.url,
        "POSTKAMER_CONFIG": str(town.config),
        "POSTKAMER_OPERATOR": "S. Jansen",
    }
    arguments = ("pause", "crm", "--reason", "onderhoud op dinsdag")
    done = await asyncio.to_thread(postkamer, "destination", *arguments, env=env)
    assert done.exit_code == 0, done.output
    try:
        recorded = KINDS.format("operation", "onderhoud op dinsdag")
        await until(lambda: watch.count(recorded), lambda count: count == 1, 5)
    finally:
        await asyncio.to_thread(postkamer, "destination", "resume", "crm", env=env)


async def test_a_citizen_with_another_number_is_on_the_record(
    town: Installation, watch: Watch, session: aiohttp.ClientSession
) -> None:
    for n, citizen in enumerate((4711, 4712)):
        message = text("renamed", f"wamid.renamed.{n}", citizen) | {"from_user_id": "NL.renamed"}
        assert await post(session, town.gateway, webhook(message)) == 200
    gained = KINDS.format("identity", "gained")
    await until(lambda: watch.count(gained), lambda count: count == 1, 5)
