"""A decision leaves what it did not change sealed as it is, until its key seals no more."""

from datetime import timedelta
from uuid import UUID

import pytest

from router.store.store import Store
from services import clock
from services.contract import SendOutcome
from services.postgres.database import Pool
from services.sealing.columns import ADDRESS, CONVERSATION, unseal_json
from services.sealing.key_ring import RING, WorkingKey
from tests.support.citizens import phone, text, webhook
from tests.support.router.batch_office import NUMBER, Office
from tests.support.working_keys import shared_key_id

NEXT_KEY = bytes([7]) * 8
WORDS = "select reason, state from router.conversation"


@pytest.fixture
async def office(pool: Pool) -> Office:
    store = Store(pool)
    return Office(store, await store.take_epoch(0))


async def first_message(office: Office) -> str:
    [(_, heard, _)] = await office.takes(office.came(webhook(text("afval", "wamid.1", 1))))
    assert heard.reason
    return heard.conversation


async def words(pool: Pool) -> tuple[str, str]:
    reason, state = await pool.fetchrow(WORDS) or ("", "")
    return reason, state


def delivered(office: Office, message: UUID, conversation: str) -> SendOutcome:
    return SendOutcome(
        id=clock.new_id(),
        message=message,
        number=NUMBER,
        conversation=conversation,
        at=office.later,
        state="sent",
        reported="delivered",
    )


async def test_answer_keeps_the_sealed_reason_and_its_status_the_sealed_state_too(
    office: Office, pool: Pool
) -> None:
    conversation = await first_message(office)
    first = await words(pool)
    order = office.order(text="dag", conversation=conversation)
    await office.takes(order)
    answered = await words(pool)
    assert answered[0] == first[0] and answered[1] != first[1]
    written = "select xmin::text from router.conversation"
    before = await pool.fetchval(written)
    await office.takes(delivered(office, order.id, conversation))
    assert await pool.fetchval(written) != before
    assert await words(pool) == answered


async def test_values_are_sealed_again_once_their_key_seals_no_more(
    office: Office, pool: Pool
) -> None:
    conversation = await first_message(office)
    order = office.order(text="dag", conversation=conversation)
    await office.takes(order)
    before, tomorrow = await words(pool), clock.now().date() + timedelta(1)
    holders = "select count(*) from sealing.key_holders(array[$1::bytea]) where holder = $2"
    mine = shared_key_id("table"), "router.conversation"
    assert await pool.fetchval(holders, *mine) == 1
    RING.install([WorkingKey(NEXT_KEY, "table", tomorrow, bytes(32))], tomorrow)
    await office.takes(delivered(office, order.id, conversation))
    reason, state = await words(pool)
    assert await pool.fetchval(holders, *mine) == 0
    assert NEXT_KEY.hex() in reason and NEXT_KEY.hex() in state
    assert RING.unseal_text(reason, CONVERSATION) == RING.unseal_text(before[0], CONVERSATION)
    assert unseal_json(state, CONVERSATION) == unseal_json(before[1], CONVERSATION)


async def test_values_of_a_version_that_did_not_seal_are_sealed(office: Office, pool: Pool) -> None:
    conversation = await first_message(office)
    reason, state = await words(pool)
    await pool.execute(
        "update router.conversation set reason = $1, state = $2",
        RING.unseal_text(reason, CONVERSATION),
        unseal_json(state, CONVERSATION),
    )
    for row in await pool.fetch("select value, hash from router.identity"):
        name = RING.unseal_text(row["value"], ADDRESS)
        await pool.execute("update router.identity set value = $1 where hash = $2", name, row[1])
    order = office.order(text="dag", conversation=conversation)
    await office.takes(order)
    await office.takes(delivered(office, order.id, conversation))
    assert all(map(RING.is_current, (value.strip('"') for value in await words(pool))))
    address = await pool.fetchval("select address from deliverer.ledger where id = $1", order.id)
    assert address == RING.seal_name(phone(1), ADDRESS)


async def test_name_that_does_not_open_is_taken_along_unread(office: Office, pool: Pool) -> None:
    conversation = await first_message(office)
    await pool.execute("update router.identity set value = overlay(value placing 'AAAA' from 30)")
    altered = await pool.fetch("select value from router.identity")
    order = office.order(text="dag", conversation=conversation)
    [(_, answer, _)] = await office.takes(order)
    assert answer.kind == "accepted"
    address = await pool.fetchval("select address from deliverer.ledger where id = $1", order.id)
    assert address in [row["value"] for row in altered]
