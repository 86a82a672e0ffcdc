"""The webhook's doors: one for all, and one for each municipality, with what opens them. Pure.

A municipality with an app of its own may give Meta the address `/webhooks/whatsapp/<its id>`: only
its own secrets are tried there. At the common address all are.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import msgspec

from gateway.webhook.signatures import OriginVerifier, WebhookSecret
from services.config.model import Configuration
from services.config.numbers import Number, Previous, Registration
from services.config.settings import SettingsError, resolve_env

SHARED_ENDPOINT = ""
AFTERWARDS = timedelta(days=8)
"""For which a provider that a number has left is still believed: Meta tries for 7 days."""
T = TypeVar("T")


class WebhookEndpoint(msgspec.Struct, frozen=True):
    proofs: OriginVerifier
    verify_tokens: tuple[bytes, ...]


def build_endpoints(
    config: Configuration, app_secrets: Sequence[str], verify_token: str, environ: Mapping[str, str]
) -> dict[str, WebhookEndpoint]:
    """Municipality, or COMMON -> its door. SettingsError with every secret that is missing."""
    faults: list[str] = []

    def value(given: str, number: Number) -> list[bytes]:
        try:
            return [resolve_env(given, environ).encode()]
        except ValueError as error:
            faults.append(f"{error} (number {number.id})")
            return []

    keys: list[tuple[str, WebhookSecret]] = []
    tokens: list[tuple[str, bytes]] = []
    for number in config.numbers:
        for registration in number.registrations:
            own = [s for given in registration.secrets for s in value(given, number)]
            if registration.provider == "meta" and not registration.secrets:
                own = [secret.encode() for secret in app_secrets]
            keys += [(number.tenant, _key(registration, number, secret)) for secret in own]
        own = value(number.verify_token, number) if number.verify_token else []
        tokens += [(number.tenant, token) for token in own or [verify_token.encode()]]
    if faults:
        raise SettingsError(sorted(set(faults)))
    names = (SHARED_ENDPOINT, *(tenant.id for tenant in config.tenants))
    return {
        name: WebhookEndpoint(OriginVerifier(_of(keys, name)), tuple(set(_of(tokens, name))))
        for name in names
    }


def _key(registration: Registration, number: Number, secret: bytes) -> WebhookSecret:
    ended = registration.until if isinstance(registration, Previous) else None
    return WebhookSecret(
        provider=registration.provider,
        secret=secret,
        numbers=frozenset([number.id]),
        header=registration.secret_header,
        until=ended + AFTERWARDS if ended else None,
    )


def _of(things: Iterable[tuple[str, T]], name: str) -> list[T]:
    return [thing for tenant, thing in things if name in (SHARED_ENDPOINT, tenant)]


def numbers_by_provider_id(config: Configuration) -> dict[str, frozenset[str]]:
    """Meta's id of a number, or `waba:<id>` -> our numbers that have it, or had."""
    found: dict[str, set[str]] = {}
    for number in config.numbers:
        for registration in number.registrations:
            found.setdefault(number.provider_id_of(registration), set()).add(number.id)
            if registration.waba:
                found.setdefault(f"waba:{registration.waba}", set()).add(number.id)
    return {key: frozenset(numbers) for key, numbers in found.items()}
