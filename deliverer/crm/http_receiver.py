"""Deliveries as posts: one request each, its content and signature by the kind of destination."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from deliverer.crm.destination_kind import Keys
from deliverer.crm.response_policy import Verdict, judge
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from services import clock
from services.contract import Delivery


class PayloadFormat(Protocol):
    """How a destination of one kind is spoken to; pure."""

    def body(self, delivery: Delivery, archiver: str) -> bytes: ...

    def headers(
        self, delivery: Delivery, content: bytes, keys: Keys, now: datetime
    ) -> Mapping[str, str]: ...


class DestinationEndpoint(NamedTuple):
    """With what a destination is told: its address, the keys that sign, and where it finds the
    record."""

    url: str
    keys: Keys
    archiver: str


class HttpReceiver:
    def __init__(
        self, terms: DestinationEndpoint, kind: PayloadFormat, poster: HttpClientProtocol
    ) -> None:
        self._terms, self._kind, self._poster = terms, kind, poster

    async def deliver(self, delivery: Delivery) -> Response:
        content = self._kind.body(delivery, self._terms.archiver)
        headers = self._kind.headers(delivery, content, self._terms.keys, clock.now())
        return await self._poster.post(self._terms.url, content, headers)

    def judge(self, answer: Response) -> Verdict:
        return judge(answer)
