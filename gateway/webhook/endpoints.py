"""The webhook endpoints: a shared one and one for each municipality, with their secrets. Pure.

A municipality with a Meta app of its own may register `/webhooks/whatsapp/<its id>` at Meta. That
endpoint tries only the secrets of the municipality; the shared endpoint tries all secrets.
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
GRACE_PERIOD = timedelta(days=8)
"""Time for which the previous provider of a number still counts: by some of its pages Meta
retries for 7 days."""
T = TypeVar("T")


class WebhookEndpoint(msgspec.Struct, frozen=True):
    origins: OriginVerifier
    verify_tokens: tuple[bytes, ...]


def build_endpoints(
    config: Configuration, app_secrets: Sequence[str], verify_token: str, environ: Mapping[str, str]
) -> dict[str, WebhookEndpoint]:
    """Return an endpoint for each municipality and SHARED_ENDPOINT.

    SettingsError lists every secret that is missing.
    """
    faults: list[str] = []

    def resolve(reference: str, number: Number) -> list[bytes]:
        try:
            return [resolve_env(reference, environ).encode()]
        except ValueError as error:
            faults.append(f"{error} (number {number.id})")
            return []

    keys: list[tuple[str, WebhookSecret]] = []
    tokens: list[tuple[str, bytes]] = []
    for number in config.numbers:
        for registration in number.registrations:
            secrets = [s for each in registration.secrets for s in resolve(each, number)]
            if registration.provider == "meta" and not registration.secrets:
                secrets = [secret.encode() for secret in app_secrets]
            keys += [(number.tenant, _key(registration, number, secret)) for secret in secrets]
        own_tokens = resolve(number.verify_token, number) if number.verify_token else []
        tokens += [(number.tenant, token) for token in own_tokens or [verify_token.encode()]]
    if faults:
        raise SettingsError(sorted(set(faults)))
    names = (SHARED_ENDPOINT, *(tenant.id for tenant in config.tenants))
    return {
        name: WebhookEndpoint(
            OriginVerifier(_select(keys, name)), tuple(set(_select(tokens, name)))
        )
        for name in names
    }


def _key(registration: Registration, number: Number, secret: bytes) -> WebhookSecret:
    ended = registration.until if isinstance(registration, Previous) else None
    return WebhookSecret(
        provider=registration.provider,
        secret=secret,
        numbers=frozenset([number.id]),
        header=registration.secret_header,
        until=ended + GRACE_PERIOD if ended else None,
    )


def _select(items: Iterable[tuple[str, T]], name: str) -> list[T]:
    return [item for tenant, item in items if name in (SHARED_ENDPOINT, tenant)]


def numbers_by_provider_id(config: Configuration) -> dict[str, frozenset[str]]:
    """Map Meta's id of a number, or `waba:<id>`, to our numbers that have or had it."""
    by_id: dict[str, set[str]] = {}
    for number in config.numbers:
        for registration in number.registrations:
            by_id.setdefault(number.provider_id_of(registration), set()).add(number.id)
            if registration.waba:
                by_id.setdefault(f"waba:{registration.waba}", set()).add(number.id)
    return {key: frozenset(numbers) for key, numbers in by_id.items()}
