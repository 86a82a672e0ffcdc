"""A time stamp after RFC 3161: the request for one on a note, and its verification.

The stamp is on the SHA-256 of the whole signed note, as the note is kept outside, so that `openssl
ts -verify` checks it without us.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography import x509

from archiver.timestamps.certificate_order import sort_certificates

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

CLOCK_DIFFERENCE = timedelta(minutes=5)
"""Most that our clock may be ahead of that of the authority without a fault."""
LATEST = timedelta(hours=24)
"""Age at which a checkpoint is not stamped any more, but a later one. A stamp that came later was
not asked for by the archiver: somebody has written the past anew."""
WAIT = timedelta(hours=1)
"""Most between the question and the stamp: the clocks may differ too."""
NO_LIBRARY = "rfc3161-client is missing: install postkamer[tsa]"
NOT_OF_NOTE = "it is of another note"


class InvalidStamp(Exception):
    """This is no time stamp on the note. The message says why."""


class Authorities(msgspec.Struct, frozen=True):
    """Certificates to which that of a time stamp must lead."""

    certificates: Sequence[Any]


class StampRequest(msgspec.Struct, frozen=True):
    body: bytes
    nonce: int


def load_authorities(pem: bytes) -> Authorities:
    """Read the certificates. Raises InvalidStamp if there are none, or nothing can read stamps."""
    _library()
    try:
        return Authorities(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise InvalidStamp("expected certificates in PEM") from None


def request_stamp(note: bytes) -> StampRequest:
    """Make the request for a stamp on a note; it has a random nonce."""
    library = _library()
    builder = library.TimestampRequestBuilder().data(note).cert_request(cert_request=True)
    request = builder.hash_algorithm(library.base.HashAlgorithm.SHA256).nonce(nonce=True).build()
    return StampRequest(request.as_bytes(), request.nonce)


def verify_stamp(
    answer: bytes, note: bytes, authorities: Authorities, nonce: int | None = None
) -> datetime:
    """Return the time of a stamp on this note. Raises InvalidStamp."""
    library, response = _library(), _read(answer)
    roots = list(authorities.certificates)
    try:
        verifier = library.VerifierBuilder(roots=roots, nonce=nonce).build()
        verifier.verify_message(response, note)
    except library.VerificationError as error:
        if "Mismatch between messages" in str(error):
            raise InvalidStamp(NOT_OF_NOTE) from None
        if "Nonce" in str(error):
            raise InvalidStamp("it is the answer to another request") from None
        raise InvalidStamp("its certificates do not lead to the authority") from None
    except ValueError:
        raise InvalidStamp("it cannot be read") from None
    return response.tst_info.gen_time


def check_time(stamped_at: datetime, signed_at: datetime, *, is_first: bool = False) -> None:
    """Raise InvalidStamp if the stamp is older than its note, or was made a day after it and is not
    the first of all."""
    time = f"its time, {stamped_at:%Y-%m-%d %H:%M:%S}Z,"
    if stamped_at < signed_at - CLOCK_DIFFERENCE:
        raise InvalidStamp(f"{time} is before that of the note")
    if not is_first and stamped_at > signed_at + LATEST + WAIT:
        raise InvalidStamp(f"{time} is more than a day after that of the note")


def _read(answer: bytes) -> "TimeStampResponse":
    try:
        response = _library().decode_timestamp_response(sort_certificates(answer))
        is_granted = response.status == 0
    except ValueError:
        raise InvalidStamp("it cannot be read") from None
    if not is_granted:
        raise InvalidStamp(f"the authority refused it (status {response.status})")
    return response  # type: ignore[no-any-return]


def _library() -> Any:
    try:
        import rfc3161_client
        import rfc3161_client.base
    except ImportError:
        raise InvalidStamp(NO_LIBRARY) from None
    return rfc3161_client
