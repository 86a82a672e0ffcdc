"""Proofs pass the recipe in docs/municipality/archive.md without our code; and their commands."""

import asyncio
import base64
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pydantic import SecretStr

from archiver.log import checkpoint_signer
from archiver.signing.signer import Signer
from services import clock
from services.config.settings import derive_key
from services.transparency import signed_note
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.signed_log import ENTRIES, FIRST_SIGNED, Log
from tests.support.decrypted_record import KEY

ROOT = Path(__file__).parents[4]
OTHER = Signer("postkamer", bytes(32)).verifier
WHY = ("--open", "--reason", "klacht 12")


@pytest.fixture
async def log(log: Log, tmp_path: Path) -> Log:
    """Signed with the archive's own key only."""
    log.signer = Signer("postkamer", derive_key([SecretStr(KEY)], checkpoint_signer.PURPOSE))
    await log.pool.execute("delete from archiver.checkpoint")
    for path in (tmp_path / "outside" / "checkpoint").iterdir():
        path.unlink()
    await log.sign()
    return log


@pytest.fixture
def archive(empty: str, tmp_path: Path) -> Archive:
    return Archive(empty, POSTKAMER_OBJECT_STORE=(tmp_path / "outside").as_uri())


class Recipe:
    """The program in the documentation, and the proof that it checks."""

    def __init__(self, folder: Path, key: str) -> None:
        page = (ROOT / "docs" / "municipality" / "archive.md").read_text()
        [code] = re.findall(r"```python\n(.*?)```", page, re.S)
        self._program, self.proof, self._key = folder / "recipe.py", folder / "proof.json", key
        self._program.write_text(code)

    async def run(self, key: str = "") -> subprocess.CompletedProcess[str]:
        program = [sys.executable, "-I", self._program, self.proof, key or self._key]
        return await asyncio.to_thread(
            lambda: subprocess.run(program, capture_output=True, text=True, check=False, timeout=30)
        )


@pytest.fixture
async def recipe(tmp_path: Path, archive: Archive, log: Log) -> Recipe:
    return Recipe(tmp_path, (await archive("key")).stdout.strip())


async def test_stranger_checks_a_proof_and_reads_only_an_opened_one(
    log: Log, archive: Archive, recipe: Recipe
) -> None:
    """The entries are at the edges of tiles and checkpoints."""
    edges = (0, 1, 255, 256, 257, FIRST_SIGNED - 1, FIRST_SIGNED, 511, 512, ENTRIES - 2)
    for place in (*edges, ENTRIES - 1):
        record = log.records[place]
        await archive("prove", record.message, "--out", recipe.proof)
        checked = await recipe.run()
        assert checked.returncode == 0, checked.stderr
        assert f"entry {record.id}, a message of almelo" in checked.stdout
        assert f"bericht {place}" not in checked.stdout + recipe.proof.read_text()
        await archive("prove", record.message, "--out", recipe.proof, *WHY)
        assert f'"bericht {place}"' in (await recipe.run()).stdout
    rows = await log.pool.fetch("select what, by from access.operation")
    assert [tuple(row) for row in rows] == [("archive prove", OPERATOR)] * (len(edges) + 1)
    error = await archive.fails("prove", log.records[0].message, "--open", code=2)
    assert "--reason: expected a reason" in error


async def test_changed_proof_or_another_key_is_refused_by_the_recipe(
    log: Log, archive: Archive, recipe: Recipe
) -> None:
    await archive("prove", log.records[300].message, "--out", recipe.proof)
    proof = json.loads(recipe.proof.read_text())
    assert (await recipe.run()).returncode == 0
    assert (await recipe.run(OTHER)).returncode != 0
    wrong: list[dict[str, Any]] = [
        {"leaf": proof["leaf"].replace("almelo", "hengelo")},
        {"sealed": proof["sealed"][:-8] + "AAAAAAA="},
        {"position": proof["position"] + 1},
        {"size": proof["size"] - 1},
        {"path": proof["path"][1:]},
        {"path": [*proof["path"][:-1], proof["path"][0]]},
        {"checkpoint": proof["checkpoint"].replace("700", "701")},
    ]
    for change in wrong:
        recipe.proof.write_text(json.dumps(proof | change))
        assert (await recipe.run()).returncode != 0, change


