"""Holds follow a person, a consent stays with one, and the declaration names every system."""

import json
from pathlib import Path
from typing import Any

import pytest

from archiver.destruction.handling import ZERO_DAY_CODES, zero_day_rules
from archiver.destruction.list_store import ListRules
from archiver.index.record_fields import Identity
from archiver.retention.hold import Selection
from archiver.retention.hold_store import HoldStore
from services.config.model import parse
from services.postgres.database import Pool
from tests.support.archiver.destruction_history import (
    AT_ONCE,
    DEPARTMENT,
    LONG_AGO,
    TENANT,
    DestructionHistory,
    change,
)
from tests.support.archiver.records import id_of, message, record
from tests.support.decrypted_record import keys_of
from tests.support.installation import EXAMPLE

PHONE, BSUID = ("phone", "31600000042"), ("bsuid", "NL.77")
OTHER = """
[[departments]]
id = "jeugd"
tenant = "almelo"
name = "Jeugd"
destination = "jeugdcrm"

[[destinations]]
id = "jeugdcrm"
kind = "cloudevents"
url = "http://127.0.0.1:1"

"""
DUE = "array(select conversation from archiver.dossier where state = 'destroy')"
PADDED = f"{DUE} || array(select 'x' || n from generate_series(1, 5000) n)"


@pytest.fixture
async def history(pool: Pool, tmp_path: Path) -> DestructionHistory:
    return DestructionHistory(pool, await keys_of(pool), tmp_path)


def known_as(*names: tuple[str, str]) -> dict[str, Any]:
    identities = [{"kind": kind, "value": value} for kind, value in names]
    return {"from": {"identities": identities, "name": "Fatima"}}


async def states(pool: Pool) -> dict[str, str]:
    rows = await pool.fetch("select conversation, state from archiver.destruction_item")
    return {row["conversation"]: row["state"] for row in rows}


async def closed(history: DestructionHistory, name: str, *names: tuple[str, str]) -> None:
    said = message("hallo", name, DEPARTMENT, at=LONG_AGO, **known_as(*names))
    await history.write(said, change(name, "opened", 1), change(name, "closed", 3))
    await history.follower.catch_up()


async def test_hold_follows_a_person_to_a_name_that_came_later(
    history: DestructionHistory, pool: Pool
) -> None:
    """Also between the drawing and the first destruction."""
    await closed(history, "een", PHONE)
    await closed(history, "ander", ("phone", "31600000043"))
    await history.hold(identities=(Identity(*PHONE),))
    await closed(history, "twee", BSUID)
    found = await history.draw()
    assert await states(pool) == {id_of("ander"): "listed", id_of("twee"): "listed"}
    await history.approve(found)
    await history.write(message("ik weer", "drie", DEPARTMENT, **known_as(PHONE, BSUID)))
    await history.destroyer.carry_out_due()
    assert await states(pool) == {id_of("ander"): "destroyed", id_of("twee"): "held"}
    assert await history.draw_or_none() is None


async def test_hold_that_does_not_open_stops_no_list_and_keeps_what_it_covers(
    history: DestructionHistory, pool: Pool
) -> None:
    await closed(history, "een", PHONE)
    await closed(history, "twee", BSUID)
    await history.hold(identities=(Identity(*PHONE),))
    await pool.execute("update archiver.hold set sealed = '\\x00'")
    await history.draw()
    assert await states(pool) == {id_of("twee"): "listed"}
    async with pool.acquire() as connection, connection.transaction():
        await HoldStore(connection, history.keys).renew_hashes(TENANT, [bytes(32)])
    covered = await pool.fetch(f"select archiver.held_of('almelo', {DUE})")
    assert [row[0] for row in covered] == [id_of("een")]


async def test_consent_stays_while_its_person_has_a_conversation_under_any_name(
    history: DestructionHistory, pool: Pool
) -> None:
    await closed(history, "een", PHONE, BSUID)
    await history.write(message("nu", "twee", DEPARTMENT, **known_as(BSUID)))
    await history.write(change("twee", "opened", 1))
    given = known_as(PHONE, BSUID) | {"purpose": "nieuws", "event": "given", "by": "x"}
    consent = record("consent", given, conversation="", sequence=0)
    await history.write(consent)
    await history.approve(await history.draw())
    await history.destroyer.carry_out_due()
    assert await states(pool) == {id_of("een"): "destroyed"}
    is_left = "select salt is not null from archiver.entry where id = $1"
    assert await pool.fetchval(is_left, consent.id)


async def test_declaration_names_the_systems_of_all_departments_that_had_it(
    history: DestructionHistory, pool: Pool
) -> None:
    text = EXAMPLE.read_text().replace("[[destinations]]", f"{OTHER}[[destinations]]", 1)
    history.config = parse(text, "postkamer.toml")
    said = message("geheim", "een", "jeugd", at=LONG_AGO)
    steps = change("een", "opened", 1, department="jeugd"), change("een", "transferred", 2)
    await history.write(said, *steps, change("een", "closed", 3))
    await history.follower.catch_up()
    await history.approve(await history.draw())
    await history.destroyer.carry_out_due()
    had = await pool.fetchval("select departments from archiver.destruction_item")
    document = json.loads(await pool.fetchval("select document from archiver.declaration"))
    places = [each["place"] for each in document["remains"]]
    assert had == ["jeugd", DEPARTMENT]
    assert [place for place in places if "jeugdcrm" in place], places
    assert [place for place in places if place.startswith("crm")], places


async def test_results_of_zero_days_have_a_list_of_their_own(
    history: DestructionHistory, pool: Pool
) -> None:
    rules = zero_day_rules(history.config, TENANT)
    assert "19.1.17" in ZERO_DAY_CODES and rules.waiting.days == 1
    await history.close("lang")
    await history.close("kort", retentionCode="19.1.17")
    await pool.execute(
        "update archiver.dossier set valued_code = '19.1.17' where conversation = $1", id_of("kort")
    )
    await history.draw(ListRules(is_joined=False, waiting=rules.waiting, codes=rules.codes))
    assert await states(pool) == {id_of("kort"): "listed"}
    await history.draw(AT_ONCE)
    assert len(await states(pool)) == 2


@pytest.mark.parametrize(
    "selection",
    [
        Selection(departments=(DEPARTMENT,)),
        Selection(departments=("wmo",)),
        Selection(since=LONG_AGO),
        Selection(until=LONG_AGO),
        Selection(words="geheim a"),
        Selection(words="geheim", departments=("wmo",)),
    ],
)
async def test_many_are_held_by_the_same_holds_as_few(
    history: DestructionHistory, pool: Pool, selection: Selection
) -> None:
    await history.close("a", "b")
    await closed(history, "c", PHONE)
    await history.hold(selection=selection)
    await history.hold(identities=(Identity(*PHONE),))
    few, many = [
        {row[0] for row in await pool.fetch(f"select archiver.held_of('almelo', {wanted})")}
        for wanted in (DUE, PADDED)
    ]
    assert few == many and id_of("c") in few
