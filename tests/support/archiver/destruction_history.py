"""Terms, holds and destruction lists in each of their states, made as the archiver makes them."""

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from archiver.destruction import destroyer
from archiver.destruction.declaration_store import Declarer
from archiver.destruction.destroyer import Destroyer
from archiver.destruction.destruction_list import DestructionList, Step
from archiver.destruction.list_store import ListRules, ListStore, Sparing
from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Identity
from archiver.orders.order import Order
from archiver.retention.dossier_follower import DossierFollower
from archiver.retention.hold import Hold, NewHold, Selection
from archiver.retention.hold_store import HoldStore
from archiver.subject_access.person_finder import find_subject
from archiver.subject_access.requests.handling import Decision, decide_request
from archiver.subject_access.requests.store import NewRequest, RequestStore
from services import clock
from services.config import loader
from services.contract import Record
from services.postgres.database import Connection, Pool
from tests.support.archiver.dossiers import WITHOUT_WAITING
from tests.support.archiver.orders import book_of, orders_of
from tests.support.archiver.records import WHY, id_of, message, record
from tests.support.decrypted_record import writer_of
from tests.support.installation import EXAMPLE

TENANT, DEPARTMENT = "almelo", "burgerzaken"
DRAWER, OWNER, ARCHIVIST = "w.dekker", "m.smit", "k.yilmaz"
AT_ONCE = ListRules(is_joined=False, waiting=timedelta())
WAITING = ListRules(is_joined=True, waiting=timedelta(days=7))
LONG_AGO = datetime(2024, 5, 6, 12, tzinfo=UTC)
PERSON = Identity("phone", "31600000042")
GONE = id_of("weg")
"""Destroyed by the first list, for its term."""


