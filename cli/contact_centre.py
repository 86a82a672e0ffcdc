"""`postkamer notice`, `number` and `care`: what the contact centre says of a number, and that
somebody has seen an alarm. Through the gateway's API, as any other desk does it."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import quote

import click
import msgspec

from cli.support.gateway_client import Gateway, GatewayRefused
from cli.support.time_options import Time
from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.config import settings
from services.ids import CONVERSATION

STATES = ("open", "receive-only", "closed")
SUCCESSFUL = ("done", "accepted")
"""How an order stands that nothing is wrong with."""
WAITS = "the router has not come to it yet"
T = TypeVar("T")


class Notice(msgspec.Struct):
    text: str
    until: datetime | None


class Number(msgspec.Struct):
    """As the API shows it."""

    id: str
    state: str
    text: str | None
    until: datetime | None
    notice: Notice | None


class Numbers(msgspec.Struct):
    numbers: list[Number]


class CommandOutcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of an order for one number or conversation."""

    number: str = ""
    conversation: str = ""
    id: str = ""
    status: str = "refused"
    reason: str = ""

    def __str__(self) -> str:
        why = self.reason or (WAITS if self.status == "accepted" else "")
        return ": ".join(filter(None, (self.number or self.conversation, self.status, why)))


def load_gateway(environ: Mapping[str, str]) -> Gateway:
    """SettingsError with what is missing or wrong."""
    given = settings.load(settings.ApiSettings, environ)
    return Gateway(given.api_url.rstrip("/"), given.api_token.get_secret_value())


def build_body(author: str | None, **members: Any) -> dict[str, Any]:
    """What an order says, with who says it."""
    by = {"author": {"kind": "employee", "id": author}} if author is not None else {}
    return {name: value for name, value in members.items() if value is not None} | by


def send_command(there: Gateway, method: str, path: str, body: Any, **whose: str) -> CommandOutcome:
    """One order; what is against it is its reason."""
    try:
        fate = there.send_command(method, path, body, str(clock.new_id()))
    except GatewayRefused as refused:
        return CommandOutcome(**whose, reason=str(refused))
    return CommandOutcome(**whose, id=fate.id, status=fate.status, reason=fate.reason or "")


def send_to_numbers(
    there: Gateway, numbers: Sequence[str], method: str, what: str, body: Any
) -> list[CommandOutcome]:
    """The same order for each of these numbers, or for all that the municipality has."""
    ids = numbers or [each.id for each in list_numbers(there)]
    if not ids:
        raise GatewayRefused("this municipality has no number")
    return [
        send_command(there, method, f"/v1/numbers/{quote(id, safe='')}/{what}", body, number=id)
        for id in dict.fromkeys(ids)
    ]


def list_numbers(there: Gateway) -> list[Number]:
    return there.request(Numbers, "GET", "/v1/numbers").numbers


def format_number(number: Number) -> Iterator[str]:
    """How a number stands, for who reads it in a terminal."""
    text = f": {number.text}" if number.text else ""
    yield f"{number.id}: {number.state}{_until(number.until)}{text}"
    if told := number.notice:
        yield f"  notice{_until(told.until)}: {told.text}"


def _until(at: datetime | None) -> str:
    """In Dutch time; '' for what has no end."""
    return f" until {at.astimezone(AMSTERDAM):%Y-%m-%d %H:%M}" if at else ""


def _run(work: Callable[[Gateway], T]) -> T:
    """What `work` gives; what is wrong, and exit code 1 otherwise."""
    try:
        return work(load_gateway(os.environ))
    except (GatewayRefused, settings.SettingsError) as error:
        click.echo(str(error), err=True)
        raise SystemExit(1) from None


def _print_outcomes(done: Sequence[CommandOutcome], shown: Any, *, as_json: bool) -> None:
    """How it went with each; exit code 1 unless it went well with all."""
    if as_json:
        click.echo(msgspec.json.encode(shown))
    else:
        for each in done:
            click.echo(str(each), err=each.status not in SUCCESSFUL)
    if any(each.status not in SUCCESSFUL for each in done):
        raise SystemExit(1)


_author = click.option("--author", help="Who says it, as your CRM calls them.")
_json = click.option("--json", "as_json", is_flag=True)
_numbers = click.option("--number", "numbers", multiple=True, help="None: all of yours.")


@click.group("notice")
def notice() -> None:
    """What citizens are told for a while (POSTKAMER_API_TOKEN, with the role kcc)."""


@notice.command("set")
@click.argument("text")
@click.option("--until", required=True, type=Time(), help="At most 31 days ahead.")
@_numbers
@_author
@_json
def notice_set(
    text: str, until: datetime, numbers: tuple[str, ...], author: str | None, as_json: bool
) -> None:
    """Tell citizens TEXT, once in each conversation, until TIME."""
    body = build_body(author, text=text, until=until)
    done = _run(lambda there: send_to_numbers(there, numbers, "PUT", "notice", body))
    _print_outcomes(done, done, as_json=as_json)


@notice.command("clear")
@_numbers
@_author
@_json
def notice_clear(numbers: tuple[str, ...], author: str | None, as_json: bool) -> None:
    """Take the notice away."""
    body = build_body(author)
    done = _run(lambda there: send_to_numbers(there, numbers, "DELETE", "notice", body))
    _print_outcomes(done, done, as_json=as_json)


@click.group("number")
def number() -> None:
    """Your numbers (POSTKAMER_API_TOKEN, with the role kcc)."""


@number.command("list")
@_json
def number_list(as_json: bool) -> None:
    """Show how each stands now."""
    found = _run(list_numbers)
    if as_json:
        click.echo(msgspec.json.encode(found))
        return
    for each in found:
        for line in format_number(each):
            click.echo(line)


@number.command("state")
@click.argument("state", type=click.Choice(STATES))
@click.option("--text", help="What citizens are told; with closed, and needed there.")
@click.option("--until", type=Time(), help="At most 31 days ahead; then it is open again.")
@_numbers
@_author
@_json
def number_state(numbers: tuple[str, ...], as_json: bool, **said: Any) -> None:
    """Open a number, let it take messages in silence, or close it with a text."""
    body = build_body(**said)
    done = _run(lambda there: send_to_numbers(there, numbers, "PUT", "state", body))
    _print_outcomes(done, done, as_json=as_json)


@click.group("care")
def care() -> None:
    """Alarms (POSTKAMER_API_TOKEN, with the role care or send)."""


@care.command("confirm")
@click.argument("conversation")
@_author
@_json
def care_confirm(conversation: str, author: str | None, as_json: bool) -> None:
    """Say that somebody has seen the alarm about CONVERSATION: nobody else is woken."""
    if not CONVERSATION.fullmatch(conversation):
        raise click.BadParameter("it is no id of a conversation", param_hint="CONVERSATION")
    path, body = f"/v1/conversations/{conversation}/_confirm", build_body(author)
    done = _run(lambda there: send_command(there, "POST", path, body, conversation=conversation))
    _print_outcomes([done], done, as_json=as_json)
