"""Destruction lists: who may take which step, by the code and by the database, and what goes."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from pathlib import Path

import asyncpg
import pytest
from pydantic import ValidationError

from archiver.destruction import destroyer as destroyer_module
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.destruction_list import (
    DestructionList,
    ListRefused,
    fold_name,
    is_same,
)
from archiver.destruction.list_store import ListRules, ListStore, Sparing
from archiver.encryption.key_store import KeyStore
from archiver.orders.order import Order, Outcome
from archiver.orders.order_book import OrderBook
from services import clock
from services.config.organisation import Retention
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Connection, Pool, connection_pool
from services.tasks import background_task
from tests.support.archiver.dossiers import TENANT, WITHOUT_WAITING, make_due
from tests.support.archiver.orders import KEY, ComparedOrders, orders_of
from tests.support.archiver.records import message
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.observer import until

DRAWER, OWNER, ARCHIVIST = "Anna", "Bram", "Carla"
RULES = ListRules(is_joined=False, waiting=timedelta())


async def finish(connection: Connection, found: DestructionList) -> None:
    """No declaration: that is another test."""


async def written(pool: Pool, ids: Sequence[str]) -> None:
    """Conversations of a message each, closed long ago and due."""
    await (await writer_of(pool)).add([message(f"secret {id}", conversation=id) for id in ids])
    await make_due(pool, ids)


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """Connections with the rights of the archiver, which has no more."""
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 4) as own:
        yield own


class Clerks:
    """Steps of persons, each in a transaction."""

    def __init__(self, pool: Pool, keys: KeyStore) -> None:
        self._pool, self._keys = pool, keys

    async def draw(self, by: str = DRAWER, rules: ListRules = RULES) -> DestructionList | None:
        async with self._pool.acquire() as connection, connection.transaction():
            store = ListStore(connection, self._keys)
            return await store.draw(TENANT, by, clock.now().date(), rules, clock.now())

    async def step(self, found: DestructionList, step: str, by: str) -> DestructionList:
        async with self._pool.acquire() as connection, connection.transaction():
            store = ListStore(connection, self._keys)
            locked = await store.lock(found.id)
            assert locked
            return await store.step(locked, step, by, "", clock.now())  # type: ignore[arg-type]

    async def spare(self, found: DestructionList, conversation: str, until: date | None) -> None:
        async with self._pool.acquire() as connection, connection.transaction():
            sparing = Sparing("dispute", "een zaak bij de rechter", until)
            store = ListStore(connection, self._keys)
            await store.spare(found, conversation, sparing, DRAWER, clock.now())

    async def approved(self, rules: ListRules = RULES) -> DestructionList:
        found = await self.draw(rules=rules)
        assert found
        await self.step(found, "reviewed", OWNER)
        return await self.step(found, "approved", ARCHIVIST)

    async def states(self, found: DestructionList) -> dict[str, str]:
        async with self._pool.acquire() as connection:
            items = await ListStore(connection, self._keys).items(found.id)
        return {each.conversation: each.state for each in items}


@pytest.fixture
async def clerks(own: Pool) -> Clerks:
    return Clerks(own, await keys_of(own))


@pytest.fixture
async def destroyer(own: Pool, tmp_path: Path) -> Destroyer:
    keys = await keys_of(own)
    return Destroyer(own, keys, orders_of(own, tmp_path), finish)


async def events(pool: Pool) -> list[str]:
    rows = [row for row in await rows_of(pool) if row["kind"] == "destruction-list"]
    return [json.loads(row["data"])["event"] for row in rows]


async def test_nothing_due_makes_no_list(pool: Pool, clerks: Clerks) -> None:
    assert await clerks.draw(rules=ListRules(is_joined=False, waiting=timedelta(days=1))) is None
    assert await pool.fetchval("select count(*) from archiver.destruction_list") == 0


async def test_list_is_drawn_reviewed_approved_and_destroyed(
    pool: Pool, clerks: Clerks, destroyer: Destroyer
) -> None:
    await written(pool, ["a", "b", "c"])
    found = await clerks.draw()
    assert found and found.state == "drawn"
    await clerks.spare(found, "b", None)
    await clerks.spare(found, "c", clock.now().date() + timedelta(days=90))
    await clerks.step(found, "reviewed", OWNER)
    await clerks.step(found, "approved", ARCHIVIST)
    await destroyer.carry_out_due()
    assert await clerks.states(found) == {"a": "destroyed", "b": "taken_out", "c": "put_off"}
    left = {row["conversation"] for row in await rows_of(pool) if row["kind"] == "message"}
    assert left == {"b", "c"}
    steps = ["drawn", "taken_out", "put_off", "reviewed", "approved", "begun", "destroyed"]
    assert await events(pool) == steps
    [destruction] = [row for row in await rows_of(pool) if row["kind"] == "destruction"]
    said = json.loads(destruction["data"])
    assert (said["list"], said["by"], said["conversation"]) == (found.id, ARCHIVIST, "a")
    await destroyer.carry_out_due()
    assert await events(pool) == steps
    # What was put off comes on no list before its day; what was taken out is listed again.
    again = await clerks.draw()
    assert again and await clerks.states(again) == {"b": "listed"}


@pytest.mark.parametrize(
    ("step", "by", "code"),
    [
        ("reviewed", " anna ", "drawer_does_not_review"),
        ("approved", "ANNA", "drawer_does_not_approve"),
        ("approved", OWNER.lower(), "reviewer_does_not_approve"),
    ],
)
async def test_same_person_twice_is_refused_by_the_code_and_by_the_database(
    pool: Pool, own: Pool, clerks: Clerks, step: str, by: str, code: str
) -> None:
    await written(pool, ["a"])
    found = await clerks.draw()
    assert found
    if step == "approved":
        found = await clerks.step(found, "reviewed", OWNER)
    with pytest.raises(ListRefused) as refused:
        await clerks.step(found, step, by)
    assert refused.value.code == code
    for connections in (own, pool):  # the archiver's role, and the owner of the tables
        with pytest.raises(asyncpg.CheckViolationError, match=code):
            await connections.execute("select archiver.step_list($1, $2, $3)", found.id, step, by)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await own.execute("update archiver.destruction_list set approved_by = 'Carla'")


SPELLINGS = (
    ("Ren\u00e9 Smit", "Rene\u0301 Smit", True),
    ("k.yilmaz", "K.Y\u0131lmaz", True),  # the dotless i has the capital I
    ("Jo Smit", " jo \u00a0\u2028smit\t\n", True),
    ("Jo\u2007Smit", "Jo\u3000\x85\x1fSmit", True),
    ("Jo Smit", "J\u200bo\u00ad Sm\ufeffit\u2060", True),
    ("J. Stra\u00dfe", "j. STRASSE", True),
    ("\uff2a\uff4f Smit", "Jo Smit", True),  # of double width
    ("\ufb01en", "FIEN", True),
    ("\u039d\u03af\u03ba\u03bf\u03c2", "\u039d\u038a\u039a\u039f\u03a3", True),
    ("\u0130pek", "i\u0307pek", True),
    ("\u01c4ordan", "d\u017eordan", True),
    ("Jo Smit", "JoSmit", False),
    ("Jo Smit", "Jo Smits", False),
    ("Ren\u00e9", "Rene", False),
    ("", "Jo", False),
)
"""Two names, and if they are one person's."""


