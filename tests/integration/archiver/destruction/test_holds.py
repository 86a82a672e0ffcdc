"""Holds: what they cover, also of what comes later, and what they say once they are lifted."""

import json
from collections.abc import Awaitable, Callable
from datetime import date, timedelta
from typing import Any

import asyncpg
import pytest

from archiver.api.queries import RecordReader
from archiver.index.record_fields import Identity
from archiver.retention import hold_metrics
from archiver.retention.hold import Hold, NewHold, Selection
from archiver.retention.hold_store import HoldStore
from archiver.subject_access.person_finder import find_subject
from archiver.subject_access.requests.fault import OrderRefused
from services import clock, metrics
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.archiver.records import NOON, id_of, message, note, record
from tests.support.decrypted_record import keys_of, rows_of, writer_of
from tests.support.observer import until

FATIMA = Identity("phone", "31600000011")
SOON = clock.now().date() + timedelta(days=30)
Work = Callable[[HoldStore], Awaitable[Any]]


@pytest.fixture
async def own(empty: str, pool: Pool) -> Any:
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 2) as own:
        yield own


async def done(pool: Pool, work: Work) -> Any:
    async with pool.acquire() as connection, connection.transaction():
        return await work(HoldStore(connection, await keys_of(pool)))


async def placed(pool: Pool, **order: Any) -> Hold:
    """A hold by the archiver's own role, on all names of a person."""
    new = NewHold(tenant="almelo", ground="woo", review_on=SOON, text="Woo-verzoek 12", **order)
    async with pool.acquire() as connection, connection.transaction():
        keys = await keys_of(pool)
        names = new.identities
        if names:
            match = await find_subject(connection, keys, "almelo", names)
            names = tuple(match.asked)
        return await HoldStore(connection, keys).place(new, names, "Els", clock.now())


async def covered(pool: Pool) -> set[str]:
    """All that is held when a list is drawn, which a reader of each conversation sees too."""
    every = "select distinct conversation from archiver.entry where conversation <> ''"
    held = await pool.fetch(f"select archiver.held_of('almelo', array({every}))")
    reader, found = RecordReader(pool, await keys_of(pool)), {row[0] for row in held}
    for row in await pool.fetch(every):
        assert bool(await reader.load_holds(row[0], "almelo")) == (row[0] in found)
    return found


async def test_hold_on_a_person_covers_what_they_write_later(pool: Pool, own: Pool) -> None:
    writer = await writer_of(pool)
    await writer.add([message("een", "een", phone=FATIMA.value), message("twee", "twee")])
    found = await placed(own, identities=(FATIMA,))
    assert (found.kind, found.placed_by) == ("person", "Els")
    assert await covered(pool) == {id_of("een")}
    await writer.add([message("drie", "drie", phone=FATIMA.value)])
    assert await covered(pool) == {id_of("een"), id_of("drie")}
    assert (await done(own, lambda store: store.secret(found))).identities == (FATIMA,)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(departments=("wmo",)), {"c"}),
        (Selection(words="Kapotte lantaarn"), {"a", "d"}),
        (Selection(words="lantaarn", departments=("wmo",)), set()),
        (Selection(since=NOON + timedelta(days=1)), {"b"}),
        (Selection(until=NOON, words="lantaarn"), set()),
    ],
)
async def test_hold_on_a_selection_covers_all_that_it_finds(
    pool: Pool, own: Pool, selection: Selection, expected: set[str]
) -> None:
    writer = await writer_of(pool)
    await writer.add(
        [
            message("De lantaarn is kapot", "a"),
            message("Mijn lantaarn brandt", "b", at=NOON + timedelta(days=2)),
            message("Hulp in huis", "c", "wmo"),
        ]
    )
    await placed(own, selection=selection)
    await writer.add([note("kapotte lantaarns", conversation=id_of("d"))])
    assert await covered(pool) == {id_of(each) for each in expected}


