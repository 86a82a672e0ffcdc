"""A log that is rewritten with every key but the witness's is named by what the witness saw."""

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from archiver.audit.cosignatures import Seen, WitnessOptions
from archiver.audit.log_walk import Finding
from archiver.witnesses.answers import Outcome
from archiver.witnesses.cosigner import Cosigner
from services import clock, metrics
from services.postgres.database import connection_pool
from services.tasks import background_task
from services.transparency.consistency import is_consistent
from services.transparency.cosignature import Witness, cosign, verify_cosignature
from services.transparency.signed_note import (
    COSIGNATURE,
    Key,
    derive_public_key,
    encode_key,
    read_verifier,
    verify_signed,
)
from tests.support.archiver.accepted_losses import accepted_loss
from tests.support.archiver.commands import Archive
from tests.support.archiver.signed_log import ENTRIES, FIRST_SIGNED, Log
from tests.support.archiver.tampering import rewrite
from tests.support.archiver.witnessed_log import WitnessedLog, witnessed
from tests.support.transparency import NAME, witness_of

MOVED = "update archiver.entry set department = 'afval' where position = 400"
OUTSIDE = ("checkpoint", "cosignature")


@pytest.fixture
async def town(log: Log, tmp_path: Path) -> AsyncIterator[WitnessedLog]:
    async with witnessed(log, tmp_path) as town:
        yield town


def kinds(findings: list[Finding]) -> set[str]:
    return {each.what for each in findings}


def sentences(findings: list[Finding], kind: str = "witness") -> list[str]:
    return [each.sentence for each in findings if each.what == kind]


def counted(outcome: Outcome) -> float:
    labels = {"witness": NAME, "outcome": outcome}
    name = "postkamer_archive_witness_answers_total"
    return metrics.REGISTRY.get_sample_value(name, labels) or 0.0


def behind() -> float | None:
    name = "postkamer_archive_witness_behind_seconds"
    return metrics.REGISTRY.get_sample_value(name, {"witness": NAME})


async def rewrite_all(town: WitnessedLog, folder: Path, *, keeps: tuple[str, ...] = ()) -> None:
    """All that somebody can do with the database, the object store and the signing key: change an
    entry, compute everything anew, sign it, and leave no trace of before."""
    await rewrite(MOVED)(town.log)
    if "table" not in keeps:
        await town.log.pool.execute("delete from archiver.cosignature")
    for each in OUTSIDE:
        if each not in keeps:
            shutil.rmtree(folder / "outside" / each, ignore_errors=True)
    await town.log.sign()


async def test_checkpoints_are_cosigned_in_the_table_and_outside(
    town: WitnessedLog, tmp_path: Path
) -> None:
    before = counted(Outcome.COSIGNED)
    assert await town.cosign() is Outcome.COSIGNED
    assert await town.cosign() is None
    for count in (1, 300, 77):
        assert await town.grow(count) is Outcome.COSIGNED
    rows = await town.log.pool.fetch("select * from archiver.cosignature order by size")
    assert [row["size"] for row in rows] == [ENTRIES, ENTRIES + 1, ENTRIES + 301, ENTRIES + 378]
    files = sorted((tmp_path / "outside" / "cosignature").iterdir())
    for row, file in zip(rows, files, strict=True):
        assert file.name.startswith(f"{row['size']:020}-")
        assert verify_cosignature(file.read_text(), town.witness.key) == row["at"]
        assert file.read_text().endswith(row["line"])
    assert (counted(Outcome.COSIGNED) - before, behind()) == (4, 0)
    await town.make_older()
    assert await town.findings() == []


async def test_archiver_asks_by_itself_and_with_its_own_rights(
    town: WitnessedLog, empty: str
) -> None:
    signed = "select count(*) from archiver.cosignature"
    async with (
        connection_pool(f"{empty}?role=postkamer_archiver", "test", 2) as own,
        background_task(Cosigner(own, town.log.outside, town.client, town.witness).run()),
        asyncio.timeout(20),
    ):
        while not await town.log.pool.fetchval(signed):
            await asyncio.sleep(0.01)


