"""The version of an Open Klant, as its client learns it."""

import pytest

from deliverer.destinations.openklant.client import OpenKlantClient, RequestRefused, Server
from deliverer.transport.response import Response

OK = Response(status=200, body=b'{"results": []}', api_version="0.6.0")


class Sender:
    """Gives the same answer to every request."""

    def __init__(self, answer: Response) -> None:
        self.answer = answer

    async def request(self, *_: object) -> Response:
        return self.answer


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (400, b'{"code": "invalid"}', (1, 0)),
        (400, b"<h1>400</h1>", (0, 6)),
        (401, b'{"title": "Unauthorized"}', (0, 6)),
        (429, b'{"title": "Too Many Requests"}', (0, 6)),
        (503, b"<h1>503</h1>", (0, 6)),
        (503, b'{"title": "Service Unavailable"}', (0, 6)),
    ],
)
async def test_client_takes_no_version_from_a_gateway_before_open_klant(
    status: int, body: bytes, expected: tuple[int, int]
) -> None:
    """Numbers of ours would move the counter of a 2.15 for good."""
    sender, server = Sender(OK), Server("crm")
    client = OpenKlantClient(sender, "http://openklant.example", "token", server)
    await client.find("actoren")
    sender.answer = Response(status=status, body=body, api_version="1.0.0")
    with pytest.raises(RequestRefused):
        await client.find("actoren")
    assert server.version == expected
