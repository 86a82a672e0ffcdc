"""The life of conversations on a simulated clock: answered, closed with a result, held, due a year
later, listed, taken out, put off, approved, destroyed, declared, and the rest still proved; with
every service killed in the middle."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest

from services import clock
from tests.support.e2e.crm_desk import AUTHOR, Desk
from tests.support.e2e.phone import Phone
from tests.support.installation import Installation
from tests.support.observer import BEARER, Watch, until
from tests.support.simulated_clock import SimulatedClock, simulated

NOW = clock.now()
BEGIN = NOW - timedelta(days=372)
"""The term of 6.1.3, one year from the closing, was over six days ago: commands know no other time
than today."""
SECONDS = 40.0
NAME = "Roelof Kwispelstaart"
SERVICES = "gateway", "router", "deliverer", "archiver"
QUESTIONS = {
    "31600000951": "Is het zwembad zaterdag open met Pasen",
    "31600000952": "Waar kan ik mijn kerstboom inleveren",
    "31600000953": "Mag ik in het park barbecueen",
    "31600000954": "Hoe laat begint de kermis",
}


def waiting_a_day(text: str, depot: Path) -> str:
    """The shortest waiting time after the approval, and transcripts that go to a depot."""
    target = '{ id = "depot", to = "objects", format = "html", after_minutes = 0, store = "%s" }'
    retention = '{ code = "6.1.3", waiting_days = 1 }\nhandover = [' + target % depot.as_uri() + "]"
    return text.replace('{ code = "6.1.3" }', retention)


@pytest.fixture(scope="module")
def simulation() -> Iterator[SimulatedClock]:
    with simulated(BEGIN) as simulation:
        yield simulation


@pytest.fixture(scope="module")
def depot(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of another, to which transcripts go."""
    return tmp_path_factory.mktemp("depot")


@pytest.fixture(scope="module")
def town(
    tmp_path_factory: pytest.TempPathFactory, simulation: SimulatedClock, depot: Path
) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("town")
    town = Installation(folder, lambda text: waiting_a_day(text, depot))
    town.more = town.database.more = simulation.environment
    try:
        town.start()
        yield town
    finally:
        town.discard()


async def closed(watch: Watch, phone: Phone, words: str) -> str:
    """The conversation of a question that was answered and closed with a result."""
    desk = Desk(watch)
    conversation = str((await phone.asks(words))["conversationId"])
    status, answer = await desk.answer(conversation, text={"body": "Ja hoor."})
    assert status == 202, answer
    body = {"outcome": "answered", "retentionCode": "6.1.3", "author": AUTHOR}
    status, answer = await desk.does(conversation, "_close", **body)
    assert status == 202, answer
    return conversation


async def says(town: Installation, *words: str) -> str:
    return await asyncio.to_thread(town.says, *words)


async def status_of(town: Installation, session: aiohttp.ClientSession, conversation: str) -> int:
    url = f"{town.archiver}/v1/conversations/{conversation}"
    async with session.get(url, headers=BEARER) as answer:
        return answer.status


async def show(town: Installation, list: str) -> tuple[str, dict[str, str]]:
    """State of a list, and of each conversation on it."""
    shown = json.loads(await says(town, "archive", "list", "show", list, "--items", "--json"))
    return shown["state"], {each["conversation"]: each["state"] for each in shown["items"]}


async def reviewed(town: Installation, off: str, out: str, gone: str) -> str:
    """The list of what is due, from which one was taken out, and one put off."""
    drawn = await says(town, "archive", "list", "draw", "--by", "Anna Bos", "--json")
    list = str(json.loads(drawn)["id"])
    _, drawn_up = await show(town, list)
    assert drawn_up.keys() == {off, out, gone}, "what is held is on no list"
    spare = ("archive", "list", "spare", list)
    await says(town, *spare, out, "--reason", "dispute", "--by", "Anna Bos")
    until_day = ("--until", f"{NOW + timedelta(90):%Y-%m-%d}")
    await says(town, *spare, off, "--reason", "unfinished", *until_day, "--by", "Anna Bos")
    await says(town, "archive", "list", "review", list, "--by", "Bram Kok")
    return list


async def left_of(town: Installation, declaration: str) -> list[str]:
    """Conversations that are gone here and have a copy elsewhere: as many as declared."""
    [copy] = [each for each in json.loads(declaration)["remains"] if each["place"] == "depot"]
    left = await says(town, "archive", "handover", "list", "--state", "left", "--json")
    found = [each["conversation"] for each in json.loads(left)]
    assert json.loads(declaration)["destroyed"]["conversations"] == copy["count"] == len(found)
    return found


