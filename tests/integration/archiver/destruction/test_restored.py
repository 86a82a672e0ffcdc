"""A database that is restored from before a destruction lacks what was destroyed since, again."""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import aiohttp
import pytest

from archiver.destruction import replayer as replaying
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.list_store import ListStore
from archiver.destruction.outside_orders import find_false_orders, load_outside
from archiver.destruction.replayer import Replayer
from archiver.encryption.key_store import KeyStore
from archiver.log import outside_head
from archiver.log.known_head import KnownHead
from archiver.log.outside_head import HeadKeeper
from archiver.orders import comparer as comparing
from archiver.orders.comparer import Comparer
from archiver.orders.comparison import NotComparable
from archiver.orders.order import Order
from archiver.orders.order_book import OrderBook
from archiver.orders.order_keeper import OrderKeeper, OutsideAhead
from cli.archive.restoration.destructions import NOTHING_LOST
from deploy.local.postgresql import Database
from deploy.local.state import free_port
from services import clock
from services.config.settings import derive_key
from services.contract import Record
from services.files.object_store import ObjectStore, order_key, outcome_key
from services.postgres.database import Connection, Pool, connection_pool
from services.restoration.waiting_room import IS_COMPARED, lacking_sentence, wait_until_compared
from services.transparency.merkle import load_tree
from tests.integration.archiver.destruction.test_lists import (
    ARCHIVIST,
    HOLD,
    OWNER,
    Clerks,
    finish,
    written,
)
from tests.support.archiver.commands import Archive
from tests.support.archiver.orders import KEY, MASTERS, book_of, eraser_of
from tests.support.archiver.records import citizen, message, record
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.integration.back_up import dump
from tests.support.observer import until

BACK_UP, RESTORED = "before_destructions", "restored_from_it"
LISTED = ["a", "b", "c"]
"""Conversations that are due, and on a list that is drawn."""
ALL = {*LISTED, "d", "e", "f"}
"""Conversations of the back-up; `f` is of another municipality."""
NEW_KEY = b"n" * 32


class Hall:
    """A copy of the back-up, and the object store, which is never restored."""

    def __init__(self, owner: Pool, own: Pool, keys: KeyStore, folder: Path) -> None:
        self.owner, self.own, self.keys, self.folder = owner, own, keys, folder
        self.clerks, self.orders = Clerks(own, keys), OrderKeeper(book_of(folder))

    def comparer(self, *masters: bytes) -> Comparer:
        """The archiver, with its role."""
        return Comparer(self.own, book_of(self.folder, *masters))

    def replayer(self, *masters: bytes) -> Replayer:
        """The command of the owner."""
        return Replayer(self.owner, self.keys, book_of(self.folder, *masters))

    async def pretend(self, orders: int, state: str = "done") -> None:
        """Say with the archiver's role, order by order, that nothing is lacking."""
        order = await book_of(self.folder).read_order(orders - 1)
        assert order
        note = f"select archiver.note_order($1, $2, '', '{state}')"
        await self.own.execute(note, order.number, order.digest)
        await self.own.execute("select restoration.note_comparison($1)", order.number)

    async def false_orders(self) -> list[str]:
        """Sentences of `archive verify`."""
        book = book_of(self.folder)
        outside = await load_outside(self.own, book)
        async with self.own.acquire() as connection:
            found = find_false_orders(connection, self.keys, book, outside)
            return [sentence async for sentence in found]

    async def replay(self) -> int:
        """Restore as the page says, and return the number of orders that were carried out again:
        while the archiver finds any lacking nothing is changed and nothing serves."""
        before = await self.left(), await self.numbers()
        if lacking := await self.comparer().compare():
            assert (await self.left(), await self.numbers()) == before
            assert not await self.is_compared()
        found = await self.replayer().replay()
        assert len(found.lacking) == lacking and await self.is_compared()
        return lacking

    async def is_compared(self) -> bool:
        return bool(await self.own.fetchval(IS_COMPARED))

    async def approve(self) -> str:
        id = str(await self.own.fetchval("select id from archiver.destruction_list"))
        async with self.own.acquire() as connection, connection.transaction():
            found = await ListStore(connection, self.keys).lock(id)
        assert found
        await self.clerks.step(found, "reviewed", OWNER)
        await self.clerks.step(found, "approved", ARCHIVIST)
        return id

    async def withdraw(self, id: str) -> None:
        await self.own.execute("select archiver.step_list($1, 'withdrawn', 'Dirk')", id)

    async def destroy(self) -> str:
        """Approve the list and destroy what is on it."""
        id = await self.approve()
        await Destroyer(self.own, self.keys, self.orders, finish).carry_out_due()
        return id

    async def erase(self) -> None:
        """Erase what is on no list: an entry, a conversation and a municipality."""
        eraser = eraser_of(self.owner, self.keys, self.folder)
        sql = "select id from archiver.entry where conversation = 'd' and kind = 'message'"
        assert await eraser.erase_entry(await self.owner.fetchval(sql), "a mistake")
        await eraser.erase_conversation("almelo", "e", "a mistake")
        await eraser.erase_municipality("hengelo", "it is no more")

    async def left(self) -> set[str]:
        """Conversations whose messages open."""
        rows = await rows_of(self.owner)
        return {row["conversation"] for row in rows if row["kind"] == "message"}

    async def consents(self) -> list[Any]:
        """Ids of the consents that open."""
        return [row["id"] for row in await rows_of(self.owner) if row["kind"] == "consent"]

    async def destructions(self) -> list[dict[str, Any]]:
        rows = await rows_of(self.owner)
        return [json.loads(row["data"]) for row in rows if row["kind"] == "destruction"]

    async def numbers(self) -> list[tuple[int, str, bool]]:
        sql = "select number, state, is_replayed from archiver.destruction_order order by number"
        return [tuple(row) for row in await self.owner.fetch(sql)]