async def test_later_look_does_not_bring_a_conversation_into_a_period(
    pool: Pool, own: Pool
) -> None:
    look = {"department": "balie", "token": "crm", "what": "messages", "count": 1}
    later = {"at": NOON + timedelta(days=2), "conversation": id_of("a")}
    await (await writer_of(pool)).add([message("hallo", "a"), record("view", look, **later)])
    found = await placed(own, selection=Selection(since=NOON + timedelta(days=1)))
    assert await covered(pool) == set()
    assert await done(own, lambda store: store.covered(found)) == 0


async def test_lifted_hold_covers_nothing_and_says_no_more_whose_it_was(
    pool: Pool, own: Pool
) -> None:
    await (await writer_of(pool)).add([message("een", "een", phone=FATIMA.value)])
    found = await placed(own, identities=(FATIMA,))
    later = SOON + timedelta(days=5)
    found = await done(own, lambda s: s.review(found, later, "Dirk", "loopt nog", clock.now()))
    assert found.review_on == later
    lifted = await done(own, lambda s: s.lift(found, "Dirk", "besloten", clock.now()))
    assert lifted.lifted_by == "Dirk" and await covered(pool) == set()
    row = await pool.fetchrow("select hashes, words, salt, sealed from archiver.hold")
    assert row and tuple(row) == ([], [], None, None)
    for change in (
        lambda s: s.lift(lifted, "Dirk", "", clock.now()),
        lambda s: s.review(lifted, later, "Dirk", "", clock.now()),
    ):
        with pytest.raises(OrderRefused, match="lifted already"):
            await done(own, change)
    steps = [json.loads(row["data"]) for row in await rows_of(pool) if row["kind"] == "hold"]
    assert [step["event"] for step in steps] == ["placed", "reviewed", "lifted"]
    assert FATIMA.value not in json.dumps(steps)


@pytest.mark.parametrize(
    ("order", "sentence"),
    [
        ({}, "needs one of"),
        ({"conversation": id_of("een"), "identities": (FATIMA,)}, "needs one of"),
        ({"conversation": id_of("een"), "review_on": date(2020, 1, 1)}, "to come"),
        ({"conversation": id_of("een"), "review_on": date(2090, 1, 1)}, "within two years"),
        ({"selection": Selection(since=NOON, until=NOON)}, "later than"),
    ],
)
async def test_order_that_is_none_is_refused_in_a_sentence(
    own: Pool, order: dict[str, Any], sentence: str
) -> None:
    fields = {"tenant": "almelo", "ground": "audit", "review_on": SOON, "text": ""} | order
    with pytest.raises(OrderRefused, match=sentence):
        await done(own, lambda s: s.place(NewHold(**fields), (), "Els", clock.now()))


async def test_holds_to_review_are_counted_by_municipality(pool: Pool, own: Pool) -> None:
    states = [("almelo", "standing"), ("almelo", "overdue"), ("hengelo", "standing")]

    async def counted() -> list[float | None]:
        get = metrics.REGISTRY.get_sample_value
        return [get("postkamer_holds", {"tenant": t, "state": s}) for t, s in states]

    first = await placed(own, conversation=id_of("een"))
    await placed(own, conversation=id_of("twee"))
    await done(own, lambda store: store.lift(first, "Dirk", "besloten", clock.now()))
    await pool.execute("update archiver.hold set review_on = '2026-01-01' where lifted_at is null")
    async with background_task(hold_metrics.count(own, ("almelo", "hengelo"))):
        await until(counted, lambda found: found == [1, 1, 0], 10)


STRICT = (
    "delete from archiver.hold",
    "update archiver.hold set conversation = 'another'",
    "update archiver.hold set ground = 'audit'",
)


@pytest.mark.parametrize("statement", STRICT)
async def test_owner_of_the_tables_neither_deletes_a_hold_nor_turns_it_to_another(
    pool: Pool, own: Pool, statement: str
) -> None:
    await placed(own, conversation=id_of("een"))
    with pytest.raises((asyncpg.CheckViolationError, asyncpg.InsufficientPrivilegeError)):
        await pool.execute(statement)
