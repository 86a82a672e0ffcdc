"""A number on trial, from a real ledger to a provider that must see its guests and nobody else."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.meta.graph_api import Sent
from deliverer.meta.guest_list import REFUSED, TEST_WAMID
from deliverer.meta.ledger import UNKNOWN_SECONDS, Ledger
from deliverer.meta.read_receipt_store import ReadReceiptStore
from deliverer.meta.read_receipts import ReadReceiptSender
from deliverer.meta.send_outcomes import TEST_STATUSES, outcome_outbox
from deliverer.meta.trial_store import record_trials, refuse_waiting
from deliverer.transport.http_client import http_client
from router.store.save import UPSERT_MARK
from services import clock
from services.config.numbers import LateAnswerTemplate
from services.contract import SendOutcome
from services.postgres.database import connection_pool
from services.sealing.columns import ADDRESS, WAMID, bind
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.support.integration.message_provider import NUMBER, TEXT, Office
from tests.support.integration.outcomes import stored_outcomes
from tests.support.observer import until

GUEST, GUEST_BSUID = "31600000001", "NL.guest"
STRANGER, STRANGER_BSUID = "31699999999", "NL.stranger"
TEMPLATE = {"type": "template", "template": {"name": "klaar", "language": {"code": "nl"}}}
CONTENTS: list[dict[str, Any]] = [
    TEXT,
    TEMPLATE,
    {"type": "interactive", "interactive": {"type": "button"}},
    {"type": "location", "location": {}},
    {"type": "reaction", "reaction": {"message_id": "wamid.c", "emoji": "x"}},
]


def sealed(address: str) -> str:
    return RING.seal_name(address, ADDRESS)


class Person:
    """Someone with a telephone number and a BSUID, to both of whom lines are written."""

    def __init__(self, office: Office, phone: str, bsuid: str) -> None:
        self.office, self.phone, self.bsuid, self.id = office, phone, bsuid, clock.new_id()
        self.lines: list[UUID] = []

    async def is_known(self, *more: str, merged: bool = False) -> None:
        """`merged`: an employee put the telephone number and the BSUID together."""
        names = [("phone", self.phone, ""), *(("bsuid", b, "p") for b in (self.bsuid, *more))]
        for kind, value, scope in names:
            row = "almelo", kind, value.encode(), sealed(value), self.id, scope
            await self.office.pool.execute(_KNOWN, *row, merged and kind == "phone")

    async def gets(self, content: dict[str, Any], kind: str = "phone", **more: Any) -> None:
        address = sealed(self.phone if kind == "phone" else self.bsuid)
        more |= {"address_kind": kind, "address": address}
        self.lines.append(await self.office.queue(content, self.id, **more))

    async def gets_everything(self, **more: Any) -> None:
        """A line of every kind and origin: also a file, a late answer and a read receipt."""
        for content in CONTENTS:
            for kind in ("phone", "bsuid"):
                await self.gets(content, kind, **more)
        media = await self.office.uploaded(self.phone.encode())
        await self.gets({"type": "image", "image": {}}, media=media, **more)
        await self.gets_mark()

    async def gets_mark(self) -> None:
        at = clock.now()
        where = NUMBER, self.id, clock.new_id()
        mark = *where, RING.seal_text(f"wamid.{self.phone}", WAMID, bind(*where)), at, True, at
        await self.office.pool.execute(UPSERT_MARK, *([value] for value in mark))


@asynccontextmanager
async def deliverer_of(office: Office, url: str, account: Any) -> AsyncIterator[None]:
    """Everything that sends, with the rights of the deliverer and no more."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        own = await enter(connection_pool(f"{url}?role=postkamer_deliverer", "test", 8))
        await record_trials(own, [account])
        poster = await enter(http_client(8, 5.0))
        receipts = ReadReceiptSender(ReadReceiptStore(own), poster, {NUMBER: account})
        await enter(background_task(receipts.run()))
        await enter(Office(own, office.store, office.provider, account).working())
        yield


async def outcomes(office: Office, message: UUID) -> list[SendOutcome]:
    found = await stored_outcomes(office.pool, "due_at, position")
    return [each for each in found if each.message == message]


