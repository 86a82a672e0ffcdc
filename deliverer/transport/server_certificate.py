"""Certificate that a server shows to the public: one TLS handshake, without a request."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

from deliverer.transport.shown_certificate import CertificateFailure, ShownCertificate

HANDSHAKE_SECONDS = 10.0
"""Time limit of name, connection and handshake together."""

VERIFY_FAILURES: dict[int, CertificateFailure] = {
    9: "not_yet",
    10: "expired",
    18: "self_signed",
    19: "self_signed",
    62: "host",
    64: "host",
}
"""OpenSSL's X509_V_ERR_* codes; any other is a fault of the chain."""


async def fetch_certificate(
    host: str, port: int, context: ssl.SSLContext | None = None
) -> ShownCertificate:
    """Return the certificate of a server, checked against the system's authorities, or those of
    `context`."""
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            return await _shake_hands(host, port, context or ssl.create_default_context())
    except ssl.SSLCertVerificationError as error:
        return ShownCertificate(VERIFY_FAILURES.get(error.verify_code, "chain"))
    except TimeoutError:
        return ShownCertificate("timeout")
    except socket.gaierror:
        return ShownCertificate("name")
    except ssl.SSLError as error:
        # A door that asks for Meta's client certificate refuses ours with an alert, before TLS 1.3
        # in the handshake.
        return ShownCertificate("alert" if "_ALERT_" in (error.reason or "") else "tls")
    except (OSError, UnicodeError, ValueError):
        return ShownCertificate("refused")


async def _shake_hands(host: str, port: int, context: ssl.SSLContext) -> ShownCertificate:
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    shown: dict[str, Any] = writer.get_extra_info("peercert") or {}
    writer.transport.abort()  # nothing was said, so there is nothing to end in good order
    return ShownCertificate("", _time(shown.get("notBefore")), _time(shown.get("notAfter")))


def _time(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if text else None
