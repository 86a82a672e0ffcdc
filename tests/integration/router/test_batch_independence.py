"""A decision is the same alone as in a batch with others: each loads all that it reads."""

from collections.abc import AsyncIterator

import pytest

from router.handlers.units import parse_units
from router.store.load import load_snapshot
from router.store.store import Store
from services.postgres.database import Pool, connection_pool
from tests.support.citizens import text, webhook
from tests.support.integration.sealed_rows import seal_states
from tests.support.router.batch_office import GROUND, NUMBER, Office, consent, template

NAMED = {
    "message_template_name": "markt",
    "message_template_language": "nl",
    "message_template_id": 1,
}
LATER_CONVERSATION = """
insert into router.conversation (id, tenant, number, person, department, rule, reason, since,
    opened_at, sequence, departments, closed_at)
select id || 'b', tenant, number, person, department, rule, '', now(), now(), 1, departments,
    closed_at + interval '1 minute' from router.conversation
"""
"""A conversation that the municipality began and closed; the citizen wrote nothing in it."""


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        yield own


@pytest.fixture
async def office(own: Pool) -> Office:
    store = Store(own)
    return Office(store, await store.take_epoch(0))


@pytest.mark.parametrize("together", [False, True])
async def test_last_message_of_a_citizen_is_known_beside_a_stop_of_another(
    office: Office, pool: Pool, own: Pool, together: bool
) -> None:
    [(_, first, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    await office.takes(office.order("close", conversation=first.conversation))
    await pool.execute(LATER_CONVERSATION)
    await seal_states(pool)
    person = await pool.fetchval("select person from router.conversation limit 1")
    message = office.came(webhook(text("hoi weer", "wamid.2", 1)))
    stop = office.came(webhook(text("STOP", "wamid.3", 2)))
    entries = [message, stop] if together else [message]
    units = [unit for entry in entries for unit in parse_units(entry, GROUND)]
    async with own.acquire() as connection:
        snapshot = await load_snapshot(connection, units, GROUND)
    assert snapshot.last_heard.get(person)


@pytest.mark.parametrize("together", [False, True])
async def test_opt_out_holds_for_a_template_that_becomes_marketing_in_the_same_batch(
    office: Office, together: bool
) -> None:
    await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    approved = {"event": "APPROVED", "message_template_category": "UTILITY"} | NAMED
    await office.takes(office.told("message_template_status_update", **approved))
    choice = {"wa_id": "31611111111", "category": "marketing_messages", "value": "stop"}
    preferences = {"metadata": {"phone_number_id": NUMBER}, "user_preferences": [choice]}
    await office.takes(office.told("user_preferences", **preferences))
    category = office.told("template_category_update", new_category="MARKETING", **NAMED)
    command = office.order("template", **(template() | consent(given_at=office.later)))
    for batch in [[category, command]] if together else [[category], [command]]:
        *_, (_, decision, _) = await office.takes(*batch)
    assert decision.kind == "refused"
