"""A version of the rules is archived, once, before the router uses it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

from deploy.local.rabbitmq import Broker
from router.active_rules import UNRECORDED, ActiveRules
from router.model.hashes import Hashes
from router.store.store import Store
from router.store.versions import list_versions, load_files
from services import clock
from services.amqp import topology
from services.amqp.connection import broker_connection
from services.amqp.publisher import Publisher
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError, Configuration
from services.config.reload import ActiveVersion
from services.config.rules_status import RulesStatus
from services.config.settings import DatabaseSettings, load
from services.postgres.database import Pool, connection_pool
from services.postgres.taken_version import is_taken
from services.second_person.judgement import count_missing_persons
from services.second_person.start import load_counted
from services.second_person.table import load_files_in_force, read_standing
from services.tasks import background_task
from tests.integration.conftest import PASSWORDS
from tests.support.config_files import ONE_DEPARTMENT, approved_rules, replaced
from tests.support.decrypted_record import writer_of
from tests.support.integration.archive_queue import Heard, hearing
from tests.support.observer import until, until_true

HASHES = Hashes(b"k" * 32)


def chosen(folder: Path, approved_by: str) -> LoadedConfig:
    path = folder / "postkamer.toml"
    path.write_text(approved_rules(approved_by))
    return loader.load(path)


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The router's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        yield own


@pytest.fixture
async def heard(broker: Broker) -> AsyncIterator[Heard]:
    async with hearing(broker) as heard:
        yield heard


@asynccontextmanager
async def rulebook(broker: Broker, pool: Pool) -> AsyncIterator[ActiveRules]:
    """Rules of a router which has just started."""
    async with broker_connection(
        broker.url_for("router", PASSWORDS["router"]), "test rules"
    ) as link:
        yield ActiveRules(Store(pool), Publisher(link, topology.ARCHIVE), HASHES)


async def rows(pool: Pool) -> list[Any]:
    return await pool.fetch("select * from router.version order by first_at")


async def test_activated_version_is_stored_and_archived(
    broker: Broker, own: Pool, pool: Pool, heard: Heard, tmp_path: Path
) -> None:
    town = chosen(tmp_path, "De secretaris")
    async with rulebook(broker, own) as book:
        assert book.problems() == [UNRECORDED]
        await book.activate(town)
        assert (book.problems(), (await book.context()).version) == ([], town.version)
    await until(heard.count, lambda n: n == 1, 10)
    [record], [row] = heard.records, await rows(pool)
    assert (row["version"], row["approved_by"]) == (town.version, "De secretaris")
    assert msgspec.msgpack.decode(row["files"]) == town.files
    assert (record.id, record.kind, record.at) == (row["record"], "configuration", row["first_at"])
    assert msgspec.json.decode(record.raw) == town.files
    assert msgspec.json.decode(record.data)["approvedBy"] == "De secretaris"


async def test_version_activated_by_several_routers_is_archived_once(
    broker: Broker, own: Pool, pool: Pool, heard: Heard, tmp_path: Path
) -> None:
    one, other = (chosen(tmp_path, name) for name in ("De secretaris", "De griffier"))
    async with rulebook(broker, own) as first, rulebook(broker, own) as second:
        await asyncio.gather(first.activate(one), second.activate(one))
        await first.activate(other)
        await first.activate(one)
    async with rulebook(broker, own) as later:
        await later.activate(other)
    await until(heard.count, lambda n: n == 5, 10)
    kept = await rows(pool)
    assert [row["version"] for row in kept] == [one.version, other.version]
    said = {record.id: record for record in heard.records}
    assert said.keys() == {row["record"] for row in kept}
    assert all(record == said[record.id] for record in heard.records)
    archive = await writer_of(pool)
    assert await archive.add(heard.records[:2]) == 1
    assert await archive.add(heard.records) == 1


async def test_version_is_not_used_before_the_archive_confirms_it(
    broker: Broker, own: Pool, pool: Pool, heard: Heard, tmp_path: Path
) -> None:
    town = chosen(tmp_path, "De secretaris")

    async def kept() -> int:
        return len(await rows(pool))

    nowhere = Publisher(None, topology.ARCHIVE)  # type: ignore[arg-type]
    asked = asyncio.Event()

    async def unheard(*_: object) -> None:
        asked.set()
        await asyncio.Event().wait()

    nowhere.publish = unheard  # type: ignore[method-assign]
    book = ActiveRules(Store(own), nowhere, HASHES)
    async with background_task(book.context()) as waiting, background_task(book.activate(town)):
        await asyncio.wait_for(asked.wait(), 10)
        assert await kept() == 1
        assert (waiting.done(), book.problems()) == (False, [UNRECORDED])
    # It ended there, as in a crash; the next start says what was written down then.
    async with rulebook(broker, own) as book:
        await book.activate(town)
        assert (await book.context()).version == town.version
    await until(heard.count, lambda n: n == 1, 10)
    assert [row["record"] for row in await rows(pool)] == [heard.records[0].id]


async def test_batch_keeps_the_version_that_it_began_with(
    broker: Broker, own: Pool, heard: Heard, tmp_path: Path
) -> None:
    one, other = (chosen(tmp_path, name) for name in ("De secretaris", "De griffier"))
    async with rulebook(broker, own) as book:
        await book.activate(one)
        begun = await book.context()
        await book.activate(other)
        assert (begun.version, (await book.context()).version) == (one.version, other.version)
        assert begun.config is one.config


async def test_configuration_of_each_version_is_told_to_who_follows(
    broker: Broker, own: Pool, heard: Heard, tmp_path: Path
) -> None:
    one, other = (chosen(tmp_path, name) for name in ("De secretaris", "De griffier"))
    async with rulebook(broker, own) as book:
        early: list[Configuration] = []
        late: list[Configuration] = []
        book.follow(early.append)
        assert early == []
        await book.activate(one)
        book.follow(late.append)
        await book.activate(other)
    assert [each.approved_by for each in early] == ["De secretaris", "De griffier"]
    assert early == late


async def test_version_too_large_for_the_archive_is_refused(
    broker: Broker, own: Pool, pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = (chosen(tmp_path, name) for name in ("De secretaris", "D" * 200))
    async with rulebook(broker, own) as book:
        await book.activate(one)
        size = len(msgspec.json.encode(other.files))
        monkeypatch.setattr("router.active_rules.LARGEST", size - 1)
        with pytest.raises(ConfigError, match=f"over {size - 1} bytes"):
            await book.activate(other)
        assert (await book.context()).version == one.version
        monkeypatch.setattr("router.active_rules.LARGEST", size)
        await book.activate(other)
    assert len(await rows(pool)) == 2


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are looked at again at once."""
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)


