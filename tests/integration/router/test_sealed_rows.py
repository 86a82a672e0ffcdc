"""A decision leaves what it did not change sealed as it is, until its key seals no more."""

from datetime import timedelta
from uuid import UUID

import pytest

from router.store.bindings import CONVERSATION_COLUMNS, conversation_binding
from router.store.load import SHUT_NAME
from router.store.store import Store
from services import clock
from services.contract import SendOutcome
from services.postgres.database import Pool
from services.postgres.shut_rows import RowShut
from services.sealing.columns import CONVERSATION, bind, unseal_json
from services.sealing.key_ring import RING, WorkingKey
from tests.support.citizens import text, webhook
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
    bound = bind(conversation)
    opened = [RING.unseal_text(each, CONVERSATION, bound) for each in (reason, before[0])]
    assert opened[0] == opened[1]
    row = await pool.fetchrow("select * from router.conversation")
    bound = conversation_binding(*(row[name] for name in CONVERSATION_COLUMNS))
    assert unseal_json(state, CONVERSATION, bound) == unseal_json(before[1], CONVERSATION, bound)


CHANGES = {
    "the citizen": "person = gen_random_uuid()",
    "the department": "department = 'other'",
    "the departments": "departments = array['kcc', 'other']",
    "an open state": "state = '{}'",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_conversation_that_was_turned_to_another_does_not_open(
    office: Office, pool: Pool, change: str
) -> None:
    conversation = await first_message(office)
    await pool.execute(f"update router.conversation set {CHANGES[change]}")
    with pytest.raises(RowShut, match=r"router\.conversation"):
        await office.takes(office.order(text="dag", conversation=conversation))


async def test_reason_and_decision_of_another_row_do_not_open(office: Office, pool: Pool) -> None:
    first = await first_message(office)
    second = office.came(webhook(text("paspoort", "wamid.2", 2)))
    await office.takes(second)
    await pool.execute(
        "update router.conversation set reason = o.reason from router.conversation o"
        " where conversation.id = $1 and o.id <> $1",
        first,
    )
    merge = office.order("transfer", conversation=first, to_department="burgerzaken")
    await office.takes(merge)
    exchange = (
        "update router.inbox set decision = o.decision from router.inbox o where inbox.key <> o.key"
    )
    await pool.execute(exchange)
    with pytest.raises(RowShut, match=r"router\.inbox"):
        await office.takes(second)


async def test_name_that_does_not_open_is_taken_along_unread(office: Office, pool: Pool) -> None:
    conversation = await first_message(office)
    await pool.execute("update router.identity set value = overlay(value placing 'AAAA' from 30)")
    order = office.order(text="dag", conversation=conversation)
    [(_, answer, _)] = await office.takes(order)
    assert answer.kind == "accepted"
    address = await pool.fetchval("select address from deliverer.ledger where id = $1", order.id)
    assert address == SHUT_NAME
