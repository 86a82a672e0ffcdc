"""A municipality moves to another installation while its citizens write, and while a neighbour's do
on both sides: nothing is lost or said twice, and what was proved before is proved there."""

import asyncio
import base64
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

import aiohttp
import pytest

from tests.support.citizens import post, text, webhook
from tests.support.e2e.crm_desk import Desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until

SECONDS = 40.0
CITIZENS = range(41, 47)
RUN = "Verhuizing"
PAUSE = 0.1
"""Seconds between two messages of one citizen: below what anybody keeps up."""
REASON = ("--reason", "Overgang naar de eigen omgeving")


class Meta:
    """Where Meta brings the webhooks of each municipality, and what it brought."""

    def __init__(self, session: aiohttp.ClientSession, gateway: str) -> None:
        self._session, self.gateway = session, gateway
        self.taken: list[tuple[str, bytes]] = []
        """Text and body of each webhook that was answered 200, in order."""
        self.refused = 0

    async def brings(self, words: str, wamid: str, citizen: int) -> None:
        """Bring one message until it is taken, to wherever the callback leads by then."""
        body = webhook(text(words, wamid, citizen))
        while (status := await post(self._session, self.gateway, body)) != 200:
            self.refused += status == 503
            await asyncio.sleep(PAUSE)  # Meta's wait between two attempts
        self.taken.append((words, body))

    async def writes(self, citizen: int, ends: asyncio.Event) -> None:
        """A citizen who writes on and on."""
        for n in count():
            if ends.is_set():
                return
            await self.brings(f"{RUN} {citizen} {n}", f"wamid.{RUN}.{citizen}.{n}", citizen)
            await asyncio.sleep(PAUSE)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    town = Installation(tmp_path_factory.mktemp("old"))
    try:
        town.start()
        yield town
    finally:
        town.discard()


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Another installation, with keys and a log of its own."""
    named = 'log = "nieuw.example/log"\n'
    town = Installation(tmp_path_factory.mktemp("new"), lambda text: named + text)
    for name in ("ARCHIVE", "WORKING"):
        town.more[f"POSTKAMER_{name}_KEY"] = base64.b64encode(os.urandom(32)).decode()
    try:
        town.start()
        yield town
    finally:
        town.discard()


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def ran(town: Installation, *words: str) -> str:
    code, said = await asyncio.to_thread(town.runs, *words)
    assert code == 0, said
    return said


def texts(events: list[dict]) -> Counter[str]:
    return Counter(each["event"]["data"]["text"] for each in events)


async def test_municipality_moves_while_its_citizens_write(
    old: Installation, new: Installation, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    here, there = Watch(old, session), Watch(new, session)
    meta = Meta(session, old.gateway)
    folder, key = tmp_path / "almelo", ("--key-file", str(tmp_path / "transport"))
    export = ("tenant", "export", "almelo", str(folder), *key, *REASON)
    log_key = (await ran(old, "archive", "key")).strip()
    load = ("tenant", "import", str(folder), *key, "--log-key", log_key, *REASON)

    phone = Phone(here, session, "31600000961")
    asked = await phone.asks("Wanneer wordt het oud papier opgehaald")
    desk = Desk(here)
    status, answer = await desk.answer(asked["conversationId"], text={"body": "Op dinsdag."})
    assert status == 202, answer
    await phone.sends_photo(_photo())
    async with writing(meta, CITIZENS):
        await until(lambda: here.events(RUN), lambda seen: len(seen) > 30, SECONDS)
        await ran(old, "archive", "checkpoint")
        proof = json.loads(await ran(old, "archive", "prove", asked["messageId"]))
        await ran(old, *export)
        await ran(new, *load)
        early = len(meta.taken)
        await until(lambda: _taken(meta), lambda n: n > early + 20, SECONDS)
        await ran(old, "tenant", "stop", "almelo")
        await until(lambda: _refused(meta), lambda n: n > 0, SECONDS)
        stopped_with = list(meta.taken)
        await ran(old, *export, "--final")
        await ran(new, *load)
        meta.gateway = new.gateway
        await ran(new, "tenant", "start", "almelo")
        await until(lambda: there.events(RUN), lambda seen: len(seen) > 30, SECONDS)
    for _, body in stopped_with[-20:]:
        assert await post(session, new.gateway, body) == 200, "Meta repeats itself"
    said = Counter(words for words, _ in meta.taken)
    assert set(said.values()) == {1}
    await until(lambda: _both(here, there), lambda seen: seen.keys() == said.keys(), SECONDS)
    assert await _both(here, there) == said, "each came to one of the two, once"
    assert texts(await here.events(RUN)).keys() == {words for words, _ in stopped_with}

    verified = await ran(new, "archive", "verify", "--index", "--media")
    assert "not as it was" not in verified, verified
    former = json.loads(await ran(new, "archive", "prove", asked["messageId"], "--former"))
    assert former["leaf"] == proof["leaf"]
    assert former["verifier"] == proof["verifier"] == log_key
    await ran(new, "archive", "checkpoint")
    own = json.loads(await ran(new, "archive", "prove", asked["messageId"]))
    assert own["leaf"] == proof["leaf"] and own["verifier"] != log_key

    code, said_so = await asyncio.to_thread(old.runs, "tenant", "start", "almelo")
    assert code == 1 and "may have started elsewhere" in said_so
    await ran(old, "tenant", "forget", "almelo", str(folder), *key, *REASON)
    verified = await ran(old, "archive", "verify")
    assert "not as it was" not in verified, verified


async def _both(here: Watch, there: Watch) -> Counter[str]:
    return texts(await here.events(RUN)) + texts(await there.events(RUN))


async def _taken(meta: Meta) -> int:
    return len(meta.taken)


async def _refused(meta: Meta) -> int:
    return meta.refused


def _photo() -> bytes:
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (64, 48), (200, 40, 40)).save(file, "JPEG")
    return file.getvalue()


@asynccontextmanager
async def writing(meta: Meta, citizens: range) -> AsyncIterator[None]:
    """Citizens who write until the context is left, each to the end of what it writes."""
    ends = asyncio.Event()
    tasks = [asyncio.create_task(meta.writes(each, ends)) for each in citizens]
    try:
        yield
        ends.set()
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
