"""The only outgoing mail: a message to a server, its answer or how it failed back. Never raises.

As `deliverer.policy` judges answers: what a server refuses for good is the message's own fault, who
is not let in must be looked at, the rest is tried again.
"""

import asyncio
import smtplib
import socket
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from deliverer.transport.response import Body, Response
from services.config.organisation import Destination

SECONDS = 15.0
"""For a connection, and for each answer."""
UNAUTHORIZED, UNPROCESSABLE, UNAVAILABLE, ACCEPTED = 401, 422, 503, 202
PERMANENT = 500
"""SMTP's codes from here on are for good."""
PORTS = {"smtp": 25, "smtps": 465}


class Mailer:
    """Takes what the engine posts; one mail at a time, on a thread, for the library waits."""

    def __init__(self, destination: Destination, login: bytes) -> None:
        self._destination = destination
        self._name, _, self._password = login.decode().partition(":")

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        assert isinstance(body, bytes)
        mail = EmailMessage()
        mail["From"], mail["To"] = self._destination.sender, ", ".join(self._destination.to)
        for name, value in headers.items():
            mail[name] = value
        mail.set_content(body.decode())
        return await asyncio.to_thread(self._send, url, mail)

    def _send(self, url: str, mail: EmailMessage) -> Response:
        try:
            with _connected(url) as server:
                if self._name:
                    server.login(self._name, self._password)
                server.send_message(mail)
        except (smtplib.SMTPException, OSError, ValueError) as error:
            return next(make(error) for kind, make in FAILED if isinstance(error, kind))
        return Response(status=ACCEPTED)


def _refused(error: Any) -> Response:
    """All of those it was for; the mildest of the answers, so that it is tried again for one."""
    codes = [code for code, _ in error.recipients.values()]
    return Response(status=_status(min(codes, default=PERMANENT)))


def _status(code: int) -> int:
    return UNPROCESSABLE if code >= PERMANENT else UNAVAILABLE


FAILED: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (smtplib.SMTPAuthenticationError, lambda _: Response(status=UNAUTHORIZED)),
    (smtplib.SMTPRecipientsRefused, _refused),
    (smtplib.SMTPResponseException, lambda error: Response(status=_status(error.smtp_code))),
    (ssl.SSLError, lambda _: Response(failure="tls")),
    (socket.gaierror, lambda _: Response(failure="name", request_sent=False)),
    (TimeoutError, lambda _: Response(failure="timeout")),
    (ConnectionRefusedError, lambda _: Response(failure="refused", request_sent=False)),
    (Exception, lambda _: Response(failure="reset")),
)
"""The first that it is says how it failed."""


def _connected(url: str) -> smtplib.SMTP:
    """With TLS from the first byte, or from when the server offers it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    context = ssl.create_default_context()
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=SECONDS)
    server.ehlo()
    if server.has_extn("starttls"):
        server.starttls(context=context)
        server.ehlo()
    return server


@asynccontextmanager
async def mailing(destination: Destination, login: bytes) -> AsyncIterator[Mailer]:
    yield Mailer(destination, login)
