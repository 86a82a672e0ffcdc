"""The only outgoing mail: a message to a server, its answer or its failure back. Never raises.

An SMTP answer becomes the HTTP status that `deliverer.policy` judges alike: a refusal for good is
the message's own fault, a refused login is an alarm, anything else is tried again.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable, Mapping
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from aiosmtplib import (
    SMTP,
    SMTPAuthenticationError,
    SMTPConnectError,
    SMTPException,
    SMTPRecipientsRefused,
    SMTPResponseException,
)

from deliverer.transport.response import Body, Response
from services.config.organisation import MailDestination

SECONDS = 15.0
"""For a connection, and for each answer."""
ALL_SECONDS = 60.0
"""For one mail: four answers that take as long as they may."""
UNAUTHORIZED, UNPROCESSABLE, UNAVAILABLE, ACCEPTED = 401, 422, 503, 202
PERMANENT = 500
"""SMTP codes from here on are for good."""
PORTS = {"smtp": 25, "smtps": 465}


class Mailer:
    """Takes what the engine posts: one connection a mail."""

    def __init__(self, destination: MailDestination, login: bytes) -> None:
        self._destination = destination
        self._name, _, self._password = login.decode().partition(":")

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        assert isinstance(body, bytes)
        mail = EmailMessage()
        mail["From"], mail["To"] = self._destination.sender, ", ".join(self._destination.to)
        for name, value in headers.items():
            mail[name] = value
        mail.set_content(body.decode())
        is_accepted = False
        try:
            async with asyncio.timeout(ALL_SECONDS), self._client(url) as server:
                await server.send_message(mail)
                is_accepted = True
        except (SMTPException, OSError, ValueError) as error:
            # A goodbye that fails takes nothing back.
            return Response(status=ACCEPTED) if is_accepted else _failure(error)
        return Response(status=ACCEPTED)

    def _client(self, url: str) -> SMTP:
        """With TLS from the first byte, or from when the server offers it; its certificate must be
        of its name, and signed by one that the system knows."""
        parts = urlsplit(url)
        return SMTP(
            hostname=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            username=self._name or None,
            password=self._password if self._name else None,
            timeout=SECONDS,
            use_tls=parts.scheme == "smtps",
            validate_certs=True,
        )


def _failure(error: Exception) -> Response:
    cause = error.__cause__ if isinstance(error, SMTPConnectError) else None
    if type(cause) is OSError:  # of a name with several addresses, none of which answers
        return Response(failure="refused", request_sent=False)
    return next(make(cause or error) for kind, make in FAILED if isinstance(cause or error, kind))


def _refused(error: Any) -> Response:
    """Every recipient was refused: the mildest answer, so that it is tried again for one."""
    return Response(
        status=_status(min((each.code for each in error.recipients), default=PERMANENT))
    )


def _status(code: int) -> int:
    return UNPROCESSABLE if code >= PERMANENT else UNAVAILABLE


FAILED: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (SMTPAuthenticationError, lambda _: Response(status=UNAUTHORIZED)),
    (SMTPRecipientsRefused, _refused),
    (SMTPResponseException, lambda error: Response(status=_status(error.code))),
    (ssl.SSLError, lambda _: Response(failure="tls")),
    (socket.gaierror, lambda _: Response(failure="name", request_sent=False)),
    (TimeoutError, lambda _: Response(failure="timeout")),
    (ConnectionRefusedError, lambda _: Response(failure="refused", request_sent=False)),
    (Exception, lambda _: Response(failure="reset")),
)
"""The first class that an error belongs to says how it failed."""
