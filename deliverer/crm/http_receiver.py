"""Receiver that posts each delivery as one request, in the payload format of its kind."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from deliverer.crm.destination_kind import Keys
from deliverer.crm.response_policy import Verdict, judge
from deliverer.transport.http_client import HttpClientProtocol
from deliverer.transport.response import Response
from services import clock
from services.contract import Delivery

UNSIGNED = Response(request_sent=False, calls=0, code="no_secret")
"""Not an answer: nothing was posted, because no secret signs."""
NO_SECRET = "no secret signs: each has ended or does not open; give a new one"


class PayloadFormat(Protocol):
    """Content and headers of a delivery for one kind of destination. Pure."""

    def body(self, delivery: Delivery, archiver: str) -> bytes: ...

    def headers(
        self, delivery: Delivery, content: bytes, keys: Keys, now: datetime
    ) -> Mapping[str, str]: ...


class DestinationEndpoint(NamedTuple):
    """Address and signing keys of a destination, and the address of the archiver for its links."""

    url: str
    keys: Callable[[], Keys]
    """Returns the keys that sign now; none if nothing may be posted."""
    archiver: str


class HttpReceiver:
    def __init__(
        self, endpoint: DestinationEndpoint, format: PayloadFormat, poster: HttpClientProtocol
    ) -> None:
        self._endpoint, self._format, self._poster = endpoint, format, poster

    async def deliver(self, delivery: Delivery, *, may_join: bool = False) -> Response:
        keys = self._endpoint.keys()
        if not keys:
            return UNSIGNED
        content = self._format.body(delivery, self._endpoint.archiver)
        headers = self._format.headers(delivery, content, keys, clock.now())
        if delivery.traceparent:
            headers = {**headers, "traceparent": delivery.traceparent}
        return await self._poster.post(self._endpoint.url, content, headers)

    def judge(self, answer: Response) -> Verdict:
        if answer == UNSIGNED:
            return Verdict("paused", NO_SECRET, alarm=True)
        return judge(answer)