async def test_router_activates_changed_files(
    broker: Broker, own: Pool, heard: Heard, tmp_path: Path, quick: None
) -> None:
    town = chosen(tmp_path, "De secretaris")
    async with (
        rulebook(broker, own) as book,
        background_task(book.run(town_file(tmp_path), ActiveVersion(town), own)),
    ):

        async def version() -> str:
            return (await book.context()).version

        await until(version, lambda now: now == town.version, 10)
        new = chosen(tmp_path, "De griffier")
        await until(version, lambda now: now == new.version, 10)
    await until(heard.count, lambda n: n == 2, 10)
    assert clock.now() >= heard.records[1].at >= heard.records[0].at


GREEN = (
    ONE_DEPARTMENT
    + """
[[departments]]
id = "groen"
tenant = "almelo"
name = "Groen"
destination = "crm"
[[rules]]
id = "groen"
words = ["{}"]
department = "groen"
[[tests]]
tenant = "almelo"
table = "tabel.csv"
at_least = 0.6
"""
)
TABLE = "text;department\nde boom is om;groen\nvraag;kcc\n"


async def test_router_refuses_a_change_that_falls_below_its_table_of_messages(
    broker: Broker,
    own: Pool,
    pool: Pool,
    heard: Heard,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("services.config.reload.POLL_SECONDS", 0.02)
    path, table = tmp_path / "postkamer.toml", tmp_path / "tabel.csv"
    replaced(table, TABLE)
    replaced(path, GREEN.format("boom"))
    good = loader.load(path)
    active = ActiveVersion(good)
    async with rulebook(broker, own) as book, background_task(book.run(path, active, own)):
        context = await book.context()
        with capture_logs() as logs:
            replaced(path, GREEN.format("struik"))
            refused = loader.load(path).version
            await until_true(lambda: active.status.refused)
        what = (
            f"{table}:0: test of almelo: 1 of 2 messages (50 %) go to their department,"
            " and 60 % must: wrong are 1 of 1 of groen"
        )
        assert (str(active.status.refused), active.status.version) == (what, good.version)
        assert await book.context() is context
        assert [each["what"] for each in logs if each["event"] == "rules.fault"] == [
            what.partition("almelo: ")[2]
        ]
        replaced(table, "text;department\nvraag;kcc\n")  # the table was wrong
        await until_true(lambda: active.status == RulesStatus(refused))
        assert (await book.context()).version == refused
        replaced(table, TABLE)
        await until_true(lambda: active.status.refused)
        assert active.status.version == refused and active.status.refused.in_force
    assert [row["version"] for row in await rows(pool)] == [good.version, refused]


async def test_other_services_see_which_version_was_taken_last_and_nothing_more_of_it(
    broker: Broker, own: Pool, pool: Pool, empty: str, heard: Heard, tmp_path: Path
) -> None:
    """A former version may fall below a table that became stricter: the router judges it anew."""
    former, town = (chosen(tmp_path, by) for by in ("De directeur", "De secretaris"))
    versions = town.version, former.version, "0" * 12
    async with rulebook(broker, own) as book:
        for each in (town, former, town):
            await book.activate(each)
    for service in ("gateway", "deliverer", "archiver"):
        url = f"{empty}?role=postkamer_{service}"
        async with connection_pool(url, "test", 1) as other:
            taken = [await is_taken(other, each) for each in versions]
            assert taken == [True, False, False], service
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await other.fetchval("select files from router.version")
    await pool.execute("delete from router.taken_version")  # a router of an older release has none
    assert [await is_taken(pool, each) for each in versions] == [True, True, False]


def asking(folder: Path, approved_by: str, *, asks: bool = True) -> LoadedConfig:
    """Files that ask for a second person before the next ones count."""
    path = folder / "postkamer.toml"
    path.write_text(f"second_person = {str(asks).lower()}\n{approved_rules(approved_by)}")
    return loader.load(path)


async def stand_for(pool: Pool, version: str, by: str, **columns: Any) -> None:
    """Let a person stand for a version: proven, and confirmed, unless said otherwise."""
    alone, confirmed = columns.get("alone", False), columns.get("confirmed", True)
    await pool.execute(_STAND_FOR, version, by, columns.get("identified", "proven"), alone)
    if confirmed:
        await pool.execute("update router.approval set confirmed_at = now() where by = $1", by)


_STAND_FOR = """
insert into router.approval (version, by, identified, alone) values ($1, $2, $3, $4)
"""


async def history(pool: Pool) -> list[tuple[str, str]]:
    rows = await pool.fetch("select version, because from router.in_force order by n")
    return [(row["version"], row["because"]) for row in rows]


async def test_version_counts_when_two_persons_stand_for_it(
    broker: Broker, own: Pool, pool: Pool, heard: Heard, tmp_path: Path
) -> None:
    free, first, second = chosen(tmp_path, "A"), asking(tmp_path, "B"), asking(tmp_path, "C")
    async with rulebook(broker, own) as book:
        await book.activate(free)
        assert await history(pool) == []  # nobody asks: nothing to remember
        await book.activate(first)  # asks from now on
        for by, more, why in (
            (None, {}, "two persons"),
            ("S. Jansen", {}, "a second person"),
            (" s. jansen", {}, "a second person"),  # the same person
            ("P. Bakker", {"identified": "stated"}, "a second person"),
            ("K. de Wit", {"confirmed": False}, "a second person"),
        ):
            if by:
                await stand_for(pool, second.version, by, **more)
            with pytest.raises(ConfigError, match=f"it waits for {why}"):
                await book.activate(second)
            assert (await book.context()).version == first.version
        assert [row["version"] for row in await rows(pool)] == [free.version, first.version]
        await stand_for(pool, second.version, "K. de Boer")
        await book.activate(second)
        assert (await book.context()).version == second.version
        await book.activate(second)
    assert await history(pool) == [(first.version, "first"), (second.version, "approved")]


async def test_version_that_counted_before_counts_again_and_one_that_asks_nothing_waits(
    broker: Broker, own: Pool, pool: Pool, heard: Heard, tmp_path: Path
) -> None:
    """So one person can go back at night, and none can switch it off."""
    first, second = asking(tmp_path, "A"), asking(tmp_path, "B")
    off = asking(tmp_path, "C", asks=False)
    async with rulebook(broker, own) as book:
        await book.activate(first)
        await stand_for(pool, second.version, "S. Jansen", alone=True, confirmed=False)
        await book.activate(second)
        await book.activate(first)
        with pytest.raises(ConfigError, match="it waits for two persons"):
            await book.activate(off)
        for by in ("S. Jansen", "K. de Boer"):
            await stand_for(pool, off.version, by)
        await book.activate(off)
        await book.activate(chosen(tmp_path, "D"))  # free again
    assert await history(pool) == [
        (first.version, "first"),
        (second.version, "alone"),
        (first.version, "again"),
        (off.version, "approved"),
    ]


@pytest.mark.usefixtures("quick", "heard")
async def test_waiting_version_is_shown_and_taken_when_a_second_person_stands_for_it(
    broker: Broker, own: Pool, pool: Pool, tmp_path: Path, empty: str
) -> None:
    town = asking(tmp_path, "A")
    version = ActiveVersion(town)
    async with (
        rulebook(broker, own) as book,
        background_task(book.run(town_file(tmp_path), version, own)),
    ):

        async def waiting() -> str:
            return version.status.waiting.version if version.status.waiting else ""

        async def in_force() -> str:
            return (await book.context()).version

        await until(in_force, lambda now: now == town.version, 10)
        new = asking(tmp_path, "B")
        await until(waiting, lambda now: now == new.version, 10)
        assert version.status.refused is None
        [proposed] = await pool.fetch("select * from router.proposed_version")
        assert msgspec.msgpack.decode(proposed["files"]) == new.files
        listed = {each.version: each for each in await list_versions(pool)}
        assert listed[new.version].waiting is True and listed[town.version].in_force is True
        assert await load_files(own, new.version) == new.files
        # Started again meanwhile, a service has the files of the version in force.
        options = load(DatabaseSettings, {"POSTKAMER_DATABASE_URL": empty})
        counted = await asyncio.to_thread(load_counted, options, town_file(tmp_path), loader.load)
        assert (counted.version, counted.files) == (town.version, town.files)
        for role in ("gateway", "deliverer", "archiver"):
            async with connection_pool(f"{empty}?role=postkamer_{role}", "test", 1) as other:
                standing = await read_standing(other, new.version)
                assert count_missing_persons(new.version, standing) == 2
                assert await load_files_in_force(other) == (town.version, town.files)
        for by in ("S. Jansen", "K. de Boer"):
            assert await in_force() == town.version
            await stand_for(pool, new.version, by)
        await until(in_force, lambda now: now == new.version, 10)
        await until(waiting, lambda now: not now, 10)
        counted = await asyncio.to_thread(load_counted, options, town_file(tmp_path), loader.load)
        assert counted.version == new.version


def town_file(folder: Path) -> Path:
    return folder / "postkamer.toml"
