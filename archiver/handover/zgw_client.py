"""HTTP client of a Documenten API and of the Zaken API beside it.

It goes to the configured addresses alone, on the internet or in a configured network. What an
answer names is an identifier, and is never called. Redirects are not followed: they would pass the
token on.
"""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import aiohttp
import msgspec

from archiver.handover.document import (
    Content,
    describe_faults,
    document_json,
    is_there_already,
    read_faults,
)
from archiver.handover.failure import HandoverFailed, refused
from archiver.handover.zgw_token import sign_token
from services.config.handover import Handover
from services.egress.restricted_socket import PrivateAddressError, restricted_socket_factory
from services.egress.ssrf import Network
from services.ids import UUID_FORM

ASK_SECONDS, CONNECT_SECONDS = 30.0, 5.0
"""Time for a request, and for its connection."""
CREATE_SECONDS = 120.0
"""Time for a whole document: 43 MiB in base64 at 3 Mbit/s."""
ANSWER_BYTES = 256 * 1024
"""Most bytes read of an answer: one document has some 2 kB. More is not what was asked for."""
ASK_BOUND = aiohttp.ClientTimeout(ASK_SECONDS, connect=CONNECT_SECONDS)
CREATE_BOUND = aiohttp.ClientTimeout(CREATE_SECONDS, connect=CONNECT_SECONDS)
CONNECTIONS = 4
DOCUMENTS, ZAKEN = "the Documenten API", "the Zaken API"
COORDINATES = {"Accept-Crs": "EPSG:4326"}
"""Header without which the Zaken API answers 406."""
AWAY = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
"""Errors of a request; ValueError is of an address that is none."""
PRIVATE = "{} is at a private address that POSTKAMER_PRIVATE_NETWORKS does not name"
UNREACHED = "{} cannot be reached ({})"
UNREADABLE = "{} answered something that is no JSON of the standard"
TAKEN = "the Documenten API has the document, and does not list it yet"
ELSEWHERE = "the zaak is in another Zaken API than zaken_url"
NO_ZAAK = "the Zaken API has no zaak with the number of the conversation"


class _Page(msgspec.Struct, frozen=True):
    results: list[dict[str, Any]] = []


_read_page = msgspec.json.Decoder(_Page).decode
_read_list = msgspec.json.Decoder(list[dict[str, Any]]).decode
_read_object = msgspec.json.Decoder(dict[str, Any]).decode


