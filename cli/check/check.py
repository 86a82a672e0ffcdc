"""`postkamer check`: find all faults and warnings of an installation at once."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import click
import msgspec

from cli.check.certificates import check_certificates
from cli.check.coverage import WORDS, describe_coverage
from cli.check.filled_texts import fill_texts, format_texts
from cli.check.secret_purposes import check_names, check_values
from cli.check.servers import ServerCheck, check_queues, check_servers
from cli.check.trials import check_trials
from cli.check.warnings import find_warnings, format_warning
from cli.support.configuration import configured_path, load_valid_config, without_collection
from cli.support.language import lang_option
from cli.support.options import config_option, json_option
from cli.support.output import count, print_result
from cli.support.unlimited_tokens import label_warnings
from deliverer.meta.accounts import sending_accounts
from gateway.webhook.endpoints import build_endpoints
from router.ruleset import validation
from router.table_gate import validate_by_tables
from services import clock
from services.config import loader, settings
from services.config.handover_secrets import handover_secrets
from services.config.loader import LoadedConfig
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
OF_COMMANDS = settings.StatusSettings, settings.ApiSettings, settings.ManagementSettings
"""Settings of commands: those that are given must be right, and none need be given."""


class CheckResult(msgspec.Struct):
    """The result. `faults` keep a service from starting; a person has to judge `warnings`."""

    faults: list[str]
    warnings: list[str]
    checked: list[str] = []
    """Sentences about the extent of the check, if it found no fault."""


def check(
    path: Path, environ: Mapping[str, str], now: datetime, lang: str = "nl", *, settings_too: bool
) -> CheckResult:
    """Check the configuration and, with `settings_too`, the settings in the environment."""
    result = CheckResult([], [])
    sources: Sequence[ConfigFile] = ()
    loaded = None
    try:
        loaded = validation.validate(loader.load(path))
        config, sources = loaded.config, loaded.sources
    except ConfigError as error:
        result.faults += map(str, sorted([*error.faults, *_rule_faults(error)]))
        # The secrets of destinations can be checked even so.
        destinations = error.read.destinations if error.read else ()
        config = Configuration.model_construct(destinations=destinations, numbers=(), tenants=())
    else:
        result.warnings += [*loaded.warnings, *map(format_warning, find_warnings(loaded, now))]
        result.faults += [*check_names(config, sources), *_shortfalls(loaded, path.parent)]
        target = result.faults if settings_too else result.warnings
        target += _scanner_faults(config, environ)
    if settings_too:
        result.faults += _token_faults(config, environ) if config.tenants else []
        result.faults += _secret_faults(config, environ)
        result.faults += check_values(config, environ)
        faults, warnings = check_certificates(config, sources, path.parent, environ, now)
        result.faults += faults
        result.warnings += warnings
        result.faults += sorted(_setting_faults(environ))
        result.warnings += label_warnings(environ)
        faults, warnings = _signing_faults(config, environ) if loaded else ([], [])
        result.faults += faults
        result.warnings += warnings
    if loaded and not result.faults:
        result.checked += describe_coverage(path, loaded, environ, lang, settings_too=settings_too)
    return result


def _shortfalls(loaded: LoadedConfig, folder: Path) -> list[str]:
    """Return the faults of tables of messages, and the sentences of those that the rules fall
    below."""
    try:
        validate_by_tables(loaded, folder)
    except ConfigError as error:
        return [*map(str, error.faults)]
    return []


def _rule_faults(error: ConfigError) -> Iterator[ConfigFault]:
    """Yield the faults that only compiled rules show, in the part that can be read.

    Skip places that have a fault already.
    """
    if error.read is None:
        return
    places = {fault.where for fault in error.faults}
    for where, what in validation.find_faults(error.read.config, error.read.lost):
        fault = locate_error(error.sources, error.read.location_in_files(where), what)
        if fault.where not in places:
            yield fault


def _secret_faults(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """Return the secrets that the configuration names and the environment does not have."""
    # Imported late: it imports all that a service needs, which takes a while.
    from deliverer.credentials import load_secrets

    faults: list[str] = []
    checks: tuple[Callable[[], object], ...] = (
        lambda: load_secrets(config, environ),
        lambda: build_endpoints(config, (), "", environ),
        lambda: sending_accounts(config, "", "", environ),
        lambda: handover_secrets(config.tenants, environ),
    )
    for check_secrets in checks:
        try:
            check_secrets()
        except settings.SettingsError as error:
            faults += error.faults
    return faults


def _signing_faults(
    config: Configuration, environ: Mapping[str, str]
) -> tuple[list[str], list[str]]:
    # Imported late: it imports all that signs, which takes a while.
    from cli.check.log_signing import check_log_signing

    return check_log_signing(config, environ)


def _token_faults(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """Return the faults of tokens without a municipality. `_setting_faults` reports that there are
    no tokens."""
    try:
        tokens = settings.load(settings.TokenSettings, environ)
    except settings.SettingsError:
        return []
    try:
        environment_tokens(tokens, config)
    except settings.SettingsError as error:
        return error.faults
    return []


def _scanner_faults(config: Configuration, environ: Mapping[str, str]) -> list[str]:
    """Return a fault if files are not scanned in production."""
    missing = not environ.get(f"{settings.PREFIX}SCANNER_URL")
    return [UNSCANNED] if missing and config.environment == "production" else []


def _setting_faults(environ: Mapping[str, str]) -> set[str]:
    faults: set[str] = set()
    for kind in (*KINDS, settings.PersonSettings, *OF_COMMANDS):
        try:
            settings.load(kind, environ)
        except settings.SettingsError as error:
            faults.update(
                fault
                for fault in error.faults
                if kind not in OF_COMMANDS or not fault.endswith(": is missing")
            )
    return faults


def _check_queues(path: Path, environ: Mapping[str, str]) -> ServerCheck:
    """Compare the broker with a configuration without faults."""
    try:
        return check_queues(loader.load(path, patterns=False).config, environ)
    except ConfigError:  # its faults are reported already
        return ServerCheck()


def _check_openklants(path: Path, environ: Mapping[str, str]) -> ServerCheck:
    """Check each Open Klant of a configuration without faults."""
    # Imported late: it imports all that a service needs, which takes a while.
    from cli.check.openklants import check_openklants

    try:
        return check_openklants(loader.load(path, patterns=False), path.parent, environ)
    except ConfigError:  # its faults are reported already
        return ServerCheck()


def _check_numbers(path: Path, environ: Mapping[str, str]) -> ServerCheck:
    """Check each number of a configuration without faults, at Meta or its BSP."""
    # Imported late, as above.
    from cli.check.number_health import check_numbers

    try:
        return check_numbers(loader.load(path, patterns=False).config, environ)
    except ConfigError:  # its faults are reported already
        return ServerCheck()


def _check_identity_providers(path: Path) -> ServerCheck:
    """Ask each identity provider of a configuration without faults for its keys."""
    # Imported late: a client of HTTP takes a while.
    from cli.check.identity_providers import check_identity_providers

    try:
        return check_identity_providers(loader.load(path, patterns=False).config)
    except ConfigError:  # its faults are reported already
        return ServerCheck()


def _check_signer(environ: Mapping[str, str]) -> ServerCheck:
    # Imported late, as above.
    from cli.check.log_signing import check_signer

    return check_signer(environ)


def format_result(result: CheckResult, lang: str = "nl") -> Iterator[str]:
    words = WORDS[lang]
    yield from map(words["fault"].format, result.faults)
    yield from map(words["warning"].format, result.warnings)
    yield from result.checked
    faults = count(len(result.faults), words["faults"])
    yield f"{faults}, {count(len(result.warnings), words['warnings'])}"


@click.command("check")
@config_option
@lang_option
@click.option("--live", "is_live", is_flag=True, help="Also connect to the servers.")
@click.option("--texts", "is_of_texts", is_flag=True, help="Print the texts for citizens instead.")
@json_option
def command(path: Path | None, is_live: bool, is_of_texts: bool, lang: str, as_json: bool) -> None:
    """Check the configuration: every fault at once, and warnings.

    Without --config, check the file that POSTKAMER_CONFIG names, and the secrets and addresses of
    the environment. With it, check that file and the files that it includes, and nothing else.
    With --live, connect to POSTKAMER_AMQP_URL, POSTKAMER_DATABASE_URL and each Open Klant, judge
    their versions, compare the queues of the broker, their limits and policies with ours (by
    POSTKAMER_BROKER_MANAGEMENT_URL), name the tokens that reach more than was chosen, compare the
    departments with the Objecten API, ask Meta for the state of each number, its token, its webhook
    and its payment, each identity provider for its keys, and the signer of the log for its own.
    With --texts, print the texts for citizens with their values, for a tool that judges how
    readable they are.
    """
    file = configured_path(path)
    if is_of_texts:
        texts = list(fill_texts(load_valid_config(file), clock.now()))
        print_result(texts, format_texts(texts), as_json=as_json)
        return
    with without_collection():
        result = check(file, os.environ, clock.now(), lang, settings_too=path is None)
    if is_live:
        for servers in (
            check_servers(os.environ),
            _check_queues(file, os.environ),
            _check_openklants(file, os.environ),
            _check_numbers(file, os.environ),
            _check_identity_providers(file),
            check_trials(os.environ),
            _check_signer(os.environ),
        ):
            result.faults += [fault for fault in servers.faults if fault not in result.faults]
            result.warnings += servers.warnings
            result.checked += [WORDS[lang]["answers"].format(server) for server in servers.checked]
    print_result(result, format_result(result, lang), as_json=as_json)
    sys.exit(1 if result.faults else 0)
