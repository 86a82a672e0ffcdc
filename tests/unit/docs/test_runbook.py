"""The runbook has an entry for each alarm. It and the alarms name what exists: commands, options,
log events, tables."""

import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest

from cli.main import main
from tests.support.promtool import load_rules

ROOT = Path(__file__).parents[3]
RUNBOOK = "docs/runbook.md"
RULES = {rule["alert"]: rule for rule in load_rules()}
ENTRIES: dict[str, str] = dict(
    re.findall(
        r"^## (Postkamer\w+)\n(.*?)(?=^#|\Z)",
        (ROOT / RUNBOOK).read_text(),
        re.MULTILINE | re.DOTALL,
    )
)
PARTS = ["Symptom", "For citizens", "First command", "Then", "Wakes"]
WAKES = {"wake": "yes", "page": "no", "ticket": "no"}
SERVICES = ("gateway", "router", "deliverer", "archiver", "desk")
FROM_OUTSIDE = ("psql", "curl", "docker", "df", "rabbitmqctl")
"""Programs of the machine that an entry may begin with."""
LOG_WORDS = 3
"""Words of `log SERVICE EVENT`."""
DOTTED = r"[a-z_]+\.[a-z_]+"
"""A log event or a table: no number, address or path looks like this, and few names of files."""
FILES = {"postkamer.toml", "metastatus.com"}
TABLE_WORDS = r"\b(?:from|join|into|update)\s+([\w.]+)"


def parts(entry: str) -> dict[str, str]:
    """Name of a part -> its text, in the order of the page."""
    found = re.findall(r"^- \*\*(.+?):\*\* (.*?)(?=^- \*\*|\Z)", entry, re.MULTILINE | re.DOTALL)
    return {name: text.strip() for name, text in found}


def commands(entry: str) -> list[list[str]]:
    """Everything in code font that is a command of ours, or a look into a log."""
    spans = re.findall(r"`((?:postkamer|log) [^`]+)`", entry)
    return [shlex.split(span) for span in spans]


def command_fault(words: list[str]) -> str:
    """The reason why `postkamer` does not know these words; '' if it does."""
    command: click.Command = main
    rest = words[1:]
    while isinstance(command, click.Group) and rest:
        name = rest.pop(0)
        found = command.get_command(click.Context(command), name)
        if found is None:
            return f"no command {name} in {' '.join(words)}"
        command = found
    if isinstance(command, click.Group):
        return f"{' '.join(words)} is not a whole command"
    options = {option for each in command.params for option in each.opts}
    unknown = [word for word in rest if word.startswith("--") and word not in options]
    return f"no option {unknown[0]} in {' '.join(words)}" if unknown else ""


def log_fault(words: list[str]) -> str:
    """The reason why such a line is in no log of that service; '' if it can be."""
    if len(words) != LOG_WORDS or words[1] not in SERVICES:
        return f"{' '.join(words)}: expected log SERVICE EVENT"
    known = names_in_source(words[1]) | names_in_source("services")
    return "" if words[2] in known else f"no event {words[2]}"


@cache
def names_in_source(folder: str) -> set[str]:
    """Everything in quotes that looks like a log event, in the code of a service."""
    sources = (path.read_text() for path in (ROOT / folder).rglob("*.py"))
    return {name for source in sources for name in re.findall(f'"({DOTTED})"', source)}


@cache
def tables() -> set[str]:
    """All tables that a migration makes."""
    made = (path.read_text() for path in ROOT.glob("*/migrations/*.sql"))
    return {name for sql in made for name in re.findall(rf"^create table ({DOTTED})", sql, re.M)}


def unknown_names(names: list[str]) -> list[str]:
    """The names that are neither a log event nor a table."""
    events = set[str]().union(*map(names_in_source, (*SERVICES, "services")))
    return [name for name in names if name not in events | tables() | FILES]


def page_faults(text: str) -> list[str]:
    """Names in code font that are no event or table, and those that `psql` asks and none makes."""
    spans = re.findall(r"`([^`\n]+(?:\n[^`\n]+)?)`", text)
    names = [span for span in spans if re.fullmatch(DOTTED, span)]
    asked = [re.findall(TABLE_WORDS, span) for span in spans if span.startswith("psql")]
    return unknown_names(names) + [name for each in asked for name in each if name not in tables()]