async def test_conversation_is_kept_for_its_term_and_then_gone(
    town: Installation,
    watch: Watch,
    session: aiohttp.ClientSession,
    simulation: SimulatedClock,
    depot: Path,
) -> None:
    phones = {words: Phone(watch, session, number) for number, words in QUESTIONS.items()}
    *_, forgotten = phones.values()
    forgotten.name = NAME
    kept, off, out, gone = await asyncio.gather(
        *[closed(watch, phone, words) for words, phone in phones.items()]
    )
    dossiers = "select count(*) from archiver.dossier where kept_until is not null"
    await until(lambda: asyncio.to_thread(town.database.execute, dossiers), lambda n: n == "4", 60)
    assert NAME in (await handed_over(town, depot, {kept, off, out, gone}))[gone]
    hold = ("--conversation", kept, "--ground", "woo", "--text", "Woo 12")
    review = ("--review-on", f"{NOW + timedelta(60):%Y-%m-%d}", "--by", "Els de Wit")
    await says(town, "archive", "hold", "place", "--tenant", "almelo", *hold, *review)

    simulation.set(clock.now() + timedelta(seconds=1))
    list = await reviewed(town, off, out, gone)
    for service in SERVICES:
        await asyncio.to_thread(town.kill, service)
    await says(town, "archive", "list", "approve", list, "--by", "Carla Vos")
    simulation.passes(timedelta(days=1, minutes=1))
    await asyncio.gather(*[asyncio.to_thread(town.restart, service) for service in SERVICES])
    _, states = await until(
        lambda: show(town, list), lambda shown: shown[0] == "destroyed", SECONDS
    )
    assert states == {off: "put_off", out: "taken_out", gone: "destroyed"}
    declaration = (await says(town, "archive", "list", "declaration", list)).partition("\n")[0]
    assert QUESTIONS["31600000954"] not in declaration
    assert await left_of(town, declaration) == [gone]
    answers = [await status_of(town, session, each) for each in (kept, off, out, gone)]
    assert answers == [200, 200, 200, 410]
    verified = await says(town, "archive", "verify")
    assert "nothing is wrong" in verified and "not as it was" not in verified, verified
    await asyncio.to_thread(town.database.execute, "vacuum full; checkpoint")
    secrets = "31600000954", QUESTIONS["31600000954"], NAME, *forgotten.wamids
    folders = town.folder, town.database.folder, town.broker.folder
    assert await asyncio.to_thread(files_with, secrets, folders) == []
    assert await asyncio.to_thread(files_with, [gone], folders) != [], "its id is declared"


NEWEST = "select (extract(epoch from max(written_at)) * 1e6)::bigint from archiver.entry"


async def handed_over(town: Installation, depot: Path, closed: set[str]) -> dict[str, str]:
    """Conversation -> its transcript in the depot, once all are there and the archiver has kept
    what it knows of the log outside: the clock jumps after this."""

    async def copies() -> dict[str, str]:
        files = [*(depot / "transcript").glob("*.html")]
        return {each.stem.rpartition("-")[0]: each.read_text() for each in files}

    async def is_kept() -> bool:
        newest = int(await asyncio.to_thread(town.database.execute, NEWEST))
        # The store writes an object beside its place first, under its name with "#1" behind it.
        names = [each.name for each in (town.objects / "head").iterdir()]
        return max(int(name) for name in names if name.isdecimal()) > newest

    done = "select count(*) from archiver.handover where state = 'done'"
    await until(
        lambda: asyncio.to_thread(town.database.execute, done),
        lambda n: n == f"{len(closed)}",
        SECONDS,
    )
    await until(is_kept, bool, SECONDS)
    found = await copies()
    assert found.keys() == closed
    return found


def files_with(words: Sequence[str], folders: Iterable[Path]) -> list[str]:
    """Files below these folders in which one of these words stands, in any of three writings."""
    plain = [each.encode() for each in words]
    writings = [(each, each.hex().encode(), b64encode(each)) for each in plain]
    looks = [one for each in writings for one in each]
    files = {path for folder in folders for path in folder.rglob("*") if path.is_file()}
    return [str(path) for path in sorted(files) if any(map(path.read_bytes().__contains__, looks))]
