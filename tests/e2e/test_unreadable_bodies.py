"""A signed body that nobody can read is answered 200, and is on the record byte for byte."""

import asyncio
import json
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.support.citizens import SECRET, post
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY
from tests.support.installation import Installation
from tests.support.observer import Watch, until

MARK = "onleesbaar en van een burger"
BODIES = {
    "cut": b'{"object": "whatsapp_business_account", "entry": [{"id": "' + MARK.encode(),
    "no text": b"\xff\xfe\x00" + MARK.encode() + b"\x00\xff",
    "no object": json.dumps([MARK, 1]).encode(),
}


async def run(town: Installation, *words: str) -> Any:
    env = {
        "POSTKAMER_DATABASE_URL": town.database.url,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_WORKING_KEY": KEY,
        "POSTKAMER_META_APP_SECRETS": SECRET.decode(),
        "POSTKAMER_OPERATOR": "A. Arts",
    }
    done = await asyncio.to_thread(postkamer, *words, "--json", env=env)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
async def test_unreadable_body_is_on_the_record_and_can_be_acted_on(
    town: Installation, watch: Watch, session: aiohttp.ClientSession, tmp_path: Path, body: bytes
) -> None:
    known = {unit["id"] for unit in await run(town, "quarantine", "list")}
    assert await post(session, town.gateway, body) == 200

    async def new_units() -> list[dict[str, Any]]:
        units = await run(town, "quarantine", "list")
        return [unit for unit in units if unit["id"] not in known]

    [unit] = await until(new_units, bool, 15)
    assert unit["reason"] == "the body cannot be read"
    receipt = unit["receipt"]
    kept = f"select count(*) from archiver.entry where receipt = '{receipt}'"
    await until(lambda: watch.count(kept), bool, 10)
    words = ("archive", "receipt", receipt, "--out", str(tmp_path / "body"), "--reason", "test")
    assert (await run(town, *words))["signatureHolds"] is True
    assert (tmp_path / "body").read_bytes() == body
    await _is_sealed(town)
    id = unit["id"]
    shown = await run(town, "quarantine", "show", id, "--content", "--reason", "test")
    assert MARK in shown.get("content", "") or "contentBase64" in shown
    await run(town, "quarantine", "again", id)
    [again] = await until(new_units, lambda units: units and units[0]["id"] != id, 15)
    assert again["reason"] == unit["reason"]
    await run(town, "quarantine", "drop", again["id"], "--reason", "nothing in it")
    assert await new_units() == []


async def _is_sealed(town: Installation) -> None:
    """Neither table has it in the open."""
    text = MARK.encode().hex()
    for table, column in (("router.quarantine", "raw"), ("archiver.entry", "sealed")):
        sql = f"select count(*) from {table} where encode({column}, 'hex') like '%{text}%'"
        assert await asyncio.to_thread(town.database.execute, sql) == "0", table
