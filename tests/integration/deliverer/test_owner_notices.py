"""Owners of a destination hear by mail and by event, once, from however many processes."""

import asyncio
import email
import email.policy
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from email.message import EmailMessage
from typing import Any, NamedTuple

import msgspec
import pytest
from aiohttp import web

from deliverer.crm.attempt import Receiver
from deliverer.crm.destination_kind import Credentials, ReceiverContext, Secrets
from deliverer.destinations import DESTINATIONS
from deliverer.ended_rows import CLEARINGS
from deliverer.owners.notice_delivery import notice_record
from deliverer.owners.notice_sender import OwnedDestination, OwnerNotices
from deliverer.owners.notice_store import NoticeStore
from deploy.local.rabbitmq import Broker
from services import clock, metrics
from services.clearing import clear_ended_rows
from services.config.organisation import AnyDestination
from services.config.terms import Terms
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task
from tests.support.integration.destination_harness import HERE, Crm, Post, delivery, serving
from tests.support.integration.mail_server import Server, server
from tests.support.observer import until, until_true

MAIL = {"kind": "mail", "to": ["beheer@stad.example"], "sender": "postkamer@stad.example"}
STORED = {
    "destination_failure": ("since", "ended_at"),
    "owner_notice": ("since", "at", "due_at"),
    "pause": ("since",),
}
"""Times that are stored."""


class Watch:
    """The owner's own program, which takes events while it is open."""

    def __init__(self) -> None:
        self.is_open, self.events = True, list[dict[str, Any]]()

    async def handle(self, request: web.Request) -> web.Response:
        event = msgspec.json.decode(await request.read())
        if not self.is_open:
            return web.Response(status=503)
        self.events.append(event)
        return web.Response(status=204)

    @property
    def states(self) -> list[str]:
        return [event["data"]["state"] for event in self.events]


class Owners(NamedTuple):
    """Owners of `crm`: a mailbox and a program; the processes that tell them."""

    pool: Pool
    own: Pool
    """Connections with the rights of a deliverer."""
    mailbox: Server
    watch: Watch
    receivers: dict[str, Receiver]
    ends: list[datetime]

    def process(self) -> OwnerNotices:
        """A deliverer that has just started."""
        ends = self.ends[0] if self.ends else None
        crm = OwnedDestination("crm", ["beheer", "bewaking"], "almelo", lambda: ends)
        return OwnerNotices(NoticeStore(self.own), [crm], self.receivers)

    async def tell(self, *processes: OwnerNotices) -> None:
        """Two processes, unless given, each decide and send twice, at the same time."""
        each = processes or (self.process(), self.process())
        for _ in range(2):
            await asyncio.gather(*(one.decide_all() for one in each))
            works = [one.send_open(owner) for one in each for owner in ("beheer", "bewaking")]
            await asyncio.gather(*works)

    async def earlier(self, **time: float) -> None:
        """Let this time pass, for all that is stored."""
        for table, columns in STORED.items():
            changes = ", ".join(f"{column} = {column} - $1::interval" for column in columns)
            await self.pool.execute(f"update deliverer.{table} set {changes}", timedelta(**time))

    def letters(self) -> list[EmailMessage]:
        return [
            email.message_from_bytes(raw, EmailMessage, policy=email.policy.default)
            for raw in self.mailbox.taken
        ]

    @property
    def subjects(self) -> list[str]:
        return [letter["Subject"].removeprefix("Postkamer: ") for letter in self.letters()]


@pytest.fixture
async def owners(pool: Pool, empty: str) -> AsyncIterator[Owners]:
    """The deliverer's rights are enough for all that the processes do."""
    async with (
        connection_pool(f"{empty}?role=postkamer_deliverer", "test", 4) as own,
        owners_of_crm(pool, own) as them,
    ):
        yield them


@asynccontextmanager
async def owners_of_crm(pool: Pool, own: Pool) -> AsyncIterator[Owners]:
    watch = Watch()
    context = ReceiverContext(pool, lambda *_: None, tuple, HERE, "")
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        mailbox, smtp = await enter(server())
        http = await enter(serving(watch.handle))
        receivers = dict[str, Receiver]()
        for given, key in (
            ({"id": "beheer", "url": smtp} | MAIL, b""),
            ({"id": "bewaking", "kind": "cloudevents", "url": http}, b"key"),
        ):
            kind = DESTINATIONS[str(given["kind"])]
            config: AnyDestination = kind.config.model_validate(given)  # type: ignore[assignment]
            credentials = Credentials(Secrets((key,)))
            receiver, _ = await enter(kind.receiver(config, credentials, context))
            receivers[config.id] = receiver
        yield Owners(pool, own, mailbox, watch, receivers, [])


async def test_owner_hears_once_that_crm_refuses_and_works_again(
    broker: Broker, owners: Owners
) -> None:
    pool, crm = owners.pool, Crm(lambda _: False)
    post, before = Post(broker, pool), metric("sent")
    async with serving(crm.handle) as url, post.works({"url": url}):
        await post.receives_each(delivery(0))
        await until(lambda: failure(pool), lambda row: bool(row and row["refuses"]), 20)
        await owners.earlier(seconds=11)
        await owners.tell()
        assert owners.subjects == ["crm weigert alle berichten"]
        assert "de server antwoordt met 401." in owners.letters()[0].get_content()
        [event] = owners.watch.events
        assert event["data"]["status"] == 401 and event["data"]["state"] == "refusing"
        await owners.tell()
        await owners.tell(owners.process())  # as after a restart
        crm.lets_in = lambda _: True
        await until(lambda: failure(pool), lambda row: row and row["ended_at"], 40)
    await owners.earlier(minutes=3)
    await owners.tell()
    assert owners.watch.states == ["refusing", "works"]
    assert owners.subjects[1:] == ["crm neemt weer berichten aan"]
    assert metric("sent") == before + 4
    records = [
        notice_record(each)
        for each in await NoticeStore(owners.own).outbox.fetch_unpublished(10, [])
    ]
    assert len({record.id for record in records}) == 4


