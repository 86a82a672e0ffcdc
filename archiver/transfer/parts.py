"""Parts of a conversation: files that go into its dossier, each read as a stream."""

from collections.abc import AsyncIterator, Callable
from typing import NamedTuple

import msgspec

from services.postgres.database import Connection


class Place(NamedTuple):
    """A conversation as the log was at a checkpoint."""

    tenant: str
    conversation: str
    log_size: int
    """Entries of the log that count; later ones are not seen."""


class Part(msgspec.Struct, frozen=True):
    """A file. `name` has an extension and is unique in its conversation. `stream` is read once, and
    never kept whole."""

    name: str
    media_type: str
    """With a profile where PRONOM has a format of its own, such as `application/pdf;
    profile=a-2b`."""
    stream: AsyncIterator[bytes]


PartSource = Callable[[Connection, Place], AsyncIterator[Part]]
"""Yields further files in which the conversation can be read, such as a transcript, read on the
connection of the export's own transaction. The same place must give the same bytes."""


async def no_parts(connection: Connection, place: Place) -> AsyncIterator[Part]:
    return
    yield


class FileDamaged(Exception):
    """A stored file is not there any more, or was altered. The message names its message."""


async def whole(content: bytes) -> AsyncIterator[bytes]:
    """Yield content that is in memory already."""
    yield content