def people_reached(office: Office) -> set[str]:
    """Addresses that the provider saw, in messages, files and read receipts."""
    messages = {each.get("to") or each["recipient"] for each in office.provider.messages}
    files = {content.decode() for _, content in office.provider.files}
    return messages | files | {each["message_id"] for each in office.provider.marks}


async def test_trial_reaches_its_guests_and_nobody_else(office: Office, empty: str) -> None:
    guest, stranger = Person(office, GUEST, GUEST_BSUID), Person(office, STRANGER, STRANGER_BSUID)
    tester = Person(office, "31688888888", "NL.tester")
    await office.pool.execute(_GUEST, clock.new_id(), NUMBER, sealed(GUEST))
    for person in (guest, stranger, tester):
        await person.is_known()
        await person.gets_everything(test=person is tester)
    await tester.gets(TEMPLATE, test=True, purpose="nieuws")  # consent that is not on record
    await office.wrote(1, guest.id)
    await office.wrote(30, stranger.id)
    account = msgspec.structs.replace(
        office.account, trial=True, late_template=LateAnswerTemplate(name="antwoord")
    )
    async with deliverer_of(office, empty, account):
        for person, state in ((guest, "sent"), (stranger, "failed"), (tester, "sent")):
            for id in person.lines:
                await office.until(id, state)
        await until(lambda: office.pool.fetchval("select count(*) from deliverer.mark"), _none, 10)

    reached = {f"+{GUEST}", GUEST_BSUID, GUEST, f"wamid.{GUEST}"}
    assert people_reached(office) == reached
    assert len(office.provider.messages) == len(guest.lines)
    for id in stranger.lines:
        line, [told] = await office.line(id), await outcomes(office, id)
        assert line["reason"] == told.reason == REFUSED.reason
        assert (told.state, told.code) == ("failed", 0)
    for id in tester.lines:
        told, *statuses = await outcomes(office, id)
        assert told.state == "sent" and told.wamid == f"{TEST_WAMID}{id}.1"
        assert [each.reported for each in statuses] == [status for status, _ in TEST_STATUSES]


@pytest.mark.parametrize("more", [[STRANGER_BSUID], []], ids=["two of one kind", "one of each"])
async def test_person_whom_an_employee_merged_is_no_guest(
    office: Office, empty: str, more: list[str]
) -> None:
    """One of the two names may be a stranger's."""
    guest = Person(office, GUEST, GUEST_BSUID)
    await office.pool.execute(_GUEST, clock.new_id(), NUMBER, sealed(GUEST))
    await guest.is_known(*more, merged=not more)
    for content, kind in ((TEMPLATE, "bsuid"), (TEXT, "phone")):
        await guest.gets(content, kind)
    await guest.gets_mark()
    account = msgspec.structs.replace(office.account, trial=True)
    async with deliverer_of(office, empty, account):
        line = await office.until(guest.lines[0], "failed")
        await office.until(guest.lines[1], "sent")
        await until(lambda: office.pool.fetchval("select count(*) from deliverer.mark"), _none, 10)
    assert line["reason"] == REFUSED.reason
    assert people_reached(office) == {f"+{GUEST}"}


async def test_going_live_sends_nothing_that_waited_for_a_stranger(
    office: Office, empty: str
) -> None:
    guest, stranger = Person(office, GUEST, GUEST_BSUID), Person(office, STRANGER, STRANGER_BSUID)
    tester = Person(office, "31688888888", "NL.tester")
    await office.pool.execute(_GUEST, clock.new_id(), NUMBER, sealed(GUEST))
    await office.pool.execute("insert into deliverer.trial (number) values ($1)", NUMBER)
    for person in (guest, stranger, tester):
        await person.is_known()
        await person.gets_mark()
        for state in ("queued", "held", "sending", "unknown"):
            await person.gets(TEXT, test=person is tester)
            await office.pool.execute(_CLAIMED, person.lines[-1], state)
    states = partial(office.pool.fetch, "select id, state, reason from deliverer.ledger")
    before = {row["id"]: row["state"] for row in await states()}
    async with office.pool.acquire() as connection, connection.transaction():
        refused = await refuse_waiting(connection, NUMBER, clock.now())
    assert refused == len(stranger.lines) - 1
    for row in await states():
        told = [each.reason for each in await outcomes(office, row["id"])]
        if row["id"] in stranger.lines and before[row["id"]] != "unknown":
            assert (row["state"], row["reason"]) == ("failed", REFUSED.reason)
            assert told == [REFUSED.reason]
        else:
            assert (row["state"], told) == (before[row["id"]], [])
    marks = await office.pool.fetch("select person from deliverer.mark")
    assert [row["person"] for row in marks] == [guest.id]


