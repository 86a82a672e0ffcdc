"""The router's decisions about departments, people and Meta's notices pass through the real
tables."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from deliverer.meta.ledger import Ledger
from router.store.store import SIGHTINGS, Store
from services import clock
from services.contract import Author, Receipt, SendOutcome
from services.postgres.database import Pool, connection_pool
from services.sealing.columns import ADDRESS, WAMID, bind
from services.sealing.key_ring import RING
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW
from tests.support.citizens import phone, text, webhook
from tests.support.integration.crm_desk import marking
from tests.support.integration.sealed_rows import seal_states
from tests.support.router.batch_office import GROUND, NUMBER, WABA, Office, consent, template


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """The router's, which may do what its grants say."""
    async with connection_pool(f"{empty}?role=postkamer_router", "test", 4) as own:
        assert await own.fetchval("select current_user") == "postkamer_router"
        yield own


@pytest.fixture
async def office(own: Pool) -> Office:
    store = Store(own)
    return Office(store, await store.take_epoch(0))


async def test_a_conversation_keeps_where_it_was_its_zaak_and_that_it_is_closed(
    office: Office, pool: Pool
) -> None:
    [(_, first, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    here = {"conversation": first.conversation}
    await office.takes(office.order("transfer", to_department="burgerzaken", **here))
    await office.takes(office.order("link", zaak="ZAAK-1", **here))
    await office.takes(office.order("transfer", to_department="openbare-ruimte", **here))
    [(_, closed, _)] = await office.takes(office.order("close", **here))
    row = await pool.fetchrow("select * from router.conversation")
    assert row
    assert row["departments"] == [first.department, "burgerzaken", "openbare-ruimte"]
    assert (row["zaak"], row["rule"], row["sequence"]) == ("ZAAK-1", "_transfer", closed.sequence)
    assert row["closed_at"] is not None
    [(_, answer, _)] = await office.takes(office.order(text="nog dit", **here))
    assert (answer.kind, answer.conversation) == ("accepted", first.conversation)
    [(_, later, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.2", 1))))
    assert later.conversation != first.conversation
    assert await pool.fetchval(
        "select closed_at is not null and sequence = $2 from router.conversation where id = $1",
        first.conversation,
        answer.sequence,
    )


async def test_a_conversation_keeps_when_its_citizen_wrote(office: Office, pool: Pool) -> None:
    await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    row = "select said_at, last_inbound_at from router.conversation"
    said, came = await pool.fetchrow(row) or ()
    assert said < came
    [(_, heard, _)] = await office.takes(office.came(webhook(text("en?", "wamid.2", 1))))
    assert heard.window_until == (await pool.fetchval(row)) + CUSTOMER_SERVICE_WINDOW


async def test_reply_quotes_the_wamid_of_a_citizens_message_and_of_a_sent_answer(
    office: Office, pool: Pool
) -> None:
    [(_, heard, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    here = {"conversation": heard.conversation}
    first = office.order(text="dag", reply_to_message=heard.message, media=clock.new_id(), **here)
    await office.takes(first)
    early = office.order(text="b", reply_to_message=first.id, **here)
    await office.takes(early)
    wamid = RING.seal_text("wamid.ours", WAMID, bind(first.id))
    sent = "update deliverer.ledger set state = 'sent', wamid = $2 where id = $1"
    await pool.execute(sent, first.id, wamid)
    late = office.order(text="c", reply_to_message=first.id, **here)
    await office.takes(late)
    rows = await pool.fetch("select id, about, about_wamid, media, place from deliverer.ledger")
    lines = [
        (row[:2], RING.unseal_text(row[2], WAMID, bind(row[1])), *row[3:])
        for row in map(tuple, rows)
    ]
    assert {id: (about, *rest) for (id, about), *rest in lines} == {
        first.id: (heard.message, "wamid.1", first.action.media, 2),
        early.id: (first.id, "", None, 3),
        late.id: (first.id, "wamid.ours", None, 4),
    }
    [(_, refused, _)] = await office.takes(office.order(reply_to_message=clock.new_id(), **here))
    assert refused.reason.startswith("message_unknown: ")


async def test_read_receipt_is_queued_with_its_order_and_the_newest_replaces_it(
    office: Office, pool: Pool
) -> None:
    office.ground = msgspec.structs.replace(GROUND, config=marking("answered"))
    [(_, heard, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    here = {"conversation": heard.conversation}
    ask = office.order("read", typing=True, **here)
    await office.takes(ask)
    [first] = await pool.fetch("select * from deliverer.mark")
    wamid = RING.unseal_text(first["wamid"], WAMID, bound_mark(first))
    assert (wamid, first["typing"], first["created_at"]) == (
        "wamid.1",
        True,
        ask.received_at,
    )
    await pool.execute("update deliverer.mark set attempt = 3, due_at = now() + interval '1 day'")
    by = Author(kind="employee", id="sanne")
    await office.takes(
        office.came(webhook(text("en?", "wamid.2", 1))),
        office.order("read", typing=True, **here),
        office.order(text="dag", author=by, **here),
    )
    [second] = await pool.fetch("select * from deliverer.mark where due_at <= created_at")
    wamid = RING.unseal_text(second["wamid"], WAMID, bound_mark(second))
    assert (wamid, second["typing"], second["attempt"]) == ("wamid.2", False, 0)
    assert second["person"] == await pool.fetchval("select person from deliverer.ledger")
    [(_, kept, _)] = await office.takes(ask)
    assert (kept.kind, await pool.fetch("select * from deliverer.mark")) == ("accepted", [second])


def bound_mark(row: Any) -> bytes:
    return bind(row["number"], row["person"], row["id"])


def status_of(id: UUID, attempt: int) -> dict[str, Any]:
    """Meta's status of an attempt, which it knows by our own value."""
    said = {"id": "wamid.ours", "status": "sent", "biz_opaque_callback_data": f"{id}.{attempt}"}
    return {"metadata": {"phone_number_id": NUMBER}, "statuses": [said]}


@pytest.mark.parametrize("state", ["queued", "sending", "unknown", "unconfirmed", "failed"])
async def test_message_with_a_status_of_meta_counts_as_sent_and_does_not_go_again(
    office: Office, pool: Pool, state: str
) -> None:
    order = office.order(to="31611111111")
    await office.takes(order)
    await pool.execute("update deliverer.ledger set state = $1, attempt = 1", state)
    await office.takes(office.told("messages", **status_of(order.id, 1)))
    row = await pool.fetchrow("select state, wamid from deliverer.ledger")
    assert row and row["state"] == "sent"
    assert RING.unseal_text(row["wamid"], WAMID, bind(order.id)) == "wamid.ours"
    assert await Ledger(pool, clock.new_id(), {}).claim(1, set()) == []


async def test_a_status_beside_a_claim_settles_what_is_claimed(office: Office, pool: Pool) -> None:
    order = office.order(to="31611111111")
    await office.takes(order)
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("update deliverer.ledger set state = 'sending', attempt = 2")
        told = office.told("messages", **status_of(order.id, 1))
        settling = asyncio.create_task(office.takes(told))
        async with asyncio.timeout(10):
            while not await pool.fetchval("select exists (select from pg_locks where not granted)"):
                await asyncio.sleep(0.01)
    await settling
    assert await pool.fetchval("select state from deliverer.ledger") == "sent"


async def test_an_identifier_that_ended_is_kept_with_its_end_and_found_no_more(
    office: Office, pool: Pool
) -> None:
    before = int(office.start.timestamp()) - 60
    [(_, anna, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.1", 1, before))))
    sealed = await pool.fetchval("select value from router.identity where kind = 'phone'")
    phone = RING.unseal_text(sealed, ADDRESS)
    system = {"type": "user_changed_number", "wa_id": "31699999999"}
    message = {"id": "wamid.s", "from": phone, "type": "system", "system": system}
    value = {"metadata": {"phone_number_id": NUMBER}, "messages": [message]}
    await office.takes(office.told("messages", **value))
    [(_, late, _)] = await office.takes(office.came(webhook(text("ook", "wamid.0", 1, before))))
    assert late.conversation == anna.conversation
    rows = await pool.fetch(
        "select value, valid_to is null as current from router.identity where kind = 'phone'"
    )
    current = {RING.unseal_text(row["value"], ADDRESS): row["current"] for row in rows}
    assert current == {phone: False, "31699999999": True}
    [(_, other, _)] = await office.takes(office.order(text="dag", to=phone))
    assert other.conversation != anna.conversation
    [(_, same, _)] = await office.takes(office.order(text="dag", to="31699999999"))
    assert same.conversation == anna.conversation


async def test_names_that_a_merge_put_together_are_marked(office: Office, pool: Pool) -> None:
    anna, bert = [
        (await office.takes(office.came(webhook(text("hoi", f"wamid.{n}", n)))))[0][1].conversation
        for n in (1, 2)
    ]
    await office.takes(office.order("merge", conversation=anna, other=bert))
    query = "select value, merged from router.identity where valid_to is null"
    marked = {
        RING.unseal_text(row["value"], ADDRESS): row["merged"] for row in await pool.fetch(query)
    }
    names = [(phone(n), f"NL.citizen{n}") for n in (1, 2)]
    assert marked == dict.fromkeys(names[0], False) | dict.fromkeys(names[1], True)


async def test_a_template_and_an_opt_out_are_known_to_the_next_batch(
    office: Office, pool: Pool
) -> None:
    named = {"message_template_name": "markt", "message_template_language": "nl"}
    status = "message_template_status_update"
    await office.takes(
        office.told(status, event="APPROVED", message_template_category="MARKETING", **named),
        office.told(status, event="PAUSED", **named),
    )
    [(_, refused, _)] = await office.takes(office.order("template", **template()))
    assert refused.reason.startswith("template_blocked: ")
    await office.takes(office.told(status, event="APPROVED", **named))
    [(_, sent, _)] = await office.takes(office.order("template", **template()))
    assert sent.kind == "accepted"
    choice = {"wa_id": "31611111111", "category": "marketing_messages", "value": "stop"}
    stop = office.told(
        "user_preferences",
        metadata={"phone_number_id": NUMBER},
        user_preferences=[choice],
    )
    await office.takes(stop)
    [(_, refused, _)] = await office.takes(office.order("template", **template()))
    assert refused.reason.startswith("opted_out: ")
    anew = template("ander") | consent(given_at=office.later)
    [(_, other, _)] = await office.takes(office.order("template", **anew))
    assert other.kind == "accepted"
    row = await pool.fetchrow("select status, category from router.template")
    assert row and tuple(row) == ("APPROVED", "MARKETING")


async def test_older_words_of_meta_do_not_replace_newer_ones(office: Office, pool: Pool) -> None:
    named = {"message_template_name": "markt", "message_template_language": "nl"}

    def update(event: str, stamp: int) -> Receipt:
        value = named | {"event": event}
        change = {"field": "message_template_status_update", "value": value}
        entry = {"id": WABA, "time": stamp, "changes": [change]}
        return office.came(msgspec.json.encode({"object": "x", "entry": [entry]}))

    await office.takes(office.told("template_category_update", new_category="UTILITY", **named))
    for event, stamp in [("APPROVED", 1700000060), ("PAUSED", 1700000000), ("REJECTED", 170000006)]:
        await office.takes(update(event, stamp))
    row = await pool.fetchrow("select status, category from router.template")
    assert row and tuple(row) == ("APPROVED", "UTILITY")
    await office.takes(update("PAUSED", 1700000061), update("REJECTED", 1700000050))
    assert await pool.fetchval("select status from router.template") == "PAUSED"


async def test_every_notice_about_a_template_has_its_receipt_stored_in_any_order(
    office: Office, pool: Pool
) -> None:
    named = {"message_template_name": "markt", "message_template_language": "nl"}
    first = office.told("template_category_update", new_category="UTILITY", **named)
    second = office.told("message_template_quality_update", new_quality_score="RED", **named)
    for came, newest in ((second, second), (first, second)):
        await office.takes(came)
        row = await pool.fetchrow("select status, noticed_at from router.template")
        assert row and tuple(row) == ("", newest.received_at)
    # The deliverer may read it, and nothing else of a template.
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set local role postkamer_deliverer")
        assert await connection.fetchval(
            "select noticed_at from router.template where waba = $1", WABA
        )
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetchval("select name from router.template")


async def test_something_new_is_sighted_once_whoever_sees_it(office: Office, own: Pool) -> None:
    await office.takes(office.told("brand_new"), office.told("brand_new", x=1))
    assert office.sighted == [("field", "brand_new")]
    await office.takes(office.told("brand_new", x=2))
    office.store = Store(own)
    await office.takes(office.told("brand_new", x=3), office.told("another"))
    assert office.sighted == [("field", "brand_new"), ("field", "another")]


async def test_sightings_are_bounded(office: Office, pool: Pool) -> None:
    await pool.execute(
        "insert into router.sighting select 'field', 'f' || n, now() from generate_series(1, $1) n",
        SIGHTINGS,
    )
    await office.takes(office.told("brand_new"))
    assert office.sighted == []
    assert await pool.fetchval("select count(*) from router.sighting") == SIGHTINGS
    assert await pool.fetchval("select count(*) from router.inbox") == 1


async def test_a_router_of_before_leaves_conversations_that_are_read(
    office: Office, pool: Pool
) -> None:
    [(_, first, _)] = await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    await pool.execute("update router.conversation set departments = '{}', state = '{}'")
    await seal_states(pool)
    await office.takes(
        office.order("transfer", to_department="burgerzaken", conversation=first.conversation)
    )
    assert await pool.fetchval("select departments from router.conversation") == [
        first.department,
        "burgerzaken",
    ]


async def test_a_status_that_overtook_the_answer_to_the_send_waits_for_it(
    office: Office, pool: Pool
) -> None:
    await office.takes(office.came(webhook(text("hoi", "wamid.1", 1))))
    [(_, heard, _)] = await office.takes(office.came(webhook(text("en?", "wamid.2", 1))))
    answer = office.order(text="dag", conversation=heard.conversation)
    await office.takes(answer)
    metadata = {"display_phone_number": "31546541111", "phone_number_id": NUMBER}
    for word in ("delivered", "sent", "delivered"):
        said = {"id": "wamid.ours", "status": word, "timestamp": "1795600001"}
        await office.takes(office.told("messages", metadata=metadata, statuses=[said]))
    stray = {"id": "wamid.theirs", "status": "read", "timestamp": "1795600001"}
    await office.takes(office.told("messages", metadata=metadata, statuses=[stray]))
    kept = await pool.fetch("select status, number from router.early_status order by status")
    assert [tuple(row) for row in kept] == [
        ("delivered", NUMBER),
        ("read", NUMBER),
        ("sent", NUMBER),
    ]
    sent = SendOutcome(
        id=clock.new_id(),
        message=answer.id,
        number=NUMBER,
        conversation=heard.conversation,
        at=office.start,
        state="sent",
        wamid="wamid.ours",
    )
    [(_, decision, _)] = await office.takes(sent)
    assert (decision.status, decision.event is not None) == ("delivered", True)
    assert await pool.fetchval("select status from router.outgoing") == "delivered"
    assert await pool.fetchval("select array_agg(status) from router.early_status") == ["read"]
