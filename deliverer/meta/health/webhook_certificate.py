"""Certificate of the address to which webhooks are sent. Pure."""

from datetime import datetime, timedelta
from typing import NamedTuple
from urllib.parse import urlsplit

from deliverer.meta.health.finding import Finding
from services.egress.shown_certificate import (
    CertificateFailure,
    Notice,
    ShownCertificate,
    judge_end,
)

WARNING, WRONG = Notice(timedelta(days=14), part=3), Notice(timedelta(days=3), part=10)
HTTPS_PORT = 443

FAILURES: dict[CertificateFailure, str] = {
    "expired": "has expired: webhooks do not arrive; renew it",
    "not_yet": "is not valid yet: webhooks do not arrive",
    "self_signed": "is signed by itself, which Meta refuses: webhooks do not arrive",
    "chain": "comes without its intermediate certificates, or from an unknown authority: Meta"
    " refuses it",
    "host": "is for another host name: Meta refuses it",
    "tls": "could not be read: there is no TLS that we understand",
}
"""Failures that Meta meets too."""
UNREACHABLE: dict[CertificateFailure, str] = {
    "name": "its name does not resolve",
    "refused": "no connection could be made",
    "timeout": "it did not answer in time",
    "alert": "it ended the handshake, perhaps because it wants Meta's client certificate",
}
"""Failures that may be ours alone: a door is not always reachable from inside."""

NO_ADDRESS = (
    "The public address of the webhook is not known: set POSTKAMER_WEBHOOK_URL of the deliverer."
)
NO_TLS = "The address of the webhook has no TLS: there is nothing to check; Meta demands https."
FAILED = "The certificate of {} {}."
NOT_REACHED = "{} cannot be reached from the deliverer ({}): its certificate is not checked."
ENDS_SOON = "The certificate of {} ends on {}: renew it."
LASTS = "The certificate of {} is valid until {}."


class Door(NamedTuple):
    """Host and port at which the world reaches the webhook."""

    host: str
    port: int


def parse_door(url: str) -> Door | Finding:
    """Return the door in an address, or a finding if there is no TLS to check."""
    if not url:
        return Finding("unknown", NO_ADDRESS)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or HTTPS_PORT
    except ValueError:
        return Finding("unknown", NO_ADDRESS)
    if not host:
        return Finding("unknown", NO_ADDRESS)
    return Door(host, port) if parts.scheme == "https" else Finding("unknown", NO_TLS)


def judge_certificate(host: str, found: ShownCertificate, now: datetime) -> Finding:
    """Judge the certificate that a host showed, or the failure to get one."""
    if found.failure in UNREACHABLE:
        return Finding("unknown", NOT_REACHED.format(host, UNREACHABLE[found.failure]))
    if found.failure or not (found.not_before and found.not_after):
        return Finding("wrong", FAILED.format(host, FAILURES[found.failure or "tls"]))
    end, state = found.not_after, judge_end(found, now, WARNING, WRONG)
    sentence = LASTS if state == "fine" else ENDS_SOON
    return Finding(state, sentence.format(host, f"{end:%Y-%m-%d}"), end)
