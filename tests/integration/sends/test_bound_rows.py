"""Somebody with every right on the database and no key: what they move does not reach them.

They give the row of a citizen their own address, or their own row what is the citizen's. The row
that they made does not open, and goes nowhere.
"""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from deliverer.meta.ledger import SHUT
from deliverer.meta.media_upload import GONE
from router.model.changes import Changes, LedgerInsert
from router.store.save import save_changes
from router.store.store import Store
from services import clock
from services.postgres.database import Pool
from services.sealing.columns import ADDRESS
from services.sealing.key_ring import RING
from tests.support.citizens import phone, text, webhook
from tests.support.integration.message_provider import NUMBER, Office
from tests.support.integration.shut_rows import shut_rows
from tests.support.observer import until
from tests.support.router.batch_office import NUMBER as ROUTER_NUMBER
from tests.support.router.batch_office import Office as Router

VICTIM, ATTACKER = "31611111111", "31622222222"
SECRET = "Uw uitkering is toegekend."

ATTACKS = {
    "their address in the row of the citizen":
        "update deliverer.ledger set address = a.address from deliverer.ledger a"
        " where ledger.id = $1 and a.id = $2",
    "the content in a row of theirs":
        "update deliverer.ledger set content = v.content from deliverer.ledger v"
        " where v.id = $1 and ledger.id = $2",
    "a copy of the row with their address":
        "insert into deliverer.ledger (id, number, conversation, person, address_kind, address,"
        " content, created_at, due_at, place) select gen_random_uuid(), v.number, a.conversation,"
        " a.person, a.address_kind, a.address, v.content, now(), now(), 1"
        " from deliverer.ledger v, deliverer.ledger a where v.id = $1 and a.id = $2",
    "their address and an id of theirs":
        "update deliverer.ledger set id = gen_random_uuid(), address = a.address"
        " from deliverer.ledger a where ledger.id = $1 and a.id = $2",
}  # fmt: skip


async def accepted(pool: Pool, to: str, body: str, **more: Any) -> UUID:
    """Return the id of a message that a router accepted."""
    person = clock.new_id()
    send = LedgerInsert(
        id=clock.new_id(),
        number=NUMBER,
        conversation=f"{NUMBER}-{person}",
        person=person,
        address_kind="phone",
        address=to,
        content=b'{"type":"text","text":{"body":"%s"}}' % body.encode(),
        created_at=clock.now(),
        place=1,
        **more,
    )
    async with pool.acquire() as connection:
        await save_changes(connection, [Changes(send=send)])
    return send.id


def sent_to(office: Office, address: str) -> list[dict[str, Any]]:
    return [each for each in office.provider.messages if each.get("to") == address]


@pytest.mark.parametrize("attack", ATTACKS)
async def test_message_that_was_turned_to_another_is_sent_to_nobody(
    office: Office, attack: str
) -> None:
    victim = await accepted(office.pool, VICTIM, SECRET)
    attacker = await accepted(office.pool, ATTACKER, "Hallo.")
    other = await accepted(office.pool, "31633333333", "Ja.")
    await office.pool.execute(ATTACKS[attack], victim, attacker)
    before = shut_rows("deliverer.ledger")
    async with office.working():
        await office.until(other, "sent")
        sending = "select count(*) from deliverer.ledger where state in ('queued', 'sending')"
        await until_zero(office.pool, sending)
    assert SECRET not in str(sent_to(office, ATTACKER))
    shut = await office.pool.fetch("select state from deliverer.ledger where reason = $1", SHUT)
    assert [row["state"] for row in shut] == ["failed"]
    assert shut_rows("deliverer.ledger") == before + 1


async def until_zero(pool: Pool, query: str) -> None:
    await until(lambda: pool.fetchval(query), lambda count: count == 0, 10)


async def test_file_of_another_does_not_go_in_a_message_of_theirs(office: Office) -> None:
    media = await office.uploaded(b"\x89PNG\r\n\x1a\nbeschikking")
    attacker = await accepted(office.pool, ATTACKER, "Hallo.")
    await office.pool.execute("update deliverer.ledger set media = $1", media)
    async with office.working():
        await office.until(attacker, "failed")
    assert office.provider.messages == []


async def test_file_of_another_that_the_provider_has_does_not_go_in_a_message_of_theirs(
    office: Office,
) -> None:
    """They exchange the ids under which the provider has two files."""
    async with office.working():
        await office.until(await office.queue_image(b"\x89PNG\r\n\x1a\none"), "sent")
        await office.until(await office.queue_image(b"\x89PNG\r\n\x1a\ntwo"), "sent")
    mine, theirs = [row["media"] for row in await office.pool.fetch(
        "select media from deliverer.upload order by provider_id")]  # fmt: skip
    put = "update deliverer.upload set provider_id = u.provider_id from deliverer.upload u"
    await office.pool.execute(f"{put} where upload.media = $1 and u.media = $2", mine, theirs)
    sent = len(office.provider.messages)
    message = await office.queue({"type": "image", "image": {}}, media=mine)
    async with office.working():
        assert (await office.until(message, "failed"))["reason"] == SHUT
    assert len(office.provider.messages) == sent


@pytest.mark.parametrize("change", ["token = 'zorg'", "mime_type = 'text/html'", "sha256 = ''"])
async def test_file_whose_row_was_altered_goes_to_nobody(office: Office, change: str) -> None:
    message = await office.queue_image(b"\x89PNG\r\n\x1a\nbeschikking")
    await office.pool.execute(f"update gateway.media set {change}")
    before = shut_rows("gateway.media")
    async with office.working():
        assert (await office.until(message, "failed"))["reason"] == GONE
    assert office.provider.files == []
    assert shut_rows("gateway.media") == before + 1


async def test_file_that_the_provider_has_goes_no_more_once_its_row_was_altered(
    office: Office,
) -> None:
    media = await office.uploaded(b"\x89PNG\r\n\x1a\none", name="a.png")
    document = {"type": "document", "document": {}}
    async with office.working():
        await office.until(await office.queue(document, media=media), "sent")
        await office.pool.execute("update gateway.media set token = 'zorg'")
        message = await office.queue(document, media=media)
        assert (await office.until(message, "failed"))["reason"] == SHUT


@pytest.mark.parametrize("attack", ["value", "person"])
async def test_identity_that_was_turned_to_another_is_sent_nothing(
    office: Office, attack: str
) -> None:
    """They give their address to the citizen, or themselves the place of the citizen."""
    store = Store(office.pool)
    router = Router(store, await store.take_epoch(0))
    [(_, heard, _)] = await router.takes(router.came(webhook(text("afval", "wamid.1", 1))))
    await router.takes(router.came(webhook(text("afval", "wamid.2", 2))))
    victim, attacker = (RING.seal_name(phone(n), ADDRESS) for n in (1, 2))
    swap = {
        "value": "update router.identity set value = $2 where value = $1",
        "person": "with gone as (delete from router.identity where value = $1 returning person)"
        " update router.identity set person = gone.person from gone where value = $2",
    }
    await office.pool.execute(swap[attack], victim, attacker)
    order = router.order(text=SECRET, conversation=heard.conversation)
    await router.takes(order)
    account = msgspec.structs.replace(office.account, number=ROUTER_NUMBER)
    async with office.working(**{ROUTER_NUMBER: account}):
        await office.until(order.id, "failed")
    assert sent_to(office, phone(2)) == []