Restore = Callable[[], AbstractAsyncContextManager[Hall]]


@pytest.fixture(scope="module")
def back_up(server: Database, tables: str) -> Iterator[str]:
    server.execute(f"create database {BACK_UP} template {tables} strategy file_copy", "postgres")

    async def fill(url: str) -> None:
        async with connection_pool(url, "test", 4) as pool:
            await written(pool, LISTED)
            assert await Clerks(pool, await keys_of(pool)).draw()
            more = [message(f"secret {id}", conversation=id) for id in "de"]
            other = message("secret f", conversation="f", tenant="hengelo")
            await (await writer_of(pool)).add([*more, other, *beside()])

    asyncio.run(fill(_url(server, BACK_UP)))
    yield BACK_UP
    for name in (BACK_UP, RESTORED):
        server.execute(f"drop database if exists {name} with (force)", "postgres")


def beside() -> list[Record]:
    """A consent outside any conversation, of a citizen who has none but `a`."""
    consent = {"event": "given", "purpose": "news", "from": citizen("31600000077")}
    told = message("secret a again", conversation="a", phone="31600000077")
    return [told, record("consent", consent, conversation="")]


def _url(server: Database, database: str) -> str:
    return f"{server.url.rpartition('/')[0]}/{database}"


@pytest.fixture
def restore(server: Database, back_up: str, tmp_path: Path) -> Restore:
    @asynccontextmanager
    async def restored() -> AsyncIterator[Hall]:
        statements = (
            f"drop database if exists {RESTORED} with (force);\n"
            f"create database {RESTORED} template {back_up} strategy file_copy"
        )
        await asyncio.to_thread(server.execute, statements, "postgres")
        url = _url(server, RESTORED)
        async with (
            connection_pool(url, "test", 4) as owner,
            connection_pool(f"{url}?role=postkamer_archiver", "test", 4) as own,
        ):
            yield Hall(owner, own, await keys_of(own), tmp_path / "outside")

    return restored


@asynccontextmanager
async def after_destruction(restore: Restore) -> AsyncIterator[Hall]:
    """The back-up, restored after everything of it was destroyed."""
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
        await hall.erase()
        assert await hall.left() == set()
        assert [state for _, state, _ in await hall.numbers()] == ["done"] * 5
    async with restore() as hall:
        assert await hall.left() == ALL
        yield hall


