"""Accounts of our numbers at their providers: addresses, tokens and limits. Pure."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from services.calendar.quiet_hours import QuietHours, parse_quiet_hours
from services.config import accounts as provider_accounts
from services.config.model import Configuration
from services.config.numbers import LateAnswerTemplate, Number
from services.config.providers import resource_url


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """One of our numbers at its present provider."""

    name: str
    """Provider, and its id of the number. An uploaded file belongs to one account."""
    number: str
    """Our own id of the number."""
    tenant: str
    messages_url: str
    media_url: str
    headers: Mapping[str, str]
    per_second: int
    """Messages that it may send per second."""
    late_template: LateAnswerTemplate | None = None
    asks_to_reopen: bool = False
    """True if a late answer is held, and its citizen asked to write."""
    recent_contact: timedelta = timedelta()
    """Time since the citizen last wrote within which a template to them is an answer."""
    quiet_hours: QuietHours | None = None
    """Hours in which no business-initiated message leaves."""


def sending_accounts(
    config: Configuration, graph_url: str, access_token: str, environ: Mapping[str, str]
) -> dict[str, Account]:
    """Return the account of each of our numbers. Numbers at Meta without an address and token of
    their own use those of the installation. SettingsError lists every missing secret."""
    providers = provider_accounts.provider_accounts(
        config.numbers, graph_url, access_token, environ
    )
    return {number.id: _account(number, providers[number.id], config) for number in config.numbers}


def _account(
    number: Number, provider: provider_accounts.ProviderAccount, config: Configuration
) -> Account:
    account = Account(
        name=f"{number.provider}:{number.meta_id}",
        number=number.id,
        tenant=number.tenant,
        messages_url=resource_url(number.provider, provider.base, number.meta_id, "messages"),
        media_url=resource_url(number.provider, provider.base, number.meta_id, "media"),
        headers=provider.headers,
        per_second=number.per_second,
        late_template=number.late_template,
        asks_to_reopen=number.ask_template is not None,
    )
    if tenant := config.tenant(number.tenant):
        quiet_hours = parse_quiet_hours(tenant.night)
        account = msgspec.structs.replace(
            account, quiet_hours=quiet_hours, recent_contact=tenant.recent_contact
        )
    return account
