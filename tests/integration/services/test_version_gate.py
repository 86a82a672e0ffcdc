"""A service's knowledge of a version of rules, with and without its database."""

from pathlib import Path
from typing import Any, cast

import pytest

from services.config import loader
from services.config.reload import ActiveVersion
from services.postgres.database import Pool
from services.second_person.gate import AWAY, WAITS, NotInForce, VersionGate
from tests.support.config_files import approved_rules


class Road:
    """The way to a database, which can be closed."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self.is_open = pool, True

    async def fetchrow(self, *question: Any) -> Any:
        if not self.is_open:
            raise ConnectionRefusedError
        return await self._pool.fetchrow(*question)


@pytest.fixture
def active(tmp_path: Path) -> ActiveVersion:
    path = tmp_path / "postkamer.toml"
    path.write_text(approved_rules("De secretaris"))
    return ActiveVersion(loader.load(path))


@pytest.fixture
def road(pool: Pool) -> Road:
    return Road(pool)


def gate_of(road: Road, active: ActiveVersion) -> VersionGate:
    return VersionGate(cast(Pool, road), active)


async def put_in_force(pool: Pool, version: str, *, asks: bool) -> None:
    await pool.execute(
        "insert into router.in_force (version, asks, because) values ($1, $2, 'first')",
        version,
        asks,
    )


async def test_without_a_database_a_version_counts_only_where_nobody_asked_before(
    pool: Pool, road: Road, active: ActiveVersion
) -> None:
    gate = gate_of(road, active)
    road.is_open = False
    assert await gate.why_waiting("b") == AWAY  # not known yet
    road.is_open = True
    assert await gate.why_waiting("b") == ""
    road.is_open = False
    assert await gate.why_waiting("b") == ""
    road.is_open = True
    await put_in_force(pool, active.loaded.version, asks=True)
    assert await gate.why_waiting("b") == WAITS[2]
    assert await gate.why_waiting(active.loaded.version) == ""
    road.is_open = False
    assert await gate.why_waiting("b") == AWAY


async def test_service_that_started_with_what_does_not_count_ends_when_that_is_known(
    pool: Pool, road: Road, active: ActiveVersion
) -> None:
    await put_in_force(pool, "b", asks=True)
    road.is_open = False
    gate = gate_of(road, active)
    await gate.verify()  # it goes on until that is known
    road.is_open = True
    with pytest.raises(NotInForce, match=f"version {active.loaded.version}: it waits for two"):
        await gate.verify()
    await put_in_force(pool, active.loaded.version, asks=True)
    await gate.verify()
    await put_in_force(pool, "c", asks=True)
    await gate.verify()  # what it started with counted: others come by the files
