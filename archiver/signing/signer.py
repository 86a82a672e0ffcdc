"""Sign the notes of checkpoints with the key of the log, wherever that key is."""

from typing import Protocol

import msgspec

from archiver.signing.signing_keys import SeedKey
from services.transparency import signed_note
from services.transparency.signed_note import Checkpoint, InvalidNote, Key


class SignerUnavailable(Exception):
    """No signature came; it may come later. The message says why."""


class SignerRefused(Exception):
    """The signer gives no signature for this checkpoint, ever. The message says why."""


class NoteSigner(Protocol):
    """Name of a log, and the key that signs for it."""

    @property
    def origin(self) -> str: ...

    @property
    def public_key(self) -> bytes: ...

    @property
    def earlier(self) -> tuple[bytes, ...]:
        """Public keys that signed for the log before this one."""

    @property
    def verifier(self) -> str:
        """Public key in its published form."""

    async def sign(self, text: str) -> bytes:
        """Return the Ed25519 signature of a note's text. Raises SignerUnavailable or
        SignerRefused."""


class Signer(msgspec.Struct, frozen=True):
    """Signer whose secret key (32 bytes) is in this process."""

    origin: str
    seed: bytes
    earlier: tuple[bytes, ...] = ()

    @property
    def public_key(self) -> bytes:
        return SeedKey(self.seed).public_key

    @property
    def verifier(self) -> str:
        return signed_note.encode_verifier(self.origin, self.public_key)

    async def sign(self, text: str) -> bytes:
        return SeedKey(self.seed).sign(text.encode())


async def sign_checkpoint_note(signer: NoteSigner, checkpoint: Checkpoint) -> str:
    """Return the signed note of a checkpoint. Raises SignerUnavailable or SignerRefused."""
    text = signed_note.note_text(checkpoint)
    signature = await signer.sign(text)
    key = Key(signer.origin, signer.public_key)
    note = f"{text}\n{signed_note.signature_line(key, signature)}"
    try:
        signed_note.verify_note(note, signer.origin, signer.public_key)
    except InvalidNote:
        raise SignerUnavailable("its signature is not of the published key") from None
    return note


def is_signed(note: str, signer: NoteSigner) -> bool:
    """Return True if the note is signed for this log, with the key of now or an earlier one."""
    return any(is_signed_with(note, signer.origin, key) for key in _keys(signer))


def is_signed_with(note: str, origin: str, public_key: bytes) -> bool:
    try:
        signed_note.verify_note(note, origin, public_key)
    except InvalidNote:
        return False
    return True


def _keys(signer: NoteSigner) -> tuple[bytes, ...]:
    return (signer.public_key, *signer.earlier)
