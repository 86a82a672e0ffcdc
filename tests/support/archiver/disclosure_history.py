"""Disclosures of conversations that are kept, made as the archiver makes them."""

from datetime import timedelta

from archiver.disclosure.disclosure import Disclosure, Verdict
from archiver.disclosure.disclosure_store import DisclosureStore
from archiver.disclosure.redaction import Redactions, Span
from archiver.encryption.key_store import KeyStore
from archiver.retention.hold import NewHold
from archiver.retention.hold_store import HoldStore
from services import clock
from services.postgres.database import Connection, Pool
from tests.support.archiver.destruction_history import TENANT
from tests.support.archiver.records import id_of

DRAWER, DECIDER, APPROVER = "e.smit", "d.kok", "f.bos"
REDACTED = Redactions(spans=(Span("m", 0, 3, "5.1.2e"),))


async def disclose(connection: Connection, keys: KeyStore, name: str) -> Disclosure:
    """Draw a disclosure of one conversation, redact it and decide about it."""
    now, store = clock.now(), DisclosureStore(connection, keys)
    day = now.date() + timedelta(days=30)
    order = NewHold(
        tenant=TENANT, ground="woo", review_on=day, text="Woo 17", conversation=id_of(name)
    )
    hold = await HoldStore(connection, keys).place_order(order, DRAWER, now)
    found = await store.draw("woo", hold, (), DRAWER, "Woo 17", now)
    await store.refresh(found, DRAWER, now)
    [document] = await store.documents(found.id)
    await store.redact(found, document, REDACTED, DECIDER, now)
    await store.decide(found, [Verdict(1, "partly", ("5.1.2e",))], DECIDER, now)
    return found


async def approve(connection: Connection, keys: KeyStore, found: Disclosure, by: str) -> None:
    store = DisclosureStore(connection, keys)
    reviewed = await store.step(found, "reviewed", DRAWER, "", clock.now())
    await store.step(reviewed, "approved", by, "", clock.now())


async def disclose_two(pool: Pool, keys: KeyStore) -> None:
    """Make one that is approved, and one that is worked on."""
    async with pool.acquire() as connection, connection.transaction():
        await approve(connection, keys, await disclose(connection, keys, "blijvend"), APPROVER)
    async with pool.acquire() as connection, connection.transaction():
        await disclose(connection, keys, "heropend")
