"""Why nothing arrives at a destination, as its owner sees it, with the rights of the gateway."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from services.postgres.database import Pool, connection_pool
from tests.support.integration.crm_desk import TOWN
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
        ("part", "neighbour", "other"), (200, {"destinations": []})
    )
