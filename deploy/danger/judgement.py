"""Judge safety rules and the scorer of weak signs on a table of dangers and calm messages. Pure.

A danger is missed that nobody is told of, neither by a safety rule nor by weak signs. A calm
message of which somebody is told is false.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from router.danger.model import CALM, KINDS, Model
from router.danger.scorer import score_text
from router.rules.engine import RuleTable, evaluate
from router.rules.matcher import MessageFacts
from router.text.language_detection import detect_language

WEDNESDAY = datetime.fromisoformat("2026-11-25T10:00:00+01:00")
"""An hour at which every department is open."""
UNKNOWN = "?"
"""Language of a message that none is detected in."""


class Judged(NamedTuple):
    """A message of a table. `kind` is its danger, or calm."""

    text: str
    kind: str
    language: str
    by_rules: bool
    score: float


class Errors(NamedTuple):
    """Missed dangers of all dangers, and false alarms of all calm messages."""

    missed: int
    dangers: int
    false: int
    calm: int


def judge_rows(
    rows: Iterable[Mapping[str, Any]], table: RuleTable, model: Model, number: str
) -> list[Judged]:
    """Judge the rows of a table such as tests/examples/citizens/care.toml: each has a `text`, the
    `class` of its danger, if any, and may have a `language`."""
    rules = msgspec.structs.replace(table, weak_signs=None)
    return [_judge(row, rules, model, number) for row in rows]


def _judge(row: Mapping[str, Any], rules: RuleTable, model: Model, number: str) -> Judged:
    text, spoken = row["text"], detect_language(row["text"])
    facts = MessageFacts(at=WEDNESDAY, text=text, number=number, language=spoken)
    return Judged(
        text=text,
        kind=row.get("class") or CALM,
        language=row.get("language") or spoken or UNKNOWN,
        by_rules=evaluate(rules, facts).care is not None,
        score=score_text(text, model),
    )


def count_errors(judged: Iterable[Judged], is_told: Callable[[Judged], bool]) -> Errors:
    missed = dangers = false = calm = 0
    for each in judged:
        if each.kind == CALM:
            calm, false = calm + 1, false + is_told(each)
        else:
            dangers, missed = dangers + 1, missed + (not is_told(each))
    return Errors(missed, dangers, false, calm)


def report(judged: Sequence[Judged], at_least: float) -> Iterator[str]:
    """Yield the errors of the rules alone and with weak signs: of all, by kind and by language."""
    languages = sorted({each.language for each in judged})
    heads = ("missed by rules", "with weak signs", "false by rules", "with weak signs")
    yield f"{'':<10}" + "".join(f"{head:>20}" for head in heads)
    parts = [
        ("all", judged),
        *((kind, [each for each in judged if each.kind == kind]) for kind in (*KINDS, CALM)),
        *((name, [each for each in judged if each.language == name]) for name in languages),
    ]
    for name, rows in parts:
        alone = count_errors(rows, lambda each: each.by_rules)
        beside = count_errors(rows, lambda each: each.by_rules or each.score >= at_least)
        yield _line(name, alone, beside)


def _line(name: str, alone: Errors, beside: Errors) -> str:
    figures = (
        _share(alone.missed, alone.dangers),
        _share(beside.missed, beside.dangers),
        _share(alone.false, alone.calm),
        _share(beside.false, beside.calm),
    )
    return f"{name:<10}" + "".join(f"{each:>20}" for each in figures)


def _share(count: int, of: int) -> str:
    return f"{count} of {of} ({count / of:.1%})" if of else "-"
