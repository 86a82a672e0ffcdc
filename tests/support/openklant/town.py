"""An installation whose first destination is an Open Klant, and all that a test sees of it."""

import asyncio
from typing import Any

import aiohttp

from sandbox.openklant.error_responses import BASE
from sandbox.settings import SandboxSettings
from tests.support.citizens import post, signature, text, webhook
from tests.support.installation import Installation
from tests.support.observer import Watch

TOKEN = SandboxSettings().openklant_token
LOOK_SECONDS = 5


def with_open_klant(config: str) -> str:
    """Replace the first destination by an Open Klant."""
    at = config.index("[[destinations]]")
    mine, rest = config[at:].split("\n\n", 1)
    mine = mine.replace('"cloudevents"', '"openklant"').replace("/crm/events", BASE)
    mine = mine.replace("CRM_SECRET", "OPENKLANT_TOKEN") + f"\nlook_seconds = {LOOK_SECONDS}"
    return config[:at] + mine + "\n\n" + rest


class OpenKlant:
    """The Open Klant of an installation, and the phones of its citizens."""

    def __init__(self, town: Installation, session: aiohttp.ClientSession) -> None:
        self.town, self._session = town, session

    async def write(self, words: str, citizen: int, nth: int = 0) -> None:
        body = webhook(text(words, f"wamid.ok.{citizen}.{nth}", citizen))
        assert await post(self._session, self.town.gateway, body, signature(body)) == 200

    async def contacts(self, words: str = "") -> list[dict[str, Any]]:
        """Return the contacts with these words in their text."""
        found = await self._ask("GET", "/openklant/summary")
        return [one for one in found["contacts"].values() if words in one["inhoud"]]

    async def contacts_with_task(self, words: str) -> list[dict[str, Any]]:
        return [one for one in await self.contacts(words) if one["taken"]]

    async def set_pace(self, factor: float) -> None:
        await self._ask("POST", "/openklant/pace", {"factor": factor})

    async def complete_task(self, contact: dict[str, Any]) -> None:
        """Complete the task of a contact as an employee does."""
        [task] = contact["taken"]
        await self._ask("PATCH", f"{BASE}/internetaken/{task['uuid']}", {"status": "verwerkt"})

    async def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers, url = {"Authorization": f"Token {TOKEN}"}, self.town.sandbox + path
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status == 200
            return await answer.json()


async def closings(watch: Watch, conversation: str) -> list[str]:
    """Return reason, outcome, token and author of each closing in the archive."""
    sql = (
        "select concat_ws('|', data->>'reason', data->>'outcome', data->'by'->>'token',"
        " data->'by'->'author'->>'kind') from opened.record where kind = 'conversation'"
        f" and conversation = '{conversation}' and data->>'event' = 'closed'"
    )
    return (await asyncio.to_thread(watch.town.database.execute, sql)).splitlines()
