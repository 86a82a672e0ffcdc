"""Meta's word with and without its certificate's name, over a real connection."""

import asyncio
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import pytest

from gateway.doors import doors
from gateway.webhook import PATH, Client, Webhook
from services import config
from services.contract import Entry
from services.http import application, serve
from services.listener import AHEAD
from tests.installation import EXAMPLE
from tests.integration.raw import HOST, said

SECRET = b"sandbox-app-secret"
BODY = b'{"object":"whatsapp_business_account","entry":[]}'
META = b"client.webhooks.fbclientcerts.com"


class Kept:
    """Takes everything, in place of the broker: whether it is asked at all is what is shown."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, Entry]] = []

    def refusal(self) -> None:
        return None

    async def put(self, entries: Sequence[tuple[int, Entry]]) -> None:
        self.entries += entries


@pytest.mark.parametrize("ahead", [True, False])
@pytest.mark.parametrize(
    ("shown", "status"),
    [
        (b"X-CN: CN=" + META + b",O=Meta\r\n", 200),
        (b"X-CN: " + META + b"\r\n", 200),
        (b"X-CN: CN=" + META + b"\xff\r\n", 401),
        (b'X-CN: O="a,CN=' + META + b',b"\r\n', 401),
        (b"X-CN: CN=elsewhere\r\n", 401),
        (b"X-CN: \r\n", 401),
        (b"", 401),
    ],
)
def test_meta_is_believed_only_with_its_certificate(shown: bytes, status: int, ahead: bool) -> None:
    signature = hmac.new(SECRET, BODY, hashlib.sha256).hexdigest().encode()
    request = b"POST " + PATH.encode() + b" HTTP/1.1\r\n" + HOST + shown
    request += b"X-Hub-Signature-256: sha256=" + signature + b"\r\nConnection: close\r\n"
    request += b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY

    async def work() -> None:
        choices = config.load(EXAMPLE)
        kept: Any = Kept()
        ways = doors(choices, [SECRET.decode()], "t", {})
        webhook = Webhook(kept, ways, choices, Client("X-CN"))
        app = application(webhook.routes())
        if ahead:
            app[AHEAD] = {PATH: webhook.receive}
        async with serve(app, "127.0.0.1", 0) as port:
            (answer,) = await said(port, request)
        assert answer[0] == status
        assert len(kept.entries) == (1 if status == 200 else 0)

    asyncio.run(work())
