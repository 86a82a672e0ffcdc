"""Knowledge of the tokens, kept in the object store, where the database's administrator cannot
write.

The record says it too. But an entry of the record can be given another kind, or be removed, and
then a process that starts does not read it. What was kept counts instead. It is no signature: a
keyed hash under a key of the master key shows that an archiver of this installation wrote it.
"""

import hashlib
import hmac
import os
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from archiver.tokens.recorded_tokens import TokenState
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectNotFound, ObjectStore

KEPT = 10
"""States that are kept, so that two archivers which write in turn do not lose each other's."""
LARGEST = 8 * 1024 * 1024
"""Bytes of a state. A token is some 500 bytes, an operation 40: ten thousand of each."""
PURPOSE = "tokens"
"""Purpose for which the key of the keyed hash is derived from the master key."""
MAC_BYTES = 32
_encode = msgspec.json.Encoder(order="deterministic").encode


class StateTooLarge(Exception):
    """More tokens were made than can be kept outside."""


def encode_state(state: TokenState, key: bytes) -> bytes:
    """Return the object that keeps a state."""
    content = _encode(state)
    return _mac(content, key) + content


def decode_state(stored: bytes, keys: Sequence[bytes]) -> TokenState | None:
    """Return a state that an archiver of this installation kept; None for anything else."""
    mac, content = stored[:MAC_BYTES], stored[MAC_BYTES:]
    if any(hmac.compare_digest(mac, _mac(content, key)) for key in keys):
        with suppress(msgspec.DecodeError):
            return msgspec.json.decode(content, type=TokenState)
    return None


def _mac(content: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(content, key=key, digest_size=MAC_BYTES).digest()


class TokenKeeper:
    """Keeps states outside. `keys` are those of the master keys, the newest first."""

    def __init__(self, store: ObjectStore, keys: Sequence[bytes]) -> None:
        self._store, self._keys = store, keys
        self._names: list[str] = []
        """Names of the states of before and of its own, the oldest first."""

    async def load(self) -> list[TokenState]:
        """Return the states that were kept, the newest last. Raises StoreUnavailable."""
        self._names = [name async for name in self._store.keys(object_store.TOKENS)]
        stored = [await self._read(name) for name in self._names[-KEPT:]]
        states = [decode_state(each, self._keys) for each in stored]
        return [state for state in states if state]

    async def _read(self, name: str) -> bytes:
        content = b""
        with suppress(ObjectNotFound):  # another archiver deleted it
            async for piece in await self._store.read(name):
                content += piece
                if len(content) > LARGEST:
                    return b""
        return content

    async def keep(self, state: TokenState) -> None:
        """Keep a state, and delete the oldest. Raises StoreUnavailable and StateTooLarge."""
        stored = encode_state(state, self._keys[0])
        if len(stored) > LARGEST:
            raise StateTooLarge
        # By the number of operations, so that no clock decides which is the newest.
        name = object_store.tokens_key(len(state.applied), os.urandom(4).hex())
        with suppress(ObjectExists):
            await self._store.create(name, stored)
        self._names = sorted({*self._names, name})
        while len(self._names) > KEPT:
            await self._store.delete(self._names[0])
            del self._names[0]
