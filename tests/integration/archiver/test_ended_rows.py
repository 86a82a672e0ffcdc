"""Everything ends: a clock that is years ahead finds each table empty, but for what is needed."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any
from unittest.mock import patch

import asyncpg
import msgspec
import pytest
from structlog.testing import capture_logs

import deliverer.ended_rows
import gateway.ended_rows
import router.ended_rows
from archiver.balance.round import run_rounds
from archiver.balance.store import load_sheet
from router.handlers.dispatch import records
from router.handlers.timer_fired import LEFT
from services import clearing, clock, metrics
from services.clearing import Clearing, clear_ended_rows
from services.config.model import Configuration
from services.config.numbers import Number
from services.config.terms import Terms
from services.contract import AttachedFile, Timeout
from services.postgres.database import Pool, connection_pool
from tests.support.archiver.desk import ANNA, BERT, CORA, Desk
from tests.support.decrypted_record import rows_of
from tests.support.router.batch_office import CONFIG, GROUND, consent

CLEARINGS: dict[str, tuple[Clearing, ...]] = {
    "gateway": gateway.ended_rows.CLEARINGS,
    "router": router.ended_rows.clearings(CONFIG.numbers),
    "deliverer": deliverer.ended_rows.CLEARINGS,
}
TABLES = sorted({rows.table for service in CLEARINGS.values() for rows in service})
DAYS = Terms().model_dump()
YEARS_AHEAD = "&session_replication_role=replica"
"""Setting without which the tables keep young rows: their clock is that of the server."""
TEN_YEARS = timedelta(days=3660)

DELETED_BEFORE = {
    "router.suspect", "router.early_status", "deliverer.upload", "deliverer.owner_notice",
    "deliverer.secret",
}  # fmt: skip
"""Tables in which a service also deletes what it has just done with."""

SETTLE = """
insert into deliverer.delivery (destination, event, conversation, state, attempts, status, at,
    tenant, body)
select unnest(destinations), unnest(events), 'x', $1, 1, 200, now() - interval '2 hours', 'almelo',
    'x' from router.inbox
