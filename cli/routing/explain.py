"""`postkamer route explain`: explain where a message would go and why."""

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from cli.routing.explanation import explain
from cli.support.configuration import EXAMPLE, without_collection
from cli.support.language import lang_option
from cli.support.options import Time, json_option
from cli.support.output import count, fail, print_note, print_result
from router.explanation import OUTCOMES
from services import clock
from services.config import loader
from services.config.model import ConfigError

OPEN_DECISION = {
    "nl": "nog niet beslist: {}; blijft het {} stil, dan gaat het naar {}",
    "en": "not decided yet: {}; after {} of silence it goes to {}",
}
WORDS = {
    "nl": {
        "example": "(volgens het voorbeeld voorbeeldstad: geen --config en geen POSTKAMER_CONFIG)",
        "care rules": "zorgregels, die voor alle andere gaan:",
        "rules": "gewone regels:",
        "rules too late": "gewone regels, die hier niet meer beslissen waar het heen gaat:",
        "consequence": "gevolg",
        "no question": "er is nog niets gevraagd",
        "no words": "het is een bericht zonder woorden",
        "no care rule": "geen van de zorgregels past (--all noemt ze)",
        "no rule": "geen van de regels past (--all noemt ze)",
        "care rules before": "de zorgregels daarvoor passen niet (--all noemt ze)",
        "rules before": "de regels daarvoor passen niet (--all noemt ze)",
        "urgent": "dringend",
        "wakes": "gewekt wordt {}",
        "then": ", dan ",
        "after": " (telkens na {})",
        "minutes": "minuut|minuten",
        "seconds": "seconde|seconden",
        "wakes none": "niemand wordt gewekt",
        "reads": "de inwoner leest de tekst {}",
        "reads none": "de inwoner leest geen tekst",
        "held": "vastgehouden tot iemand het vrijgeeft",
        "care": "zorg: {}: {}",
        "weak signs": "zwakke tekenen: {score}, grens {least} (model {model}){words}; {what}",
        "decimal": ",",
        "weak signs below": "dat doet niets",
        "weak signs mark": "label en voorrang, geen alarm",
        "weak signs decide": "als een zorgregel",
        "weak signs after": "de zorgregel gaat voor",
        "text": "tekst: {}",
        "alsoAbout": "ook over",
        "tags": "labels", "priority": "voorrang", "language": "taal", "due": "uiterlijk",
        OUTCOMES["no"]: "past niet", OUTCOMES["marks"]: "markeert", OUTCOMES["fits"]: "past",
    },
    "en": {
        "example": "(by the example voorbeeldstad: no --config and no POSTKAMER_CONFIG)",
        "care rules": "safety rules, which go before all others:",
        "rules": "ordinary rules:",
        "rules too late": "ordinary rules, which no longer decide where it goes:",
        "consequence": "effect",
        "no question": "nothing has been asked yet",
        "no words": "it is a message without words",
        "no care rule": "no safety rule matches (--all lists them)",
        "no rule": "no rule matches (--all lists them)",
        "care rules before": "the safety rules before it do not match (--all lists them)",
        "rules before": "the rules before it do not match (--all lists them)",
        "urgent": "urgent",
        "wakes": "{} is woken",
        "then": ", then ",
        "after": " (each after {})",
        "minutes": "minute|minutes",
        "seconds": "second|seconds",
        "wakes none": "no person is woken",
        "reads": "the citizen reads the text {}",
        "reads none": "the citizen reads no text",
        "held": "held until a person releases it",
        "care": "safety: {}: {}",
        "weak signs": "weak signs: {score}, threshold {least} (model {model}){words}; {what}",
        "decimal": ".",
        "weak signs below": "no effect",
        "weak signs mark": "a label and a priority, no alarm",
        "weak signs decide": "as a safety rule",
        "weak signs after": "the safety rule goes before them",
        "text": "text: {}",
        "alsoAbout": "also about",
        "tags": "labels", "priority": "priority", "language": "language", "due": "due",
        OUTCOMES["no"]: "no match", OUTCOMES["marks"]: "marks", OUTCOMES["fits"]: "matches",
    },
}  # fmt: skip
DOUBTFUL = 0.7
"""Score from which weak signs are shown anyway: a threshold that somebody might choose."""
TINY = 1e-6
"""More than what a decimal fraction lacks in binary: 0.92 is 92 hundredths."""
NAMED = ("alsoAbout", "tags", "priority", "language", "due")
Words = Mapping[str, str]


def format_answer(
    answer: dict[str, Any], lang: str = "nl", *, every: bool = False
) -> Iterator[str]:
    """Yield the explanation. `every`: with the rules that do not match, and the reply text."""
    care, words = answer.get("care"), WORDS[lang]
    yield _first(answer, lang)
    if care or (every and answer["careSteps"]):
        yield words["care rules"]
        yield from _steps(answer["careSteps"], "care rule", words, every=every)
    if care:
        yield f"  {words['consequence']:<10} {_care_consequences(answer, words)}"
    if care or (every and answer["careSteps"]):
        yield _rules_heading(answer, words)
    yield from _steps(answer["steps"], "rule", words, every=every)
    yield from _consequences(answer, words, every=every)


