"""Commands that run a service, `postkamer gateway` and so on; and `postkamer migrate`."""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import click

from cli.support.database import fail
from cli.support.example_config import ROOT, chosen
from services import lifecycle, logs
from services.config import model, settings
from services.http.token_store import of_environment
from services.postgres.database import DATABASE_ERRORS
from services.postgres.migrations import MigrationError, migrate, migrations

MIGRATED = ("services", "gateway", "router", "deliverer", "archiver")
"""In this order: the roles first, and what is granted before whom it is granted to needs it."""

Service = AbstractAsyncContextManager["asyncio.Future[object]"]


def configured(path: Path) -> model.Configuration:
    return chosen(path).config


def loaded(kind: type[settings.AnySettings]) -> settings.AnySettings:
    try:
        return settings.load(kind, os.environ)
    except settings.SettingsError as error:
        fail(str(error))
        raise


def run(name: str, level: str, service: Callable[[], Service]) -> None:
    """Run a service until it is stopped; its exit code becomes ours."""
    logs.log_to_stdout(name, level)
    try:
        sys.exit(lifecycle.run_event_loop(lifecycle.run(service)))
    except OSError as error:
        fail(f"{name}: {error.strerror or error}")


@click.command()
def gateway() -> None:
    """Run the front door: webhooks and CRM commands in."""
    from gateway.service import gateway as service
    from gateway.service import opened

    given = loaded(settings.GatewaySettings)
    town = chosen(given.config)
    try:
        of_environment(given, town.config)
        doors = opened(given, town.config, os.environ)
    except settings.SettingsError as error:
        fail(str(error))
    run("gateway", given.log_level, lambda: service(given, town, doors))


@click.command()
def router() -> None:
    """Run the router: decides where each message goes, and why."""
    from router.service import router as service

    given = loaded(settings.RouterSettings)
    town = chosen(given.config)
    run("router", given.log_level, lambda: service(given, town))


@click.command()
def deliverer() -> None:
    """Run the deliverer: events to CRMs, messages to Meta."""
    from deliverer.credentials import load_credentials
    from deliverer.service import deliverer as service
    from deliverer.service import load_accounts
    from services.files import clamd

    given = loaded(settings.DelivererSettings)
    town = configured(given.config)
    try:
        clamd.configured(given.scanner_url, town)
        own = load_credentials(town, given.config.parent, os.environ)
        numbers = load_accounts(given, town, os.environ)
    except settings.SettingsError as error:
        fail(str(error))
    run("deliverer", given.log_level, lambda: service(given, town, own, numbers))


@click.command()
def archiver() -> None:
    """Run the archiver: keeps the record and shows it."""
    from archiver.service import archiver as service
    from services.config.accounts import provider_accounts
    from services.files import clamd

    given = loaded(settings.ArchiverSettings)
    town = configured(given.config)
    token = given.meta_access_token.get_secret_value()
    try:
        of_environment(given, town)
        clamd.configured(given.scanner_url, town)
        numbers = provider_accounts(town.numbers, given.meta_graph_url, token, os.environ)
    except settings.SettingsError as error:
        fail(str(error))
    run("archiver", given.log_level, lambda: service(given, town, numbers))


@click.command()
def sandbox() -> None:
    """Run the stand-ins for Meta and a CRM, with the page that shows it all."""
    from sandbox.service import sandbox as service
    from sandbox.settings import load

    try:
        given = load(os.environ)
    except ValueError as error:
        fail(str(error))
    run("sandbox", "warning", lambda: service(given))


@click.command("migrate")
def migrate_command() -> None:
    """Bring the database up to date (POSTKAMER_DATABASE_URL, as its owner)."""
    url = loaded(settings.DatabaseSettings).database_url.get_secret_value()
    wanted = [m for name in MIGRATED for m in migrations(name, ROOT / name / "migrations")]
    try:
        applied = asyncio.run(migrate(url, wanted))
    except (MigrationError, *DATABASE_ERRORS) as error:
        fail(f"migrate: {error}")
        return
    for name in applied:
        click.echo(f"applied {name}")
    click.echo(f"{len(applied)} applied, {len(wanted) - len(applied)} were there")