def sentence_faults(text: str) -> list[str]:
    """Commands, events and tables that do not exist, in a sentence of an alarm: it has no fonts."""
    named = re.findall(r"\bpostkamer((?: (?:--)?[a-z][\w-]*)+)", text)
    faults = [fault for words in named if (fault := command_fault(["postkamer", *words.split()]))]
    return faults + unknown_names(re.findall(rf"(?<![\w./$-]){DOTTED}(?![\w/-]|\.\w)", text))


def fault_of(words: list[str]) -> str:
    return log_fault(words) if words[0] == "log" else command_fault(words)


def test_each_alarm_has_an_entry_and_each_entry_an_alarm() -> None:
    assert sorted(ENTRIES) == sorted(RULES)


def test_documents_name_only_alarms_that_exist() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
    named = {
        (name, page.name)
        for page in pages
        for name in re.findall(r"\bPostkamer[A-Z]\w+", page.read_text())
    }
    assert [(name, page) for name, page in sorted(named) if name not in RULES] == []


@pytest.mark.parametrize("alarm", RULES)
def test_entry_has_all_parts_and_wakes_as_the_severity_says(alarm: str) -> None:
    entry = parts(ENTRIES[alarm])
    assert list(entry) == PARTS and all(entry.values())
    assert entry["Wakes"] == WAKES[RULES[alarm]["labels"]["severity"]]
    assert RULES[alarm]["annotations"]["runbook_url"] == f"{RUNBOOK}#{alarm.lower()}"


def test_page_begins_with_the_alarms_that_wake() -> None:
    beginning = (ROOT / RUNBOOK).read_text().partition("## The first five minutes")[0]
    rows = re.findall(r"^\| \[(\w+)\]\(#(\w+)\) \|", beginning, re.MULTILINE)
    waking = [name for name, rule in RULES.items() if rule["labels"]["severity"] == "wake"]
    assert sorted(rows) == sorted((name, name.lower()) for name in waking)


@pytest.mark.parametrize("alarm", ENTRIES)
def test_entry_names_commands_options_and_log_events_that_exist(alarm: str) -> None:
    first = parts(ENTRIES[alarm])["First command"]
    assert re.fullmatch(r"`[^`]+`", first), "one command, in code font"
    assert first.strip("`").split()[0] in {"postkamer", "log", *FROM_OUTSIDE}
    assert [fault for words in commands(ENTRIES[alarm]) if (fault := fault_of(words))] == []


def test_page_names_log_events_and_tables_that_exist() -> None:
    assert page_faults((ROOT / RUNBOOK).read_text()) == []


@pytest.mark.parametrize("alarm", RULES)
def test_alarm_names_commands_log_events_and_tables_that_exist(alarm: str) -> None:
    notes = RULES[alarm]["annotations"]
    assert sentence_faults(f"{notes['summary']}. {notes['description']}") == []


@pytest.mark.parametrize(
    "text",
    [
        '`psql "$POSTKAMER_DATABASE_URL" -c "select count(*) from router.heldd group by 1"`',
        '`psql -c "select 1 from router.held join heard"`',
        "Look into `router.heldd`.",
        "its log has `waiting.begon`",
        "or `health.filed`, if",
    ],
)
def test_page_with_a_name_that_does_not_exist_is_refused(text: str) -> None:
    assert page_faults(text) and not page_faults(
        text.replace("heldd", "held")
        .replace("join heard", "")
        .replace("begon", "began")
        .replace("filed", "failed")
    )


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("A batch is lost. postkamer balanse names its id.", "postkamer balance names its id."),
        ("postkamer check --alive says which.", "postkamer check --live says which."),
        ("The log has waiting.begon with the reason.", "The log has waiting.began with the reason"),
        ("postkamer parked, or", "postkamer parked list, or"),
        ("the rows of router.heldd.", "the rows of router.held, in postkamer.toml"),
    ],
)
def test_alarm_with_a_name_that_does_not_exist_is_refused(text: str, right: str) -> None:
    assert (len(sentence_faults(text)), sentence_faults(right)) == (1, [])


@pytest.mark.parametrize(
    "line",
    [
        "postkamer parket list",
        "postkamer parked list --destinations crm",
        "postkamer parked",
        "log router never.logged",
        "log sandbox notice.alarm",
    ],
)
def test_runbook_test_refuses_a_line_that_does_not_exist(line: str) -> None:
    assert fault_of(shlex.split(line))
