"""HTTP client for a provider's media: describe a file, then download it chunk by chunk.

The token goes only to the provider's own host and to the media hosts configured for a number,
whatever address a response names. Redirects are not followed: they would pass the token on.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit, urlunsplit

import aiohttp

from archiver.media.download_stream import Download, TooLarge
from archiver.media.fetch_policy import (
    ANSWER_BYTES,
    LARGEST_BYTES,
    FetchFailed,
    MediaInfo,
    check_download,
    read_media_info,
)
from services.config.accounts import ProviderAccount
from services.files.object_store import ObjectNotFound, ObjectStore, StoreUnavailable
from services.sealing.stream_sealing import StreamKey

CONNECT_SECONDS, SILENT_SECONDS = 5.0, 30.0
"""Time-out for connecting, and for the pause between two chunks."""
FETCH_SECONDS = 300.0
"""Time-out for a whole file: 100 MB at 3 Mbit/s."""
ASK_SECONDS = 15.0
PIECE_BYTES = 64 * 1024
CONNECTION_ERRORS = (aiohttp.ClientError, TimeoutError, OSError)
"""Errors of a request to a provider."""


class MediaClient:
    def __init__(self, session: aiohttp.ClientSession, objects: ObjectStore) -> None:
        self._session, self._objects = session, objects

    async def describe(self, account: ProviderAccount, id: str) -> MediaInfo | FetchFailed:
        """Ask the provider where the file is, and its type and size."""
        url = f"{account.base}/{id}"
        query = {"phone_number_id": account.meta_id} if account.names_number else {}
        bound = aiohttp.ClientTimeout(ASK_SECONDS, connect=CONNECT_SECONDS)
        try:
            async with self._session.get(
                url, params=query, headers=account.headers, allow_redirects=False, timeout=bound
            ) as response:
                return read_media_info(response.status, await _read_limited(response.content))
        except CONNECTION_ERRORS:
            return FetchFailed("unreached")

    async def fetch(
        self, account: ProviderAccount, info: MediaInfo, key: str, stream_key: StreamKey
    ) -> Download | FetchFailed:
        """Download a file into the object store under `key`, sealed, whole or not at all.

        Raises TooLarge for a file that no citizen can have sent.
        """
        url = download_url(info.url, account)
        if url is None:
            return FetchFailed("elsewhere")
        bound = aiohttp.ClientTimeout(
            FETCH_SECONDS, connect=CONNECT_SECONDS, sock_read=SILENT_SECONDS
        )
        try:
            async with self._session.get(
                url, headers=account.headers, allow_redirects=False, timeout=bound
            ) as response:
                return await self._receive(response, info, key, stream_key)
        except (StoreUnavailable, ObjectNotFound):  # ObjectNotFound: the bucket does not exist
            return FetchFailed("store")
        except aiohttp.ClientPayloadError:
            return FetchFailed("cut")
        except CONNECTION_ERRORS:
            return FetchFailed("unreached")

    async def _receive(
        self, response: aiohttp.ClientResponse, info: MediaInfo, key: str, stream_key: StreamKey
    ) -> Download | FetchFailed:
        encoding = response.headers.get("Content-Encoding", "").lower()
        content_type = response.headers.get("Content-Type", "")
        if failure := check_download(response.status, content_type, encoding, info):
            return failure
        if (response.content_length or 0) > LARGEST_BYTES:
            raise TooLarge
        download = Download(response.content.iter_chunked(PIECE_BYTES), stream_key)
        await self._objects.put(key, download.pieces())
        return download


async def _read_limited(content: aiohttp.StreamReader) -> bytes:
    head = b""
    while len(head) < ANSWER_BYTES and (piece := await content.read(ANSWER_BYTES - len(head))):
        head += piece
    return head


def download_url(url: str, account: ProviderAccount) -> str | None:
    """Return the address to download `url` from; None if the host is not allowed. Pure.

    Plain HTTP is allowed only if the provider itself is reached over HTTP, on a private network.
    """
    base = urlsplit(account.base)
    try:
        parts = urlsplit(url)
        if account.rehosts:
            parts = parts._replace(scheme=base.scheme, netloc=base.netloc)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    is_provider = (parts.scheme, host, port) == (base.scheme, base.hostname, base.port)
    is_media_host = parts.scheme == "https" and host in account.media_hosts and port in (None, 443)
    if not (is_provider or is_media_host) or parts.username is not None:
        return None
    return urlunsplit(parts._replace(fragment=""))


@asynccontextmanager
async def media_client(objects: ObjectStore, connections: int) -> AsyncIterator[MediaClient]:
    connector = aiohttp.TCPConnector(limit=connections)
    async with aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,  # the bytes are stored as they arrive
        headers={"User-Agent": "postkamer", "Accept-Encoding": "identity"},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield MediaClient(session, objects)
