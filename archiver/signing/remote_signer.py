"""Client of a signer that is another process: it holds the key, and remembers what it signed."""

import asyncio

import msgspec

from archiver.signing.signer import SignerRefused, SignerUnavailable
from archiver.signing.signer_messages import (
    ANSWER_SECONDS,
    LINE_BYTES,
    SignAnswer,
    SignRequest,
)
from services.transparency import signed_note


class RemoteSigner(msgspec.Struct, frozen=True):
    """Signer behind a Unix socket. Its public key is configured, so that no other process can take
    its place, and the archive can be verified while it is away."""

    origin: str
    public_key: bytes
    socket: str
    earlier: tuple[bytes, ...] = ()

    @property
    def verifier(self) -> str:
        return signed_note.encode_verifier(self.origin, self.public_key)

    async def sign(self, text: str) -> bytes:
        answer = await _ask(self.socket, SignRequest(text))
        if answer.refused:
            raise SignerRefused(answer.refused)
        return answer.signature


async def ask_verifier(socket: str) -> str:
    """Return the public key of a signer in its published form. Raises SignerUnavailable."""
    return (await _ask(socket, SignRequest())).verifier


async def _ask(socket: str, request: SignRequest) -> SignAnswer:
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            line = await _exchange(socket, msgspec.json.encode(request) + b"\n")
        answer = msgspec.json.decode(line, type=SignAnswer)
    except TimeoutError:
        raise SignerUnavailable(f"it did not answer within {ANSWER_SECONDS:.0f} s") from None
    except (OSError, ValueError, msgspec.MsgspecError) as error:
        raise SignerUnavailable(f"it does not answer ({type(error).__name__})") from None
    if answer.unable:
        raise SignerUnavailable(answer.unable)
    return answer


async def _exchange(socket: str, line: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(socket, limit=LINE_BYTES)
    try:
        writer.write(line)
        await writer.drain()
        return await reader.readline()
    finally:
        writer.close()