async def test_nothing_that_was_destroyed_comes_back(restore: Restore) -> None:
    async with after_destruction(restore) as hall:
        assert not await hall.is_compared()
        [consent] = await hall.consents()
        # Whatever the index of persons has: the order names what went along.
        await hall.owner.execute("delete from archiver.subject where conversation = ''")
        assert await hall.replay() == 4 and await hall.left() == set()
        states = [(n, "done", n > 0) for n in range(5)]
        assert await hall.numbers() == states
        said = await hall.destructions()
        assert {each["conversation"] for each in said} == {"", "a", "b", "c", "d", "e"}
        [a] = [each for each in said if each["conversation"] == "a"]
        assert a["by"] == ARCHIVIST and a["list"] and a["order"] == 1
        assert a["first_at"] < clock.now().isoformat()
        assert await hall.consents() == []
        [along] = [each for each in said if each["entry"] == str(consent)]
        assert (along["conversation"], along["order"]) == ("", 1) and along["first_at"]
        # Again, it finds nothing to do.
        assert await hall.replay() == 0
        assert await hall.destructions() == said
        # What is new here gets the next numbers, of orders and of lists.
        await hall.destroy()
        assert (await hall.numbers())[-1] == (5, "done", False)
        await written(hall.owner, ["new"])
        found = await hall.clerks.draw()
        assert found and found.id > a["list"]


async def test_nothing_is_destroyed_before_the_comparison(restore: Restore) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
    async with restore() as hall:
        id = await hall.approve()
        destroyer = Destroyer(hall.own, hall.keys, hall.orders, finish)
        with pytest.raises(OutsideAhead):
            await destroyer.carry_out(id)
        assert await hall.left() == ALL
        order = Order(number=0, kind="conversations", at=clock.now())
        with pytest.raises(Exception, match="were not compared"):
            await hall.own.execute("select archiver.note_order(1, $1, '', 'done')", order.digest)


REFUSED = {
    "select archiver.replay_order(1, sha256(''), '', '', 'almelo', '{d}', '{}', false)": "denied",
    "select archiver.forget('almelo', '{d}')": "denied",
    "select archiver.forget_entries('{}')": "denied",
    "select archiver.forget_municipality('almelo')": "denied",
    "select router.forget('almelo', '{d}', '{}', '{}')": "denied",
    "delete from archiver.conversation_key": "denied",
    "delete from restoration.comparison": "denied",
    "update restoration.comparison set lacking = 0": "denied",
    "select restoration.write_comparison(0, 0)": "denied",
    "insert into archiver.destruction_order values (9, sha256(''), '', 'done')": "denied",
    "select archiver.destroy_conversations('{list}', '{a}')": "is not being destroyed",
    "select archiver.destroy_conversations('VL-2026-9999', '{d}')": "is not being destroyed",
    "select archiver.begin_list('{list}')": "",
    "select archiver.destroy_again('almelo', '{a}')": "",
}
"""Statements that destroy nothing for the archiver's role at any moment, and the words by which
they are refused; '' if it is no error."""


async def refused(hall: Hall) -> bool:
    """Try all of it; return if everything is still there."""
    id = await hall.owner.fetchval("select id from archiver.destruction_list")
    for template, words in REFUSED.items():
        statement = template.replace("{list}", id)
        try:
            await hall.own.execute(statement)
            error = ""
        except Exception as raised:
            error = str(raised)
        assert words in error and bool(words) == bool(error), (statement, error)
    state = await hall.owner.fetchval("select state from archiver.destruction_list")
    return state == "drawn" and await hall.left() == ALL


