"""Where each of our numbers speaks to its provider, and with which token: once, at the start. Pure.

An account is a number of ours at its provider of today.
"""

from collections.abc import Iterable, Mapping

import msgspec

from services.config.numbers import Number
from services.config.providers import PROVIDERS, auth_headers
from services.config.settings import SettingsError, resolve_env


class ProviderAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Not to be printed: a token is in its headers."""

    number: str
    """Our own id of it."""
    meta_id: str
    base: str
    """Of its Graph API, with the version where there is one."""
    headers: Mapping[str, str]
    media_hosts: tuple[str, ...]
    names_number: bool
    """Whether it is told for which number it is asked."""
    rehosts: bool
    """Files are at Meta's, and are fetched through its own host."""


def provider_accounts(
    numbers: Iterable[Number], graph_url: str, access_token: str, environ: Mapping[str, str]
) -> dict[str, ProviderAccount]:
    """Our number -> its account; the installation's address and token are for numbers at Meta that
    have none of their own. SettingsError with every secret that is missing."""
    found: dict[str, ProviderAccount] = {}
    faults: list[str] = []
    for number in numbers:
        token = access_token
        try:
            if number.access_token:
                token = resolve_env(number.access_token, environ)
        except ValueError as error:
            faults.append(f"{error} (number {number.id})")
        found[number.id] = _account(number, graph_url, token)
    if faults:
        raise SettingsError(faults)
    return found


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
