"""`postkamer route test`: judge rules by a municipality's own table of messages."""

import math
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from cli.routing.rollback import find_first_file, load_version
from cli.routing.rule_versions import load_files
from cli.routing.table_report import (
    KEYS,
    Excerpt,
    build_comparison,
    build_report,
    format_report,
)
from cli.support.archive_access import Progress
from cli.support.configuration import configured_path, without_collection
from cli.support.database import with_database
from cli.support.language import lang_option
from cli.support.options import Time, json_option
from cli.support.output import fail, print_result
from router.explanation import HASHES
from router.message_table.comparison import compare_judgements, rename_departments
from router.message_table.judgement import AT, JudgedRow, first_number, judge_rows, quote_reason
from router.message_table.table import MessageTable, TableError, known_names, parse_table
from router.model.work import RoutingContext
from router.rules.reasons import REASONS
from router.ruleset.context import build_context
from router.table_gate import read_table
from services.config import loader
from services.config.loader import LoadedConfig
from services.config.model import ConfigError
from services.config.numbers import Number
from services.postgres.database import Pool

VERSION = re.compile(r"[0-9a-f]{12}")
EXCERPT = 100
"""Most characters of a message that a terminal shows: one line, by which its writer knows it."""
UNKNOWN_RULES = "--against: there is no file {!r}, and it is no version of postkamer rules list"


class Question(msgspec.Struct, frozen=True):
    """A table that is judged, as messages to one of our numbers."""

    table: MessageTable
    number: Number
    at: datetime


def judge(question: Question, context: RoutingContext) -> list[JudgedRow]:
    """Return the judged rows, and show how far it is."""
    progress, judged = Progress("messages"), list[JudgedRow]()
    for row in judge_rows(question.table, question.number, question.at, context):
        judged.append(row)
        progress(len(judged), len(question.table.rows))
    return judged


def load_table(path: Path, context: RoutingContext, number: Number) -> MessageTable:
    """Return the table in a file; print its faults, and exit, if it has any."""
    try:
        return parse_table(read_table(path), known_names(context.config, number.tenant))
    except OSError as error:
        fail(f"{path}: cannot be read: {error.strerror}", 2)
    except TableError as error:
        lines = (f"{path}:{f.line}: {f.column}: {f.quoting()}" for f in error.faults)
        fail("\n".join(lines), 2)


def build_rules(path: Path, lang: str) -> RoutingContext:
    """Compile the rules of a configuration once. Only the whole check names a pattern at fault."""
    try:
        return compile_rules(loader.load(path, patterns=False), lang)
    except ConfigError:
        loader.load(path)
        raise


def compile_rules(loaded: LoadedConfig, lang: str) -> RoutingContext:
    return build_context(loaded, HASHES, reasons=REASONS[lang])


def build_other_rules(against: str, path: Path, lang: str) -> RoutingContext:
    """Compile the rules to compare with: those of a file, or of a stored version."""
    if Path(against).is_file():
        return build_rules(Path(against), lang)
    if not VERSION.fullmatch(against):
        fail(UNKNOWN_RULES.format(against), 2)

    async def load(pool: Pool) -> LoadedConfig:
        files = await load_files(pool, against)
        return load_version(against, files, find_first_file(against, files, path))

    return compile_rules(with_database("route test", load), lang)


def choose_number(context: RoutingContext, id: str | None) -> Number:
    number = context.config.number(id) if id else context.config.numbers[0]
    return number or fail(f"--number: {id} is not in the configuration", 2)


def compare(
    question: Question,
    judged: Sequence[JudgedRow],
    context: RoutingContext,
    other: RoutingContext,
) -> Any:
    """Return the messages that other rules send elsewhere, as JSON."""
    own = question.number
    number = other.config.number(own.id) or first_number(other.config, own.tenant)
    if number is None or number.tenant != own.tenant:
        fail(f"--against: it has no number of {own.tenant}", 2)
    names = context.config.own_departments(own.tenant)
    found = judge(msgspec.structs.replace(question, number=number), other)
    before = rename_departments(found, names)
    return build_comparison(other.version, before, compare_judgements(before, judged))


def is_terminal() -> bool:
    return sys.stdout.isatty()


def find_excerpts(
    report: Mapping[str, Any], question: Question, context: RoutingContext
) -> dict[int, Excerpt]:
    """Return the beginning of each message that the report shows, and its reason with a quotation,
    by its line."""
    against = report.get("against", {})
    shown = [*report["rows"], *(row for key in KEYS.values() for row in against.get(key, ()))]
    lines = {row["line"] for row in shown}
    return {
        row.line: Excerpt(
            shorten(row.text), quote_reason(row, question.number, question.at, context)
        )
        for row in question.table.rows
        if row.line in lines
    }


def shorten(text: str) -> str:
    """Return the beginning of a text on one line, without signs that a terminal obeys."""
    words = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return words if len(words) <= EXCERPT else f"{words[: EXCERPT - 1]}…"


def require_number(_: click.Context, __: click.Parameter, share: float | None) -> float | None:
    """Refuse NaN, which click takes as a number of any range, and below which no share is."""
    if share is not None and math.isnan(share):
        raise click.BadParameter("is no number")
    return share


@click.command("test")
@click.argument("table", type=Path)
@click.option("--number", help="Our number's id; left out: the first one.")
@click.option("--at", "at", type=Time(), help="The time of each message; left out: a Wednesday.")
@click.option("--config", "path", type=Path, help="Left out: POSTKAMER_CONFIG.")
@click.option("--against", default="", help="Rules to compare with: a file, or a stored version.")
@click.option(
    "--at-least",
    type=click.FloatRange(0, 1),
    callback=require_number,
    help="End with 1 below this share.",
)
@lang_option
@json_option
def command(
    table: Path, path: Path | None, at_least: float | None, lang: str, as_json: bool, **options: Any
) -> None:
    """Judge the rules by your own messages in TABLE.

    TABLE is a CSV file with the columns text, department and labels, as Excel writes it. Each
    message is judged as the first of its conversation, with every department open. Texts are shown
    in a terminal alone. A stored version needs POSTKAMER_DATABASE_URL.
    """
    path = configured_path(path)
    try:
        with without_collection():
            context = build_rules(path, lang)
            number = choose_number(context, options["number"])
            question = Question(load_table(table, context, number), number, options["at"] or AT)
            report: dict[str, Any] = {
                "table": table.name,
                "version": context.version,
                "number": number.id,
            }
            report |= {} if at_least is None else {"atLeast": at_least}
            judged = judge(question, context)
            report |= build_report(judged, question.table.labels)
            if options["against"]:
                other = build_other_rules(options["against"], path, lang)
                report["against"] = compare(question, judged, context, other)
    except ConfigError as error:
        fail(str(error))
    may_quote = is_terminal() and not as_json
    excerpts = find_excerpts(report, question, context) if may_quote else {}
    print_result(report, format_report(report, lang, excerpts), as_json=as_json)
    sys.exit(1 if report["share"] < (at_least or 0) else 0)
