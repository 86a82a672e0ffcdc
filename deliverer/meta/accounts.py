"""Accounts of our numbers at their providers: addresses, tokens and limits. Pure."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

import msgspec

from services.calendar.quiet_hours import QuietHours, parse_quiet_hours
from services.config import accounts as provider_accounts
from services.config.model import Configuration
from services.config.numbers import LateAnswerTemplate, Number
from services.config.providers import ProviderId, resource_url
from services.config.settings import GraphSettings, resolve_env


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
    provider: ProviderId = "meta"
    graph_url: str = ""
    """Address of the Graph API, with the version if it has one."""
    meta_id: str = ""
    waba: str = ""
    """Id of the WhatsApp Business Account; '' if the configuration does not name it."""
    app_secrets: tuple[str, ...] = ()
    """Secrets of the Meta app, if the deliverer has them; only the hourly checks use them."""
    per_second: int
    """Messages that it may send per second."""
    late_template: LateAnswerTemplate | None = None
    asks_to_reopen: bool = False
    """True if a late answer is held, and its citizen asked to write."""
    direct_send: bool = False
    """True if late answers may go by Meta's Direct Send."""
    confidential: frozenset[str] = frozenset()
    """Confidential departments of its municipality, whose answers never do."""
    recent_contact: timedelta = timedelta()
    """Time since the citizen last wrote within which a template to them is an answer."""
    trial: bool = False
    """True if the configuration puts it on trial. The record goes before it: `services.trial`."""
    quiet_hours: QuietHours | None = None
    """Hours in which no business-initiated message leaves."""


def load_accounts(
    settings: GraphSettings, config: Configuration, environ: Mapping[str, str]
) -> dict[str, Account]:
    """Return the account of each number. SettingsError lists every missing secret."""
    token = settings.meta_access_token.get_secret_value()
    app_secrets = [secret.get_secret_value() for secret in settings.meta_app_secrets]
    return sending_accounts(config, settings.meta_graph_url, token, environ, app_secrets)


def sending_accounts(
    config: Configuration,
    graph_url: str,
    access_token: str,
    environ: Mapping[str, str],
    app_secrets: Sequence[str] = (),
) -> dict[str, Account]:
    """Return the account of each of our numbers. Numbers at Meta without an address and token of
    their own use those of the installation. SettingsError lists every missing secret."""
    providers = provider_accounts.provider_accounts(
        config.numbers, graph_url, access_token, environ
    )
    return {
        number.id: msgspec.structs.replace(
            _account(number, providers[number.id], config),
            app_secrets=_app_secrets(number, app_secrets, environ),
        )
        for number in config.numbers
    }


def _app_secrets(
    number: Number, shared: Sequence[str], environ: Mapping[str, str]
) -> tuple[str, ...]:
    """Return the app secrets of a number at Meta that the deliverer has. It needs none of them."""
    if number.provider != "meta":
        return ()
    if not number.secrets:
        return tuple(shared)
    return tuple(secret for name in number.secrets if (secret := _read_secret(name, environ)))


def _read_secret(name: str, environ: Mapping[str, str]) -> str:
    try:
        return resolve_env(name, environ)
    except ValueError:
        return ""


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
        provider=number.provider,
        graph_url=provider.base,
        meta_id=number.meta_id,
        waba=number.waba,
        per_second=number.per_second,
        late_template=number.late_template,
        trial=number.trial,
        asks_to_reopen=number.ask_template is not None,
        direct_send=number.direct_send,
        confidential=_confidential_departments(number.tenant, config),
    )
    if tenant := config.tenant(number.tenant):
        quiet_hours = parse_quiet_hours(tenant.night)
        account = msgspec.structs.replace(
            account, quiet_hours=quiet_hours, recent_contact=tenant.recent_contact
        )
    return account


def _confidential_departments(tenant: str, config: Configuration) -> frozenset[str]:
    ids = [each.id for each in config.departments if each.tenant == tenant]
    return frozenset(each for each in ids if config.confidential(tenant, [each]))