async def test_witness_that_knows_more_or_less_is_asked_from_there(town: WitnessedLog) -> None:
    """A crash between answer and table leaves this, and so does a second archiver."""
    await town.cosign()
    await town.grow(5)
    await town.log.pool.execute("delete from archiver.cosignature")
    assert await town.cosign() is Outcome.COSIGNED
    await town.log.pool.execute("delete from archiver.cosignature")
    assert await town.grow(5) is Outcome.COSIGNED
    found = await town.findings()  # the rows that the test deleted
    assert kinds(found) == {"witness"}
    assert all(each.endswith("is gone from its table") for each in sentences(found))
    now, minute = clock.now(), timedelta(minutes=1)  # or that went with what a restore took
    lost = accepted_loss(now - minute, now + minute)
    assert await town.findings(accepted=[lost]) == []
    earlier = accepted_loss(now - 9 * minute, now - 5 * minute)
    assert await town.findings(accepted=[earlier]) == found


async def test_copy_that_was_not_made_outside_is_made_later(
    town: WitnessedLog, tmp_path: Path
) -> None:
    await town.cosign()
    folder = tmp_path / "outside" / "cosignature"
    shutil.rmtree(folder)
    folder.write_text("a file where the folder should be")
    cosigner = town.cosigner()
    for count in (1, 2):
        await town.log.grow(count)
        await town.log.sign()
        assert await cosigner.cosign_newest() is Outcome.COSIGNED
    folder.unlink()
    assert await cosigner.cosign_newest() is None
    assert len([*folder.iterdir()]) == 3


async def test_witness_that_is_away_stops_nothing_and_is_counted(log: Log, tmp_path: Path) -> None:
    async with witnessed(log, tmp_path) as town:
        await town.cosign()
    before = counted(Outcome.AWAY)
    async with witnessed(log, tmp_path / "other") as other:
        gone = msgspec.structs.replace(town.witness, url="http://127.0.0.2:1")
        await log.grow(3)
        await log.sign()
        assert await other.cosign(gone) is Outcome.AWAY
        assert counted(Outcome.AWAY) - before == 1
        assert (behind() or 0) > 0
        nameless = msgspec.structs.replace(town.witness, url=other.witness.url)
        assert await other.cosign(nameless) is Outcome.REJECTED


async def test_log_rewritten_with_its_signing_key_is_refused_and_named(
    town: WitnessedLog, tmp_path: Path
) -> None:
    await town.cosign()
    await rewrite_all(town, tmp_path)
    assert await town.log.findings() == []  # nothing that is left shows it
    before = counted(Outcome.REFUSED)
    assert await town.cosign() is Outcome.REFUSED
    assert await town.grow(30) is Outcome.REFUSED
    assert counted(Outcome.REFUSED) - before == 2
    found = await town.findings()
    [sentence] = sentences(found)
    assert sentence.startswith(f"{NAME} co-signed another log of {ENTRIES} entries on 20")
    assert sentence.endswith(": this one was rewritten")
    assert any("as witness.example.org/w1 says" in each.sentence for each in found)


async def test_rewritten_log_is_named_without_asking_by_what_is_missing(
    town: WitnessedLog, tmp_path: Path
) -> None:
    await town.cosign()
    await rewrite_all(town, tmp_path)
    await town.make_older()
    [sentence] = sentences(await town.findings(asks=False), "unwitnessed")
    assert sentence == f"0 of 1 witnesses co-signed {ENTRIES} entries, 1 must; not {NAME}"


async def test_rewritten_log_is_named_by_a_cosigned_copy_that_is_left(
    town: WitnessedLog, tmp_path: Path
) -> None:
    await town.cosign()
    await rewrite_all(town, tmp_path, keeps=("cosignature",))
    given = await town.findings(asks=False)
    root = [each.sentence for each in given if each.what == "root"]
    assert len(root) == 1 and "witness.example.org/w1" in root[0]
    assert any("gone from its table" in each for each in sentences(given))


