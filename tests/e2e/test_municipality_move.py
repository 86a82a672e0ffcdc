"""A municipality moves to another installation while its citizens write, and while a neighbour's do
on both sides: nothing is lost or said twice, and what was proved before is proved there."""

import asyncio
import base64
import json
import os
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from click.testing import CliRunner

from cli.main import main
from services.sealing.key_ring import RING, KeyRing
from tests.support.citizens import post
from tests.support.e2e.carrier import Carrier
from tests.support.e2e.crm_desk import Desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import Watch, until

SECONDS = 40.0
CITIZENS = range(41, 47)
RUN = "Verhuizing"
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40
REASON = ("--reason", "Overgang naar de eigen omgeving")


class Town(Installation):
    """An installation whose commands run in this process: to start one takes longer than to run."""

    def runs(self, *arguments: str) -> tuple[int, str]:
        vars(RING).update(vars(KeyRing()))  # the other town has keys of its own
        env = self._settings("operator") | {"POSTKAMER_DATABASE_URL": self.database.url}
        done = CliRunner().invoke(main, arguments, env=env)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.output


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    town = Town(tmp_path_factory.mktemp("old"))
    try:
        town.start()
        yield town
    finally:
        town.discard()


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Another installation, with keys and a log of its own."""
    named = 'log = "nieuw.example/log"\n'
    town = Town(tmp_path_factory.mktemp("new"), lambda text: named + text)
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


async def ran(town: Town, *words: str) -> str:
    code, said = await asyncio.to_thread(town.runs, *words)
    assert code == 0, said
    return said


def texts(events: list[dict[str, Any]]) -> Counter[str]:
    return Counter(each["event"]["data"]["text"] for each in events)


async def test_municipality_moves_while_its_citizens_write(
    old: Town, new: Town, session: aiohttp.ClientSession, tmp_path: Path
) -> None:
    move = Move(old, new, Carrier(session, old.gateway, RUN), tmp_path)
    meta, here, there = move.meta, Watch(old, session), Watch(new, session)
    await move.begin()
    asked = await ask_and_answer(here, session)
    async with meta.writing(CITIZENS):
        await until(lambda: here.events(RUN), lambda seen: len(seen) > 30, SECONDS)
        await ran(old, "archive", "checkpoint")
        proof = json.loads(await ran(old, "archive", "prove", asked["messageId"]))
        await move.carry()
        early = len(meta.taken)
        await until(lambda: _taken(meta), lambda n: n > early + 20, SECONDS)
        await ran(old, "tenant", "stop", "almelo")
        await until(lambda: _refused(meta), lambda n: n > 0, SECONDS)
        taken_here = list(meta.taken)
        await move.carry("--final")
        meta.gateway = new.gateway
        await ran(new, "tenant", "start", "almelo")
        await until(lambda: there.events(RUN), lambda seen: len(seen) > 30, SECONDS)
    for _, body in taken_here[-20:]:
        assert await post(session, new.gateway, body) == 200, "Meta repeats itself"
    await answer_there(there, asked)
    await nothing_is_lost_or_said_twice(here, there, Counter(words for words, _ in meta.taken))
    assert texts(await here.events(RUN)).keys() == {words for words, _ in taken_here}
    await verified(new, "--index", "--media")
    await ran(new, "balance")  # it ends with 1 if anything is missing
    former = json.loads(await ran(new, "archive", "prove", asked["messageId"], "--former"))
    own = json.loads(await ran(new, "archive", "prove", asked["messageId"]))
    assert former["leaf"] == own["leaf"] == proof["leaf"]
    assert former["verifier"] == proof["verifier"] == move.log_key != own["verifier"]
    await move.end()


async def nothing_is_lost_or_said_twice(here: Watch, there: Watch, said: Counter[str]) -> None:
    """Each message came to one of the two CRMs, once, and is on the record of the new one, once."""
    assert set(said.values()) == {1}
    await until(lambda: _both(here, there), lambda seen: seen.keys() == said.keys(), SECONDS)
    assert await _both(here, there) == said
    events = [*await here.received(), *await there.received()]
    ids = Counter(each["event"]["id"] for each in events)
    assert [id for id, times in ids.items() if times > 1] == []
    assert await archived(there, events) == said
    places = Counter(
        (each["event"]["data"]["conversationId"], each["event"]["sequence"])
        for each in [*await here.events(RUN), *await there.events(RUN)]
    )
    assert set(places.values()) == {1}


class Move:
    """The move of a municipality from one installation to another, step by step."""

    def __init__(self, old: Town, new: Town, meta: Carrier, folder: Path) -> None:
        self.old, self.new, self.meta = old, new, meta
        self._folder, self._key = str(folder / "almelo"), ("--key-file", str(folder / "transport"))
        self.log_key = ""

    async def begin(self) -> None:
        self.log_key = (await ran(self.old, "archive", "key")).strip()

    async def carry(self, *how: str) -> None:
        """Write what came since the last time, and load it."""
        export = ("tenant", "export", "almelo", self._folder, *self._key, *REASON)
        await ran(self.old, *export, *how)
        log_key = ("--log-key", self.log_key)
        await ran(self.new, "tenant", "import", self._folder, *self._key, *log_key, *REASON)

    async def end(self) -> None:
        """Destroy what is left at the old one, which starts it no more."""
        code, said = await asyncio.to_thread(self.old.runs, "tenant", "start", "almelo")
        assert code == 1 and "may have started elsewhere" in said
        await ran(self.old, "tenant", "forget", "almelo", self._folder, *self._key, *REASON)
        await verified(self.old)


async def ask_and_answer(watch: Watch, session: aiohttp.ClientSession) -> dict[str, Any]:
    """A question that was answered, with a photo."""
    phone = Phone(watch, session, "31600000961")
    asked = await phone.asks("Wanneer wordt het oud papier opgehaald")
    status, answer = await Desk(watch).answer(asked["conversationId"], text={"body": "Op dinsdag."})
    assert status == 202, answer
    await phone.sends_photo(JPEG)
    return asked


async def answer_there(watch: Watch, asked: dict[str, Any]) -> None:
    """Answer at the new installation what was asked at the old one."""
    desk = Desk(watch)
    status, answer = await desk.answer(asked["conversationId"], text={"body": "En vrijdag."})
    assert status == 202, answer
    sent = {"sent", "delivered", "read"}
    await until(lambda: desk.status(answer["id"]), lambda s: s["status"] in sent, SECONDS)


async def archived(watch: Watch, events: list[dict[str, Any]]) -> Counter[str]:
    """Texts of the run that the archive of an installation has."""
    conversations = {each["event"]["data"].get("conversationId", "") for each in events} - {""}
    found = Counter[str]()
    for each in conversations:
        found.update(one.get("text", "") for one in await watch.messages(each))
    return Counter({text: n for text, n in found.items() if text.startswith(RUN)})


async def verified(town: Town, *how: str) -> None:
    await ran(town, "archive", "checkpoint")
    assert "not as it was" not in await ran(town, "archive", "verify", *how)


async def _both(here: Watch, there: Watch) -> Counter[str]:
    return texts(await here.events(RUN)) + texts(await there.events(RUN))


async def _taken(meta: Carrier) -> int:
    return len(meta.taken)


async def _refused(meta: Carrier) -> int:
    return meta.refused
