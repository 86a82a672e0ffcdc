"""`postkamer archive signer`: a process of its own signs the log, with a file or a token."""

import select
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import pytest

from archiver.signing.remote_signer import RemoteSigner
from archiver.signing.signer import SignerRefused, SignerUnavailable, sign_checkpoint_note
from archiver.signing.signer_folder import SignerFolder, open_key
from archiver.signing.signer_service import SignerService, run_signer
from services import clock
from services.transparency.signed_note import Checkpoint, read_verifier, verify_note
from tests.support.archiver.soft_token import LABEL, NEEDS_SOFTHSM, PIN, SoftToken
from tests.support.cli.command_line import postkamer

START_SECONDS = 30.0
POSTKAMER = (sys.executable, "-m", "cli.main")


def new(folder: Path, *more: object, code: int = 0, **env: str) -> str:
    """Make a key; return the public key, or the error."""
    typed = ("archive", "signer", "new", "--folder", folder, "--log", "example.nl", *more)
    done = postkamer(*map(str, typed), env=env)
    assert done.exit_code == code, done.output
    return (done.stderr if code else done.stdout).strip()


@contextmanager
def serving(folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    typed = ("archive", "signer", "serve", "--folder", folder, "--socket", folder / "socket")
    process = subprocess.Popen(
        [*POSTKAMER, *map(str, typed)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout
    try:
        ready, _, _ = select.select([process.stdout], [], [], START_SECONDS)
        assert ready and b"service.ready" in process.stdout.readline()
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def checkpoint(size: int, root: bytes = bytes(32)) -> Checkpoint:
    return Checkpoint("example.nl", size, root, clock.now())


def signer_at(folder: Path, verifier: str) -> RemoteSigner:
    return RemoteSigner(*read_verifier(verifier), str(folder / "socket"))


async def test_signer_that_is_killed_signs_the_same_log_after_its_restart(tmp_path: Path) -> None:
    folder = tmp_path / "signer"
    verifier = new(folder)
    signer = signer_at(folder, verifier)
    with serving(folder) as process:
        note = await sign_checkpoint_note(signer, checkpoint(700))
        assert verify_note(note, *read_verifier(verifier)).size == 700
        process.kill()
        process.wait()
        with pytest.raises(SignerUnavailable, match="does not answer"):
            await sign_checkpoint_note(signer, checkpoint(701))
    with serving(folder):
        with pytest.raises(SignerRefused, match="another log of 700"):
            await sign_checkpoint_note(signer, checkpoint(700, bytes([1] * 32)))
        await sign_checkpoint_note(signer, checkpoint(701))
        done = postkamer(
            *("archive", "signer", "serve", "--folder", str(folder), "--socket", "x"), env={}
        )
        assert (done.exit_code, "another signer uses it" in done.stderr) == (1, True)


@asynccontextmanager
async def holding(folder: Path, pin: str) -> AsyncIterator[None]:
    """The signer in this process: a library is loaded once, which costs no time."""
    place = SignerFolder(folder)
    file = place.read_key()
    service = SignerService(file.log, open_key(file, pin), place)
    async with run_signer(service, folder / "socket", ""):
        yield


@NEEDS_SOFTHSM
async def test_token_signs_with_a_key_that_never_leaves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, folder = SoftToken(tmp_path / "hsm"), tmp_path / "signer"
    for name, value in token.environment.items():
        monkeypatch.setenv(name, value)
    options = ("--module", token.module, "--token-label", LABEL)
    verifier = new(folder, *options)
    assert not folder.joinpath("key.json").read_bytes().count(PIN.encode())
    assert SignerFolder(folder).read_key().seed == b""
    signer = signer_at(folder, verifier)
    async with holding(folder, PIN):
        note = await sign_checkpoint_note(signer, checkpoint(700))
        assert verify_note(note, *read_verifier(verifier)).size == 700
        with pytest.raises(SignerRefused, match="another log of 700"):
            await sign_checkpoint_note(signer, checkpoint(700, bytes([1] * 32)))
    async with holding(folder, "1111"):
        with pytest.raises(SignerUnavailable, match="PinIncorrect"):
            await sign_checkpoint_note(signer, checkpoint(701))
    assert "has a key" in new(tmp_path / "another", *options, code=1)


def test_key_is_made_once_and_asks_for_what_it_needs(tmp_path: Path) -> None:
    folder = tmp_path / "signer"
    assert "belong together" in new(folder, "--token-label", LABEL, code=2)
    module = ("--module", "/nothing.so", "--token-label", LABEL)
    assert "POSTKAMER_SIGNER_PIN: is missing" in new(folder, *module, code=1)
    wrong = new(folder, *module, code=1, POSTKAMER_SIGNER_PIN="4321")
    assert "the token 'postkamer': " in wrong and "4321" not in wrong
    new(folder)
    assert "has a key already" in new(folder, code=1)
