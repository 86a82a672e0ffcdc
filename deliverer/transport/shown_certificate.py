"""Certificate that a server showed, or the failure to get one, as data. Pure."""

from datetime import datetime
from typing import Literal

import msgspec

CertificateFailure = Literal[
    "", "name", "refused", "timeout", "alert",
    "tls", "expired", "not_yet", "self_signed", "chain", "host",
]  # fmt: skip
"""`alert`: the server ended the handshake, mostly because it wants a certificate of the caller."""


class ShownCertificate(msgspec.Struct, frozen=True):
    failure: CertificateFailure = ""
    not_before: datetime | None = None
    not_after: datetime | None = None
