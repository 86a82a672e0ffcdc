"""`postkamer tenant stop` and `start` on a real PostgreSQL, with rows of gateways that refuse."""

import asyncio
import json
from typing import Any
from uuid import UUID

import pytest

from cli.tenant import stop as stopping
from deliverer.meta.shared_pacing import TURN_LOCK
from router.store.store import TIMER_RELAY_LOCK
from services.postgres.database import Pool
from services.stops.gateway_rows import BEAT_LOCK
from tests.support.cli.command_line import postkamer
from tests.support.installation import EXAMPLE
from tests.support.integration.parked_deliveries import Command, commands, on

NUMBER, TENANT = "106540352242922", "almelo"
GATEWAY = """
insert into sharing.gateway (id, name, refuses) values ($1, $2, $3)
on conflict (id) do update set refuses = excluded.refuses, seen_at = now()
"""


@pytest.fixture
def run(fresh: str, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.setenv("POSTKAMER_OPERATOR", "beheer")
    return commands(fresh)


def gateway(url: str, n: int, *refuses: str) -> None:
    async def beat(pool: Pool) -> None:
        await pool.execute(GATEWAY, UUID(int=n), f"web/{n}", list(refuses))

    on(url, beat)


def rows(url: str, sql: str) -> list[tuple[Any, ...]]:
    async def read(pool: Pool) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in await pool.fetch(sql)]

    return on(url, read)


def stopped(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "select number, tenant, by from sharing.stopped_number")


def operations(url: str) -> list[tuple[Any, ...]]:
    said = rows(url, "select what, about, tenant, by, data from access.operation order by id")
    return [(*row[:4], json.loads(row[4])) for row in said]


def test_municipality_is_stopped_once_and_started_once(run: Command, fresh: str) -> None:
    gateway(fresh, 1, NUMBER)
    for _ in range(2):
        done = run("tenant", "stop", TENANT, "--json")
        assert (done.exit_code, json.loads(done.stdout)) == (
            0,
            {"id": TENANT, "stopped": True, "numbers": [NUMBER], "gateways": ["web/1"]},
        )
    assert stopped(fresh) == [(NUMBER, TENANT, "beheer")]
    for _ in range(2):
        done = run("tenant", "start", TENANT)
        assert (done.exit_code, done.stdout) == (0, f"{TENANT} takes in and sends: {NUMBER}\n")
    assert stopped(fresh) == []
    numbers = {"numbers": [NUMBER]}
    assert operations(fresh) == [
        ("tenant stop", TENANT, TENANT, "beheer", numbers),
        ("tenant start", TENANT, TENANT, "beheer", numbers),
    ]


def test_stop_tells_which_gateways_do_not_refuse_yet_and_goes_on_when_it_is_run_again(
    run: Command, fresh: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "WAIT_SECONDS", 0.0)
    gateway(fresh, 1, NUMBER)
    gateway(fresh, 2)
    refused = run("tenant", "stop", TENANT)
    assert (refused.exit_code, "refuse: web/2. Look" in refused.stderr) == (1, True)
    assert stopped(fresh) == [(NUMBER, TENANT, "beheer")], "it is stopped all the same"
    monkeypatch.undo()
    monkeypatch.setenv("POSTKAMER_OPERATOR", "beheer")

    async def refuses_later(pool: Pool) -> Any:
        waiting = asyncio.create_task(asyncio.to_thread(run, "tenant", "stop", TENANT))
        while not await pool.fetchval(LOOKED):
            await asyncio.sleep(0.05)
        await pool.execute(GATEWAY, UUID(int=2), "web/2", [NUMBER])
        return await waiting

    done = on(fresh, refuses_later)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{TENANT} is stopped: {NUMBER}; refused by web/1, web/2\n",
    )
    assert done.stderr == "waits for the gateways web/2\n"
    assert len(operations(fresh)) == 1


LOOKED = """
select exists (select from pg_stat_activity
    where application_name = 'postkamer-tenant' and query like '%refuses%')
"""


@pytest.mark.parametrize(
    "turn",
    [f"_lock_shared({BEAT_LOCK})", f"_lock({TIMER_RELAY_LOCK})", f"_lock({TURN_LOCK})"],
    ids=["gateway tells", "time-outs are published", "messages are claimed"],
)
def test_stop_waits_for_whoever_has_a_turn_and_gives_up_in_time(
    run: Command, fresh: str, turn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "TURN_SECONDS", 1)

    async def while_locked(pool: Pool) -> Any:
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(f"select pg_advisory_xact{turn}")
            return await asyncio.to_thread(run, "tenant", "stop", TENANT)

    refused = on(fresh, while_locked)
    assert (refused.exit_code, refused.stderr) == (1, f"{stopping.BUSY}\n")
    assert stopped(fresh) == operations(fresh) == []
    done = run("tenant", "stop", TENANT)
    assert (done.exit_code, done.stdout) == (
        0,
        f"{TENANT} is stopped: {NUMBER}; no gateway runs\n",
    )


@pytest.mark.parametrize("verb", ["stop", "start"])
def test_unknown_municipality_is_refused(verb: str) -> None:
    done = postkamer("tenant", verb, "elders", env={"POSTKAMER_CONFIG": str(EXAMPLE)})
    assert (done.exit_code, done.stderr) == (
        2,
        f"there is no municipality 'elders'; there is {TENANT}\n",
    )
