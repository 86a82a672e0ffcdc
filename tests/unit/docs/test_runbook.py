"""The runbook has an entry for each alarm, and names what exists: commands, options, log events."""

import re
import shlex
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
SERVICES = ("gateway", "router", "deliverer", "archiver")
FROM_OUTSIDE = ("psql", "curl", "docker", "df", "rabbitmqctl")
"""Programs of the machine that an entry may begin with."""
LOG_WORDS = 3
"""Words of `log SERVICE EVENT`."""


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
    folders = (ROOT / words[1], ROOT / "services")
    sources = (path.read_text() for folder in folders for path in folder.rglob("*.py"))
    return "" if any(f'"{words[2]}"' in source for source in sources) else f"no event {words[2]}"


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
