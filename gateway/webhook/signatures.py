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
from typing import NamedTuple

import msgspec

from services.config.providers import PROVIDERS, ProviderId

META_CLIENT = "client.webhooks.fbclientcerts.com"
"""Common name in the certificate that Meta's servers show."""


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """One secret, and our numbers that it speaks for. With `header`, the secret itself comes in
    that header; without it, the provider signs."""

    provider: ProviderId
    secret: bytes
    numbers: frozenset[str]
    header: str = ""
    until: datetime | None = None
    """After this it speaks for nobody: of a registration that ended."""


class PresentedSignature(NamedTuple):
    """What stands in one header: the provider that shows it so, and its own header where it comes
    in one (''), else what it signed to."""

    provider: ProviderId
    header: str
    value: str
    digest: bytes = b""


class VerifiedOrigin(msgspec.Struct, frozen=True):
    """What was shown: `name` goes on the record, with the signature where there was one."""

    name: str
    signature: str
    numbers: frozenset[str]


Grant = tuple[frozenset[str], datetime | None]
"""Numbers of ours, and until when."""
Secrets = Mapping[bytes, list[Grant]]


class OriginVerifier:
    """All that may be shown at one door."""

    def __init__(self, keys: Iterable[WebhookSecret]) -> None:
        self._ways: dict[tuple[ProviderId, str], dict[bytes, list[Grant]]] = {}
        for key in keys:
            own = self._ways.setdefault((key.provider, key.header), {})
            own.setdefault(key.secret, []).append((key.numbers, key.until))
        self.most_secrets = max(map(len, self._ways.values()), default=0)
        """Tried for one body: what it costs to be refused."""

    def shown(self, headers: Mapping[str, str]) -> list[PresentedSignature]:
        """What in `headers` could prove something; asked before the body is read. The SHA-1 header
        of old is not looked at."""
        found = []
        for provider, header in self._ways:
            own = PROVIDERS[provider]
            value = headers.get(header or own.signature)
            if value is None:
                continue
            if header:
                found.append(PresentedSignature(provider, header, value))
            elif form := own.form.fullmatch(value):
                found.append(PresentedSignature(provider, header, value, bytes.fromhex(form[1])))
        return found

    def proven(
        self, body: bytes, shown: Iterable[PresentedSignature], at: datetime
    ) -> VerifiedOrigin | None:
        """What that proves about `body`; None when it is nothing.

        Every secret is tried, each compared in constant time.
        """
        for one in shown:
            secrets = self._ways[one.provider, one.header]
            named = bool(one.header)
            matched = _named(one.value, secrets) if named else _signed(body, one.digest, secrets)
            if numbers := _still(matched, at):
                if named:
                    return VerifiedOrigin(f"{one.provider}-header", "", numbers)
                return VerifiedOrigin(f"{one.provider}-sha256", one.value, numbers)
        return None


def _signed(body: bytes, given: bytes, secrets: Secrets) -> list[list[Grant]]:
    return [
        grants
        for secret, grants in secrets.items()
        if hmac.compare_digest(hmac.digest(secret, body, "sha256"), given)
    ]


def _named(value: str, secrets: Secrets) -> list[list[Grant]]:
    """Hashed before they are compared, so that not even a length shows."""
    given = hashlib.sha256(value.encode(errors="surrogateescape")).digest()
    return [
        grants
        for secret, grants in secrets.items()
        if hmac.compare_digest(hashlib.sha256(secret).digest(), given)
    ]


def _still(matched: Iterable[Iterable[Grant]], at: datetime) -> frozenset[str]:
    """The numbers that what matched speaks for at this moment."""
    now = [n for grants in matched for n, until in grants if until is None or at < until]
    return now[0] if len(now) == 1 else frozenset().union(*now)


def unverified_keys(
    keys: Iterable[str], owners: Mapping[str, frozenset[str]], proof: VerifiedOrigin
) -> list[str]:
    """Those of a body's keys that belong to numbers of ours, none of which the proof speaks for.

    `owners` leads from Meta's id of a number, or `waba:<id>`, to our numbers that have it.
    """
    return [key for key in keys if (own := owners.get(key)) and own.isdisjoint(proof.numbers)]


def common_name(shown: str) -> str:
    """The one common name in what a TLS proxy says of a client's certificate: the name alone, or a
    distinguished name in either of its forms; '' when there is none, or more than one."""
    if "=" not in shown:
        return shown.strip()
    if '"' in shown:
        return ""  # a quoted value may hold what looks like a name; Meta's holds none
    parts = re.split(r"(?<!\\)[/+]" if shown.startswith("/") else r"(?<!\\)[,+]", shown)
    names = [part.partition("=")[2].strip() for part in parts if part.strip()[:3].upper() == "CN="]
    return names[0] if len(names) == 1 else ""
