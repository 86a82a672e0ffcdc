"""`postkamer`: run a service, look at the configuration, ask where a message would go.

Every command takes --json where it prints a result. Exit codes: 0 done, 1 refused or found wrong,
2 misused.
"""

import asyncio
import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import click
import msgspec

from cli import contact_centre, tokens, topology
from cli.archive import files, group
from cli.check import check as checks
from cli.costs import costs
from cli.deliveries import destination, parked
from cli.replay import replay
from cli.routing import explain, explanation, rule_versions
from cli.support.example_config import EXAMPLE, ROOT
from cli.support.time_options import Time
from router.ruleset.validation import validate
from services import clock, lifecycle, logs
from services.config import loader, model, settings
from services.http.token_store import of_environment
from services.postgres.database import DATABASE_ERRORS
from services.postgres.migrations import MigrationError, migrate, migrations

OF_THE_EXAMPLE = "(volgens het voorbeeld voorbeeldstad: geen --config en geen POSTKAMER_CONFIG)"
MIGRATED = ("services", "gateway", "router", "deliverer", "archiver")
"""In this order: the roles first, and what is granted before whom it is granted to needs it."""

Service = AbstractAsyncContextManager["asyncio.Future[object]"]


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="postkamer")
def main() -> None:
    """Postkamer, the WhatsApp mailroom of a Dutch town hall."""


def fail(message: str, code: int = 1) -> None:
    """Say what is wrong, a line each, and end."""
    click.echo(message, err=True)
    sys.exit(code)


def configured(path: Path) -> model.Configuration:
    return chosen(path).config


def chosen(path: Path) -> loader.LoadedConfig:
    """All that a municipality decides, or every fault of it, and the end."""
    try:
        return validate(loader.load(path))
    except model.ConfigError as error:
        fail(str(error))
        raise


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


@main.command()
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


@main.command()
def router() -> None:
    """Run the router: decides where each message goes, and why."""
    from router.service import router as service

    given = loaded(settings.RouterSettings)
    town = chosen(given.config)
    run("router", given.log_level, lambda: service(given, town))


@main.command()
def deliverer() -> None:
    """Run the deliverer: events to CRMs, messages to Meta."""
    from deliverer.credentials import credentials
    from deliverer.service import accounts
    from deliverer.service import deliverer as service
    from services.files import clamd

    given = loaded(settings.DelivererSettings)
    town = configured(given.config)
    try:
        clamd.configured(given.scanner_url, town)
        own = credentials(town, given.config.parent, os.environ)
        numbers = accounts(given, town, os.environ)
    except settings.SettingsError as error:
        fail(str(error))
    run("deliverer", given.log_level, lambda: service(given, town, own, numbers))


@main.command()
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


@main.command()
def sandbox() -> None:
    """Run the stand-ins for Meta and a CRM, with the page that shows it all."""
    from sandbox.service import sandbox as service
    from sandbox.settings import load

    try:
        given = load(os.environ)
    except ValueError as error:
        fail(str(error))
    run("sandbox", "warning", lambda: service(given))


@main.command("migrate")
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


@main.command()
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG.")
@click.option("--json", "as_json", is_flag=True)
def check(path: Path | None, as_json: bool) -> None:
    """Check all of the configuration: every fault at once, and warnings.

    With --config that file and what it includes, and not the environment: no secrets, no addresses.
    """
    file = path or Path(os.environ.get("POSTKAMER_CONFIG", EXAMPLE))
    found = checks.check(file, os.environ, clock.now(), settings_too=path is None)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for line in checks.lines(found):
            click.echo(line)
    sys.exit(1 if found.faults else 0)


main.add_command(costs.command)
for _group in (
    group.group,
    *contact_centre.GROUPS,
    destination.group,
    files.group,
    parked.group,
    rule_versions.group,
    topology.group,
    tokens.group,
):
    main.add_command(_group)


@main.group()
def route() -> None:
    """Where messages go."""


@route.command("explain")
@click.argument("text")
@click.option("--number", help="Our number's id; the first one otherwise.")
@click.option("--at", "at", type=Time(), help="The time of the message; now otherwise.")
@click.option("--config", "path", type=Path, help="Instead of POSTKAMER_CONFIG; the example's.")
@click.option("--type", "type", default="text", help="Meta's type of message.")
@click.option("--all", "every", is_flag=True, help="Also the rules that do not fit, and the text.")
@click.option("--json", "as_json", is_flag=True)
def explain_command(text: str, path: Path | None, every: bool, as_json: bool, **asked: Any) -> None:
    """Say where TEXT would go, and why."""
    given = path or os.environ.get("POSTKAMER_CONFIG")
    if not given:
        click.echo(OF_THE_EXAMPLE, err=True)
    town = chosen(Path(given or EXAMPLE))
    at = asked["at"] or clock.now()
    try:
        answer = explain.explain(town, text, asked["number"], at, asked["type"])
    except ValueError as error:
        fail(str(error), 2)
        return
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    for line in explanation.lines(answer, every=every):
        click.echo(line)


route.add_command(replay.command)


if __name__ == "__main__":
    main()