async def test_going_live_settles_no_message_that_may_have_reached_a_guest_of_before(
    office: Office, empty: str
) -> None:
    guest = Person(office, GUEST, GUEST_BSUID)
    await guest.is_known()
    await record_trials(office.pool, [msgspec.structs.replace(office.account, trial=True)])
    await office.pool.execute(_GUEST, clock.new_id(), NUMBER, sealed(GUEST))
    await guest.gets(TEXT)
    await office.pool.execute(_CLAIMED, guest.lines[0], "unknown")
    await office.pool.execute("delete from deliverer.guest")
    async with office.pool.acquire() as connection, connection.transaction():
        assert await refuse_waiting(connection, NUMBER, clock.now()) == 0
    assert (await office.line(guest.lines[0]))["state"] == "unknown"
    await office.pool.execute(_AGED, UNKNOWN_SECONDS)
    assert await Ledger(office.pool, clock.new_id(), {}).sweep(clock.now()) == 1
    assert [each.state for each in await outcomes(office, guest.lines[0])] == ["unknown"]


async def test_only_the_record_ends_a_trial_and_no_line_that_is_deleted_from_a_file(
    office: Office, empty: str
) -> None:
    person = Person(office, STRANGER, STRANGER_BSUID)
    configured = msgspec.structs.replace(office.account, trial=True)
    for account in (configured, office.account):
        await person.gets(TEXT)
        async with deliverer_of(office, empty, account):
            await office.until(person.lines[-1], "failed")
    assert office.provider.messages == []
    await office.pool.execute("update deliverer.trial set live_at = now()")
    await person.gets(TEXT)
    async with deliverer_of(office, empty, configured):
        await office.until(person.lines[-1], "sent")


async def test_statuses_of_a_test_are_published_when_they_are_due(office: Office) -> None:
    tester = Person(office, "31688888888", "NL.tester")
    await tester.gets(TEXT, test=True)
    ledger, outbox = Ledger(office.pool, clock.new_id(), {}), outcome_outbox(office.pool)
    [entry] = await ledger.claim(1, ())
    await ledger.settle(entry, Sent("wamid.test.a"), clock.now())
    due = await office.pool.fetch(_DUE)
    assert [round(row["seconds"], 3) for row in due] == [0, *(later for _, later in TEST_STATUSES)]
    await office.pool.execute("update deliverer.outcome set due_at = due_at - interval '1 hour'")
    published = await outbox.fetch_unpublished(9, [])
    assert [each.reported for each in published] == ["", "sent", "delivered", "read"]
    await office.pool.execute("update deliverer.outcome set due_at = now() + interval '1 hour'")
    assert await outbox.fetch_unpublished(9, []) == []


def _none(count: int) -> bool:
    return count == 0


_KNOWN = """
insert into router.identity (tenant, kind, hash, value, person, valid_from, scope, merged)
values ($1, $2, $3, $4, $5, now(), $6, $7)
"""
_CLAIMED = "update deliverer.ledger set state = $2, claimed_at = now() where id = $1"
_AGED = """
update deliverer.ledger set claimed_at = now() - make_interval(secs => $1::int + 1)
"""
_DUE = """
select extract(epoch from due_at - min(due_at) over ())::float8 as seconds
from deliverer.outcome order by due_at
"""
_GUEST = "insert into deliverer.guest (id, number, kind, value) values ($1, $2, 'phone', $3)"
