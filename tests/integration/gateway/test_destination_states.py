"""Why nothing arrives at a destination, as its owner sees it, with the rights of the gateway."""

from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.postgres.database import Pool, connection_pool
from tests.support.integration.crm_desk import CONVERSATION, NUMBER, TOWN, opened
from tests.support.integration.owner_desk import owner_desk

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
PART = {"destinations": frozenset(("crm",)), "name": "part", "departments": frozenset(("kcc",))}
NEIGHBOUR = {"destinations": frozenset(("crm",)), "name": "neighbour", "tenant": "hengelo"}
OTHER = {"name": "other"}
READER = {"destinations": frozenset(("crm",)), "name": "reader", "roles": frozenset(("read",))}
TABLE = """
insert into deliverer.delivery (destination, event, conversation, state, attempts, status, reason,
    at, tenant, body) values ($1, $2, $3, $4, 1, $5, $6, $7, $8, 'x')
"""


@pytest.fixture
async def gateway(pool: Pool, empty: str) -> AsyncIterator[Pool]:
    async with connection_pool(f"{empty}?role=postkamer_gateway", "test", 4) as own:
        yield own


async def fill(pool: Pool) -> None:
    rows = [
        ("parked", 422, "refused: 422", 3, "almelo"),
        ("parked", 422, "refused: 422", 1, "almelo"),
        ("parked", 0, "removed", 2, "almelo"),
        ("parked", 422, "refused: 422", 9, "hengelo"),
        ("aside", 500, "answered 500", 1, "almelo"),
        ("replay", 422, "refused: 422", 1, "almelo"),
        ("settled", 204, "", 1, "almelo"),
    ]
    for state, status, reason, hours, tenant in rows:
        at = NOW - timedelta(hours=hours)
        await pool.execute(TABLE, "crm", uuid4(), "c1", state, status, reason, at, tenant)


async def test_owner_sees_what_is_parked_by_reason_and_why_it_fails(
    pool: Pool, gateway: Pool
) -> None:
    await fill(pool)
    async with owner_desk(gateway) as desk:
        status, listed = await desk.ask("GET", "")
        [crm] = listed["destinations"]
        assert status == 200
        assert {each["id"] for each in crm["departments"]} == {
            each.id for each in TOWN.departments_of("almelo", "crm")
        }
        assert (crm["sidelined"], crm["resending"], crm["resend"]) == (1, 1, None)
        assert (crm["paused"], crm["failing"]) == (None, None)
        assert [
            (each["status"], each["reason"], each["count"], each["oldestAt"])
            for each in crm["parked"]
        ] == [
            (422, "refused: 422", 2, "2026-11-30T06:00:00Z"),
            (None, "removed", 1, "2026-11-30T07:00:00Z"),
        ]
        await pool.execute("insert into deliverer.pause values ('crm', $1, 'onderhoud')", NOW)
        await pool.execute(
            "insert into deliverer.destination_failure (destination, since, refuses, status,"
            " failure, whose, reason) values ('crm', $1, true, 403, '', 'destination', 'said 403')",
            NOW,
        )
        [crm] = (await desk.ask("GET", ""))[1]["destinations"]
        assert crm["paused"] == {"since": "2026-11-30T09:00:00Z", "reason": "onderhoud"}
        assert (crm["failing"]["needsPerson"], crm["failing"]["reason"]) == (True, "said 403")
        await pool.execute("update deliverer.destination_failure set ended_at = now()")
        assert (await desk.ask("GET", ""))[1]["destinations"][0]["failing"] is None


async def test_token_that_owns_nothing_sees_nothing(pool: Pool, gateway: Pool) -> None:
    await fill(pool)
    others = {"part": PART, "neighbour": NEIGHBOUR, "other": OTHER, "reader": READER}
    async with owner_desk(gateway, **others) as desk:
        answers = {token: await desk.ask("GET", "", token=token) for token in others}
    assert answers.pop("reader")[0] == 403
    assert {token: answer for token, answer in answers.items()} == dict.fromkeys(
        ("part", "neighbour", "other"), (200, {"destinations": [], "quarantined": []})
    )


ROUTER = """
insert into router.quarantine (id, reason, raw, at, number, conversation, again_at, dropped_at)
values (gen_random_uuid(), $1, 'x', $2, $3, $4, $5, $6)
"""
ARCHIVER = """
insert into archiver.quarantine (id, reason, salt, sealed, at, conversation)
values (gen_random_uuid(), $1, 'x', 'x', $2, $3)
"""


def counts(listed: Iterable[Any]) -> list[tuple[Any, ...]]:
    return [(each["place"], each["reason"], each["count"], each["oldestAt"]) for each in listed]


async def put_aside(pool: Pool, conversation: str) -> None:
    """Put aside, of each kind: two that this conversation is about, and others."""
    unknown, later = f"{NUMBER}-{'b2' * 13}", NOW + timedelta(hours=1)
    for at in (later, NOW):
        await pool.execute(ROUTER, "a fault", at, NUMBER, conversation, None, None)
        await pool.execute(ROUTER, "no identity", at, NUMBER, "", None, None)
    await pool.execute(ROUTER, "a fault", NOW, NUMBER, conversation, NOW, None)
    await pool.execute(ROUTER, "no identity", NOW, NUMBER, "", None, NOW)
    await pool.execute(ROUTER, "unread", NOW, "", "", None, None)
    await pool.execute(ARCHIVER, "unsealed", NOW, conversation)
    await pool.execute(ARCHIVER, "unsealed", NOW, unknown)
    await pool.execute(ARCHIVER, "unread", NOW, "")
    row = "crm", uuid4(), "", "parked", 0, "unreadable", NOW, ""
    await pool.execute(TABLE, *row)


async def test_owner_sees_what_was_put_aside_of_their_conversations_alone(
    pool: Pool, gateway: Pool
) -> None:
    await opened(pool, CONVERSATION, "burgerzaken")
    await put_aside(pool, CONVERSATION)
    others = {"neighbour": NEIGHBOUR, "other": OTHER, "part": PART}
    async with owner_desk(gateway, **others) as desk:
        _, listed = await desk.ask("GET", "")
        answers = {token: (await desk.ask("GET", "", token=token))[1] for token in others}
    at = "2026-11-30T09:00:00Z"
    [crm] = listed["destinations"]
    assert counts(crm["quarantined"]) == [
        ("router", "a fault", 2, at),
        ("archiver", "unsealed", 1, at),
        ("deliverer", "unreadable", 1, at),
    ]
    assert counts(listed["quarantined"]) == [
        ("router", "no identity", 2, at),
        ("archiver", "unsealed", 1, at),
    ]
    assert {each["number"] for each in listed["quarantined"]} == {NUMBER}
    assert [each["count"] for each in crm["parked"]] == []
    assert [*answers.values()] == [{"destinations": [], "quarantined": []}] * 3
