"""A command of the gateway's API from the command line: send it, and print its outcome."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click
import msgspec

from cli.support.gateway_client import Gateway, GatewayRefused
from cli.support.output import CommandRefused, fail
from cli.support.person import token_for_gateway
from services import clock
from services.config import settings
from services.config.model import ConfigError

SUCCESSFUL = ("done", "accepted")
"""Status of a command without faults."""
WORDS = {
    "nl": {
        "done": "gedaan", "accepted": "aanvaard: de router is er nog niet aan toegekomen",
        "failed": "mislukt", "refused": "geweigerd",
    },
    "en": {
        "done": "done", "accepted": "accepted: the router has not come to it yet",
        "failed": "failed", "refused": "refused",
    },
}  # fmt: skip
"""Status of a command by language."""
SETTINGS_OF_RUN = "beside `make run`, this sets them: set -a; . .local/environment; set +a"
T = TypeVar("T")


class CommandOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """The outcome of a command for one number or conversation."""

    number: str = ""
    conversation: str = ""
    id: str = ""
    status: str = ""
    reason: str = ""


def load_gateway(environ: Mapping[str, str]) -> Gateway:
    """Return a client of the gateway; SettingsError lists settings that are missing or wrong."""
    renamed = {"POSTKAMER_GATEWAY_URL": environ.get("POSTKAMER_API_URL", "")}  # its first name
    own = token_for_gateway(environ)
    token = {"POSTKAMER_API_TOKEN": own, "POSTKAMER_API_TOKEN_FILE": ""} if own else {}
    try:
        options = settings.load(settings.ApiSettings, renamed | dict(environ) | token)
    except settings.SettingsError as error:
        is_missing = any(fault.endswith(": is missing") for fault in error.faults)
        hint = [SETTINGS_OF_RUN] if is_missing else []
        raise settings.SettingsError([*error.faults, *hint]) from None
    return Gateway(options.gateway_url.rstrip("/"), options.api_token.get_secret_value())


def build_body(by: str | None, **members: Any) -> dict[str, Any]:
    """Return the body of a command with its author, without members that are None."""
    person = {"author": {"kind": "employee", "id": by}} if by is not None else {}
    return {name: value for name, value in members.items() if value is not None} | person


def send_command(
    gateway: Gateway, method: str, path: str, body: Any, **subject: str
) -> CommandOutcome:
    """Send one command about `subject`; a refusal becomes the reason of the outcome."""
    try:
        command = gateway.send_command(method, path, body, str(clock.new_id()))
    except GatewayRefused as refused:
        return CommandOutcome(**subject, status="refused", reason=str(refused))
    return CommandOutcome(
        **subject, id=command.id, status=command.status, reason=command.reason or ""
    )


def format_outcome(outcome: CommandOutcome, lang: str) -> str:
    status = WORDS[lang].get(outcome.status, outcome.status)
    subject = outcome.number or outcome.conversation
    return ": ".join(filter(None, (subject, status, outcome.reason)))


def run_with_gateway(work: Callable[[Gateway], T]) -> T:
    """Return the result of `work`; print a refusal and exit with code 1."""
    try:
        return work(load_gateway(os.environ))
    except (GatewayRefused, CommandRefused, settings.SettingsError, ConfigError) as error:
        fail(str(error))


def print_outcomes(
    outcomes: Sequence[CommandOutcome], result: Any, lang: str, *, as_json: bool
) -> None:
    """Print the outcomes, or `result` as JSON; exit with code 1 unless all succeeded."""
    refused = [outcome for outcome in outcomes if outcome.status not in SUCCESSFUL]
    if as_json:
        click.echo(msgspec.json.encode(result))
    else:
        for outcome in outcomes:
            click.echo(format_outcome(outcome, lang), err=outcome in refused)
    if refused:
        raise SystemExit(1)