async def failure(pool: Pool) -> Any:
    return await pool.fetchrow("select * from deliverer.destination_failure")


async def test_owner_hears_of_a_pause_and_of_refused_messages_with_their_ids(
    owners: Owners,
) -> None:
    pool = owners.pool
    before = metric("sent")
    await pool.execute("insert into deliverer.pause (destination, reason) values ('crm', 'weg')")
    first = await park(pool, 1)
    await owners.tell()
    assert owners.watch.states == ["paused", "parked"]
    await pool.execute("delete from deliverer.pause")
    later = await park(pool, 7)
    await owners.tell()
    assert owners.watch.states[2:] == ["resumed"], "refused messages: once an hour"
    await owners.earlier(hours=1)
    await owners.tell()
    parked = [e["data"] for e in owners.watch.events if e["data"]["state"] == "parked"]
    assert [each["parked"] for each in parked] == [1, 7]
    assert parked[0]["events"] == first and len(parked[1]["events"]) == 5
    assert set(parked[1]["events"]) < set(later)
    text = next(each for each in owners.letters() if "geweigerd" in each["Subject"]).get_content()
    assert first[0] in text and "postkamer parked list --destination crm" in text
    assert metric("sent") == before + 8
    owners.ends.append(clock.now() + timedelta(days=5))
    await owners.tell()
    assert owners.watch.states[4:] == ["certificate-ending"]


async def park(pool: Pool, count: int) -> list[str]:
    """Park so many messages, and return their events in order."""
    events = [clock.new_id() for _ in range(count)]
    await pool.executemany(
        "insert into deliverer.delivery (destination, event, tenant, conversation, state, attempts,"
        " status, reason, at) values ('crm', $1, 'almelo', 'c', 'parked', 1, 422, 'no', now())",
        [(event,) for event in events],
    )
    return [str(event) for event in events]


async def test_owner_who_is_away_is_told_later_in_order_and_given_up_after_a_day(
    owners: Owners,
) -> None:
    owners.watch.is_open = False
    await owners.pool.execute(
        "insert into deliverer.pause (destination, reason) values ('crm', 'weg')"
    )
    failed = metric("failed")
    await owners.tell()
    await owners.pool.execute("delete from deliverer.pause")
    await owners.tell()
    assert len(owners.subjects) == 2, "the other owner has both"
    assert owners.watch.events == [] and metric("failed") == failed + 1, "one attempt a minute"
    await owners.earlier(minutes=20)
    [process] = processes = [owners.process()]
    await process.decide_all()
    assert (metrics.REGISTRY.get_sample_value(UNREACHED, {"destination": "crm"}) or 0) > 1000
    owners.watch.is_open = True
    await owners.tell(*processes)
    assert owners.watch.states == ["paused", "resumed"]
    assert len({event["id"] for event in owners.watch.events}) == 2
    await process.decide_all()
    assert metrics.REGISTRY.get_sample_value(UNREACHED, {"destination": "crm"}) == 0
    owners.watch.is_open = False
    await park(owners.pool, 1)
    await owners.tell()
    await owners.earlier(hours=25)
    given_up = metric("given_up")
    await owners.tell()
    assert metric("given_up") == given_up + 1
    sql = "select count(*) from deliverer.owner_notice where outcome = 'given_up' and status = 503"
    assert await owners.pool.fetchval(sql) == 1


UNREACHED = "postkamer_owner_unreached_seconds"


def metric(outcome: str) -> float:
    labels = {"destination": "crm", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value("postkamer_owner_notices_total", labels) or 0.0


async def test_notice_of_a_process_that_ended_goes_again_and_waits_for_a_paused_owner(
    owners: Owners,
) -> None:
    store, now = NoticeStore(owners.own), clock.now()
    for destination in ("crm", "bewaking"):
        sql = "insert into deliverer.pause (destination, reason) values ($1, 'weg')"
        await owners.pool.execute(sql, destination)
    await owners.process().decide_all()
    assert await store.claim("bewaking", clock.now()) is None, "its own destination is paused"
    await owners.pool.execute("delete from deliverer.pause where destination = 'bewaking'")
    claimed = await store.claim("bewaking", now + timedelta(seconds=5))
    assert claimed and claimed.attempts == 1
    assert await store.claim("bewaking", now + timedelta(seconds=124)) is None
    again = await store.claim("bewaking", now + timedelta(seconds=126))
    assert again and (again.id, again.data, again.attempts) == (claimed.id, claimed.data, 2)
    await store.end(again.id, "sent", 204, "", now)
    await clear_ended_rows(owners.pool, CLEARINGS, Terms().model_dump(), now + timedelta(days=91))
    kept = await owners.pool.fetchval("select count(*) from deliverer.owner_notice")
    assert kept == 1, "a notice that the archive does not have yet"


async def test_owners_of_a_destination_that_is_added_hear_of_it(
    owners: Owners, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliverer.owners.notice_sender.POLL_SECONDS", 0.05)
    await owners.pool.execute(
        "insert into deliverer.pause (destination, reason) values ('crm', 'weg')"
    )
    notices = OwnerNotices(NoticeStore(owners.own), [], owners.receivers)
    async with background_task(notices.run()) as task:
        notices.follow([OwnedDestination("crm", ["bewaking"], "almelo", lambda: None)])
        await until_true(lambda: owners.watch.states == ["paused"], 20)
        assert not task.done()
    assert owners.subjects == [], "the mailbox is no owner here"