async def test_log_that_was_cut_short_is_named(town: WitnessedLog, tmp_path: Path) -> None:
    await town.cosign()
    await rewrite(f"delete from archiver.entry where position >= {FIRST_SIGNED}")(town.log)
    await town.log.pool.execute("delete from archiver.cosignature")
    for each in OUTSIDE:
        shutil.rmtree(tmp_path / "outside" / each)
    await town.log.sign()
    assert await town.cosign() is Outcome.REFUSED
    said = f"{NAME} co-signed {ENTRIES} entries, and this log has {FIRST_SIGNED}"
    assert sentences(await town.findings()) == [f"{said}: entries were removed"]


async def test_forged_cosignatures_are_named(town: WitnessedLog, tmp_path: Path) -> None:
    await town.cosign()
    note = await town.log.pool.fetchval(
        "select note from archiver.checkpoint where size = $1", ENTRIES
    )
    forged = cosign(note, town.witness.key, bytes(32), 7)
    await town.log.pool.execute("update archiver.cosignature set line = $1", forged)
    [file] = (tmp_path / "outside" / "cosignature").iterdir()
    file.write_text(note + forged)
    found = sentences(await town.findings(asks=False))
    assert [each.rpartition(": ")[2] for each in found] == [
        "the co-signature is not of this witness"
    ] * 2
    await town.log.pool.execute("update archiver.cosignature set witness = 'x', size = 3")
    assert "the checkpoint is gone" in sentences(await town.findings(asks=False))[0]


async def test_as_many_witnesses_as_demanded_must_have_signed(
    town: WitnessedLog, tmp_path: Path
) -> None:
    async with witness_of(tmp_path, town.log.signer.verifier, name="second") as second:
        await town.cosign()
        await town.make_older()
        [sentence] = sentences(await town.findings(second), "unwitnessed")
        assert sentence.endswith("2 must; not second")
        assert await town.findings(second, quorum=1) == []
        assert await town.cosign(second) is Outcome.COSIGNED
        assert await town.findings(second) == []


@pytest.fixture
async def archive(town: WitnessedLog, empty: str, tmp_path: Path) -> Archive:
    witness = f"{town.witness.url} {town.witness.verifier}"
    archive = Archive(
        empty,
        POSTKAMER_OBJECT_STORE=(tmp_path / "outside").as_uri(),
        POSTKAMER_ARCHIVE_WITNESSES=witness,
    )
    await town.cosign()
    await town.grow(43)
    return archive