async def test_person_is_the_same_by_the_code_and_by_the_database(pool: Pool) -> None:
    for one, other, is_one in SPELLINGS:
        assert is_same(one, other) is is_same(other, one) is is_one, (one, other)
        folded = await pool.fetch(
            "select archiver.fold_name(n) from unnest($1::text[]) n", [one, other]
        )
        assert [row[0] for row in folded] == [fold_name(one), fold_name(other)], (one, other)
        assert await pool.fetchval("select archiver.same_person($1, $2)", one, other) is is_one
    assert await pool.fetchval("select archiver.same_person(null, 'Jo')") is None
    # Each letter of the alphabets of Europe, capital and small.
    letters = "".join(chr(code) for code in range(0x20, 0x530) if chr(code).isprintable())
    assert await pool.fetchval("select archiver.fold_name($1)", letters) == fold_name(letters)


async def test_joined_roles_let_the_drawer_review_and_never_approve(
    pool: Pool, clerks: Clerks
) -> None:
    await written(pool, ["a"])
    found = await clerks.draw(rules=ListRules(is_joined=True, waiting=timedelta()))
    assert found
    found = await clerks.step(found, "reviewed", DRAWER)
    with pytest.raises(ListRefused, match="drew"):
        await clerks.step(found, "approved", DRAWER)


