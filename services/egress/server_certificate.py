"""Certificate that a server shows: one TLS handshake, without a request."""

import asyncio
import socket
import ssl
from datetime import UTC, datetime
from typing import Any

from services.egress.shown_certificate import CertificateFailure, ShownCertificate

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


REASONS: dict[CertificateFailure, str] = {
    "expired": "its certificate has expired",
    "not_yet": "its certificate is not valid yet",
    "self_signed": "its certificate leads to no authority that is trusted here",
    "chain": "its certificate leads to no authority that is trusted here",
    "host": "its certificate is for another host name",
}
"""Reasons for which a server is not spoken to."""


async def fetch_certificate(
    host: str, port: int, context: ssl.SSLContext | None = None, request: bytes = b""
) -> ShownCertificate:
    """Return the certificate of a server, checked against the system's authorities, or those of
    `context`. `request` asks for TLS where a protocol begins without it; the answer is an S."""
    try:
        async with asyncio.timeout(HANDSHAKE_SECONDS):
            return await _shake_hands(host, port, context or ssl.create_default_context(), request)
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
    except (OSError, UnicodeError, ValueError, asyncio.IncompleteReadError):
        return ShownCertificate("refused")


def describe_refusal(error: BaseException | None) -> str:
    """Return why TLS with a server failed, as a sentence without anything of an address; '' if it
    was something else. Libraries wrap the error of OpenSSL into their own."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    match error:
        case None:
            return ""
        case ssl.SSLCertVerificationError():
            return REASONS[VERIFY_FAILURES.get(error.verify_code, "chain")]
        case ssl.SSLError(library="PEM" | "X509"):
            return "the file of authorities, or of our certificate, holds none in PEM"
        case _:
            return f"the TLS handshake failed ({error.reason or 'no reason given'})"


async def _shake_hands(
    host: str, port: int, context: ssl.SSLContext, request: bytes
) -> ShownCertificate:
    now, later = (None, context) if request else (context, None)
    name = host if now else None
    reader, writer = await asyncio.open_connection(host, port, ssl=now, server_hostname=name)
    try:
        if later:
            writer.write(request)
            if await reader.readexactly(1) != b"S":
                return ShownCertificate("tls")
            await writer.start_tls(later, server_hostname=host)
        shown: dict[str, Any] = writer.get_extra_info("peercert") or {}
    finally:
        writer.transport.abort()  # nothing was said, so there is nothing to end in good order
    return ShownCertificate("", _time(shown.get("notBefore")), _time(shown.get("notAfter")))


def _time(text: str | None) -> datetime | None:
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC) if text else None
