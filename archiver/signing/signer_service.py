"""The signer process: it signs what is asked on a Unix socket, if its policy allows that.

What it signed is on disk before the answer: killed at any moment, it never signs two different logs
of one size.
"""

import asyncio
import errno
import grp
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import msgspec
import structlog

from archiver.signing.signer_folder import SignerFolder
from archiver.signing.signer_messages import (
    ANSWER_SECONDS,
    LINE_BYTES,
    SignAnswer,
    SignRequest,
)
from archiver.signing.signing_keys import KeyUnusable, SigningKey
from archiver.signing.signing_policy import (
    LastSigned,
    defer_checkpoint,
    read_text,
    refuse_checkpoint,
)
from services import clock
from services.transparency import signed_note
from services.transparency.signed_note import InvalidNote

BACKLOG = 8
"""Connections that wait to be accepted: archivers, of which there are two at most, and commands."""
OTHERS, WITH_GROUP = 0o177, 0o660
"""Rights that a new socket does not have, and those of one for a group."""

Accept = Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]
"""Takes over a connection."""

log = structlog.get_logger()


class SignerService:
    """Signs with one key, one checkpoint at a time. The caller must hold the lock of the folder."""

    def __init__(self, origin: str, key: SigningKey, folder: SignerFolder) -> None:
        self._origin, self._key, self._folder = origin, key, folder
        self._last = folder.read_last()
        self._turn = asyncio.Lock()

    async def answer(self, request: SignRequest) -> SignAnswer:
        verifier = signed_note.encode_verifier(self._origin, self._key.public_key)
        if not request.note:
            return SignAnswer(verifier)
        async with self._turn:
            answer = await asyncio.to_thread(self._sign, request.note)
        return msgspec.structs.replace(answer, verifier=verifier)

    def _sign(self, text: str) -> SignAnswer:
        """Sign in a thread, because a token may take its time."""
        try:
            checkpoint = read_text(text)
        except InvalidNote as error:
            return SignAnswer(refused=str(error))
        now = clock.now()
        refusal = refuse_checkpoint(checkpoint, self._origin, self._last, now)
        if refusal:
            log.warning("signer.refused", size=checkpoint.size, reason=refusal)
            return SignAnswer(refused=refusal)
        reason = defer_checkpoint(checkpoint, self._last, now)
        try:
            if reason is None:
                self._remember(LastSigned(checkpoint.size, checkpoint.root, now))
                return SignAnswer(signature=self._key.sign(text.encode()))
        except OSError as error:
            reason = f"it cannot write what it signed ({error.strerror})"
        except KeyUnusable as error:
            reason = str(error)
        log.error("signer.unable", size=checkpoint.size, reason=reason)
        return SignAnswer(unable=reason)

    def _remember(self, last: LastSigned) -> None:
        """Write what is about to be signed. It counts also if writing fails halfway."""
        self._last = last
        self._folder.write_last(last)


@asynccontextmanager
async def run_signer(
    service: SignerService, socket: Path, group: str
) -> AsyncIterator["asyncio.Future[object]"]:
    """Listen on `socket` until the context is left, for this user, and the group if one is named.
    Raises OSError."""
    connections = set[asyncio.Task[None]]()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(_serve(service, reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    async with AsyncExitStack() as stack:
        server = await _listen(accept, socket)
        stack.callback(socket.unlink, missing_ok=True)
        stack.callback(server.close)
        if group:
            _give_to_group(socket, group)
        yield asyncio.get_running_loop().create_future()


async def _listen(accept: Accept, socket: Path) -> asyncio.Server:
    """Open a socket that is for its owner alone."""
    before = os.umask(OTHERS)
    try:
        return await asyncio.start_unix_server(accept, socket, limit=LINE_BYTES, backlog=BACKLOG)
    finally:
        os.umask(before)


def _give_to_group(socket: Path, group: str) -> None:
    try:
        id = grp.getgrnam(group).gr_gid
    except KeyError:
        raise OSError(errno.ENOENT, f"there is no group {group}") from None
    os.chown(socket, -1, id)
    socket.chmod(WITH_GROUP)


async def _serve(
    service: SignerService, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """Answer the one line of a connection."""
    with suppress(OSError, ValueError, TimeoutError, msgspec.MsgspecError):
        async with asyncio.timeout(ANSWER_SECONDS):
            request = msgspec.json.decode(await reader.readline(), type=SignRequest)
            writer.write(msgspec.json.encode(await service.answer(request)) + b"\n")
            await writer.drain()
    writer.close()