class ZgwClient:
    """Client for one target. `now` is the clock, by which tokens are signed."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        target: Handover,
        secret: str,
        now: Callable[[], datetime],
    ) -> None:
        self._session, self._target = session, target
        self._secret, self._now = secret, now

    async def find_document(self, identification: str) -> str:
        """Return the address of the document with our `identificatie`; '' if there is none."""
        query = {
            "identificatie": identification,
            "bronorganisatie": self._target.bronorganisatie,
        }
        _, body = await self._call(DOCUMENTS, "GET", self._documents, query=query)
        for each in _decode(DOCUMENTS, _read_page, body).results:
            if each.get("identificatie") == identification:
                return _url(DOCUMENTS, each)
        return ""

    async def create_document(self, identification: str, content: Content) -> str:
        """Create a document, and return its address."""
        fields = document_json(self._target, identification, content)
        is_new, body = await self._call(
            DOCUMENTS, "POST", self._documents, fields=fields, timeout=CREATE_BOUND
        )
        if not is_new:  # another attempt was quicker
            raise HandoverFailed(TAKEN)
        return _url(DOCUMENTS, _decode(DOCUMENTS, _read_object, body))

    async def find_zaak(self, zaak: str) -> str:
        """Return the address of a zaak by its own, its id or its number."""
        root = f"{self._target.zaken_url}/zaken"
        if "://" in zaak:
            if not zaak.startswith(f"{root}/"):
                raise HandoverFailed(ELSEWHERE, is_final=True)
            return zaak
        if UUID_FORM.fullmatch(zaak):
            return f"{root}/{zaak}"
        query = {"identificatie": zaak, "bronorganisatie": self._target.bronorganisatie}
        _, body = await self._call(ZAKEN, "GET", root, query=query)
        results = _decode(ZAKEN, _read_page, body).results
        if not results:  # it may be made later
            raise HandoverFailed(NO_ZAAK)
        return _url(ZAKEN, results[0])

    async def link(self, document: str, zaak: str, title: str) -> None:
        """Put a document with a zaak, unless it is there."""
        url, relation = (
            f"{self._target.zaken_url}/zaakinformatieobjecten",
            {
                "zaak": zaak,
                "informatieobject": document,
            },
        )
        _, body = await self._call(ZAKEN, "GET", url, query=relation)
        if not _decode(ZAKEN, _read_list, body):
            await self._call(ZAKEN, "POST", url, fields=relation | {"titel": title})

    @property
    def _documents(self) -> str:
        return f"{self._target.url}/enkelvoudiginformatieobjecten"

    async def _call(
        self,
        api: str,
        method: str,
        url: str,
        *,
        query: Mapping[str, str] | None = None,
        fields: Mapping[str, Any] | None = None,
        timeout: aiohttp.ClientTimeout = ASK_BOUND,
    ) -> tuple[bool, bytes]:
        """Return the answer, with False if it says that this is there already. Raises
        HandoverFailed."""
        target = self._target
        token = sign_token(target.client_id, self._secret, target.user, self._now())
        headers = {"Authorization": f"Bearer {token}"} | (COORDINATES if api == ZAKEN else {})
        content = None
        if fields is not None:
            content, headers["Content-Type"] = msgspec.json.encode(fields), "application/json"
        try:
            async with self._session.request(
                method, url, params=query, data=content, headers=headers,
                allow_redirects=False, timeout=timeout,
            ) as response:  # fmt: skip
                status, body = response.status, await _read_limited(response.content)
        except AWAY as error:
            raise _unreached(api, error) from None
        if status in (200, 201):
            return True, body
        faults = read_faults(body)
        if status == 400 and method == "POST" and is_there_already(faults):
            return False, body
        raise refused(api, status, describe_faults(faults))


def _unreached(api: str, error: BaseException) -> HandoverFailed:
    cause = getattr(error, "os_error", error)
    if isinstance(cause, PrivateAddressError):
        return HandoverFailed(PRIVATE.format(api))
    return HandoverFailed(UNREACHED.format(api, type(error).__name__))


def _decode(api: str, read: Callable[[bytes], Any], body: bytes) -> Any:
    try:
        return read(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise HandoverFailed(UNREADABLE.format(api)) from None


def _url(api: str, fields: Mapping[str, Any]) -> str:
    url = fields.get("url")
    if not isinstance(url, str) or not url:
        raise HandoverFailed(UNREADABLE.format(api))
    return url


async def _read_limited(content: aiohttp.StreamReader) -> bytes:
    head = b""
    while len(head) < ANSWER_BYTES and (piece := await content.read(ANSWER_BYTES - len(head))):
        head += piece
    return head


class ZgwSession:
    """Connections to ZGW APIs, from which each target has a client."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    def client_for(self, target: Handover, secret: str, now: Callable[[], datetime]) -> ZgwClient:
        return ZgwClient(self._session, target, secret, now)


@asynccontextmanager
async def zgw_session(networks: Collection[Network]) -> AsyncIterator[ZgwSession]:
    """Open a session that connects to the internet and these networks alone."""
    connector = aiohttp.TCPConnector(
        limit=CONNECTIONS,
        ttl_dns_cache=60,
        socket_factory=restricted_socket_factory(networks),
    )
    async with aiohttp.ClientSession(
        connector=connector,
        headers={"User-Agent": "postkamer", "Accept": "application/json"},
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield ZgwSession(session)