def _first(answer: dict[str, Any], lang: str) -> str:
    department = f"{answer['name']} ({answer['department']})"
    if not (undecided := answer.get("undecided")):
        return f"{department}: {answer['reason']}"
    words = WORDS[lang]
    reason = words["no question" if undecided["words"] else "no words"]
    silence = count(undecided["seconds"], words["seconds"])
    return OPEN_DECISION[lang].format(reason, silence, department)


def _steps(steps: list[dict[str, str]], noun: str, words: Words, *, every: bool) -> Iterator[str]:
    shown = [step for step in steps if every or step["outcome"] != OUTCOMES["no"]]
    for step in shown:
        matched = f": {step['matched']}" if step["matched"] else ""
        yield f"  {words[step['outcome']]:<10} {step['rule']}{matched}"
    if len(shown) < len(steps):
        yield f"  {words[f'{noun}s before' if shown else f'no {noun}']}"


def _care_consequences(answer: dict[str, Any], words: Words) -> str:
    """Return the consequences of a safety rule."""
    wakes, text = answer["wakes"], answer.get("text")
    minutes = count(answer["confirmMinutes"], words["minutes"])
    after = words["after"].format(minutes) if len(wakes) > 1 else ""
    woken = words["wakes"].format(words["then"].join(wakes)) + after
    read = words["reads"].format(text["name"]) if text else words["reads none"]
    return "; ".join((words["urgent"], woken if wakes else words["wakes none"], read))


def _rules_heading(answer: dict[str, Any], words: Words) -> str:
    """Return the heading of the other rules. A safety rule may have decided before them."""
    care_rule = answer["careSteps"][-1]["rule"] if answer.get("care") else ""
    return words["rules too late" if care_rule and answer["rule"] == care_rule else "rules"]


def _consequences(answer: dict[str, Any], words: Words, *, every: bool) -> Iterator[str]:
    for key in NAMED:
        if value := answer.get(key):
            yield f"{words[key]}: {', '.join(value) if isinstance(value, list) else value}"
    if answer.get("held"):
        yield words["held"]
    if answer.get("care"):
        yield words["care"].format(answer["care"], answer["careReason"])
    signs = answer.get("weakSigns")
    is_doubtful = signs and signs["score"] >= DOUBTFUL and not _is_by_rule(answer)
    if signs and (every or is_doubtful):
        yield _weak_signs(signs, words, is_by_rule=_is_by_rule(answer))
    if text := answer.get("text"):
        yield words["text"].format(text["name"])
        yield from (f"  {line}" for line in text["body"].splitlines() if every)


def _is_by_rule(answer: dict[str, Any]) -> bool:
    """True if a safety rule matches, which goes before weak signs."""
    return any(step["outcome"] != OUTCOMES["no"] for step in answer["careSteps"])


def _weak_signs(signs: dict[str, Any], words: Words, *, is_by_rule: bool) -> str:
    """Return the score beside its threshold, the strongest words, and what follows."""
    quoted = ", ".join(f'"{each}"' for each in signs["words"])
    what = "below" if signs["score"] < signs["atLeast"] else signs["use"]
    if is_by_rule and what != "below":
        what = "after"
    return words["weak signs"].format(
        score=_show_score(signs["score"], words),
        least=_show_score(signs["atLeast"], words),
        model=signs["model"],
        words=f": {quoted}" if quoted else "",
        what=words[f"weak signs {what}"],
    )


def _show_score(score: float, words: Words) -> str:
    """Return a score in hundredths, rounded down: none shows as a threshold that it is below."""
    return f"{math.floor(score * 100 + TINY) / 100:.2f}".replace(".", words["decimal"])


def _explain(file: Path, *message: Any, lang: str) -> dict[str, Any]:
    """Explain with patterns that are compiled once. Only the whole check names the one at fault."""
    try:
        return explain(loader.load(file, patterns=False), *message, lang=lang)
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
@lang_option
@json_option
def command(
    text: str, path: Path | None, every: bool, lang: str, as_json: bool, **options: Any
) -> None:
    """Explain where TEXT would go, and why."""
    file = path or os.environ.get("POSTKAMER_CONFIG")
    if not file:
        print_note(WORDS[lang]["example"], as_json=as_json)
    message = text, options["number"], options["at"] or clock.now(), options["type"]
    try:
        with without_collection():
            answer = _explain(Path(file or EXAMPLE), *message, lang=lang)
    except ConfigError as error:
        fail(str(error))
    except ValueError as error:
        fail(str(error), 2)
    print_result(answer, format_answer(answer, lang, every=every), as_json=as_json)
