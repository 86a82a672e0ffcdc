"""Terms, holds and destruction lists that the archiver made itself are held against the log, and
nothing is found."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.audit.log_walk import Finding
from archiver.audit.rows.rows_beside import Means, Unseen, verify_rows
from archiver.audit.service_role import read_as_service
from archiver.destruction.hash_renewal import HashRenewer
from archiver.destruction.replayer import Replayer
from archiver.log.past_destruction import read_destruction
from archiver.orders.order import Order, Outcome
from archiver.retention.hold import Selection
from archiver.retention.selection import terms_of
from services import clock
from services.postgres.database import Pool
from tests.support.archiver.destruction_history import (
    ARCHIVIST,
    DEPARTMENT,
    GONE,
    LONG_AGO,
    PERSON,
    TENANT,
    DestructionHistory,
    change,
)
from tests.support.archiver.orders import KEY, book_of, eraser_of
from tests.support.archiver.records import id_of, message, record
from tests.support.decrypted_record import keys_of, rows_of

UNTOLD = "destructions while a hold on a person or on words stood: what it covered is gone: {}"

GIVEN = "the last day of keeping on lists, of conversations with a result of their own: {}"


@pytest.fixture
async def history(pool: Pool, tmp_path: Path) -> AsyncIterator[DestructionHistory]:
    yield DestructionHistory(pool, await keys_of(pool), tmp_path)


async def audit(
    history: DestructionHistory, order_key: bytes = KEY
) -> tuple[list[Finding], list[str]]:
    unseen = Unseen()
    means = Means(None, [order_key], terms_of(history.config))
    async with (
        history.pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await read_as_service(connection)
        found = [one async for one in verify_rows(connection, history.keys, unseen, means)]
    return found, unseen.sentences


async def states(pool: Pool) -> tuple[set[str], set[str]]:
    """States of lists, and of what is on them."""
    lists = await pool.fetch("select distinct state from archiver.destruction_list")
    items = await pool.fetch("select distinct state from archiver.destruction_item")
    return {row["state"] for row in lists}, {row["state"] for row in items}


async def test_honest_archive_has_no_finding(
    history: DestructionHistory, pool: Pool, tmp_path: Path
) -> None:
    await history.hold(selection=Selection(departments=("belastingen",)))
    await history.live()
    of_lists, of_items = await states(pool)
    assert of_lists == {"drawn", "approved", "destroyed", "withdrawn"}
    assert of_items == {
        *("listed", "taken_out", "put_off", "held", "open", "destroyed", "withdrawn"),
    }
    assert await audit(history) == ([], [UNTOLD.format(3)])
    await hold_what_is_gone(history)
    await give_a_begin(history)
    await erase_person(history, pool)
    await merge(history)
    await replay(history, pool, tmp_path)
    unseen = ["requests whose steps were destroyed: 1", GIVEN.format(1), UNTOLD.format(5)]
    honest = [], unseen
    assert await audit(history) == honest
    renewer = HashRenewer(pool, history.keys)
    await renewer.begin(TENANT)
    assert await audit(history) == honest, "while it is hashed anew"
    await renewer.renew(TENANT)
    assert await audit(history) == honest


async def hold_what_is_gone(history: DestructionHistory) -> None:
    """A hold is placed on what was destroyed before, and a record of it comes later still."""
    await history.hold(conversation=GONE)
    await history.write(record("delivery", {"state": "settled"}, conversation=GONE))
    assert await history.destroyer.destroy_late()


async def give_a_begin(history: DestructionHistory) -> None:
    """The term of a conversation that is on a list began before its closing."""
    given = {
        "department": DEPARTMENT, "code": "6.1.3", "source": "person", "startsOn": "2020-01-01",
        "reason": "x", "by": "x", "identified": "stated",
    }  # fmt: skip
    await history.write(record("valuation", given, conversation=id_of("begonnen")))
    await history.close("begonnen")
    await history.draw()


async def erase_person(history: DestructionHistory, pool: Pool) -> None:
    """Lift the hold on a person, and destroy what is left of them."""
    await history.close("haar", phone=PERSON.value)
    for row in await pool.fetch("select id from archiver.hold where kind = 'person'"):
        async with pool.acquire() as connection, connection.transaction():
            store = history.holds_on(connection)
            hold = await store.lock(row["id"])
            assert hold
            await store.lift(hold, "e.els", "klaar", clock.now())
    found = await history.draw_erasure()
    await history.approve(found)
    await history.destroyer.carry_out_due()
    row = await pool.fetchrow(
        "select state from archiver.destruction_item where list = $1", found.id
    )
    assert row["state"] == "destroyed"


async def merge(history: DestructionHistory) -> None:
    """A conversation is closed by a record of another, before and after it in the alphabet."""
    await history.write(change("mmm", "opened", 1))
    for other in ("aaa", "zzz"):
        await history.write(
            change(other, "opened", 1),
            change("mmm", "merged", 2, other=id_of(other), otherSequence=2),
        )
    await history.follower.catch_up()


async def replay(history: DestructionHistory, pool: Pool, folder: Path) -> None:
    """The database knows nothing of an order that stands outside: it was restored."""
    last = await pool.fetchval("select max(number) from archiver.destruction_order")
    order = Order(
        number=last + 1, kind="conversations", at=clock.now(), tenant=TENANT,
        conversations=(id_of("een"), id_of("twee")), ground="x", list="VL-2026-0099", by="x",
    )  # fmt: skip
    book = book_of(folder)
    await book.write(order)
    spared = (id_of("twee"),)
    outcome = Outcome(number=order.number, digest=order.digest, state="done", spared=spared)
    await book.write(outcome)
    found = await Replayer(pool, history.keys, book).replay()
    assert [each.number for each in found.lacking] == [order.number]


async def test_late_record_goes_whatever_destroyed_its_conversation(
    history: DestructionHistory, pool: Pool, tmp_path: Path
) -> None:
    await history.close("lijst")
    found = await history.draw()
    await history.approve(found)
    await history.destroyer.carry_out_due()
    await history.close("bevel", "een", "twee")
    eraser = eraser_of(pool, history.keys, tmp_path)
    await eraser.erase_conversation(TENANT, id_of("bevel"), "AVG")
    await replay(history, pool, tmp_path)
    [alone] = await pool.fetch(ONE_MESSAGE, id_of("twee"))
    assert await eraser.erase_entry(alone["id"], "test")
    first = await causes(history)
    assert not await history.destroyer.destroy_late()
    assert await pool.fetchval(LOOKED) == timedelta(hours=1)
    names = "lijst", "bevel", "een", "twee"
    await history.write(*[message("te laat", name, DEPARTMENT, at=LONG_AGO) for name in names])
    await history.follower.catch_up()
    looks = 0
    while await history.destroyer.destroy_late():
        looks += 1
    assert looks == len({*first.values()}) == 3
    keys = await pool.fetch("select conversation from archiver.conversation_key")
    assert {row["conversation"] for row in keys} == {"", id_of("twee")}
    assert await causes(history) == first, "the ground and the list of the first time"
    assert first[id_of("lijst")][1:] == (found.id, ARCHIVIST)
    assert await audit(history) == ([], [])


ONE_MESSAGE = "select id from archiver.entry where kind = 'message' and conversation = $1"
LOOKED = "select date_trunc('minute', now() - made_until) from archiver.late_look"


async def causes(history: DestructionHistory) -> dict[str, tuple[str, str, str]]:
    """Conversation -> ground, list and approver of its last destruction."""
    rows = [row for row in await rows_of(history.pool) if row["kind"] == "destruction"]
    read = [destruction for row in rows if (destruction := read_destruction(row))]
    return {
        each.conversation: (each.ground, each.list, each.by)
        for each in read
        if each.conversation and each.entry is None
    }


async def test_audit_says_what_it_cannot_hold_against_the_log(
    history: DestructionHistory, pool: Pool, tmp_path: Path
) -> None:
    await history.live()
    [opened] = [
        row["id"]
        for row in await pool.fetch(
            "select id from archiver.entry where kind = 'conversation' and conversation = $1"
            " order by position limit 1",
            id_of("later"),
        )
    ]
    eraser = eraser_of(pool, history.keys, tmp_path)
    assert await eraser.erase_entry(opened, "test")
    findings, unseen = await audit(history)
    alone = "dossiers of which an entry was destroyed alone: 1"
    assert (findings, unseen) == ([], [UNTOLD.format(3), alone])
    findings, [_, unopened, _] = await audit(history, bytes(32))  # a later master key alone
    assert (findings, unopened.rpartition(": ")[2]) == ([], "6")
    await pool.execute(
        "update archiver.dossier set terms = 'x' where conversation = $1", id_of("vast")
    )
    findings, unseen = await audit(history)
    assert findings == [] and "by other terms than those of the configuration here: 1" in unseen[-1]
    await eraser.erase_municipality(TENANT, "test")
    await history.hold(conversation=id_of("nieuw"))  # it comes back, with new keys
    findings, unseen = await audit(history)
    assert findings == []
    assert [each for each in unseen if "whose steps" in each] == [
        "holds whose steps were destroyed: 4",
        "destruction lists whose steps were destroyed: 4",
    ]
