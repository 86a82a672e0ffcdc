"""Verify the origin of a webhook, and for which of our numbers it may speak, before parsing. Pure.

Each provider proves its origin in a header of its own: a signature over the body as received, or a
secret that only the provider knows. A secret counts only for the numbers that name it, so a
provider of one municipality can say nothing in the name of another.
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
"""Common name in the client certificate of Meta's servers."""


class WebhookSecret(msgspec.Struct, frozen=True, kw_only=True):
    """A secret, and our numbers that it speaks for."""

    provider: ProviderId
    secret: bytes
    numbers: frozenset[str]
    header: str = ""
    """Header that carries the secret itself; '': the provider signs the body with it."""
    until: datetime | None = None
    """Time from which the secret no longer counts, because the registration ended."""


class PresentedSignature(NamedTuple):
    """A signature, or a secret, as one header of a request presents it."""

    provider: ProviderId
    header: str
    """Header that carries a secret; '' for a signature."""
    value: str
    digest: bytes = b""
    """Digest in a signature."""


class VerifiedOrigin(msgspec.Struct, frozen=True):
    """A proven origin. `name` and `signature` ('': proven by a secret) are archived."""

    name: str
    signature: str
    numbers: frozenset[str]


Grant = tuple[frozenset[str], datetime | None]
"""Our numbers that a secret speaks for, and until when."""
Secrets = Mapping[bytes, list[Grant]]


class OriginVerifier:
    """Verifies signatures and secrets at one endpoint."""

    def __init__(self, keys: Iterable[WebhookSecret]) -> None:
        self._secrets: dict[tuple[ProviderId, str], dict[bytes, list[Grant]]] = {}
        for key in keys:
            secrets = self._secrets.setdefault((key.provider, key.header), {})
            secrets.setdefault(key.secret, []).append((key.numbers, key.until))
        self.most_secrets = max(map(len, self._secrets.values()), default=0)
        """Largest number of secrets that one body is tried with: the cost of a refusal."""

    def find_signatures(self, headers: Mapping[str, str]) -> list[PresentedSignature]:
        """Return the signatures and secrets in `headers`. Call it before reading the body.

        The old SHA-1 header of Meta is ignored.
        """
        presented = []
        for provider, header in self._secrets:
            settings = PROVIDERS[provider]
            value = headers.get(header or settings.signature)
            if value is None:
                continue
            if header:
                presented.append(PresentedSignature(provider, header, value))
            elif match := settings.form.fullmatch(value):
                digest = bytes.fromhex(match[1])
                presented.append(PresentedSignature(provider, header, value, digest))
        return presented

    def verify(
        self, body: bytes, signatures: Iterable[PresentedSignature], at: datetime
    ) -> VerifiedOrigin | None:
        """Return the origin that the signatures prove for `body`, or None.

        Every secret is tried, each compared in constant time.
        """
        for signature in signatures:
            secrets = self._secrets[signature.provider, signature.header]
            if signature.header:
                grants = _grants_of_secret(signature.value, secrets)
                if numbers := _valid_numbers(grants, at):
                    return VerifiedOrigin(f"{signature.provider}-header", "", numbers)
            else:
                grants = _grants_of_signature(body, signature.digest, secrets)
                if numbers := _valid_numbers(grants, at):
                    name = f"{signature.provider}-sha256"
                    return VerifiedOrigin(name, signature.value, numbers)
        return None


def _grants_of_signature(body: bytes, digest: bytes, secrets: Secrets) -> list[list[Grant]]:
    return [
        grants
        for secret, grants in secrets.items()
        if hmac.compare_digest(hmac.digest(secret, body, "sha256"), digest)
    ]


def _grants_of_secret(value: str, secrets: Secrets) -> list[list[Grant]]:
    """Compare hashes, so that the time does not reveal even the length of a secret."""
    digest = hashlib.sha256(value.encode(errors="surrogateescape")).digest()
    return [
        grants
        for secret, grants in secrets.items()
        if hmac.compare_digest(hashlib.sha256(secret).digest(), digest)
    ]


def _valid_numbers(matches: Iterable[Iterable[Grant]], at: datetime) -> frozenset[str]:
    """Return the numbers of the matching grants that are valid at this time."""
    valid = [n for grants in matches for n, until in grants if until is None or at < until]
    return valid[0] if len(valid) == 1 else frozenset().union(*valid)


def unverified_keys(
    keys: Iterable[str], owners: Mapping[str, frozenset[str]], origin: VerifiedOrigin
) -> list[str]:
    """Return the keys of a body that belong only to numbers for which the origin does not speak.

    `owners` maps Meta's id of a number, or `waba:<id>`, to our numbers that have it.
    """
    return [
        key for key in keys if (numbers := owners.get(key)) and numbers.isdisjoint(origin.numbers)
    ]


def common_name(header: str) -> str:
    """Return the common name in the header in which a TLS proxy reports a client certificate.

    The header has the name alone, or a distinguished name in either of its forms. '' if it has no
    common name, or more than one.
    """
    if "=" not in header:
        return header.strip()
    if '"' in header:
        return ""  # a quoted value may contain text that looks like a name; Meta's has no quotes

    parts = re.split(r"(?<!\\)[/+]" if header.startswith("/") else r"(?<!\\)[,+]", header)
    names = [part.partition("=")[2].strip() for part in parts if part.strip()[:3].upper() == "CN="]
    return names[0] if len(names) == 1 else ""
