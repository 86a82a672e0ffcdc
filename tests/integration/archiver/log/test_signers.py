"""A log that another key goes on to sign; a signer in another process that refuses or is away."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from archiver.log.checkpoint_signer import sign_periodically
from archiver.log.known_head import KnownHead
from archiver.signing.remote_signer import RemoteSigner
from archiver.signing.signer import NoteSigner, Signer, SignerRefused, SignerUnavailable
from archiver.signing.signer_folder import KeyFile, SignerFolder
from archiver.signing.signer_service import SignerService, run_signer
from archiver.signing.signing_keys import SeedKey
from services import clock, metrics
from services.tasks import background_task
from services.transparency import signed_note
from tests.support.archiver.commands import Archive
from tests.support.archiver.signed_log import ENTRIES, FIRST_SIGNED, Log
from tests.support.archiver.tampering import rewrite
from tests.support.observer import until_true

ORIGIN, SEED = "test/log", bytes([7] * 32)
NEW_KEY = SeedKey(SEED).public_key
CHANGED = "update archiver.entry set department = 'afval' where position = {}"


@pytest.fixture
def old_key(log: Log) -> bytes:
    """Key that signed the log until now."""
    return log.signer.public_key


@pytest.fixture
async def signer(tmp_path: Path, log: Log, old_key: bytes) -> AsyncIterator[NoteSigner]:
    """A signer in another process, which goes on to sign the log."""
    folder = SignerFolder(tmp_path / "signer")
    folder.create(lambda: KeyFile(ORIGIN, NEW_KEY, SEED))
    socket = tmp_path / "socket"
    async with run_signer(SignerService(ORIGIN, SeedKey(SEED), folder), socket, ""):
        log.signer = RemoteSigner(ORIGIN, NEW_KEY, str(socket), (old_key,))
        yield log.signer


async def sentences(log: Log) -> list[str]:
    return [finding.sentence for finding in await log.findings()]


async def test_log_goes_on_under_a_new_key(log: Log, signer: NoteSigner) -> None:
    assert await sentences(log) == ["only earlier keys have signed, and not the key of now"]
    for _ in range(2):
        await log.grow(3)
        await log.sign()
        assert await log.findings() == []
    log.signer = Signer(ORIGIN, SEED)  # without the earlier key
    assert f"the checkpoint of {ENTRIES} entries in the table" in (await sentences(log))[1]


async def test_earlier_key_signs_nothing_after_the_new_one(
    log: Log, signer: NoteSigner, old_key: bytes
) -> None:
    await log.grow(3)
    await log.sign()
    await log.grow(3)
    log.signer = Signer(ORIGIN, bytes(range(32)))
    assert log.signer.public_key == old_key
    await log.sign()
    log.signer = signer
    [sentence] = await sentences(log)
    late = f"the checkpoint of {ENTRIES + 6} entries in the table: it is signed with an earlier key"
    assert sentence == f"{late}, after a newer one was"


async def test_changed_log_of_the_same_size_is_not_signed_and_a_longer_one_is_named(
    log: Log, signer: NoteSigner
) -> None:
    await log.grow(3)
    await log.sign()
    await rewrite(CHANGED.format(FIRST_SIGNED + 1))(log)  # and all checkpoints are gone
    with pytest.raises(SignerRefused, match=f"another log of {ENTRIES + 3} entries"):
        await log.sign()
    await log.grow(1)
    await log.sign()
    assert "root" in await log.kinds()


async def test_intake_and_the_next_checkpoint_go_on_when_the_signer_was_away(
    log: Log, signer: NoteSigner, tmp_path: Path
) -> None:
    log.signer = RemoteSigner(ORIGIN, NEW_KEY, str(tmp_path / "nobody"), signer.earlier)
    for _ in range(2):
        await log.grow(3)
        with pytest.raises(SignerUnavailable):
            await log.sign()
    log.signer = signer
    assert await log.sign() == ENTRIES + 6
    assert await log.findings() == []


async def test_head_that_the_signer_refuses_does_not_keep_it_from_signing(
    log: Log, signer: NoteSigner
) -> None:
    known = KnownHead()
    await log.grow(3)
    await log.sign(known)
    await log.grow(3)
    await log.sign()
    known.lost.append(known.lost[0] if known.lost else _shorter(known))
    await log.grow(3)
    assert await log.sign(known) == ENTRIES + 9
    assert known.lost == []


def _shorter(known: KnownHead):  # type: ignore[no-untyped-def]
    """Head of before, which another archiver has signed past."""
    tree = known.tree
    assert tree and tree.size == ENTRIES + 3
    tree.append(bytes(32))
    return tree


def missed() -> float:
    name = "postkamer_archive_signatures_missed_total"
    return metrics.REGISTRY.get_sample_value(name) or 0.0


async def test_missing_signature_is_counted_and_asked_for_again(
    log: Log, signer: NoteSigner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archiver.log.checkpoint_signer.SIGN_SECONDS", 0.01)
    before = missed()
    away = RemoteSigner(ORIGIN, NEW_KEY, str(tmp_path / "nobody"))
    await log.grow(1)
    work = sign_periodically(log.pool, away, log.outside, KnownHead())
    async with background_task(work):
        await until_true(lambda: missed() >= before + 2)


async def test_archiver_with_another_time_than_the_database_signs_nothing(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    await log.grow(1)
    now, minutes = clock.now, timedelta(minutes=1)
    for apart in (-6 * minutes, 6 * minutes):
        with monkeypatch.context() as patch:
            patch.setattr(clock, "now", lambda apart=apart: now() + apart)
            with pytest.raises(SignerUnavailable, match="clock of the database"):
                await log.sign()
    assert await log.sign() == ENTRIES + 1
    assert await log.findings() == []


async def test_commands_use_the_configured_signer_and_its_public_key(
    log: Log, signer: NoteSigner, empty: str, tmp_path: Path, old_key: bytes
) -> None:
    config = tmp_path / "postkamer.toml"
    keys = (signer.verifier, signed_note.encode_verifier(ORIGIN, old_key))
    archive = Archive(
        empty,
        POSTKAMER_OBJECT_STORE=(tmp_path / "outside").as_uri(),
        POSTKAMER_ARCHIVE_SIGNER=f"unix://{tmp_path / 'socket'}",
        POSTKAMER_ARCHIVE_PUBLIC_KEY=",".join(keys),
    )
    archive.env["POSTKAMER_CONFIG"] = str(config)
    config.write_text(_town_of(ORIGIN))
    await log.grow(3)
    await archive("checkpoint")
    assert (await archive.json("key"))["publicKey"] == signer.verifier
    assert (await archive.json("verify"))["findings"] == []
    without = {"POSTKAMER_ARCHIVE_PUBLIC_KEY": None, "POSTKAMER_ARCHIVE_SIGNER": None}
    stranger = without | {"POSTKAMER_ARCHIVE_KEY": None, "POSTKAMER_CONFIG": None}
    assert (await archive.json("verify", "--public-key", ",".join(keys), **stranger))[
        "findings"
    ] == []
    assert (await archive.json("key", POSTKAMER_ARCHIVE_PUBLIC_KEY=None))["publicKey"] == keys[0]
    error = await archive.fails("key", POSTKAMER_ARCHIVE_PUBLIC_KEY=keys[1])
    assert "has another key than POSTKAMER_ARCHIVE_PUBLIC_KEY" in error
    missing = await archive.fails("checkpoint", POSTKAMER_ARCHIVE_PUBLIC_KEY=None)
    assert "POSTKAMER_ARCHIVE_PUBLIC_KEY: is missing" in missing
    away = {"POSTKAMER_ARCHIVE_SIGNER": f"unix://{tmp_path / 'nobody'}"}
    assert "POSTKAMER_ARCHIVE_SIGNER: it does not answer" in await archive.fails("key", **away)
    await log.grow(1)
    assert "it does not answer" in await archive.fails("checkpoint", **away)
    await archive.json("verify", **away)


def _town_of(log_name: str) -> str:
    from tests.support.cli.command_line import TOML

    return f'log = "{log_name}"\n{TOML}'
