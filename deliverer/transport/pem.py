"""Until when a certificate is valid: what of its file must be known to say so. Pure.

X.509 (RFC 5280) is read by whoever makes a connection with it; this follows DER as far as the
second date of the first certificate, and no further.
"""

import re
import ssl
from datetime import UTC, datetime, timedelta

CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
SEQUENCE, VERSION, UTC_TIME, GENERALIZED_TIME = 0x30, 0xA0, 0x17, 0x18
CENTURY = 50
"""Of two digits: from here on they are of the twentieth (RFC 5280, 4.1.2.5.1)."""
SOON = timedelta(days=30)
"""Before its end a person should know: an organisation's certificate takes weeks to get."""


def first(text: str) -> bytes:
    """The first certificate of a PEM file, as DER: it is the one that is shown. ValueError when
    there is none."""
    found = CERTIFICATE.search(text)
    if not found:
        raise ValueError("holds no certificate in PEM")
    try:
        return ssl.PEM_cert_to_DER_cert(found[0])
    except ValueError:
        raise ValueError("holds a certificate that cannot be read") from None


def not_after(certificate: bytes) -> datetime:
    """The last moment of a certificate in DER; ValueError when that cannot be found."""
    try:
        signed = _inside(_inside(certificate, SEQUENCE), SEQUENCE)
        if signed[0] == VERSION:
            signed = _after(signed)
        for _ in ("serial number", "signature", "issuer"):
            signed = _after(signed)
        dates = _inside(signed, SEQUENCE)
        return _time(_after(dates))
    except (IndexError, ValueError):
        raise ValueError("holds a certificate that cannot be read") from None


def doubt(until: datetime, now: datetime) -> str:
    """What a person should know of a certificate that is valid until then; '' where nothing."""
    if until <= now:
        return f"expired on {until:%Y-%m-%d}"
    return f"expires on {until:%Y-%m-%d}" if until - now <= SOON else ""


def _parted(der: bytes) -> tuple[int, bytes, bytes]:
    """Kind and content of the first element, and what comes after it."""
    kind, length, start = der[0], der[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(der[2:start], "big")
    if length > len(der) - start:
        raise ValueError("cut off")
    return kind, der[start : start + length], der[start + length :]


def _inside(der: bytes, kind: int) -> bytes:
    found, content, _ = _parted(der)
    if found != kind:
        raise ValueError("another element")
    return content


def _after(der: bytes) -> bytes:
    return _parted(der)[2]


def _time(der: bytes) -> datetime:
    kind, content, _ = _parted(der)
    text = content.decode("ascii")
    if kind == UTC_TIME:
        text = ("19" if int(text[:2]) >= CENTURY else "20") + text
    elif kind != GENERALIZED_TIME:
        raise ValueError("no date")
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
