"""`postkamer route explain`: explain where a message would go and why, in Dutch."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.routing.explanation import OUTCOMES, explain
from cli.support.configuration import EXAMPLE, without_collection
from cli.support.options import Time, json_option
from cli.support.output import fail
from services import clock
from services.config import loader
from services.config.model import ConfigError

EXAMPLE_NOTE = "(volgens het voorbeeld voorbeeldstad: geen --config en geen POSTKAMER_CONFIG)"

NAMED = {"tags": "labels", "priority": "voorrang", "language": "taal", "due": "uiterlijk"}


def format_answer(answer: dict[str, Any], *, every: bool = False) -> Iterator[str]:
    """Yield the explanation. `every`: with the rules that do not match, and the reply text."""

    yield _first(answer)
    care = answer.get("care")
    if care or (every and answer["careSteps"]):
        yield "zorgregels, die voor alle andere gaan:"
        yield from _steps(answer["careSteps"], "zorgregels", every=every)
    if care:
        yield f"  gevolg     {_care_consequences(answer)}"
    if care or (every and answer["careSteps"]):
        yield _rules_heading(answer)
    yield from _steps(answer["steps"], "regels", every=every)
    yield from _consequences(answer, every=every)


def _first(answer: dict[str, Any]) -> str:
    department = f"{answer['name']} ({answer['department']})"
    if not (undecided := answer.get("undecided")):
        return f"{department}: {answer['reason']}"
    has_words = undecided["words"]
    reason = "er is nog niets gevraagd" if has_words else "het is een bericht zonder woorden"
    later = f"blijft het {undecided['seconds']} seconden stil, dan gaat het naar"
    return f"nog niet beslist: {reason}; {later} {department}"


def _steps(steps: list[dict[str, str]], noun: str, *, every: bool) -> Iterator[str]:
    shown = [step for step in steps if every or step["outcome"] != OUTCOMES["no"]]
    for step in shown:
        matched = f": {step['matched']}" if step["matched"] else ""
        yield f"  {step['outcome']:<10} {step['rule']}{matched}"
    if len(shown) < len(steps):
        rest = f"de {noun} daarvoor passen niet" if shown else f"geen van de {noun} past"
        yield f"  {rest} (--all noemt ze)"


def _care_consequences(answer: dict[str, Any]) -> str:
    """Return the consequences of a safety rule."""
    wakes = ", dan ".join(answer["wakes"])
    after = f" (telkens na {answer['confirmMinutes']} minuten)" if len(answer["wakes"]) > 1 else ""
    text = answer.get("text")
    return "; ".join(
        (
            "dringend",
            f"gewekt wordt {wakes}{after}" if wakes else "niemand wordt gewekt",
            f"de inwoner leest de tekst {text['name']}" if text else "de inwoner leest geen tekst",
        )
    )


def _rules_heading(answer: dict[str, Any]) -> str:
    """Return the heading of the other rules. A safety rule may have decided before them."""
    care_rule = answer["careSteps"][-1]["rule"] if answer.get("care") else ""
    if care_rule and answer["rule"] == care_rule:
        return "gewone regels, die hier niet meer beslissen waar het heen gaat:"
    return "gewone regels:"


def _consequences(answer: dict[str, Any], *, every: bool) -> Iterator[str]:
    for key, word in NAMED.items():
        if value := answer.get(key):
            yield f"{word}: {', '.join(value) if isinstance(value, list) else value}"
    if answer.get("held"):
        yield "vastgehouden tot iemand het vrijgeeft"
    if answer.get("care"):
        yield f"zorg: {answer['care']}: {answer['careReason']}"
    if text := answer.get("text"):
        yield f"tekst: {text['name']}"
        yield from (f"  {line}" for line in text["body"].splitlines() if every)


def _explain(file: Path, *message: Any) -> dict[str, Any]:
    """Explain with patterns that are compiled once. Only the whole check names the one at fault."""
    try:
        return explain(loader.load(file, patterns=False), *message)
    except ConfigError:
        loader.load(file)
        raise


@click.command("explain")
@click.argument("text")
@click.option("--number", help="Our number's id; left out: the first one.")
@click.option("--at", "at", type=Time(), help="The time of the message; left out: now.")
@click.option("--config", "path", type=Path, help="Left out: POSTKAMER_CONFIG, or the example.")
@click.option("--type", "type", default="text", help="Meta's type of message.")
@click.option("--all", "every", is_flag=True, help="Also show other rules, and the text.")
@json_option
def command(text: str, path: Path | None, every: bool, as_json: bool, **message: Any) -> None:
    """Explain where TEXT would go, and why."""
    file = path or os.environ.get("POSTKAMER_CONFIG")
    if not file:
        click.echo(EXAMPLE_NOTE, err=True)
    at = message["at"] or clock.now()
    try:
        with without_collection():
            answer = _explain(Path(file or EXAMPLE), text, message["number"], at, message["type"])
    except ConfigError as error:
        fail(str(error))
    except ValueError as error:
        fail(str(error), 2)
    if as_json:
        click.echo(msgspec.json.encode(answer))
        return
    for line in format_answer(answer, every=every):
        click.echo(line)