async def test_role_of_the_archiver_destroys_nothing_without_a_list_at_any_moment(
    restore: Restore,
) -> None:
    async with restore() as hall:
        assert not await hall.is_compared() and await refused(hall)
        assert await hall.comparer().compare() == 0 and await refused(hall)
        await hall.destroy()
    async with restore() as hall:
        assert await refused(hall)
        assert await hall.comparer().compare() == 1 and await refused(hall)
        assert await hall.own.fetchval("select restoration.lacking()") == 1
        # It cannot say any more that nothing is lacking, whenever the server starts.
        await hall.owner.execute(
            "update restoration.comparison set server_started_at = now() - interval '1 day'"
        )
        with pytest.raises(Exception, match="lacks orders of destruction"):
            await hall.own.execute("select restoration.note_comparison(0)")
        assert not await hall.is_compared() and await refused(hall)
        await hall.replayer().replay()
        assert await hall.left() == ALL - set(LISTED) and await hall.is_compared()


async def test_comparison_that_was_noted_without_looking_is_taken_back(restore: Restore) -> None:
    """Somebody with the role of the archiver was faster than the archiver."""
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
    async with restore() as hall:
        await hall.pretend(1)
        assert await hall.is_compared()
        [lacking] = await hall.false_orders()
        assert lacking.endswith("the database lacks it: see postkamer archive replay --dry-run")
        comparer = hall.comparer()
        assert await comparer.try_compare() == 1 and not await hall.is_compared()
        assert comparer.problem == lacking_sentence(1) and await hall.replay() == 1


async def never() -> None:
    await asyncio.Event().wait()


async def test_service_that_waits_says_how_many_are_lacking_and_which_command_helps(
    restore: Restore,
) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
    async with restore() as hall, aiohttp.ClientSession() as session:
        assert await hall.comparer().compare() == 1
        port = free_port()
        keys = asyncio.create_task(never())
        waiting = asyncio.create_task(wait_until_compared(hall.own, "127.0.0.1", port, keys))

        async def problem() -> str:
            try:
                async with session.get(f"http://127.0.0.1:{port}/health/ready") as answer:
                    return str((await answer.json())["detail"])
            except aiohttp.ClientConnectionError:
                return ""

        said = await until(problem, bool, 10)
        assert said == (
            "the database lacks 1 order of destruction that stands outside;"
            " postkamer archive replay carries out what is lacking"
        )
        await hall.replayer().replay()
        await asyncio.wait_for(waiting, 10)
        keys.cancel()


async def test_order_that_was_only_said_to_be_carried_out_is_found(restore: Restore) -> None:
    """Somebody with the role of the archiver kept the rows of before the restore."""
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
        late = message("a late status", conversation="a")
        await (await writer_of(hall.owner)).add([late])
        assert await hall.left() == {"a", "d", "e", "f"} and await hall.false_orders() == []
    async with restore() as hall:
        await hall.pretend(1)
        await hall.pretend(2)
        assert await hall.comparer().compare() == 0 and await hall.is_compared()
        assert await hall.false_orders() == [
            "order 1 of destruction was carried out, and 4 of what it destroyed can be opened"
        ]
    async with restore() as hall:
        await hall.pretend(1)
        await hall.pretend(2, "void")
        fault = "order of destruction outside carried out, and void in the database: 1"
        assert await hall.false_orders() == [fault] and await hall.is_compared()
        comparer = hall.comparer()
        assert await comparer.try_compare() is None and fault in comparer.problem
        assert not await hall.is_compared()


KEYS = ("municipality_key", "conversation_key")


async def test_keys_of_an_erased_municipality_that_are_back_are_found(restore: Restore) -> None:
    said = "order 1 of destruction was carried out, and 1 of what it destroyed can be opened"
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        for table in KEYS:
            kept = f"select * from archiver.{table} where tenant = 'hengelo'"
            await hall.owner.execute(f"create table {table}_aside as {kept}")
        eraser = eraser_of(hall.owner, hall.keys, hall.folder)
        await eraser.erase_municipality("hengelo", "it is no more")
        back = [message(text, conversation=text, tenant="hengelo") for text in ("f", "g")]
        await (await writer_of(hall.owner)).add(back)
        assert await hall.false_orders() == [], "it came back, with late records and new keys"
        for table in reversed(KEYS):
            await hall.owner.execute(f"delete from archiver.{table} where tenant = 'hengelo'")
        for table in KEYS:
            put_back = f"insert into archiver.{table} select * from {table}_aside"
            await hall.owner.execute(put_back)
        assert await hall.false_orders() == [said]
    async with restore() as hall:
        await hall.pretend(1)
        await hall.pretend(2)
        assert await hall.false_orders() == [said], "the log has no record of the order"


