"""Batches as they travel: sealed, under the name of their kind with `.sealed` behind it.

The broker keeps what was acknowledged in its files for a while. An older version does not know the
name, so it leaves the message in its queue.
"""

from contextlib import suppress
from typing import TypeVar

import msgspec

from services import contract
from services.postgres.database import retry_while_unavailable
from services.postgres.shut_rows import report_shut, wait_for_keys
from services.sealing.key_ring import MARK, RING, KeyUnknown, Unsealable

SEALED = ".sealed"
USE = "queue"
T = TypeVar("T", bound=contract.Batch)


def seal_batch(batch: contract.Batch) -> tuple[str, bytearray]:
    """Return the name and the body of a message. Raises NoWorkingKey."""
    name = contract.NAMES[type(batch)]
    return name + SEALED, RING.seal_buffer(contract.encode(batch), USE, "queue")


def open_body(name: str, body: bytes) -> bytes:
    """Return the body of a message that cannot be read, opened if it is sealed and opens: the key
    of a queue may be destroyed before a person has looked at it."""
    if not name.endswith(SEALED):
        return body
    try:
        return RING.unseal_buffer(body, USE)
    except (KeyUnknown, Unsealable):
        return body


def is_sealed(body: bytes) -> bool:
    """Return True for the body of a message that was put aside sealed, as it came."""
    return body.startswith(MARK)


def open_put_aside(kind: type[T], body: bytes) -> T:
    """Return the batch of a message that was put aside sealed. Raises KeyUnknown if its key is
    still gone, and msgspec.DecodeError."""
    try:
        plain = RING.unseal_buffer(body, USE)
    except Unsealable as error:
        raise msgspec.DecodeError(str(error)) from None
    return msgspec.msgpack.decode(plain, type=kind)


async def read_batch(name: str, body: bytes) -> contract.Batch:
    """Return the batch of a message as `open_batch` does. If its key is unknown, wait for the next
    read of the keys: another process may have made it a moment ago. The database may be away, and
    nothing is given up before that read succeeds.

    Raises KeyError for a name that this process does not know, so that the message stays in its
    queue, and msgspec.DecodeError for a body that cannot be read, also if its key is gone: it would
    hold up for ever all that are behind it.
    """
    with suppress(KeyUnknown):
        return open_batch(name, body)
    await retry_while_unavailable(wait_for_keys, "keys")
    try:
        return open_batch(name, body)
    except KeyUnknown as error:
        report_shut("queue", error.id.hex())
        raise msgspec.DecodeError("its key is gone") from None


def open_batch(name: str, body: bytes) -> contract.Batch:
    """Return the batch of a message. One that is not sealed is of nobody who has our keys, so that
    it says nothing that we do.

    Raises KeyError for a name or a key that this process does not know, so that the message stays
    in its queue, and msgspec.DecodeError for a body that cannot be read.
    """
    if name in contract.KINDS:
        raise msgspec.DecodeError("it is not sealed")
    try:
        plain = RING.unseal_buffer(body, USE) if name.endswith(SEALED) else body
    except Unsealable as error:
        raise msgspec.DecodeError(str(error)) from None
    return contract.decode(name.removesuffix(SEALED), plain)
