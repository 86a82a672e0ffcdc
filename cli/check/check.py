"""`postkamer check`: everything that is wrong or doubtful about an installation, at once."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec

from cli.check.certificates import looked
from cli.check.warnings import doubts, line
from cli.support.example_config import EXAMPLE, without_collection
from deliverer.meta.accounts import sending_accounts
from gateway.webhook.endpoints import build_endpoints
from router.ruleset import validation
from services import clock
from services.config import loader, settings
from services.config.model import ConfigError, ConfigFile, Configuration, locate_error
from services.files.clamd import UNSCANNED
from services.http.token_store import environment_tokens
from services.toml.errors import ConfigFault

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


def check(path: Path, environ: Mapping[str, str], now: datetime, *, settings_too: bool) -> Found:
    """Look at the configuration and, unless only a file was asked about, at the settings."""
    found = Found([], [])
    sources: Sequence[ConfigFile] = ()
    try:
        read = validation.validate(loader.load(path))
        config, sources = read.config, read.sources
    except ConfigError as error:
        found.faults += map(str, sorted([*error.faults, *_unsound(error)]))
        # Their secrets can be looked at all the same.
        destinations = error.read.destinations if error.read else ()
        config = Configuration.model_construct(destinations=destinations, numbers=(), tenants=())
    else:
        found.warnings += [*read.warnings, *map(line, doubts(read, now))]
        seen = found.faults if settings_too else found.warnings
        seen += _scanner_faults(config, environ)
    if settings_too:
        found.faults += _token_faults(config, environ) if config.tenants else []
        found.faults += _secret_faults(config, environ)
        faults, warnings = looked(config, sources, path.parent, environ, now)
        found.faults += faults
        found.warnings += warnings
        found.faults += sorted(_setting_faults(environ))
    return found


def _unsound(error: ConfigError) -> Iterator[ConfigFault]:
    """Faults that the router would say as well, of what can be read; no place is told twice."""
    if error.read is None:
        return
    told = {fault.where for fault in error.faults}
    for where, what in validation.faults(error.read.config, error.read.lost):
        if (
            fault := locate_error(error.sources, error.read.location_in_files(where), what)
        ).where not in told:
            yield fault


def _secret_faults(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """Secrets that the configuration names and the environment does not hold."""
    # Imported late: it brings all that a service needs, which takes a while.
    from deliverer.credentials import load_secrets

    found: list[str] = []
    looks: tuple[Callable[[], object], ...] = (
        lambda: load_secrets(config, environ),
        lambda: build_endpoints(config, (), "", environ),
        lambda: sending_accounts(config, "", "", environ),
    )
    for look in looks:
        try:
            look()
        except settings.SettingsError as error:
            found += error.faults
    return found


def _token_faults(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """Tokens without a municipality; that there are none at all is told with the other settings."""
    try:
        given = settings.load(settings.TokenSettings, environ)
    except settings.SettingsError:
        return []
    try:
        environment_tokens(given, config)
    except settings.SettingsError as error:
        return error.faults
    return []


def _scanner_faults(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """In production files must be scanned, whatever else is wrong."""
    missing = not environ.get(f"{settings.PREFIX}SCANNER_URL")
    return [UNSCANNED] if missing and config.environment == "production" else []


def _setting_faults(environ: Mapping[str, str]) -> set[str]:
    faults: set[str] = set()
    for kind in KINDS:
        try:
            settings.load(kind, environ)
        except settings.SettingsError as error:
            faults.update(error.faults)
    return faults


def lines(found: Found) -> Iterator[str]:
    yield from (f"fault: {fault}" for fault in found.faults)
    yield from (f"warning: {warning}" for warning in found.warnings)
    yield f"{_many(len(found.faults), 'fault')}, {_many(len(found.warnings), 'warning')}"


def _many(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


@click.command("check")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
@click.option("--json", "as_json", is_flag=True)
def command(path: Path | None, as_json: bool) -> None:
    """Check all of the configuration: every fault at once, and warnings.

    With --config that file and what it includes, and not the environment: no secrets, no addresses.
    """
    file = path or Path(os.environ.get("POSTKAMER_CONFIG", EXAMPLE))
    with without_collection():
        found = check(file, os.environ, clock.now(), settings_too=path is None)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for line in lines(found):
            click.echo(line)
    sys.exit(1 if found.faults else 0)
