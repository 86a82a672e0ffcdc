"""Whose is this webhook, and for which numbers of ours may it speak? Asked before it is read. Pure.

Each provider proves itself in its own header: a signature over the body as received, or a secret
that only it knows. A secret speaks for the numbers that name it and for no others, so that whoever
serves one municipality can say nothing in the name of another.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from services.providers import PROVIDERS, ProviderId

META_CLIENT = "client.webhooks.fbclientcerts.com"
"""Common name in the certificate that Meta's servers show."""


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One secret, and our numbers that it speaks for. With `header`, the secret itself comes in
    that header; without it, the provider signs."""

    provider: ProviderId
    secret: bytes
    numbers: frozenset[str]
    header: str = ""
    until: datetime | None = None
    """After this it speaks for nobody: of a registration that ended."""


class Proof(msgspec.Struct, frozen=True):
    """What was shown: `name` goes on the record, with the signature where there was one."""

    name: str
    signature: str
    numbers: frozenset[str]


Grant = tuple[frozenset[str], datetime | None]
"""Numbers of ours, and until when."""
Secrets = Mapping[bytes, list[Grant]]


class Proofs:
    """All that may be shown at one door."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._ways: dict[tuple[ProviderId, str], dict[bytes, list[Grant]]] = {}
        for key in keys:
            own = self._ways.setdefault((key.provider, key.header), {})
            own.setdefault(key.secret, []).append((key.numbers, key.until))
        self.most_secrets = max(map(len, self._ways.values()), default=0)
        """Tried for one body: what it costs to be refused."""

    def shown(self, headers: Mapping[str, str]) -> bool:
        """Whether there is anything in `headers` that could prove something; asked before the body
        is read."""
        for provider, header in self._ways:
            given = headers.get(header or PROVIDERS[provider].signature)
            if given is not None and (header or PROVIDERS[provider].form.fullmatch(given)):
                return True
        return False

    def proven(self, body: bytes, headers: Mapping[str, str], at: datetime) -> Proof | None:
        """What `headers` prove about `body`; None when that is nothing.

        Every secret is tried, each compared in constant time. The SHA-1 header of old is not
        looked at.
        """
        for (provider, header), secrets in self._ways.items():
            shown = headers.get(header or PROVIDERS[provider].signature)
            if shown is None:
                continue
            matched = (
                _named(shown, secrets)
                if header
                else _signed(body, shown, PROVIDERS[provider].form, secrets)
            )
            if numbers := _still(matched, at):
                name, kept = ("header", "") if header else ("sha256", shown)
                return Proof(f"{provider}-{name}", kept, numbers)
        return None


def _signed(body: bytes, shown: str, form: re.Pattern[str], secrets: Secrets) -> list[list[Grant]]:
    match = form.fullmatch(shown)
    if match is None:
        return []
    given = bytes.fromhex(match[1])
    return [
        grants
        for secret, grants in secrets.items()
        if hmac.compare_digest(hmac.digest(secret, body, "sha256"), given)
    ]


def _named(shown: str, secrets: Secrets) -> list[list[Grant]]:
    """Hashed before they are compared, so that not even a length shows."""
    given = hashlib.sha256(shown.encode(errors="surrogateescape")).digest()
    return [
        grants
        for secret, grants in secrets.items()
        if hmac.compare_digest(hashlib.sha256(secret).digest(), given)
    ]


def _still(matched: Iterable[Iterable[Grant]], at: datetime) -> frozenset[str]:
    """The numbers that what matched speaks for at this moment."""
    now = [n for grants in matched for n, until in grants if until is None or at < until]
    return now[0] if len(now) == 1 else frozenset().union(*now)


def unproven(keys: Iterable[str], owners: Mapping[str, frozenset[str]], proof: Proof) -> list[str]:
    """Those of a body's keys that belong to numbers of ours, none of which the proof speaks for.

    `owners` leads from Meta's id of a number, or `waba:<id>`, to our numbers that have it.
    """
    return [key for key in keys if (own := owners.get(key)) and own.isdisjoint(proof.numbers)]


def common_name(shown: str) -> str:
    """The one common name in what a TLS proxy says of a client's certificate: the name alone, or a
    distinguished name in either of its forms; '' when there is none, or more than one."""
    if "=" not in shown:
        return shown.strip()
    parts = re.split(r"(?<!\\)[,/+]", shown)
    names = [part.partition("=")[2].strip() for part in parts if part.strip()[:3].upper() == "CN="]
    return names[0] if len(names) == 1 else ""
