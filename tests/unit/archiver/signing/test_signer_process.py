"""The signer over its socket: who may ask, what it remembers, and what its client makes of it."""

import asyncio
import grp
import os
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from archiver.signing import remote_signer, signer_service
from archiver.signing.remote_signer import RemoteSigner, ask_verifier
from archiver.signing.signer import (
    NoteSigner,
    Signer,
    SignerRefused,
    SignerUnavailable,
    sign_checkpoint_note,
)
from archiver.signing.signer_folder import KeyFile, SignerFolder, UnusableFolder
from archiver.signing.signer_messages import SignAnswer, SignRequest
from archiver.signing.signer_service import SignerService, run_signer
from archiver.signing.signing_keys import KeyUnusable, SeedKey, SigningKey
from services import clock
from services.transparency import signed_note
from services.transparency.signed_note import Checkpoint

SEED, ORIGIN = bytes(range(32)), "example.nl"
KEY = SeedKey(SEED)
ROOT, OTHER = bytes(32), bytes([1] * 32)


def checkpoint(size: int, root: bytes = ROOT) -> Checkpoint:
    return Checkpoint(ORIGIN, size, root, clock.now())


@pytest.fixture
def folder(tmp_path: Path) -> SignerFolder:
    folder = SignerFolder(tmp_path / "signer")
    folder.create(lambda: KeyFile(ORIGIN, KEY.public_key, SEED))
    return folder


@pytest.fixture
def socket(tmp_path: Path) -> Path:
    return tmp_path / "socket"


@asynccontextmanager
async def signing(
    folder: SignerFolder, socket: Path, key: SigningKey = KEY, group: str = ""
) -> AsyncIterator[NoteSigner]:
    async with run_signer(SignerService(ORIGIN, key, folder), socket, group):
        yield RemoteSigner(ORIGIN, KEY.public_key, str(socket))


async def test_note_of_another_process_is_the_same_as_our_own(
    folder: SignerFolder, socket: Path
) -> None:
    one = checkpoint(700)
    async with signing(folder, socket) as signer:
        note = await sign_checkpoint_note(signer, one)
        assert note == await sign_checkpoint_note(Signer(ORIGIN, SEED), one)
        assert note == signed_note.sign_note(one, SEED)
        assert await ask_verifier(str(socket)) == Signer(ORIGIN, SEED).verifier == signer.verifier


async def test_signer_signs_no_other_log_of_a_size_and_no_smaller_one_also_after_a_restart(
    folder: SignerFolder, socket: Path
) -> None:
    for _ in range(2):
        async with signing(folder, socket) as signer:
            await sign_checkpoint_note(signer, checkpoint(700))
            for wrong in (checkpoint(700, OTHER), checkpoint(699)):
                with pytest.raises(SignerRefused, match="log of 700 entries was signed"):
                    await sign_checkpoint_note(signer, wrong)
    async with signing(folder, socket) as signer:
        await sign_checkpoint_note(signer, checkpoint(701, OTHER))


async def test_signer_that_is_asked_for_a_size_never_reached_signs_the_log_afterwards(
    folder: SignerFolder, socket: Path
) -> None:
    for size in (700, 701):  # also when it starts, and knows what it signed from its folder
        async with signing(folder, socket) as signer:
            with pytest.raises(SignerUnavailable, match="no log grows so fast"):
                await sign_checkpoint_note(signer, checkpoint(2**62))
            await sign_checkpoint_note(signer, checkpoint(size))


class KilledKey(msgspec.Struct):
    """Key whose process ends when it is to sign."""

    public_key: bytes = KEY.public_key

    def sign(self, message: bytes) -> bytes:
        raise asyncio.CancelledError


async def test_signer_killed_between_its_file_and_its_answer_signs_no_other_log(
    folder: SignerFolder, socket: Path
) -> None:
    killed = SignerService(ORIGIN, KilledKey(), folder)
    text = signed_note.note_text(checkpoint(700))
    with pytest.raises(asyncio.CancelledError):
        await killed.answer(SignRequest(text))
    async with signing(folder, socket) as signer:
        with pytest.raises(SignerRefused, match="another log of 700"):
            await sign_checkpoint_note(signer, checkpoint(700, OTHER))
        await sign_checkpoint_note(signer, checkpoint(700))


async def test_of_two_logs_asked_at_once_one_is_signed(folder: SignerFolder, socket: Path) -> None:
    async with signing(folder, socket) as signer:
        asked = [
            sign_checkpoint_note(signer, checkpoint(700, bytes([n] * 32))) for n in range(1, 9)
        ]
        answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, str) for answer in answers) == 1
    assert sum(isinstance(answer, SignerRefused) for answer in answers) == 7


