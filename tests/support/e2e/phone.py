"""A citizen's phone in the sandbox."""

import io
from typing import Any

import aiohttp

from tests.support.citizens import NUMBER
from tests.support.observer import Watch, until

SECONDS = 15.0


class Phone:
    """The sandbox is Meta as it is, with its own idea of the 24 hours."""

    def __init__(self, watch: Watch, session: aiohttp.ClientSession, number: str) -> None:
        self.watch, self.session, self.number = watch, session, number
        self.name = ""
        self.wamids: list[str] = []
        """Meta's ids of what the citizen wrote."""

    async def writes(self, words: str, **more: Any) -> None:
        """Write as the citizen, until the gateway has it: Meta repeats what it answers 503."""
        taken = await self.is_taken(words, **{"wait": SECONDS} | more)
        assert taken, "the gateway did not take it"

    async def is_taken(self, words: str, **more: Any) -> bool:
        """Write as the citizen, and return if the gateway took it; with `wait` in so many seconds,
        within which Meta repeats it."""
        said = {"from": self.number, "name": self.name, "number": NUMBER, "text": words} | more
        url = f"{self.watch.town.sandbox}/phone/messages"
        async with self.session.post(url, json=said) as answer:
            self.wamids.append((await answer.json())["wamid"])
            return answer.status == 200

    async def sends_photo(self, photo: bytes) -> None:
        """Send a JPEG as the citizen."""
        await self._sends("image", "image/jpeg", photo)

    async def sends_voice(self, voice: bytes) -> None:
        """Send an MP3 as the citizen."""
        await self._sends("audio", "audio/mpeg", voice)

    async def _sends(self, kind: str, content_type: str, body: bytes) -> None:
        url, headers = f"{self.watch.town.sandbox}/phone/media", {"Content-Type": content_type}
        async with self.session.post(url, data=io.BytesIO(body), headers=headers) as answer:
            assert answer.status == 201, await answer.text()
            media = (await answer.json())["id"]
        await self.writes("", kind=kind, media=media)

    async def asks(self, words: str, *, after_leap: bool = False) -> dict[str, Any]:
        """Write as the citizen, and return the message as the CRM gets it. For a second after a
        leap of days the gateway has no key of the day; it answers 503, and Meta repeats."""
        if after_leap:
            assert await self.is_taken(words, wait=SECONDS)
        else:
            await self.writes(words)
        (event,) = await until(lambda: self.watch.events(words), bool, SECONDS)
        return dict(event["event"]["data"])

    async def got_texts(self) -> list[str]:
        """The words of texts alone, in the order in which Meta took them."""
        url = f"{self.watch.town.sandbox}/phone/received?after=0"
        async with self.session.get(url) as answer:
            arrived = [each for each in await answer.json() if each["phone"] == self.number]
        return [each["content"]["body"] for each in arrived if each["type"] == "text"]

    async def got(self) -> list[str]:
        """The words of texts and the names of templates, in the order in which Meta took them."""
        url = f"{self.watch.town.sandbox}/phone/received?after=0"
        async with self.session.get(url) as answer:
            arrived = [each for each in await answer.json() if each["phone"] == self.number]
        return [
            each["content"]["name"] if each["type"] == "template" else each["content"]["body"]
            for each in arrived
        ]