async def test_recipe_ignores_signatures_of_keys_that_it_does_not_know(
    log: Log, archive: Archive, recipe: Recipe
) -> None:
    note = await log.pool.fetchval("select note from archiver.checkpoint where size = 700")
    text, _, ours = note.partition("\n\n")
    checkpoint = signed_note.read_note(note)
    same_name = signed_note.sign_note(checkpoint, bytes(32)).splitlines()[-1] + "\n"
    witness = same_name.replace("postkamer", "witness.example.org/1")
    for signatures in (witness + ours, same_name + ours, ours + witness + same_name):
        whole = f"{text}\n\n{signatures}"
        await log.pool.execute("update archiver.checkpoint set note = $1 where size = 700", whole)
        await archive("prove", log.records[300].message, "--out", recipe.proof)
        checked = await recipe.run()
        assert checked.returncode == 0, checked.stderr
    proof = json.loads(recipe.proof.read_text())
    failing = signed_note.sign_note(
        msgspec.structs.replace(checkpoint, size=1), log.signer.seed
    ).splitlines()[-1]
    for signatures in ("", witness, same_name, f"{failing}\n{ours}"):
        recipe.proof.write_text(json.dumps(proof | {"checkpoint": f"{text}\n\n{signatures}"}))
        assert (await recipe.run()).returncode != 0, signatures


async def test_proof_is_refused_if_its_checkpoint_is_not_signed_with_our_key(
    log: Log, archive: Archive
) -> None:
    right = await log.pool.fetchval("select note from archiver.checkpoint where size = 700")
    root = signed_note.read_note(right)
    forged = signed_note.sign_note(root, bytes(32))
    half = signed_note.sign_note(msgspec.structs.replace(root, size=699), log.signer.seed)
    for note in (forged, right.partition("\n\n")[0] + "\n\n", half, "nothing"):
        await log.pool.execute("update archiver.checkpoint set note = $1 where size = 700", note)
        error = await archive.fails("prove", log.records[300].message)
        assert "the checkpoint of 700 entries" in error
        assert "archive verify" in error
    await log.pool.execute("update archiver.checkpoint set note = $1 where size = 700", right)
    await archive("prove", log.records[300].message)


async def test_erased_entry_is_proved_but_not_opened(
    log: Log, archive: Archive, recipe: Recipe
) -> None:
    await log.erase(2)
    command = ("prove", log.records[10].message, "--out", recipe.proof)
    await archive(*command)
    assert (await recipe.run()).returncode == 0
    assert "was destroyed" in await archive.fails(*command, *WHY)


async def test_entry_is_proved_once_it_is_signed(log: Log, archive: Archive) -> None:
    await log.grow(3)
    last = log.records[-1].message
    assert "no checkpoint covers it yet" in await archive.fails("prove", last)
    assert (await archive.json("checkpoint"))["size"] == ENTRIES + 3
    assert json.loads((await archive("prove", last)).stdout)["size"] == ENTRIES + 3
    assert "no entry or message of this id" in await archive.fails("prove", clock.new_id())


async def test_verify_reports_what_is_wrong_and_needs_a_key(log: Log, archive: Archive) -> None:
    key = (await archive("key")).stdout.strip()
    keyless = {"POSTKAMER_ARCHIVE_KEY": None}
    assert "nothing is wrong" in (await archive("verify")).stdout
    assert "nothing is wrong" in (await archive("verify", "--public-key", key, **keyless)).stdout
    assert "expected a public key" in await archive.fails("verify", "--public-key", "x", code=2)
    await log.pool.execute("update archiver.entry set department = 'x' where position = 7")
    assert "7: this entry is not what it was" in (await archive("verify", code=1)).stdout
    report = await archive.json("verify", code=1)
    assert (report["entries"], report["outside"]) == (ENTRIES, True)
    assert report["findings"][0]["entry"] == str(log.records[7].id)
    assert "0 files: nothing is wrong" in (await archive("verify", "--media", code=1)).stdout
    refused = (await archive("verify", "--public-key", OTHER, code=1)).stdout
    assert "no signature on it is of this key" in refused


async def test_verify_tells_that_it_could_not_look_from_an_archive_found_wrong(
    log: Log, archive: Archive
) -> None:
    absent = {"POSTKAMER_DATABASE_URL": "postgresql://127.0.0.1:1/none"}
    other = {"POSTKAMER_ARCHIVE_KEY": base64.b64encode(bytes(32)).decode()}
    await log.pool.execute("update archiver.entry set department = 'x' where position = 7")
    assert "verify: " in await archive.fails("verify", code=3, **absent)
    missing = await archive.fails("verify", code=3, POSTKAMER_ARCHIVE_KEY=None)
    assert missing == "POSTKAMER_ARCHIVE_KEY: is missing\n"
    assert "does not open this archive" in await archive.fails("verify", code=3, **other)
    assert "POSTKAMER_OBJECT_STORE: is missing" in await archive.fails(
        "verify", "--media", code=3, POSTKAMER_OBJECT_STORE=None
    )
    assert "not what it was" in (await archive("verify", code=1)).stdout
