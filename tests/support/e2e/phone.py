"""A citizen's phone in the sandbox."""

from typing import Any

import aiohttp

from tests.support.citizens import NUMBER
from tests.support.observer import Watch, until

SECONDS = 15.0


class Phone:
    """The sandbox is Meta as it is, with its own idea of the 24 hours."""

    def __init__(self, watch: Watch, session: aiohttp.ClientSession, number: str) -> None:
        self.watch, self.session, self.number = watch, session, number

    async def writes(self, words: str, **more: Any) -> None:
        said = {"from": self.number, "number": NUMBER, "text": words} | more
        url = f"{self.watch.town.sandbox}/phone/messages"
        async with self.session.post(url, json=said) as answer:
            assert answer.status == 200, await answer.text()

    async def asks(self, words: str) -> dict[str, Any]:
        """Write as the citizen, and return the message as the CRM gets it."""
        await self.writes(words)
        (event,) = await until(lambda: self.watch.events(words), bool, SECONDS)
        return dict(event["event"]["data"])

    async def got(self) -> list[str]:
        """The words of texts and the names of templates, in the order in which Meta took them."""
        url = f"{self.watch.town.sandbox}/phone/received?after=0"
        async with self.session.get(url) as answer:
            arrived = [each for each in await answer.json() if each["phone"] == self.number]
        return [
            each["content"]["name"] if each["type"] == "template" else each["content"]["body"]
            for each in arrived
        ]
