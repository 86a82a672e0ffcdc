"""The follower of dossiers: its place in the log, its restarts, other terms, and destruction."""

from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.destruction.list_store import ListRules, ListStore
from archiver.retention import dossier_metrics
from archiver.retention.dossier_follower import DossierFollower
from archiver.retention.dossier_store import load_dossiers, save_dossiers, start_anew
from services import clock, metrics
from services.config import loader
from services.config.model import Configuration, parse
from services.contract import Record
from services.postgres.database import Pool, connection_pool
from services.retention.term import Term, last_day
from tests.support.archiver.api import archive_api
from tests.support.archiver.commands import Archive
from tests.support.archiver.desk import ANNA, BERT, CORA, Desk
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import WHY, id_of, opening, record
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.installation import EXAMPLE

LONG_AGO = datetime(2024, 5, 6, 12, tzinfo=UTC)


def town(code: str = "6.1.3") -> Configuration:
    tenant = f'[[tenants]]\nid = "almelo"\nname = "Almelo"\nretention = {{ code = "{code}" }}\n'
    return parse(
        tenant
        + '[[numbers]]\nid = "10654"\ntenant = "almelo"\nfallback = "balie"\n'
        + '[[departments]]\nid = "balie"\ntenant = "almelo"\nname = "Balie"\ndestination = "crm"\n'
        + '[[departments]]\nid = "or"\ntenant = "almelo"\nname = "OR"\ndestination = "crm"\n'
        + 'retention_code = "15.1"\n'
        + '[[destinations]]\nid = "crm"\nkind = "cloudevents"\nurl = "http://127.0.0.1:1"\n',
        "postkamer.toml",
    )


def step(name: str, event: str, sequence: int, department: str = "balie", **data: Any) -> Record:
    data = {"event": event, "department": department, "decision": WHY} | data
    at = LONG_AGO + timedelta(minutes=sequence)
    return record("conversation", data, conversation=id_of(name), sequence=sequence, at=at)


@pytest.fixture
async def own(empty: str, pool: Pool) -> AsyncIterator[Pool]:
    """Connections with the rights of the archiver, which has no more."""
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 4) as own:
        yield own


async def dossiers(pool: Pool) -> dict[str, Any]:
    rows = await pool.fetch("select * from archiver.dossier order by conversation")
    return {row["conversation"].partition("-")[2].rstrip("a"): row for row in rows}