async def test_commands_prove_that_the_log_only_grew_and_ask_the_witness(
    town: WitnessedLog, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = town.log.signer.verifier
    monkeypatch.setattr("cli.archive.consistency.load_signer", lambda: town.log.signer)
    proof: dict[str, Any] = json.loads((await archive("consistency", ENTRIES, ENTRIES + 43)).stdout)
    assert (proof["first"], proof["second"], proof["verifier"]) == (ENTRIES, ENTRIES + 43, key)
    heads = [verify_signed(note, Key(*read_verifier(key))) for note in proof["checkpoints"]]
    for note in proof["checkpoints"]:
        verify_cosignature(note, town.witness.key)
    path = [msgspec.json.decode(f'"{each}"', type=bytes) for each in proof["path"]]
    old, new = ((head.size, head.root) for head in heads)
    assert path and is_consistent(old, new, path)
    refused = await archive.fails("consistency", 699, ENTRIES)
    assert refused == "there is no checkpoint of 699 entries\n"
    assert "is not what was signed" in await archive.fails("consistency", ENTRIES + 43, ENTRIES)

    report = await archive.json("verify", "--public-key", key, code=0)
    assert (report["findings"], report["silentWitnesses"]) == ([], [])
    one = town.witness.verifier
    assert (await archive("verify", "--public-key", key, "--witness", one)).exit_code == 0
    assert "expected" in await archive.fails(
        "verify", "--public-key", key, "--witness", key, code=2
    )
    await rewrite_all(town, tmp_path)
    shown = (await archive("verify", "--public-key", key, code=1)).stdout
    assert f"{NAME} co-signed another log" in shown


async def test_verify_says_that_it_could_not_look_when_too_few_witnesses_answer(
    town: WitnessedLog, archive: Archive
) -> None:
    key, away = town.log.signer.verifier, f"http://127.0.0.2:1 {town.witness.verifier}"
    shown = await archive("verify", "--public-key", key, code=3, POSTKAMER_ARCHIVE_WITNESSES=away)
    assert f"This witness told nothing of this log: {NAME}." in shown.stdout
    offline = {"POSTKAMER_ARCHIVE_WITNESSES": None}
    verifier = ("--witness", town.witness.verifier)
    shown = await archive("verify", "--public-key", key, *verifier, code=3, **offline)
    assert f"This witness told nothing of this log: {NAME}." in shown.stdout
    wrong = await archive.fails("verify", code=3, POSTKAMER_ARCHIVE_WITNESSES="x")
    assert wrong.startswith("POSTKAMER_ARCHIVE_WITNESSES: expected `URL verifier-key` pairs")


async def test_witness_that_is_away_for_long_accuses_nobody(
    town: WitnessedLog, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.audit.cosignatures.WITNESSED_MINUTES", 0)
    key, away = town.log.signer.verifier, f"http://127.0.0.2:1 {town.witness.verifier}"
    await town.log.grow(3)
    size = await town.log.sign()
    lacks = f"0 of 1 witnesses co-signed {size} entries, 1 must; not {NAME}"
    shown = await archive("verify", "--public-key", key, code=3, POSTKAMER_ARCHIVE_WITNESSES=away)
    assert f"Not looked at: {lacks}." in shown.stdout
    shown = await archive("verify", "--public-key", key, code=1)
    assert f"{size}: {lacks}" in shown.stdout


async def test_clock_of_a_witness_accuses_nobody(log: Log) -> None:
    key = Key("slow.example/w", derive_public_key(bytes(32)), COSIGNATURE)
    note = await log.pool.fetchval("select note from archiver.checkpoint where size = $1", ENTRIES)
    yesterday = int(clock.now().timestamp()) - 24 * 60 * 60
    seen = Seen(Witness(key), note + cosign(note, key, bytes(32), yesterday))
    assert await log.findings(witnesses=WitnessOptions((seen.witness,), seen=(seen,))) == []


async def test_quorum_of_the_settings_does_not_weaken_what_is_given(
    town: WitnessedLog, archive: Archive
) -> None:
    never = encode_key(Key("auditor.example/w", derive_public_key(bytes(32)), COSIGNATURE))
    given = ("--witness", town.witness.verifier, "--witness", never)
    key, quorum = town.log.signer.verifier, {"POSTKAMER_ARCHIVE_WITNESS_QUORUM": "1"}
    shown = await archive("verify", "--public-key", key, *given, code=3, **quorum)
    assert "This witness told nothing of this log: auditor.example/w." in shown.stdout


async def test_proof_has_the_lines_of_the_witnesses(
    town: WitnessedLog, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.archive.verify.load_signer", lambda: town.log.signer)
    proof = json.loads((await archive("prove", town.log.records[3].message)).stdout)
    verify_cosignature(proof["checkpoint"], town.witness.key)


async def test_verify_says_that_it_could_not_look_without_the_object_store(
    town: WitnessedLog, archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.2:1")
    monkeypatch.setattr("services.files.object_store.RETRY_SECONDS", 0.0)
    gone = tmp_path / "gone"
    for url, says in {
        "nonsense": "expected",
        gone.as_uri(): "the folder does not exist",
        "s3://bucket/archive": "it does not answer",
    }.items():
        refused = await archive.fails("verify", code=3, POSTKAMER_OBJECT_STORE=url)
        assert refused.startswith("POSTKAMER_OBJECT_STORE: ") and says in refused
    assert not gone.exists()
