"""The way to an Open Klant, on which a process can end before or after any request."""

from collections.abc import Mapping

from deliverer.transport.http_client import HttpClient
from deliverer.transport.response import Body, Response
from sandbox.openklant.error_responses import BASE


class Died(Exception):
    """The process, between two of its steps."""


class Road:
    """A sender that ends its process before the `nth` request, or when its answer is there."""

    def __init__(self, sender: HttpClient, nth: int = 0, *, answered: bool = False) -> None:
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
            raise Died
        answer = await self._sender.request(method, url, body, headers)
        self.answers.append((method, path, answer.status))
        if ends:
            raise Died
        return answer