def lose(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def damage(name: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        content = (folder / name).read_bytes()
        (folder / name).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    return change


def swap(folder: Path) -> None:
    one, other = folder / order_key(1), folder / order_key(2)
    first = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(first)


def fill_up(folder: Path) -> None:
    (folder / order_key(2)).write_bytes(bytes(2 * 1024 * 1024))


SPOILT = {
    "lost": (lose(order_key(2)), "missing: 2"),
    "the first lost": (lose(order_key(0)), "missing: 0"),
    "the last lost": (lose(order_key(4)), "missing: 4"),
    "damaged": (damage(order_key(1)), "altered or unreadable: 1"),
    "too large": (fill_up, "altered or unreadable: 2"),
    "in each other's place": (swap, "altered or unreadable: 1, 2"),
    "outcome lost": (lose(outcome_key(1)), "without an outcome: 1"),
    "outcome damaged": (damage(outcome_key(3)), "altered or unreadable: 3"),
}


async def test_orders_that_are_not_whole_keep_everything_shut(
    restore: Restore, tmp_path: Path
) -> None:
    async with after_destruction(restore) as hall:
        whole = tmp_path / "whole"
        shutil.copytree(hall.folder, whole)
        for name, (spoil, fault) in SPOILT.items():
            shutil.rmtree(hall.folder)
            shutil.copytree(whole, hall.folder)
            spoil(hall.folder)
            comparer = hall.comparer()
            assert await comparer.try_compare() is None, name
            assert fault in comparer.problem, name
            assert await hall.left() == ALL and await hall.numbers() == [], name
            assert not await hall.is_compared(), name


async def test_store_of_another_archive_is_refused_and_a_lost_order_mended(
    restore: Restore, tmp_path: Path
) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
        empty = Hall(hall.owner, hall.own, hall.keys, tmp_path / "empty")
        with pytest.raises(NotComparable, match="missing: 0, 1"):
            await empty.comparer().compare()
        with pytest.raises(NotComparable, match="altered or unreadable: 0, 1"):
            await hall.comparer(NEW_KEY).compare()
        lose(order_key(1))(hall.folder)
        damage(order_key(0))(hall.folder)
        with pytest.raises(
            NotComparable, match="under a former key: 0, 1; put that key before the last"
        ):
            await hall.replayer(NEW_KEY).mend()
        assert await hall.replayer().mend() == [0, 1]
        assert await hall.comparer().compare() == 0
    async with restore() as hall:
        assert await hall.replay() == 1
        assert await hall.left() == {"d", "e", "f"}


async def test_order_is_written_anew_under_a_new_master_key(restore: Restore) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
        assert await hall.comparer(NEW_KEY, KEY).compare() == 0
    async with restore() as hall:
        await hall.replayer(NEW_KEY).replay()
        assert await hall.left() == {"d", "e", "f"}


class KilledBeforeCommit(OrderKeeper):
    """The process is killed once its order stands outside."""

    async def give(self, connection: Connection, order: Order) -> None:
        await super().give(connection, order)
        raise KeyboardInterrupt


async def break_off(hall: Hall) -> str:
    """Let a destruction end before its commit, and return its list."""
    id = await hall.approve()
    keeper = KilledBeforeCommit(book_of(hall.folder))
    with pytest.raises(KeyboardInterrupt):
        await Destroyer(hall.own, hall.keys, keeper, finish).carry_out(id)
    assert await hall.left() == ALL and (hall.folder / order_key(1)).exists()
    return id


async def test_order_without_a_commit_destroys_nothing_that_was_withdrawn(
    restore: Restore,
) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.withdraw(await break_off(hall))
        assert await hall.comparer().compare() == 0 and await hall.is_compared()
        assert await hall.left() == ALL
        assert (await hall.numbers())[1:] == [(1, "void", False)]
    async with restore() as hall:  # it stays void
        assert await hall.comparer().compare() == 0
        assert await hall.left() == ALL


async def test_order_without_a_commit_is_followed_by_the_next(restore: Restore) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await break_off(hall)
        await hall.own.execute(HOLD, "BW-1", "conversation", "b", [], [], [], None)
        await Destroyer(hall.own, hall.keys, hall.orders, finish).carry_out_due()
        assert await hall.left() == {"b", "d", "e", "f"}
        assert [row[:2] for row in await hall.numbers()] == [
            (0, "done"), (1, "void"), (2, "done"),
        ]  # fmt: skip


class KilledAfterCommit(OrderKeeper):
    """The process is killed before it wrote what became of its order."""

    async def confirm(self, order: Order) -> None:
        pass


async def test_next_order_says_first_what_became_of_the_last(restore: Restore) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        hall.orders = KilledAfterCommit(book_of(hall.folder))
        await hall.destroy()
        assert not (hall.folder / outcome_key(1)).exists()
        async with hall.own.acquire() as connection, connection.transaction():
            assert await OrderKeeper(book_of(hall.folder)).next_number(connection) == 2
        assert (hall.folder / outcome_key(1)).exists()
    async with restore() as hall:
        assert await hall.replay() == 1
        assert await hall.left() == {"d", "e", "f"}


class SlowCommit(OrderKeeper):
    """The order stands outside, and the commit is late."""

    def __init__(self, book: OrderBook) -> None:
        super().__init__(book)
        self.is_outside, self.may_commit = asyncio.Event(), asyncio.Event()

    async def give(self, connection: Connection, order: Order) -> None:
        await super().give(connection, order)
        self.is_outside.set()
        await self.may_commit.wait()


WAITING = "select count(*) from pg_locks where locktype = 'advisory' and not granted"


async def test_order_under_way_is_not_called_void_by_another_archiver_or_the_owner(
    restore: Restore,
) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        hall.orders = slow = SlowCommit(book_of(hall.folder))
        destroying = asyncio.create_task(hall.destroy())
        await slow.is_outside.wait()
        comparing = asyncio.create_task(hall.comparer().try_compare())
        replaying = asyncio.create_task(hall.replayer().replay())
        await until(partial(hall.owner.fetchval, WAITING), lambda count: count == 2, 10)
        slow.may_commit.set()
        await destroying
        assert await comparing == 0 and (await replaying).lacking == []
        outcome = await book_of(hall.folder).read_outcome(1)
        assert outcome and outcome.state == "done"
        assert await hall.comparer().compare() == 0


async def test_last_order_of_a_lost_database_spares_what_is_held(restore: Restore) -> None:
    """Nobody knows if it was committed: it was approved, and a hold beats everything."""
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await break_off(hall)
    for _ in range(2):  # the outcome names what was spared: so it is the same each time
        async with restore() as hall:
            await hall.owner.execute(HOLD, "BW-1", "conversation", "b", [], [], [], None)
            assert await hall.replay() == 1
            assert await hall.left() == {"b", "d", "e", "f"}
    async with restore() as hall:
        assert await hall.replay() == 1
        assert await hall.left() == {"b", "d", "e", "f"}


async def test_dump_that_is_put_back_is_not_compared(server: Database, restore: Restore) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        whole = await asyncio.to_thread(dump, server, RESTORED)
        await hall.destroy()
    renew = f"drop database {RESTORED} with (force);\ncreate database {RESTORED}"
    await asyncio.to_thread(server.execute, renew, "postgres")
    await asyncio.to_thread(server.execute, whole, RESTORED)
    url = _url(server, RESTORED)
    async with (
        connection_pool(url, "test", 4) as owner,
        connection_pool(f"{url}?role=postkamer_archiver", "test", 4) as own,
    ):
        again = Hall(owner, own, await keys_of(own), hall.folder)
        rows = "select count(*) from restoration.comparison"
        assert await owner.fetchval(rows) == 1 and not await again.is_compared()
        assert await again.replay() == 1
        assert await again.left() == {"d", "e", "f"} and await again.is_compared()
        # The row alone is put back, in the same database of the same server.
        row = await asyncio.to_thread(dump, server, RESTORED, "--clean", "--schema=restoration")
        await asyncio.to_thread(server.execute, row, RESTORED)
        assert await owner.fetchval(rows) == 1 and not await again.is_compared()


async def keep_head(hall: Hall) -> int:
    """Keep the head of the log outside, as an archiver does each second, and return its size."""
    row = await hall.owner.fetchrow("select size, peaks from archiver.head")
    assert row
    known, store = KnownHead(), ObjectStore(hall.folder.as_uri())
    known.note_written(load_tree(row["size"], row["peaks"]))
    await HeadKeeper(hall.owner, known, store, derive_key(MASTERS, outside_head.PURPOSE)).keep()
    return int(row["size"])


async def test_command_shows_what_is_missing_and_carries_it_out(
    server: Database, restore: Restore
) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
        size = await keep_head(hall)
    async with restore() as hall:
        url, store = _url(server, RESTORED), hall.folder.as_uri()
        command = partial(Archive(url, POSTKAMER_OBJECT_STORE=store), "replay")
        lost = size - int(await hall.owner.fetchval("select size from archiver.head"))
        said = (await command("--dry-run")).stdout.splitlines()
        assert said[:2] == [
            "1 order of destruction outside the database",
            "1 order of 3 conversations are to be carried out again",
        ]
        assert said[2].startswith("order 1 of 20")
        assert said[2].endswith(": 3 conversations, list VL-2026-0001, approved by Carla")
        assert said[3].startswith(f"{lost} entries of the record lost, which it had at 20")
        assert said[4:] == ["the services do not start yet"]
        # Without a loss, who knows who put that order there?
        shutil.rmtree(hall.folder / "head")
        assert NOTHING_LOST in (await command("--dry-run")).stdout.splitlines()
        assert await hall.left() == ALL and await hall.numbers() == []
        damage(outcome_key(1))(hall.folder)
        error = (await command(code=1)).stderr
        assert error.strip().endswith("altered or unreadable: 1") and await hall.left() == ALL
        lose(outcome_key(1))(hall.folder)
        said = (await command()).stdout.splitlines()
        assert "the services may start" in said
        assert await hall.is_compared() and await hall.left() == {"d", "e", "f"}
        [operation] = await hall.owner.fetch("select what, data from access.operation")
        assert operation["what"] == "archive replay"
        # An order that is lost outside and is known here is written there again.
        lose(order_key(1))(hall.folder)
        assert "missing: 1" in (await command(code=1)).stderr
        assert "1 order written outside again" in (await command("--mend")).stdout
        assert "none is missing here" in (await command()).stdout


class Killed(BaseException):
    pass


def die_at(line: int) -> Callable[[], bool]:
    """Raise Killed at the nth line of carrying out again; return what says if it came so far."""
    ran, has_died = 0, False
    traced = {replaying.__file__, comparing.__file__}

    def enter(frame: FrameType, _event: str, _argument: Any) -> Any:
        return count if frame.f_code.co_filename in traced else None

    def count(_frame: FrameType, event: str, _argument: Any) -> Any:
        nonlocal ran, has_died
        ran += event == "line"
        if event == "line" and ran == line:
            has_died = True
            raise Killed
        return count

    sys.settrace(enter)
    return lambda: has_died


async def test_replay_that_is_killed_at_any_line_goes_on(restore: Restore) -> None:
    async with restore() as hall:
        assert await hall.comparer().compare() == 0
        await hall.destroy()
        eraser = eraser_of(hall.owner, hall.keys, hall.folder)
        await eraser.erase_conversation("almelo", "e", "a mistake")
        lose(outcome_key(2))(hall.folder)
    line = 1
    async with restore() as hall:
        while True:  # each time it comes a line further, in what the kill before left
            has_died = die_at(line)
            try:
                await hall.replayer().replay()
            except Killed:
                pass
            finally:
                sys.settrace(None)
            if not has_died():
                break
            line += 1
        assert line > 50
        assert await hall.left() == {"d", "f"} and await hall.is_compared()
        said = [each["conversation"] for each in await hall.destructions()]
        assert sorted(said) == ["", "a", "b", "c", "e"]