OUT_OF_ORDER = (
    "update archiver.destruction_list set state = 'approved', approved_by = 'C',"
    " approved_at = now()",
    "update archiver.destruction_list set state = 'destroying', begun_at = now()",
    "update archiver.destruction_list set drawn_by = 'Somebody'",
    "update archiver.destruction_list set waiting = '0'",
    "update archiver.destruction_item set conversation = 'b'",
    "update archiver.destruction_item set state = 'destroyed'",
    "delete from archiver.destruction_item",
    "delete from archiver.destruction_list",
)


@pytest.mark.parametrize("statement", OUT_OF_ORDER)
async def test_owner_of_the_tables_is_held_to_the_order(
    pool: Pool, clerks: Clerks, statement: str
) -> None:
    await written(pool, ["a"])
    await clerks.draw(rules=ListRules(is_joined=False, waiting=timedelta(days=7)))
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
        await pool.execute(statement)


async def test_waiting_time_must_be_over_and_can_be_stopped(
    pool: Pool, own: Pool, clerks: Clerks, destroyer: Destroyer
) -> None:
    await written(pool, ["a"])
    found = await clerks.approved(ListRules(is_joined=False, waiting=timedelta(days=7)))
    await destroyer.carry_out_due()
    with pytest.raises(asyncpg.CheckViolationError, match="waiting time"):
        await own.execute("select archiver.begin_list($1)", found.id)
    with pytest.raises(asyncpg.CheckViolationError, match="not being destroyed"):
        await own.fetch("select archiver.destroy_conversations($1, '{a}')", found.id)
    await clerks.step(found, "withdrawn", "Dirk")
    assert await clerks.states(found) == {"a": "withdrawn"}
    assert await clerks.draw()


async def test_role_draws_no_list_that_waits_shorter_than_the_settings_allow(
    pool: Pool, own: Pool
) -> None:
    rules = await pool.fetch("select kind, least_waiting from archiver.destruction_rule")
    least = {row["kind"]: row["least_waiting"].days for row in rules}
    Retention(waiting_days=least["term"], request_waiting_days=least["request"])
    for field, days in (("waiting_days", least["term"]), ("request_waiting_days", 0)):
        with pytest.raises(ValidationError):
            Retention.model_validate({field: days - 1})
    draw = (
        "select archiver.draw_list('VL-2026-0001', 'almelo', 'Anna', current_date, 9, true, $1,"
        " '{}')"
    )
    with pytest.raises(asyncpg.CheckViolationError, match="shorter than the rule"):
        await own.fetchval(draw, timedelta(days=least["term"], seconds=-1))
    assert await own.fetchval(draw, timedelta(days=least["term"])) == 0
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await own.execute(WITHOUT_WAITING)


async def test_role_destroys_nothing_without_an_order_of_the_same_transaction(
    pool: Pool, own: Pool, clerks: Clerks, destroyer: Destroyer
) -> None:
    await written(pool, ["a"])
    await clerks.approved()
    await destroyer.carry_out_due()  # which brings an order, of a transaction before
    await written(pool, ["b"])
    found = await clerks.approved()
    await own.execute("select archiver.begin_list($1)", found.id)
    for statement in (
        "select archiver.destroy_conversations($1, '{b}')",
        "select archiver.destroy_again('almelo', '{a}') where $1 <> ''",
    ):
        with pytest.raises(asyncpg.CheckViolationError, match="without an order"):
            await own.fetch(statement, found.id)
    assert await clerks.states(found) == {"b": "listed"}
    await destroyer.carry_out_due()
    assert await clerks.states(found) == {"b": "destroyed"}


