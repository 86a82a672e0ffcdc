"""Commands that run a service, such as `postkamer gateway`; and `postkamer migrate`."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from cli.support.configuration import ROOT, load_own_config, load_valid_config
from cli.support.options import json_option
from cli.support.output import count, fail, print_result
from cli.support.service_process import Service, run_until_stopped
from services import logs, tracing
from services.config import settings
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from services.config.reload import ActiveVersion
from services.config.secret_files import LiveSettings
from services.egress.server_certificate import describe_refusal
from services.http.token_store import environment_tokens
from services.postgres.database import DATABASE_ERRORS
from services.postgres.migrations import MigrationError, migrate, migrations
from services.second_person.start import load_counted

MIGRATION_ORDER = ("services", "gateway", "router", "deliverer", "archiver", "desk")
"""Order of the migrations: roles first, and tables before the services that need access to them."""


@contextmanager
def fail_on_wrong_settings() -> Iterator[None]:
    """Print all settings that are missing or wrong, and exit."""
    try:
        yield
    except settings.SettingsError as error:
        fail(str(error))


def load_settings(kind: type[settings.AnySettings]) -> settings.AnySettings:
    with fail_on_wrong_settings():
        return settings.load(kind, os.environ)


def _load(
    options: settings.DatabaseSettings, file: Path, load: Callable[[Path], LoadedConfig]
) -> LoadedConfig:
    """Load the configuration that counts; print its faults and exit."""
    try:
        return load_counted(options, file, load)
    except ConfigError as error:
        fail(str(error))


def run(name: str, options: settings.ProcessSettings, service: Callable[[], Service]) -> None:
    """Run a service until it stops, and exit with its exit code."""
    logs.log_to_stdout(name, options.log_level)
    with fail_on_wrong_settings(), tracing.exporting(name, options.traces_url, os.environ):
        run_until_stopped(name, service)


@click.command()
def gateway() -> None:
    """Run the gateway: receives webhooks and commands of CRMs."""
    from gateway.service import gateway as service
    from gateway.service import load_endpoints

    options = load_settings(settings.GatewaySettings)
    loaded = _load(options, options.config, load_own_config)
    with fail_on_wrong_settings():
        environment_tokens(options, loaded.config)
        endpoints = load_endpoints(options, loaded.config, os.environ)
    live = LiveSettings(options, os.environ)
    run("gateway", options, lambda: service(live, loaded, endpoints))


@click.command()
def router() -> None:
    """Run the router: decides where each message goes, and why."""
    from router.service import router as service

    options = load_settings(settings.RouterSettings)
    version = ActiveVersion(_load(options, options.config, load_valid_config))
    with fail_on_wrong_settings():
        environment_tokens(options, version.loaded.config)
    live = LiveSettings(options, os.environ)
    run("router", options, lambda: service(live, version))


@click.command()
def deliverer() -> None:
    """Run the deliverer: sends events to CRMs and messages to Meta."""
    from deliverer.credentials import load_credentials
    from deliverer.current_config import CurrentConfig
    from deliverer.meta.accounts import load_accounts
    from deliverer.service import deliverer as service
    from services.files import clamd

    options = load_settings(settings.DelivererSettings)
    loaded = _load(options, options.config, load_own_config)
    config = loaded.config
    with fail_on_wrong_settings():
        clamd.configured_scanner(options.scanner_url, config)
        secrets = load_credentials(config, options.config.parent, os.environ)
        numbers = load_accounts(options, config, os.environ)
    current = CurrentConfig(LiveSettings(options, os.environ), loaded, secrets, numbers)
    run("deliverer", options, lambda: service(current))


@click.command()
def archiver() -> None:
    """Run the archiver: stores the record and shows it."""
    from archiver.service import archiver as service
    from archiver.service import load_accounts
    from services.files import clamd

    options = load_settings(settings.ArchiverSettings)
    loaded = _load(options, options.config, load_own_config)
    with fail_on_wrong_settings():
        environment_tokens(options, loaded.config)
        clamd.configured_scanner(options.scanner_url, loaded.config)
        numbers, secrets = load_accounts(options, loaded.config, os.environ)
    live = LiveSettings(options, os.environ)
    run("archiver", options, lambda: service(live, loaded, numbers, secrets))


@click.command()
def desk() -> None:
    """Run the desk: where employees answer, in their browser."""
    from desk.service import desk as service
    from desk.service import signing_keys

    options = load_settings(settings.DeskSettings)
    with fail_on_wrong_settings():
        signing_keys(options)
    live = LiveSettings(options, os.environ)
    run("desk", options, lambda: service(live))


@click.command()
def sandbox() -> None:
    """Run the sandbox: stand-ins for Meta and a CRM, with a page."""
    from sandbox.service import sandbox as service
    from sandbox.settings import load

    try:
        options = load(os.environ)
    except ValueError as error:
        fail(str(error))
    logs.log_to_stdout("sandbox", "warning")
    run_until_stopped("sandbox", lambda: service(options))


@click.command("migrate")
@json_option
def migrate_command(as_json: bool) -> None:
    """Bring the database up to date.

    Needs POSTKAMER_DATABASE_URL, as its owner.
    """
    url = load_settings(settings.DatabaseSettings).database_url.get_secret_value()
    required = [m for name in MIGRATION_ORDER for m in migrations(name, ROOT / name / "migrations")]
    try:
        applied = asyncio.run(migrate(url, required))
    except (MigrationError, *DATABASE_ERRORS) as error:
        fail(f"migrate: {describe_refusal(error) or error}")
    there = len(required) - len(applied)
    lines = [
        *(f"applied {name}" for name in applied),
        f"{count(len(applied), 'migration|migrations')} applied, {there} there already",
    ]
    print_result({"applied": applied, "there": there}, lines, as_json=as_json)
