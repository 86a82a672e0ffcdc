"""`postkamer check`: everything that is wrong or doubtful about an installation, at once."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from deliverer.accounts import accounts
from deliverer.service import keys
from gateway.doors import doors
from router.rules import Table, compile_config, match
from services import settings
from services.config import Config, ConfigError, load
from services.keyring import of_environment

KINDS = (
    settings.GatewaySettings,
    settings.RouterSettings,
    settings.DelivererSettings,
    settings.ArchiverSettings,
)


class Found(msgspec.Struct):
    """`faults` keep a service from starting; `warnings` are for a person to judge."""

    faults: list[str]
    warnings: list[str]


def check(path: Path, environ: Mapping[str, str], *, settings_too: bool) -> Found:
    """Look at the configuration file and, unless only a file was asked about, at the settings."""
    found = Found([], [])
    try:
        config = load(path)
    except ConfigError as error:
        found.faults += str(error).splitlines()
        # Their secrets can be looked at all the same.
        config = Config.model_construct(destinations=error.destinations, numbers=(), tenants=())
    else:
        found.warnings += [f"{path}: {warning}" for warning in _warnings(config)]
        if settings_too:
            found.faults += _token_faults(config, environ)
    if settings_too:
        found.faults += _secret_faults(config, environ)
        found.faults += sorted(_setting_faults(environ))
    return found


def _secret_faults(config: Config, environ: Mapping[str, str]) -> list[str]:
    """What the configuration names and the environment does not hold."""
    found: list[str] = []
    looks: tuple[Callable[[], object], ...] = (
        lambda: keys(config, environ),
        lambda: doors(config, (), "", environ),
        lambda: accounts(config, "", "", environ),
    )
    for look in looks:
        try:
            look()
        except settings.SettingsError as error:
            found += error.faults
    return found


def _token_faults(config: Config, environ: Mapping[str, str]) -> list[str]:
    """Tokens without a municipality; that there are none at all is told with the other settings."""
    try:
        given = settings.load(settings.TokenSettings, environ)
    except settings.SettingsError:
        return []
    try:
        of_environment(given, config)
    except settings.SettingsError as error:
        return error.faults
    return []


def _setting_faults(environ: Mapping[str, str]) -> set[str]:
    faults: set[str] = set()
    for kind in KINDS:
        try:
            settings.load(kind, environ)
        except settings.SettingsError as error:
            faults.update(error.faults)
    return faults


def _warnings(config: Config) -> Iterator[str]:
    tables = compile_config(config)
    yield from _idle_phrases(config, tables)
    used = {(number.tenant, number.fallback) for number in config.numbers}
    used |= {(tenant, rule.department) for tenant, table in tables.items() for rule in table.rules}
    for department in config.departments:
        if (department.tenant, department.id) not in used:
            whose = f"{department.id} of {department.tenant}"
            yield f"department {whose}: no rule and no number leads to it"
    for number in config.numbers:
        if number.previous and not all(r.portfolio for r in number.registrations):
            yield (
                f"number {number.id}: it moved; without a portfolio for each of its registrations"
                " nobody can tell a citizen's new BSUID from a telephone number handed out again"
            )
    yield from _unnamed_portfolios(config)
    for destination in config.destinations:
        url = urlsplit(destination.url)
        if url.scheme == "http" and url.hostname not in ("127.0.0.1", "localhost", "::1"):
            yield f"destination {destination.id}: its url is not https"


def _unnamed_portfolios(config: Config) -> Iterator[str]:
    for tenant in config.tenants:
        numbers = [number for number in config.numbers if number.tenant == tenant.id]
        unnamed = [number.id for number in numbers if not number.portfolio]
        if unnamed and len(unnamed) < len(numbers):
            yield (
                f"tenant {tenant.id}: {', '.join(unnamed)} name no portfolio while others do, so"
                " nobody can tell whether a citizen's BSUID of the one holds at the other"
            )


def _idle_phrases(config: Config, tables: Mapping[str, Table]) -> Iterator[str]:
    """Phrases that decide in no municipality that they hold for: a rule before them always does."""
    held = {tenant: {rule.id for rule in table.rules} for tenant, table in tables.items()}
    for rule in config.rules:
        holds = [table for tenant, table in tables.items() if rule.id in held[tenant]]
        for phrase in rule.words:
            hits = [(table, hit) for table in holds if (hit := match(table, phrase))]
            first = [table.rules[position].id for table, (position, _) in hits]
            if rule.id not in first:
                yield f"rule {rule.id}: {phrase!r} never decides, rule {first[0]} has it too"


def lines(found: Found) -> Iterator[str]:
    yield from (f"fault: {fault}" for fault in found.faults)
    yield from (f"warning: {warning}" for warning in found.warnings)
    yield f"{len(found.faults)} faults, {len(found.warnings)} warnings"