class SlowBook(OrderBook):
    """Its store is slow: the first order comes there just before that of the next try."""

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store, [KEY])
        self.tried: list[Order] = []

    async def write(self, item: Order | Outcome) -> bytes:
        if not isinstance(item, Order) or not item.number:
            return await super().write(item)
        self.tried.append(item)
        if len(self.tried) == 1:
            raise StoreUnavailable("it did not answer in time")
        if len(self.tried) == 2:
            await super().write(self.tried[0])
        return await super().write(item)


async def test_order_that_comes_late_into_a_slow_store_does_not_end_the_destroyer(
    own: Pool, pool: Pool, clerks: Clerks, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destroyer_module, "POLL_SECONDS", 0)
    await written(pool, ["a"])
    found = await clerks.approved()
    book = SlowBook(ObjectStore(tmp_path.as_uri()))
    slow = Destroyer(own, await keys_of(own), ComparedOrders(own, book), finish)
    async with background_task(slow.run()):
        await until(lambda: clerks.states(found), lambda states: states == {"a": "destroyed"}, 10)
    assert [order.number for order in book.tried] == [1, 1, 2]


HOLD = (
    "insert into archiver.hold (id, tenant, ground, kind, conversation, hashes, departments, words,"
    " since, review_on, placed_by) select $1, 'almelo', 'woo', $2, $3, $4, $5, $6, $7,"
    " current_date, 'Els'"
)


async def test_hold_placed_amid_a_destruction_stops_it_for_what_it_covers(
    pool: Pool, own: Pool, clerks: Clerks, destroyer: Destroyer
) -> None:
    await written(pool, ["a", "b", "c", "d"])
    [hash] = await pool.fetch("select $1::bytea as hash", b"h" * 16)
    await pool.execute(
        "insert into archiver.subject select 'almelo', $1, 'b', id from archiver.entry limit 1",
        hash["hash"],
    )
    words = await pool.fetchval("select words from archiver.searchable where conversation = 'c'")
    only = [word for word in words if not await _is_elsewhere(pool, word)]
    found = await clerks.approved()
    await own.execute("select archiver.begin_list($1)", found.id)
    await own.execute(HOLD, "BW-1", "conversation", "a", [], [], [], None)
    await own.execute(HOLD, "BW-2", "person", "", [hash["hash"]], [], [], None)
    await own.execute(HOLD, "BW-3", "selection", "", [], ["balie"], only, None)
    await destroyer.carry_out_due()
    states = {"a": "held", "b": "held", "c": "held", "d": "destroyed"}
    assert await clerks.states(found) == states
    assert await clerks.draw() is None, "what is held is on no list"
    await own.execute(
        "update archiver.hold set lifted_by = 'Els', lifted_at = now() where id = 'BW-1'"
    )
    again = await clerks.draw()
    assert again and await clerks.states(again) == {"a": "listed"}


async def _is_elsewhere(pool: Pool, word: int) -> bool:
    sql = "select count(*) from archiver.searchable where words @> array[$1::bigint]"
    return int(await pool.fetchval(sql, word)) > 1


@pytest.mark.parametrize(
    "change",
    [
        "update archiver.dossier set state = 'permanent', kept_until = null",
        "update archiver.dossier set kept_until = current_date",
        "delete from archiver.dossier",
    ],
)
async def test_conversation_whose_term_became_longer_is_not_destroyed(
    pool: Pool, clerks: Clerks, destroyer: Destroyer, change: str
) -> None:
    await written(pool, ["a", "b"])
    found = await clerks.approved()
    await pool.execute(f"{change} where conversation = 'a'")
    await destroyer.carry_out_due()
    assert await clerks.states(found) == {"a": "longer", "b": "destroyed"}


async def test_conversation_that_was_opened_again_is_not_destroyed(
    pool: Pool, clerks: Clerks, destroyer: Destroyer
) -> None:
    await written(pool, ["a"])
    found = await clerks.approved()
    await pool.execute(
        "update archiver.dossier set closed_at = null, state = 'open', kept_until = null"
    )
    await destroyer.carry_out_due()
    assert await clerks.states(found) == {"a": "open"}
