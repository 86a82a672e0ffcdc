"""Where each of our numbers sends, and with which token: from the configuration, once. Pure."""

from collections.abc import Mapping
from datetime import timedelta

import msgspec

from services.calendar.quiet_hours import QuietHours, parse_quiet_hours
from services.config import accounts as provider_accounts
from services.config.model import Configuration
from services.config.numbers import LateAnswerTemplate, Number
from services.config.providers import resource_url


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """A number of ours at its provider of today."""

    name: str
    """The provider and its id of the number: files at one account are not at another."""
    number: str
    """Our own id of it."""
    tenant: str
    messages_url: str
    media_url: str
    headers: Mapping[str, str]
    per_second: int
    """Messages that it may send."""
    late: LateAnswerTemplate | None = None
    asks: bool = False
    """Whether what is late is held, and its citizen asked to write."""
    wrote: timedelta = timedelta()
    """Since a citizen last wrote, in which a template to them is an answer."""
    night: QuietHours | None = None
    """In which nothing leaves that nobody asked for."""


def sending_accounts(
    config: Configuration, graph_url: str, access_token: str, environ: Mapping[str, str]
) -> dict[str, Account]:
    """Our number -> its account; the installation's address and token are for numbers at Meta that
    have none of their own. SettingsError with every secret that is missing."""
    there = provider_accounts.provider_accounts(config.numbers, graph_url, access_token, environ)
    return {number.id: _account(number, there[number.id], config) for number in config.numbers}


def _account(
    number: Number, there: provider_accounts.ProviderAccount, config: Configuration
) -> Account:
    account = Account(
        name=f"{number.provider}:{number.meta_id}",
        number=number.id,
        tenant=number.tenant,
        messages_url=resource_url(number.provider, there.base, number.meta_id, "messages"),
        media_url=resource_url(number.provider, there.base, number.meta_id, "media"),
        headers=there.headers,
        per_second=number.per_second,
        late=number.late_template,
        asks=number.ask_template is not None,
    )
    if tenant := config.tenant(number.tenant):
        night = parse_quiet_hours(tenant.night)
        account = msgspec.structs.replace(account, night=night, wrote=tenant.recent_contact)
    return account