async def forgotten(pool: Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await start_anew(connection)


def of(row: Any) -> tuple[str, str, str]:
    return row["state"], row["valued_code"], str(row["kept_until"])


@pytest.fixture
def config() -> list[Configuration]:
    """The configuration in force, which a test may replace."""
    return [town()]


@pytest.fixture
async def follower(own: Pool, config: list[Configuration]) -> DossierFollower:
    return DossierFollower(own, await keys_of(own), lambda: config[0])


async def test_follower_values_what_is_closed(
    pool: Pool, follower: DossierFollower, config: list[Configuration], monkeypatch: Any
) -> None:
    monkeypatch.setattr("archiver.retention.dossier_follower.BATCH", 2)
    writer = await writer_of(pool)
    names = ("een", "twee", "drie", "vier")
    await writer.add([opening(name, "balie") for name in names])
    await follower.catch_up()
    assert {of(row)[0] for row in (await dossiers(pool)).values()} == {"open"}
    await writer.add(
        [
            step("een", "closed", 3),
            step("twee", "transferred", 2, "or"),
            step("twee", "closed", 3, "or"),
            step("drie", "closed", 3, retentionCode="6.1.4"),
            step("vier", "linked", 2, zaak="Z-1"),
            step("vier", "closed", 3, zaak="Z-1"),
        ]
    )
    # Another process goes on where this one was.
    await DossierFollower(follower._pool, await keys_of(pool), lambda: config[0]).catch_up()
    found = await dossiers(pool)
    expected = {
        "een": ("destroy", "6.1.3", "2025-05-06"),
        "twee": ("destroy", "15.1", "2029-05-06"),
        "drie": ("permanent", "6.1.4", "None"),
        "vier": ("waits", "", "None"),
    }
    assert {name: of(row) for name, row in found.items()} == expected
    assert found["twee"]["departments"] == ["balie", "or"]

    config[0] = town("")
    await follower.catch_up()
    changed = await dossiers(pool)
    # What the front desk had before has no term any more.
    assert {of(changed[name])[0] for name in ("een", "twee")} == {"unset"}
    assert of(changed["drie"]) == expected["drie"]
    config[0] = town()
    await forgotten(pool)
    assert not await dossiers(pool)
    await follower.catch_up()
    assert {name: of(row) for name, row in (await dossiers(pool)).items()} == expected


async def test_follower_stands_aside_while_another_one_reads(
    pool: Pool, own: Pool, follower: DossierFollower
) -> None:
    await (await writer_of(pool)).add([opening("een", "balie")])
    async with own.acquire() as connection, connection.transaction():
        await connection.execute("select from archiver.dossier_progress for update")
        assert await follower.read_batch() == 0
    assert await follower.read_batch() == 1
    assert await follower.read_batch() == 0


async def test_destroyed_conversation_has_no_dossier_again(
    pool: Pool, follower: DossierFollower, tmp_path: Path
) -> None:
    keys = await keys_of(pool)
    await (await writer_of(pool)).add([opening("een", "balie"), step("een", "closed", 3)])
    await follower.catch_up()
    async with pool.acquire() as connection:
        read = await load_dossiers(connection, [("almelo", id_of("een"))])
    await eraser_of(pool, keys, tmp_path).erase_conversation("almelo", id_of("een"), "test")
    assert not await dossiers(pool)
    async with pool.acquire() as connection:  # it was destroyed between reading and writing
        await save_dossiers(connection, read.values())
    assert len(read) == 1 and not await dossiers(pool)
    await forgotten(pool)
    await follower.catch_up()
    assert not await dossiers(pool)


async def test_metrics_tell_what_is_overdue(
    pool: Pool, own: Pool, follower: DossierFollower
) -> None:
    await (await writer_of(pool)).add(
        [
            each
            for name in ("een", "twee")
            for each in (opening(name, "balie"), step(name, "closed", 3))
        ]
    )
    await follower.catch_up()
    overdue = (clock.now().date() - datetime(2025, 5, 6, tzinfo=UTC).date()).days

    async def days() -> tuple[float, float]:
        await dossier_metrics.count_once(own, ["almelo"])
        states = metrics.dossiers.labels(state="destroy")
        return metrics.destruction_overdue._value.get(), states._value.get()

    assert (await days())[0] in (overdue, overdue + 1)
    await pool.execute(
        "insert into archiver.hold (id, tenant, ground, kind, conversation, review_on, placed_by)"
        " values ('BW-1', 'almelo', 'woo', 'conversation', $1, current_date, 'Anna')",
        id_of("een"),
    )
    assert (await days())[0] in (overdue, overdue + 1)
    async with own.acquire() as connection, connection.transaction():
        store = ListStore(connection, await keys_of(own))
        rules = ListRules(is_joined=False, waiting=timedelta(days=7))
        drawn = await store.draw("almelo", "Anna", clock.now().date(), rules, clock.now())
        assert drawn
    assert await days() == (0, 2)


async def test_terms_are_shown_by_api_command_and_report(
    pool: Pool, desk: Desk, town_archive: Archive, tmp_path: Path
) -> None:
    keys, config = await keys_of(pool), loader.load(EXAMPLE).config
    [closed] = await desk.heard((ANNA, "mijn container"), close=True)
    [still_open] = await desk.heard((BERT, "mijn container"))
    await desk.takes(desk.office.order("close", conversation=still_open, code="6.1.4"))
    [again] = await desk.heard((CORA, "mijn container"))
    # Of another municipality, which is not configured, so it has no default.
    steps = [opening("een", "balie"), step("een", "closed", 3)]
    await desk.writer.add([msgspec.structs.replace(each, tenant="hengelo") for each in steps])
    await DossierFollower(pool, keys, lambda: config).catch_up()

    async with archive_api(pool, config, tenant="almelo", departments=None) as api:
        shown = [await api.get(f"conversations/{id}") for id in (closed, still_open, again)]
    terms = [(each["retentionState"], each["retentionCode"]) for _, each in shown]
    assert terms == [("destroy", "6.1.3"), ("permanent", "6.1.4"), ("open", None)]
    kept_until = shown[0][1]["keptUntil"]
    assert kept_until and shown[1][1]["keptUntil"] is None

    overview = await town_archive.json("terms")
    assert overview["unset"] == [id_of("een")]
    assert {
        (each["tenant"], each["state"]): each["conversations"] for each in overview["counts"]
    } == {
        ("almelo", "destroy"): 1,
        ("almelo", "open"): 1,
        ("almelo", "permanent"): 1,
        ("hengelo", "unset"): 1,
    }
    assert f"no result: {id_of('een')}" in (await town_archive("terms")).stdout
    [[transfer]] = await town_archive.lines("terms", "--permanent")
    assert (transfer["conversation"], transfer["code"]) == (still_open, "6.1.4")
    by = last_day(date.fromisoformat(transfer["closedOn"]), Term(years=20))
    assert transfer["transferBy"] == f"{by}"
    await town_archive("reindex", "--terms")
    assert await dossiers(pool) == {}
    await DossierFollower(pool, keys, lambda: config).catch_up()

    file = tmp_path / "report.json"
    person = ("--phone", f"+{ANNA.phone}", "--reason", "inzage", "--out", file)
    await town_archive("subject", *person)
    [conversation] = msgspec.json.decode(file.read_bytes())["conversations"]
    assert conversation["keptUntil"] == kept_until
