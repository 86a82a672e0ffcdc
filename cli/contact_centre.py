"""`postkamer notice`, `number`, `care`: set the notice or state of a number, and confirm an alarm.

The commands use the gateway's API, as any CRM does.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import chain
from typing import Any, TypeVar
from urllib.parse import quote

import click
import msgspec

from cli.support.api_command import (
    CommandOutcome,
    build_body,
    print_outcomes,
    run_with_gateway,
    send_command,
)
from cli.support.gateway_client import Gateway, GatewayRefused
from cli.support.language import lang_option
from cli.support.options import Time, combine_options, json_option, renamed_option
from cli.support.output import print_result
from cli.support.person import stated_operator
from cli.trials import live_command, trial_command
from services.calendar.opening_hours import AMSTERDAM
from services.ids import CONVERSATION

STATES = ("open", "receive-only", "closed")
WORDS = {
    "nl": {
        "open": "open", "receive-only": "alleen ontvangen", "closed": "gesloten",
        "state": "{}: stand {}{}: {}",
        "means open": "werkt zoals anders, binnen de openingstijden van de afdelingen",
        "means receive-only": "ontvangt berichten, stuurt geen automatische tekst",
        "until": " tot {}", "notice": "  mededeling{}: {}",
        "none": "deze gemeente heeft geen nummer",
    },
    "en": {
        "open": "open", "receive-only": "receive-only", "closed": "closed",
        "state": "{}: state {}{}: {}",
        "means open": "works as usual, within the opening hours of its departments",
        "means receive-only": "receives messages, sends no automatic text",
        "until": " until {}", "notice": "  notice{}: {}",
        "none": "this municipality has no number",
    },
}  # fmt: skip
"""Words and sentences by language. A closed number means what its text says."""
Words = Mapping[str, str]
T = TypeVar("T")


class Notice(msgspec.Struct):
    text: str
    until: datetime | None


class Number(msgspec.Struct):
    """A number as the API returns it."""

    id: str
    state: str
    text: str | None
    until: datetime | None
    notice: Notice | None


class Numbers(msgspec.Struct):
    numbers: list[Number]


def send_to_numbers(
    gateway: Gateway, numbers: Sequence[str], method: str, resource: str, body: Any, none: str
) -> list[CommandOutcome]:
    """Send the same command for each of these numbers; without any, for all numbers of the
    municipality; `none` is the refusal if it has no number."""
    ids = numbers or [each.id for each in list_numbers(gateway)]
    if not ids:
        raise GatewayRefused(none)
    return [
        send_command(
            gateway, method, f"/v1/numbers/{quote(id, safe='')}/{resource}", body, number=id
        )
        for id in dict.fromkeys(ids)
    ]


def list_numbers(gateway: Gateway) -> list[Number]:
    return gateway.request(Numbers, "GET", "/v1/numbers").numbers


def format_number(number: Number, words: Words) -> Iterator[str]:
    """Yield the state and the notice of a number as lines for a terminal."""
    state = words.get(number.state, number.state)
    meaning = number.text or words.get(f"means {number.state}", "")
    yield words["state"].format(number.id, state, _until(number.until, words), meaning)
    if notice := number.notice:
        yield words["notice"].format(_until(notice.until, words), notice.text)


def _until(at: datetime | None, words: Words) -> str:
    """Return ` until` with the time in the Netherlands, or '' without an end."""
    return words["until"].format(f"{at.astimezone(AMSTERDAM):%Y-%m-%d %H:%M}") if at else ""


def _command_numbers(
    method: str,
    resource: str,
    *,
    by: str | None,
    numbers: Sequence[str],
    lang: str,
    as_json: bool,
    **members: Any,
) -> None:
    words, body = WORDS[lang], build_body(by, **members)
    outcomes = run_with_gateway(
        lambda gateway: send_to_numbers(gateway, numbers, method, resource, body, words["none"])
    )
    print_outcomes(outcomes, outcomes, lang, as_json=as_json)


_by_and_output = combine_options(
    renamed_option(
        "--by",
        former="--author",
        default=stated_operator,
        help="The person, as your CRM calls them; archived.",
    ),
    lang_option,
    json_option,
)
_for_numbers = combine_options(
    click.option("--number", "numbers", multiple=True, help="Left out: all your numbers."),
    _by_and_output,
)


@click.group("notice")
def notice() -> None:
    """A temporary text for citizens.

    Needs POSTKAMER_API_TOKEN, with the role kcc.
    """


@notice.command("set")
@click.argument("text")
@click.option("--until", required=True, type=Time(), help="At most 31 days ahead.")
@_for_numbers
def notice_set(**options: Any) -> None:
    """Send citizens TEXT, once in each conversation, until TIME."""
    _command_numbers("PUT", "notice", **options)


@notice.command("clear")
@_for_numbers
def notice_clear(**options: Any) -> None:
    """Remove the notice."""
    _command_numbers("DELETE", "notice", **options)


@click.group("number")
def number() -> None:
    """Your numbers: their state, their notice and their trial.

    `list` and `state` need POSTKAMER_API_TOKEN, with the role kcc.
    """


number.add_command(live_command)
number.add_command(trial_command)


@number.command("list")
@lang_option
@json_option
def number_list(lang: str, as_json: bool) -> None:
    """Show the state and the notice of each number."""
    numbers, words = run_with_gateway(list_numbers), WORDS[lang]
    lines = chain.from_iterable(format_number(number, words) for number in numbers)
    print_result(numbers, lines, as_json=as_json, empty=words["none"])


@number.command("state")
@click.argument("state", type=click.Choice(STATES))
@click.option("--text", help="Text for citizens; required with closed, else refused.")
@click.option("--until", type=Time(), help="At most 31 days ahead; then the number opens again.")
@_for_numbers
def number_state(**options: Any) -> None:
    """Open a number, let it only receive, or close it with a text.

    A number that only receives sends no automatic texts.
    """
    _command_numbers("PUT", "state", **options)


@click.group("care")
def care() -> None:
    """Alarms about citizens in danger.

    Needs POSTKAMER_API_TOKEN, with the role care or send.
    """


@care.command("confirm")
@click.argument("conversation")
@_by_and_output
def care_confirm(conversation: str, by: str | None, lang: str, as_json: bool) -> None:
    """Confirm that a person has seen the alarm about CONVERSATION.

    No other person is woken.
    """
    if not CONVERSATION.fullmatch(conversation):
        raise click.BadParameter("it is no id of a conversation", param_hint="CONVERSATION")
    path, body = f"/v1/conversations/{conversation}/_confirm", build_body(by)
    outcome = run_with_gateway(
        lambda gateway: send_command(gateway, "POST", path, body, conversation=conversation)
    )
    print_outcomes([outcome], outcome, lang, as_json=as_json)