on conflict (destination, event) do update set state = excluded.state
"""
SENT = """
update deliverer.ledger set state = 'sent', created_at = created_at - interval '2 hours'
"""
OPTED_OUT = """
insert into router.opt_out (tenant, person, category, value, at)
select tenant, person, 'marketing_messages', 'stop', now() from router.conversation limit 1
"""
ENDED = (
    """insert into gateway.command (id, tenant, token, fingerprint, accepted_at, tried_at,
        confirmed_at, conversation)
    select id, 'almelo', 'crm', '', now(), now(), now(), conversation from router.outgoing""",
    """insert into gateway.media (id, token, tenant, object, mime_type, size, sha256, created_at)
    values (gen_random_uuid(), 'crm', 'almelo', '00000000-0000-7000-8000-000000000009', 'image/png',
        1, '', now())""",
    "insert into router.suspect (frame, starts) values ('x', 1)",
    """insert into router.early_status (wamid_hash, status, number, code, reason, at, pricing,
        received_at) values ('x', 'read', '1', 0, '', now(), '', now())""",
    """insert into router.charge (id, tenant, number, department, category, type, pricing_model,
        billable, said_by, delivered_at)
    values (gen_random_uuid(), 'almelo', '1', 'kcc', 'utility', '', '', true, 'sent', now())""",
    "update router.consent set ended_at = now(), ended_by = 'crm'",
    """insert into router.withdrawal (tenant, person, by, at)
    select tenant, person, 'stop', now() from router.conversation limit 1""",
    OPTED_OUT,
    """insert into deliverer.outcome (id, number, body, published_at)
    values (gen_random_uuid(), '1', '', now())""",
    """insert into deliverer.upload (media, account, due_at)
    values (gen_random_uuid(), 'meta 1', now())""",
    """insert into deliverer.owner_notice (id, destination, owner, state, since, at, data, due_at)
    values (gen_random_uuid(), 'crm', 'beheer', 'paused', now(), now(), '', now())""",
    """insert into deliverer.resend (id, destination, tenant, token, fingerprint, since, until,
        per_second, ordered_at, taken_at, finished_at)
    values (gen_random_uuid(), 'crm', 'almelo', 'crm', '', now(), now(), 1, now(), now(), now())""",
    """insert into deliverer.secret (id, destination, source, ends_at)
    values (gen_random_uuid(), 'crm', 'api', now())""",
    """insert into deliverer.klantcontact (destination, event, conversation, heard_at)
    select 'ok', '00000000-0000-7000-8000-000000000001', min(id), now() from router.conversation""",
    """insert into deliverer.internetaak (destination, event, conversation, contact, department,
        covers, ended, ended_at)
    select destination, event, conversation, event, 'kcc', 1, true, now()
    from deliverer.klantcontact""",
    """insert into deliverer.registration (destination, klantcontact)
    values ('ok', gen_random_uuid())""",
    """insert into deliverer.report (destination, event, conversation, heard_at)
    select 'signalen', gen_random_uuid(), min(id), now() from router.conversation""",
    """insert into deliverer.contact_erasure (destination, event, conversation, addresses,
        registered, registered_messages, registered_seals, tenant, list, due_at, ended_at, told)
    values ('ok', gen_random_uuid(), 'x', '{}', '{}', '{}', '{}', 'almelo', '', now(), now(),
        true)""",
)


class Town:
    """A desk, and the clearing and balance of each service with the rights of its role."""

    def __init__(self, desk: Desk, pool: Pool, roles: dict[str, Pool]) -> None:
        self.desk, self.pool, self.roles = desk, pool, roles
        self.now = clock.now()

    async def clear(self, now: datetime) -> None:
        self.now = now
        with capture_logs() as logs:
            for service, table in CLEARINGS.items():
                await clear_ended_rows(self.roles[service], table, DAYS, now)
        assert logs == []

    async def counts(self) -> dict[str, int]:
        return {
            table: await self.pool.fetchval(f"select count(*) from {table}") for table in TABLES
        }

    async def missing(self) -> list[Any]:
        """Look at all of the past, and return what the balance misses."""
        with patch.object(clock, "now", lambda: self.now):
            await run_rounds(self.roles["archiver"])
        sheet = await load_sheet(self.roles["archiver"])
        assert all(line.difference == 0 for line in sheet.lines)
        return sheet.missing


@pytest.fixture
async def town(desk: Desk, pool: Pool, empty: str) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(
            desk,
            pool,
            {
                name: await stack.enter_async_context(
                    connection_pool(f"{empty}?role=postkamer_{name}{YEARS_AHEAD}", "test", 2)
                )
                for name in (*CLEARINGS, "archiver")
            },
        )


async def fill(town: Town) -> None:
    """Citizens who wrote and got an answer, closed conversations, and a row in each other table."""
    desk, pool = town.desk, town.pool
    conversations = await desk.heard((ANNA, "er ligt afval"), (BERT, "mijn paspoort is verlopen"))
    await desk.takes(desk.office.order(conversation=conversations[0]))
    await desk.takes(desk.office.order("consent", to=BERT.phone, **consent()))
    await desk.office.takes(desk.office.came(b"no webhook"))
    for conversation in dict.fromkeys(conversations):
        await desk.takes(desk.office.order("close", conversation=conversation))
    for statement in (SENT, *ENDED):
        await pool.execute(statement)
    await pool.execute(SETTLE, "settled")
    await pool.execute("update router.quarantine set dropped_at = now(), raw = ''")


def over_term(rows: str) -> float | None:
    """Return how many seconds the oldest of these rows is over its term, as the metric says."""
    return metrics.REGISTRY.get_sample_value("postkamer_rows_over_term_seconds", {"rows": rows})


async def test_each_table_is_empty_once_its_terms_are_over(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clearing, "BATCH", 1)
    await fill(town)
    before = await town.counts()
    assert {table for table, count in before.items() if not count} == set()
    assert await town.missing() == []
    await town.clear(clock.now() + timedelta(days=min(DAYS.values()) - 1))
    assert await town.counts() == before, "no term is over"

    lock = "select pg_advisory_xact_lock(hashtextextended('clear gateway.media', 0))"
    async with town.pool.acquire() as other, other.transaction():
        await other.execute(lock)  # another process clears it
        await town.clear(clock.now() + TEN_YEARS)
        left = await town.counts()
    assert {table for table, count in left.items() if count} == {"gateway.media"}
    assert over_term("gateway.media") > 86_400 and over_term("gateway.command") == 0  # type: ignore[operator]
    await town.clear(clock.now() + TEN_YEARS)
    assert over_term("gateway.media") == 0
    objects = await town.pool.fetch("select object from gateway.upload")
    assert [str(row["object"])[-1] for row in objects] == ["9"], "its bytes are swept"
    assert await town.missing() == [], "what ended at its term is not lost"


async def test_row_that_is_still_needed_stays(town: Town) -> None:
    desk, pool = town.desk, town.pool
    [open] = await desk.heard((ANNA, "er ligt afval"))
    media = await pool.fetchval(ENDED[1] + " returning id")
    await desk.takes(desk.office.order(conversation=open))
    await desk.takes(desk.office.order("consent", to=ANNA.phone, **consent()))
    await pool.execute("update deliverer.ledger set media = $1", media)
    await pool.execute(ENDED[0])
    await desk.office.takes(desk.office.came(b"no webhook"))
    await pool.execute(SETTLE, "parked")
    assert await town.missing() == []
    kept = {table: count for table, count in (await town.counts()).items() if count}

    await town.clear(clock.now() + TEN_YEARS)
    after = {table: count for table, count in (await town.counts()).items() if count}
    ended = {"router.inbox", "router.figure", "router.month_figure"}
    assert kept.keys() - after.keys() == ended, "the decision itself"
    assert {
        "router.identity",
        "router.consent",
        "deliverer.ledger",
        "gateway.media",
    } <= after.keys()
    parked = await pool.fetch("select state, reason, body, told from deliverer.delivery")
    assert {tuple(row) for row in parked} == {("dropped", "ended at its term", None, False)}
    assert await town.missing() == []


async def test_upload_stays_until_the_archive_has_its_copy(town: Town) -> None:
    desk, pool = town.desk, town.pool
    [conversation] = await desk.heard((ANNA, "hoe ziet dat formulier eruit?"))
    media = await pool.fetchval(ENDED[1] + " returning id")
    file = AttachedFile(mime_type="image/png", sha256="ab" * 32)
    order = desk.office.order("image", conversation=conversation, media=media, file=file)
    decided = await desk.office.takes(order)
    await pool.execute(SENT)

    async def stays() -> bool:
        await town.clear(clock.now() + TEN_YEARS)
        return bool(await pool.fetchval("select true from gateway.media where id = $1", media))

    assert await stays(), "the record of its message is still on its way to the archive"
    made = [one for unit, decision, *_ in decided for one in records(unit, decision.decision)]
    await desk.writer.add(made)
    assert await town.missing() == []
    assert await stays(), "the archive has not copied it"
    assert await pool.fetchval("select count(*) from deliverer.ledger") == 0, "as time went by"
    await pool.execute("update archiver.media set state = 'fetched'")
    assert over_term("gateway.media") == 0 and not await stays()


async def fire_timers(town: Town, numbers: Sequence[Number]) -> None:
    """Let the router, at which these numbers are configured, decide the conversations that left."""
    office = town.desk.office
    tenants = tuple(one for one in CONFIG.tenants if one.id in {each.tenant for each in numbers})
    changed = dict(CONFIG) | {"numbers": tuple(numbers), "tenants": tenants}
    office.ground = msgspec.structs.replace(GROUND, config=Configuration.model_construct(**changed))
    rows = await town.pool.fetch(
        "select id, conversation, number, kind, due_at as at from router.timer where kind = 'left'"
    )
    await town.desk.takes(*[Timeout(**row, told_at=row["at"]) for row in rows])
    office.ground = GROUND


@pytest.mark.parametrize("change", [{"id": "99999999"}, {"tenant": "elsewhere"}])
async def test_conversation_of_a_number_that_left_ends_a_term_after_its_last_message(
    town: Town, change: dict[str, str]
) -> None:
    await town.desk.heard((ANNA, "er ligt afval"))
    assert await town.pool.fetchval("select count(*) from router.timer")
    await town.pool.execute(SETTLE, "settled")
    assert await town.missing() == []
    left = [each.model_copy(update=change) for each in CONFIG.numbers]
    gone = router.ended_rows.clearings(left)
    before_its_term = clock.now() + timedelta(days=DAYS["conversation_days"] - 1)
    for rows, now, is_there in (
        (CLEARINGS["router"], clock.now() + TEN_YEARS, True),
        (gone, before_its_term, True),
        (gone, clock.now() + TEN_YEARS, True),
        (gone, clock.now() + TEN_YEARS, False),
    ):
        await clear_ended_rows(town.roles["router"], rows, DAYS, now)
        counts = await town.counts()
        counts["router.timer"] = await town.pool.fetchval("select count(*) from router.timer")
        for table in ("router.conversation", "router.identity", "router.timer"):
            assert bool(counts[table]) == is_there, (table, now)
        await fire_timers(town, left)
    changes = [row for row in await rows_of(town.pool) if row["kind"] == "conversation"]
    [closed] = [row for row in changes if json.loads(row["data"])["event"] == "closed"]
    assert json.loads(closed["data"])["reason"] == LEFT
    assert closed["at"] > clock.now() - timedelta(hours=1), "its term begins at the closing"
    assert over_term("router.conversation of no number") == 0


async def test_consent_of_a_municipality_that_left_ends_with_its_last_conversation(
    town: Town,
) -> None:
    await town.desk.heard((ANNA, "er ligt afval"))
    await town.desk.takes(town.desk.office.order("consent", to=ANNA.phone, **consent()))
    await town.pool.execute("update router.consent set recorded_at = now() - interval '9 years'")
    await town.pool.execute(OPTED_OUT)
    await town.pool.execute(SETTLE, "settled")
    assert await town.missing() == []
    left = [each.model_copy(update={"tenant": "elsewhere"}) for each in CONFIG.numbers]
    gone = router.ended_rows.clearings(left)
    terms = DAYS["conversation_days"], DAYS["consent_days"]
    for rows, days, is_there, is_ended in (
        (CLEARINGS["router"], 3660, True, False),
        (gone, terms[0] - 1, True, False),
        (gone, terms[0] + 1, True, False),
        (gone, terms[0] + 1, True, True),
        (gone, terms[1] - 1, True, True),
        (gone, terms[1] + 1, False, False),
    ):
        now = clock.now() + timedelta(days=days)
        await clear_ended_rows(town.roles["router"], rows, DAYS, now)
        counts = await town.counts()
        for table in ("router.consent", "router.opt_out", "router.identity"):
            assert bool(counts[table]) == is_there, (table, days)
        ended = "select count(*) from router.consent where ended_at > now() - interval '1 day'"
        assert bool(await town.pool.fetchval(ended)) == is_ended, days
        await fire_timers(town, left)
    assert over_term("router.consent of no municipality") == 0


async def test_balance_still_names_a_row_that_is_deleted_by_hand(town: Town) -> None:
    await fill(town)
    assert await town.missing() == []
    await town.clear(clock.now() + timedelta(days=40))
    left = await town.counts()
    assert (left["router.inbox"], left["deliverer.delivery"]) == (0, 0)
    assert left["router.conversation"] and left["deliverer.internetaak"]

    await town.desk.heard((CORA, "de lantaarn is stuk"))
    await town.pool.execute(SETTLE, "settled")
    assert await town.missing() == []
    by_hand = "delete from deliverer.delivery returning event"
    gone = {str(row["event"]) for row in await town.pool.fetch(by_hand)}
    assert {each.id for each in await town.missing()} == gone != set()


async def test_nothing_ends_that_the_balance_has_not_taken(town: Town) -> None:
    await fill(town)
    await town.clear(clock.now() + TEN_YEARS)
    left = await town.counts()
    for table in ("router.inbox", "router.quarantine", "deliverer.delivery", "deliverer.ledger"):
        assert left[table], table
    assert over_term("router.inbox") > 86_400  # type: ignore[operator]
    assert await town.missing() == []


async def test_service_deletes_no_row_before_its_lowest_term(town: Town, empty: str) -> None:
    await fill(town)
    for service, table in CLEARINGS.items():
        async with connection_pool(f"{empty}?role=postkamer_{service}", "test", 1) as pool:
            for name in sorted({rows.table for rows in table} - DELETED_BEFORE):
                with pytest.raises(asyncpg.InsufficientPrivilegeError, match="before its term"):
                    await pool.execute(f"delete from {name}")
