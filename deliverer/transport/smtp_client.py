"""The only outgoing mail. A mail returns the server's answer or a kind of failure; it never raises.

An SMTP answer becomes the HTTP status that `deliverer.crm.response_policy` judges alike: a
permanent refusal is the message's own fault, a refused login is an alarm, anything else is retried.
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

STEP_SECONDS = 15.0
"""Time limit of the connection, and of each answer."""
MAIL_SECONDS = 60.0
"""Time limit of one mail: four answers at their limit."""
UNAUTHORIZED, UNPROCESSABLE, UNAVAILABLE, ACCEPTED = 401, 422, 503, 202
PERMANENT = 500
"""SMTP codes from here on are permanent failures."""
PORTS = {"smtp": 25, "smtps": 465}


class Mailer:
    """Sends what a receiver posts, each mail over a connection of its own."""

    def __init__(self, destination: MailDestination, login: Callable[[], bytes]) -> None:
        """`login` returns name and password of now; b'' if the server needs none."""
        self._destination, self._login = destination, login

    async def post(self, url: str, body: Body, headers: Mapping[str, str]) -> Response:
        assert isinstance(body, bytes)
        mail = EmailMessage()
        mail["From"], mail["To"] = self._destination.sender, ", ".join(self._destination.to)
        for name, value in headers.items():
            mail[name] = value
        mail.set_content(body.decode())
        is_accepted = False
        try:
            async with asyncio.timeout(MAIL_SECONDS), self._client(url) as server:
                await server.send_message(mail)
                is_accepted = True
        except (SMTPException, OSError, ValueError) as error:
            # A failing QUIT does not undo an accepted mail.
            return Response(status=ACCEPTED) if is_accepted else _response_to_error(error)
        return Response(status=ACCEPTED)

    def _client(self, url: str) -> SMTP:
        """Return a client that uses TLS from the first byte (smtps), or from the moment that the
        server offers it. The certificate must match the name and be signed by an authority that
        the system trusts."""
        parts = urlsplit(url)
        name, _, password = self._login().decode().partition(":")
        return SMTP(
            hostname=parts.hostname or "",
            port=parts.port or PORTS[parts.scheme],
            username=name or None,
            password=password if name else None,
            timeout=STEP_SECONDS,
            use_tls=parts.scheme == "smtps",
            validate_certs=True,
        )


def _response_to_error(error: Exception) -> Response:
    cause = error.__cause__ if isinstance(error, SMTPConnectError) else None
    if type(cause) is OSError:  # the name has several addresses, and none of them answers
        return Response(failure="refused", request_sent=False)
    return next(
        make(cause or error) for kind, make in RESPONSE_BY_ERROR if isinstance(cause or error, kind)
    )


def _response_to_refused_recipients(error: Any) -> Response:
    """Use the mildest answer: one recipient that may be accepted later is enough to retry."""
    return Response(
        status=_http_status(min((each.code for each in error.recipients), default=PERMANENT))
    )


def _http_status(code: int) -> int:
    return UNPROCESSABLE if code >= PERMANENT else UNAVAILABLE


RESPONSE_BY_ERROR: tuple[tuple[type[Exception], Callable[[Any], Response]], ...] = (
    (SMTPAuthenticationError, lambda _: Response(status=UNAUTHORIZED)),
    (SMTPRecipientsRefused, _response_to_refused_recipients),
    (SMTPResponseException, lambda error: Response(status=_http_status(error.code))),
    (ssl.SSLError, lambda _: Response(failure="tls")),
    (socket.gaierror, lambda _: Response(failure="name", request_sent=False)),
    (TimeoutError, lambda _: Response(failure="timeout")),
    (ConnectionRefusedError, lambda _: Response(failure="refused", request_sent=False)),
    (Exception, lambda _: Response(failure="reset")),
)
"""Response to an error, by the first class that the error belongs to."""
