"""Addresses and tokens for our numbers at their providers.

An account is one of our numbers at its current provider.
"""

from collections.abc import Iterable, Mapping

import msgspec

from services.config.numbers import Number
from services.config.providers import PROVIDERS, auth_headers
from services.config.settings import SettingsError, exposed_calls, resolve_env


class ProviderAccount(msgspec.Struct, frozen=True, kw_only=True):
    """A number at its provider. Never print it: `headers` holds a token."""

    number: str
    """Our own id of the number."""
    meta_id: str
    base: str
    """URL of the Graph API, with the version if it has one."""
    headers: Mapping[str, str]
    media_hosts: tuple[str, ...]
    names_number: bool
    """True if requests name the number."""
    rehosts: bool
    """True if files are at Meta and are fetched through the provider's own host."""


def provider_accounts(
    numbers: Iterable[Number], graph_url: str, access_token: str, environ: Mapping[str, str]
) -> dict[str, ProviderAccount]:
    """Return the account of each of our numbers, by the number's id.

    Numbers at Meta without an address or token of their own use the installation's. Raises
    SettingsError with every missing secret, and every address that a token must not go to.
    """
    accounts: dict[str, ProviderAccount] = {}
    faults: list[str] = []
    for number in numbers:
        token = access_token
        try:
            if number.access_token:
                token = resolve_env(number.access_token, environ)
        except ValueError as error:
            faults.append(f"{error} (number {number.id})")
        exposed = exposed_calls([number.graph_url], environ)
        faults += [f"graph_url (number {number.id}): {what}" for what in exposed]
        accounts[number.id] = _account(number, graph_url, token)
    if faults:
        raise SettingsError(faults)
    return accounts


def _account(number: Number, graph_url: str, token: str) -> ProviderAccount:
    provider = PROVIDERS[number.provider]
    return ProviderAccount(
        number=number.id,
        meta_id=number.meta_id,
        base=(number.graph_url or provider.graph_url or graph_url).rstrip("/"),
        headers=auth_headers(number.provider, token),
        media_hosts=number.media_hosts or provider.media_hosts,
        names_number=provider.number_in_path,
        rehosts=provider.rehosts,
    )
