"""Link to an Open Klant, on which the process can end before or after any request."""

from collections.abc import Mapping

from deliverer.destinations.openklant.client import Sender
from deliverer.transport.response import Body, Response
from sandbox.openklant.error_responses import BASE


class ProcessEnded(Exception):
    """The process ended between two of its steps."""


class Link:
    """A sender that ends its process before the `nth` request, or with its answer."""

    def __init__(self, sender: Sender, nth: int = 0, *, answered: bool = False) -> None:
        self._sender, self._nth, self._answered = sender, nth, answered
        self.requests: list[tuple[str, str, bytes]] = []
        self.answers: list[tuple[str, str, int]] = []
        """Method, path and status."""

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        assert isinstance(body, bytes)
        path = url.partition(BASE.removeprefix("/openklant"))[2]
        self.requests.append((method, path, body))
        ends = len(self.requests) == self._nth
        if ends and not self._answered:
            raise ProcessEnded
        answer = await self._sender.request(method, url, body, headers)
        self.answers.append((method, path, answer.status))
        if ends:
            raise ProcessEnded
        return answer


class FailingSender:
    """A sender whose `nth` request is answered 500, carried out or not."""

    def __init__(self, sender: Sender, nth: int, *, carried_out: bool) -> None:
        self._sender, self._nth, self._carried_out = sender, nth, carried_out
        self._count = 0

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Response:
        self._count += 1
        fails = self._count == self._nth
        if fails and not self._carried_out:
            return BROKEN
        answer = await self._sender.request(method, url, body, headers)
        return BROKEN if fails else answer


BROKEN = Response(status=500, body=b'{"code": "error", "status": 500}', api_version="0.9.0")


class OddSender:
    """A sender whose answers have another shape than Open Klant documents."""

    async def request(self, *_: object) -> Response:
        return Response(status=200, body=b'{"results": [{"odd": []}], "klantcontact": []}')
