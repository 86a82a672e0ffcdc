"""Where files come from: a provider says where a file is, and gives it, piece by piece.

The token goes to the provider's own hosts and to those that are named for a number, and nowhere
else, whatever address an answer names; redirects are not followed, they would carry it on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from archiver.encryption.stream_sealing import StreamKey
from archiver.media.download_stream import Arriving, TooLarge
from archiver.media.fetch_policy import (
    ANSWER_BYTES,
    LARGEST_BYTES,
    FetchFailed,
    MediaInfo,
    about,
    check_download,
)
from services.config.accounts import ProviderAccount
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable

CONNECT_SECONDS, SILENT_SECONDS = 5.0, 30.0
"""For a connection, and between two pieces."""
FETCH_SECONDS = 300.0
"""For a whole file: 100 MB at 3 Mbit/s."""
ASK_SECONDS = 15.0
PIECE_BYTES = 64 * 1024
LOST = (aiohttp.ClientError, TimeoutError, OSError)
"""What the way to a provider raises."""


class MediaClient:
    def __init__(self, session: aiohttp.ClientSession, objects: ObjectStore) -> None:
        self._session, self._objects = session, objects

    async def describe(self, account: ProviderAccount, id: str) -> MediaInfo | FetchFailed:
        """What the provider says of a file."""
        url = f"{account.base}/{id}"
        query = {"phone_number_id": account.meta_id} if account.names_number else {}
        bound = aiohttp.ClientTimeout(ASK_SECONDS, connect=CONNECT_SECONDS)
        try:
            async with self._session.get(
                url, params=query, headers=account.headers, allow_redirects=False, timeout=bound
            ) as answer:
                return about(answer.status, await _beginning(answer.content))
        except LOST:
            return FetchFailed("unreached")

    async def fetch(
        self, account: ProviderAccount, said: MediaInfo, key: str, lock: StreamKey
    ) -> Arriving | FetchFailed:
        """Into the store under this key, sealed, whole or not at all; TooLarge for what no citizen
        can have sent."""
        url = address(said.url, account)
        if url is None:
            return FetchFailed("elsewhere")
        bound = aiohttp.ClientTimeout(
            FETCH_SECONDS, connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS
        )
        try:
            async with self._session.get(
                url, headers=account.headers, allow_redirects=False, timeout=bound
            ) as answer:
                return await self._taken(answer, said, key, lock)
        except (StoreUnavailable, ObjectNotFound):  # a bucket that is gone is missing too
            return FetchFailed("store")
        except aiohttp.ClientPayloadError:
            return FetchFailed("cut")
        except LOST:
            return FetchFailed("unreached")

    async def _taken(
        self, answer: aiohttp.ClientResponse, said: MediaInfo, key: str, lock: StreamKey
    ) -> Arriving | FetchFailed:
        encoding = answer.headers.get("Content-Encoding", "").lower()
        content_type = answer.headers.get("Content-Type", "")
        if missed := check_download(answer.status, content_type, encoding, said):
            return missed
        if (answer.content_length or 0) > LARGEST_BYTES:
            raise TooLarge
        arriving = Arriving(answer.content.iter_chunked(PIECE_BYTES), lock)
        await self._objects.put(key, arriving.pieces())
        return arriving


async def _beginning(content: aiohttp.StreamReader) -> bytes:
    read = b""
    while len(read) < ANSWER_BYTES and (piece := await content.read(ANSWER_BYTES - len(read))):
        read += piece
    return read


def address(url: str, account: ProviderAccount) -> str | None:
    """Where to fetch a file that is said to be at `url`; None: nowhere. Pure.

    Plain HTTP is for a provider that is itself spoken to so, on a network of one's own.
    """
    base = urlsplit(account.base)
    try:
        parts = urlsplit(url)
        if account.rehosts:
            parts = parts._replace(scheme=base.scheme, netloc=base.netloc)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    own = (parts.scheme, host, port) == (base.scheme, base.hostname, base.port)
    named = parts.scheme == "https" and host in account.media_hosts and port in (None, 443)
    if not (own or named) or parts.username is not None:
        return None
    return urlunsplit(parts._replace(fragment=""))


@asynccontextmanager
async def media_client(objects: ObjectStore, connections: int) -> AsyncIterator[MediaClient]:
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,  # bytes are kept as they come
        headers={"User-Agent": "postkamer", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield MediaClient(session, objects)
