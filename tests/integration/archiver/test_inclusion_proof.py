"""Proofs pass the recipe in docs/municipality/archive.md, run word for word as a stranger would,
without our code. Also the commands that make them."""

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from archiver.log import checkpoint_signer
from archiver.log.checkpoint_signer import Signer
from services.config.settings import derive_key
from services.postgres.database import Pool
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY
from tests.support.integration.log_fixture import ENTRIES, FIRST_SIGNED, Log, logged

ROOT = Path(__file__).parents[3]


@pytest.fixture
async def log(pool: Pool, tmp_path: Path) -> AsyncIterator[Log]:
    async with logged(pool, tmp_path) as log:
        log.signer = Signer("postkamer", derive_key([SecretStr(KEY)], checkpoint_signer.PURPOSE))
        await pool.execute("delete from archiver.checkpoint")
        for path in (tmp_path / "outside" / "checkpoint").iterdir():
            path.unlink()
        await log.sign()
        yield log


@pytest.fixture
def env(empty: str, tmp_path: Path) -> dict[str, str]:
    return {
        "POSTKAMER_DATABASE_URL": empty,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_OBJECT_STORE": (tmp_path / "outside").as_uri(),
        "POSTKAMER_OPERATOR": "sanne",
    }


async def said(env: dict[str, str], *command: object, code: int = 0) -> str:
    done = await asyncio.to_thread(lambda: postkamer("archive", *command, env=env))
    assert done.exit_code == code, done.output
    return str(done.output)


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    page = (ROOT / "docs" / "municipality" / "archive.md").read_text()
    [code] = re.findall(r"```python\n(.*?)```", page, re.S)
    file = tmp_path / "recipe.py"
    file.write_text(code)
    return file


def checked(recipe: Path, proof: Path, key: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-I", recipe, proof, key.strip()],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


@pytest.mark.parametrize(
    "place",
    [0, 1, 255, 256, 257, FIRST_SIGNED - 1, FIRST_SIGNED, 511, 512, ENTRIES - 2, ENTRIES - 1],
)
async def test_a_stranger_checks_a_proof_and_reads_what_it_may(
    log: Log, env: dict[str, str], recipe: Path, tmp_path: Path, place: int
) -> None:
    record, file = log.records[place], tmp_path / "proof.json"
    await said(env, "prove", record.message, "--out", file)
    key = await said(env, "key")
    done = checked(recipe, file, key)
    assert done.returncode == 0, done.stderr
    assert f"entry {record.id}, a message of almelo" in done.stdout
    assert f"bericht {place}" not in done.stdout + file.read_text()
    assert "--why: expected a reason" in await said(env, "prove", record.message, "--open", code=1)
    await said(env, "prove", record.message, "--out", file, "--open", "--why", "klacht 12")
    looked = await log.pool.fetchrow("select what, by, about, data from access.operation")
    assert looked and (looked["what"], looked["by"]) == ("archive prove", "sanne")
    assert f'"bericht {place}"' in checked(recipe, file, key).stdout


async def test_a_proof_that_was_tampered_with_does_not_hold(
    log: Log, env: dict[str, str], recipe: Path, tmp_path: Path
) -> None:
    file = tmp_path / "proof.json"
    await said(env, "prove", log.records[300].message, "--out", file)
    key, good = await said(env, "key"), json.loads(file.read_text())
    assert checked(recipe, file, key).returncode == 0
    other = Signer("postkamer", bytes(32)).verifier
    assert checked(recipe, file, other).returncode != 0, "another's key"
    wrong: list[dict[str, Any]] = [
        {"leaf": good["leaf"].replace("almelo", "hengelo")},
        {"sealed": good["sealed"][:-8] + "AAAAAAA="},
        {"position": good["position"] + 1},
        {"size": good["size"] - 1},
        {"path": good["path"][1:]},
        {"path": [*good["path"][:-1], good["path"][0]]},
        {"checkpoint": good["checkpoint"].replace("700", "701")},
    ]
    for change in wrong:
        file.write_text(json.dumps(good | change))
        assert checked(recipe, file, key).returncode != 0, change


async def test_what_was_destroyed_is_proved_all_the_same_and_not_read(
    log: Log, env: dict[str, str], recipe: Path, tmp_path: Path
) -> None:
    record, file = log.records[10], tmp_path / "proof.json"
    await log.destroyer.erase_conversation("almelo", record.conversation, "test")
    await said(env, "prove", record.message, "--out", file)
    assert checked(recipe, file, await said(env, "key")).returncode == 0
    assert "was destroyed" in await said(
        env, "prove", record.message, "--out", file, "--open", code=1
    )


async def test_what_is_not_signed_yet_is_proved_once_it_is(log: Log, env: dict[str, str]) -> None:
    await log.grow(3)
    last = log.records[-1].message
    assert "no checkpoint covers it yet" in await said(env, "prove", last, code=1)
    assert json.loads(await said(env, "checkpoint", "--json"))["size"] == ENTRIES + 3
    assert json.loads(await said(env, "prove", last))["size"] == ENTRIES + 3
    nobody = "01999999-0000-7000-8000-000000000000"
    assert "no entry or message of this id" in await said(env, "prove", nobody, code=1)


async def test_verify_says_how_fast_and_what_is_wrong(
    log: Log, env: dict[str, str], pool: Pool
) -> None:
    assert "nothing is wrong" in await said(env, "verify")
    key = (await said(env, "key")).strip()
    keyless = {name: value for name, value in env.items() if "KEY" not in name}
    assert "nothing is wrong" in await said(keyless, "verify", "--public-key", key)
    assert "POSTKAMER_ARCHIVE_KEY: is missing" in await said(keyless, "verify", code=1)
    assert "expected a public key" in await said(env, "verify", "--public-key", "x", code=1)
    await pool.execute("update archiver.entry set department = 'x' where position = 7")
    told = await said(env, "verify", code=1)
    assert "7: this entry is not what it was" in told
    found = json.loads(await said(env, "verify", "--json", code=1))
    assert found["entries"] == ENTRIES
    assert found["outside"] is True
    assert found["findings"][0]["entry"] == str(log.records[7].id)
    assert "0 files: nothing is wrong" in await said(env, "verify", "--media", code=1)
    other = Signer("postkamer", bytes(32)).verifier
    assert "no signature on it is of this key" in await said(
        env, "verify", "--public-key", other, code=1
    )