async def test_nothing_is_signed_that_cannot_be_remembered(
    folder: SignerFolder, socket: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    async with signing(folder, socket) as signer:
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            with pytest.raises(SignerUnavailable, match="No space left"):
                await sign_checkpoint_note(signer, checkpoint(700))
        await sign_checkpoint_note(signer, checkpoint(700))


class AbsentKey(msgspec.Struct):
    public_key: bytes = KEY.public_key

    def sign(self, message: bytes) -> bytes:
        raise KeyUnusable("the token 'hsm': TokenNotPresent")


async def test_token_that_is_away_is_told_and_found_again(
    folder: SignerFolder, socket: Path
) -> None:
    async with signing(folder, socket, AbsentKey()) as signer:
        with pytest.raises(SignerUnavailable, match="TokenNotPresent"):
            await sign_checkpoint_note(signer, checkpoint(700))
    async with signing(folder, socket) as signer:
        await sign_checkpoint_note(signer, checkpoint(700))


async def test_signature_of_another_key_is_not_taken(folder: SignerFolder, socket: Path) -> None:
    async with signing(folder, socket, SeedKey(bytes(32))) as signer:
        with pytest.raises(SignerUnavailable, match="not of the published key"):
            await sign_checkpoint_note(signer, checkpoint(700))


def rights_of(path: Path) -> tuple[int, int]:
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_gid


async def test_socket_is_for_its_owner_and_the_group_alone(
    folder: SignerFolder, socket: Path
) -> None:
    async with signing(folder, socket):
        assert rights_of(socket) == (0o600, os.getgid())
    with pytest.raises(FileNotFoundError):
        rights_of(socket)
    async with signing(folder, socket, group="nogroup"):
        assert rights_of(socket) == (0o660, grp.getgrnam("nogroup").gr_gid)
    with pytest.raises(OSError, match="there is no group"):
        async with signing(folder, socket, group="no such group"):
            pass


Wrong = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()
    writer.close()
    await writer.wait_closed()


def says(line: bytes) -> Wrong:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(line)
        writer.close()

    return answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (hangs, "did not answer within"),
        (says(b""), "does not answer"),
        (says(b"nonsense\n"), "does not answer"),
        (says(b"x" * 100_000 + b"\n"), "does not answer"),
        (says(msgspec.json.encode(SignAnswer(signature=b"short")) + b"\n"), "published key"),
    ],
)
async def test_signer_that_answers_wrongly_is_unavailable(
    socket: Path, monkeypatch: pytest.MonkeyPatch, answer: Wrong, why: str
) -> None:
    monkeypatch.setattr(remote_signer, "ANSWER_SECONDS", 0.2)
    async with await asyncio.start_unix_server(answer, socket):
        with pytest.raises(SignerUnavailable, match=why):
            signer = RemoteSigner(ORIGIN, KEY.public_key, str(socket))
            await sign_checkpoint_note(signer, checkpoint(700))
        await asyncio.gather(*asyncio.all_tasks() - {asyncio.current_task()})


async def test_signer_that_is_away_is_unavailable(socket: Path) -> None:
    with pytest.raises(SignerUnavailable, match="FileNotFoundError"):
        await sign_checkpoint_note(
            RemoteSigner(ORIGIN, KEY.public_key, str(socket)), checkpoint(700)
        )


@pytest.mark.parametrize("line", [b"nonsense\n", b"{}", b"x" * 100_000, b'{"note": 7}\n', b""])
async def test_client_that_asks_wrongly_is_closed_and_others_are_served(
    folder: SignerFolder, socket: Path, monkeypatch: pytest.MonkeyPatch, line: bytes
) -> None:
    async with signing(folder, socket) as signer:
        with monkeypatch.context() as patch:
            patch.setattr(signer_service, "ANSWER_SECONDS", 0.1)
            reader, writer = await asyncio.open_unix_connection(str(socket))
            writer.write(line)
            with suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
        await sign_checkpoint_note(signer, checkpoint(700))


def test_folder_is_used_by_one_signer_at_a_time(folder: SignerFolder) -> None:
    with folder.lock(), pytest.raises(UnusableFolder, match="another signer"), folder.lock():
        pass
    with folder.lock():
        pass


@pytest.mark.parametrize("name", ["signed.json", "key.json"])
def test_signer_without_one_of_its_files_does_not_start(
    folder: SignerFolder, tmp_path: Path, name: str
) -> None:
    def load() -> None:
        SignerService(folder.read_key().log, KEY, folder)

    load()
    file = tmp_path / "signer" / name
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UnusableFolder, match=f"{name} cannot be read"):
        load()
    file.unlink()
    with pytest.raises(UnusableFolder, match=f"{name} is missing"):
        load()


def test_key_that_others_can_read_is_not_used(folder: SignerFolder, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "signer").stat().st_mode) == 0o700
    (tmp_path / "signer" / "key.json").chmod(0o640)
    with pytest.raises(UnusableFolder, match="can be read by others"):
        folder.read_key()


def test_key_is_never_replaced(folder: SignerFolder) -> None:
    with pytest.raises(UnusableFolder, match="has a key already"):
        folder.create(lambda: KeyFile(ORIGIN, KEY.public_key, SEED))
    assert folder.read_key().seed == SEED
