"""Certificate that a server showed, or the failure to get one, as data, and what to think of it.
Pure."""

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

import msgspec

CertificateFailure = Literal[
    "", "name", "refused", "timeout", "alert",
    "tls", "expired", "not_yet", "self_signed", "chain", "host",
]  # fmt: skip
"""`alert`: the server ended the handshake, mostly because it wants a certificate of the caller."""
NOT_SHOWN: frozenset[CertificateFailure] = frozenset(("name", "refused", "timeout", "alert"))
"""Failures that say nothing of a certificate."""
CertificateState = Literal["fine", "unknown", "warning", "wrong"]


class ShownCertificate(msgspec.Struct, frozen=True):
    failure: CertificateFailure = ""
    not_before: datetime | None = None
    not_after: datetime | None = None


class Notice(NamedTuple):
    """Time before the end of a certificate at which something is to be done."""

    longest: timedelta
    part: int
    """Part of its life that counts instead for a short one: 3 is a third."""


def judge_end(
    shown: ShownCertificate, now: datetime, warning: Notice, wrong: Notice
) -> CertificateState:
    """Judge a certificate by its failure, or by the time that is left of it."""
    if shown.failure in NOT_SHOWN:
        return "unknown"
    if shown.failure or not (shown.not_before and shown.not_after):
        return "wrong"
    life, left = shown.not_after - shown.not_before, shown.not_after - now
    if left <= min(wrong.longest, life / wrong.part):
        return "wrong"
    return "warning" if left <= min(warning.longest, life / warning.part) else "fine"