class DestructionHistory:
    """An archive in which conversations are closed, held and destroyed."""

    def __init__(self, pool: Pool, keys: KeyStore, folder: Path) -> None:
        self.pool, self.keys = pool, keys
        self.config = loader.load(EXAMPLE).config
        self.book = book_of(folder)
        declarer = Declarer(keys, lambda: self.config)
        self.destroyer = Destroyer(pool, keys, orders_of(pool, folder), declarer.finish)
        self.follower = DossierFollower(pool, keys, lambda: self.config)

    async def write(self, *records: Record) -> None:
        await (await writer_of(self.pool)).add(records)

    async def close(self, *names: str, phone: str = "", **data: Any) -> None:
        """Conversations of a message each, opened and closed long ago."""
        for name in names:
            said = message(f"geheim {name}", name, DEPARTMENT, phone=phone, at=LONG_AGO)
            await self.write(said, change(name, "opened", 1), change(name, "closed", 3, **data))
        await self.follower.catch_up()

    async def draw(self, rules: ListRules = AT_ONCE) -> DestructionList:
        drawn = await self.draw_or_none(rules)
        assert drawn
        return drawn

    async def draw_or_none(self, rules: ListRules = AT_ONCE) -> DestructionList | None:
        async def draw(connection: Connection) -> DestructionList | None:
            store = ListStore(connection, self.keys)
            return await store.draw(TENANT, DRAWER, clock.now().date(), rules, clock.now())

        await self.pool.execute(WITHOUT_WAITING)
        found: DestructionList | None = await self._do(draw)
        return found

    async def step(self, found: DestructionList, *steps: tuple[Step, str]) -> None:
        for step, by in steps:
            await self._do(lambda connection, of=(step, by): self._step(connection, found.id, *of))

    async def _step(self, connection: Connection, id: str, step: Step, by: str) -> None:
        store = ListStore(connection, self.keys)
        locked = await store.lock(id)
        assert locked
        await store.step(locked, step, by, "nagekeken", clock.now())

    async def approve(self, found: DestructionList) -> None:
        await self.step(found, ("reviewed", OWNER), ("approved", ARCHIVIST))

    async def spare(self, found: DestructionList, name: str, until: date | None = None) -> None:
        sparing = Sparing("dispute", "bij de rechter", until)

        async def spare(connection: Connection) -> None:
            store = ListStore(connection, self.keys)
            await store.spare(found, id_of(name), sparing, OWNER, clock.now())

        await self._do(spare)

    async def hold(self, **order: Any) -> Hold:
        day = clock.now().date() + timedelta(days=30)
        new = NewHold(tenant=TENANT, ground="woo", review_on=day, text="Woo-verzoek 12", **order)
        return await self._do(
            lambda connection: self.holds_on(connection).place_order(new, "e.els", clock.now())
        )

    def holds_on(self, connection: Connection) -> HoldStore:
        return HoldStore(connection, self.keys)

    async def review(self, hold: Hold) -> None:
        day = clock.now().date() + timedelta(days=60)
        await self._do(
            lambda connection: self.holds_on(connection).review(
                hold, day, "e.els", "nog nodig", clock.now()
            )
        )

    async def lift(self, hold: Hold) -> None:
        await self._do(
            lambda connection: self.holds_on(connection).lift(hold, "e.els", "klaar", clock.now())
        )

    async def draw_erasure(self) -> DestructionList:
        """Draw a list for the person, whose request for erasure is granted."""

        async def grant(connection: Connection) -> str:
            match = await find_subject(connection, self.keys, TENANT, [PERSON])
            store, now = RequestStore(connection, self.keys), clock.now()
            new = NewRequest(tenant=TENANT, kind="erasure", received_on=now.date(), by=DRAWER)
            asked = await store.open(new, match, now)
            await decide_request(store, asked, Decision("granted"), DRAWER, now)
            return asked.id

        request = await self._do(grant)
        drawn = await self._do(
            lambda connection: ListStore(connection, self.keys).draw_request(
                request, DRAWER, AT_ONCE, clock.now()
            )
        )
        assert drawn
        return drawn

    async def _do(self, work: Callable[[Connection], Awaitable[Any]]) -> Any:
        async with self.pool.acquire() as connection, connection.transaction():
            return await work(connection)

    async def live(self) -> None:
        """Live through everything but a request and a restore."""
        await self.close("weg", "eraf", "later", "vast", "heropend")
        await self.close("blijvend", retentionCode="6.1.4")
        lifted = await self.hold(conversation=id_of("vast"))
        await self.review(lifted)
        await self.lift(lifted)
        await self.hold(selection=Selection(words="lantaarn"))
        await self._destroy_one_list()
        await self._break_off()
        await self._stop_one_list()
        await self.review(await self.hold(identities=(PERSON,)))
        await self.close("wacht")
        await self.step(await self.draw(WAITING), ("reviewed", DRAWER), ("approved", ARCHIVIST))
        await self.close("een", "twee")
        await self.draw()

    async def _destroy_one_list(self) -> None:
        """Destroy one of five conversations; a record of it comes later."""
        found = await self.draw()
        await self.spare(found, "eraf")
        await self.spare(found, "later", clock.now().date() + timedelta(days=90))
        await self.step(found, ("reviewed", OWNER), ("drawn", ARCHIVIST))
        await self.approve(found)
        await self.hold(conversation=id_of("vast"))
        await self.write(change("heropend", "reopened", 4))
        await self.follower.catch_up()
        await self.destroyer.carry_out_due()
        await self.write(record("delivery", {"state": "settled"}, conversation=GONE))
        assert await self.destroyer.destroy_late()

    async def _break_off(self) -> None:
        """Write an order outside, whose transaction does not commit: the next one makes it void."""
        last = await self.pool.fetchval("select max(number) from archiver.destruction_order")
        order = Order(
            number=last + 1,
            kind="conversations",
            at=clock.now(),
            tenant=TENANT,
            conversations=(id_of("vast"),),
        )
        await self.book.write(order)

    async def _stop_one_list(self) -> None:
        """A list is withdrawn when one of its conversations was destroyed."""
        await self.close("half")
        found = await self.draw()
        await self.approve(found)
        with patch.object(destroyer, "BATCH", 1):
            assert await self.destroyer.destroy_batch(found.id)
        await self.step(found, ("withdrawn", ARCHIVIST))
        await self.destroyer.carry_out_due()


def change(name: str, event: str, sequence: int, **data: Any) -> Record:
    data = {"event": event, "department": DEPARTMENT, "decision": WHY} | data
    at = LONG_AGO + timedelta(minutes=sequence)
    return record("conversation", data, conversation=id_of(name), sequence=sequence, at=at)
