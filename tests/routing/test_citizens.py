"""Rules of the example town, judged on messages that were written before the rules were.

The figures in docs/municipality/routing.md must be those measured here: a change for the worse
fails, and so does a change for the better that is not on the page."""

import csv
import io
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from deploy.danger.table import read_rows
from router.danger.model import load_model
from router.message_table.judgement import judge_rows
from router.message_table.table import known_names, parse_table
from router.rules.engine import compile_rules, evaluate
from router.rules.matcher import MessageFacts
from router.rules.weak_signs import POSSIBLE_DANGER
from sandbox import page_server
from services.calendar.opening_hours import AMSTERDAM
from tests.support.router.decisions import DecisionView
from tests.support.routing.quotes import untrue_quotes
from tests.support.routing.town_hall import NUMBER, example, hear, open_town_hall

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
CITIZENS = ROOT / "tests" / "examples" / "citizens"
PAGE = ROOT / "docs" / "municipality" / "routing.md"
WEDNESDAY = datetime(2026, 11, 25, 10, tzinfo=AMSTERDAM)
"""An hour at which every department is open."""
TAGS = {"officieel", "pers", "raad"}

Judge = Callable[[dict[str, Any], Any], str]
"""Message and decision -> error, '' if the decision is right."""
Heard = Callable[[str], list[tuple[dict[str, Any], DecisionView]]]
"""The messages of a file, each with its decision."""
MISSED = "missed"


def judge_department(row: dict[str, Any], decision: Any) -> str:
    expected, got = row["department"], decision.department
    return "" if got == expected else f"expected {expected}, got {got} by {decision.rule}"


def judge_labels(row: dict[str, Any], decision: Any) -> str:
    expected, got = set(row["tags"]), set(decision.tags) & TAGS
    return "" if got == expected else f"expected {sorted(expected)}, got {sorted(got)}"


def judge_danger(row: dict[str, Any], decision: Any) -> str:
    if not decision.care:
        return MISSED
    return "" if decision.care == row["class"] else f"{row['class']} taken for {decision.care}"


def judge_one_subject(_: dict[str, Any], decision: Any) -> str:
    others = decision.also_about
    return f"taken for one about {', '.join(others)} too" if others else ""


def judge_second_subject(row: dict[str, Any], decision: Any) -> str:
    got = {decision.department, *decision.also_about}
    return "" if {row["department"], row["also"]} <= got else f"expected {row['also']} too"


def judge_calm(_: dict[str, Any], decision: Any) -> str:
    return f"false alarm: {decision.care}" if decision.care else ""


def judge_found(_: dict[str, Any], decision: Any) -> str:
    return "" if is_seen(decision) else MISSED


def judge_unseen(_: dict[str, Any], decision: Any) -> str:
    found = decision.care or f"weak signs, {decision.labels.priority_reason}"
    return f"false alarm: {found}" if is_seen(decision) else ""


def is_seen(decision: Any) -> bool:
    """True if a safety rule matches, or weak signs mark the conversation."""
    return bool(decision.care) or POSSIBLE_DANGER in decision.tags


def is_danger(row: dict[str, Any]) -> bool:
    return bool(row.get("class"))


def is_calm(row: dict[str, Any]) -> bool:
    return not is_danger(row)


def has_two_subjects(row: dict[str, Any]) -> bool:
    return "also" in row


def has_one_subject(row: dict[str, Any]) -> bool:
    return not is_danger(row) and not has_two_subjects(row)


@dataclass(frozen=True)
class Measure:
    """A line of the page: the messages of a file that it applies to, and a floor for the share of
    them that is right. For dangers the floor is for the share that is not missed."""

    file: str
    title: str
    judge: Judge
    applies: Callable[[dict[str, Any]], bool]
    floor: float


def _of_strangers(file: str, floor: float) -> list[Measure]:
    return [
        Measure(file, "department", judge_department, is_calm, floor),
        Measure(file, "labels", judge_labels, is_calm, 0.90),
        Measure(file, "no alarm", judge_calm, is_calm, 0.95),
        Measure(file, "one subject", judge_one_subject, has_one_subject, 0.90),
        Measure(file, "second subject", judge_second_subject, has_two_subjects, 0.30),
    ]


MEASURES = [
    Measure("messages.toml", "department", judge_department, is_calm, 0.85),
    Measure("messages.toml", "labels", judge_labels, is_calm, 0.85),
    Measure("messages.toml", "no alarm", judge_calm, is_calm, 0.99),
    Measure("messages.toml", "one subject", judge_one_subject, is_calm, 0.95),
    *_of_strangers("messages-strangers.toml", 0.85),
    *_of_strangers("messages-heldout.toml", 0.75),
    Measure("care.toml", "danger", judge_danger, is_danger, 0.99),
    Measure("care.toml", "no alarm", judge_calm, is_calm, 0.97),
    Measure("care-heldout.toml", "danger", judge_danger, is_danger, 0.81),
    Measure("care-heldout.toml", "no alarm", judge_calm, is_calm, 0.88),
    Measure("care-strangers.toml", "danger", judge_danger, is_danger, 0.50),
    Measure("care-strangers.toml", "no alarm", judge_calm, is_calm, 0.85),
    Measure("care-strangers-heldout.toml", "danger", judge_danger, is_danger, 0.40),
    Measure("care-strangers-heldout.toml", "no alarm", judge_calm, is_calm, 0.80),
    Measure("messages.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.97),
    Measure("messages-strangers.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.95),
    Measure("messages-heldout.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.90),
    Measure("care.toml", "danger with weak signs", judge_found, is_danger, 0.99),
    Measure("care.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.96),
    Measure("care-heldout.toml", "danger with weak signs", judge_found, is_danger, 0.92),
    Measure("care-heldout.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.88),
    Measure("care-strangers.toml", "danger with weak signs", judge_found, is_danger, 0.75),
    Measure("care-strangers.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.90),
    Measure("care-strangers-heldout.toml", "danger with weak signs", judge_found, is_danger, 0.65),
    Measure("care-strangers-heldout.toml", "no alarm with weak signs", judge_unseen, is_calm, 0.80),
]
"""The rules were improved with those that are not held out. A held-out file shows how they do on
messages that no rule was written for. The scorer of weak signs was trained on none of them."""


@dataclass(frozen=True)
class Figures:
    """A line of figures: all messages, the right, the wrong, and the missed dangers among these."""

    messages: int
    right: int
    wrong: int
    missed: int | None


@pytest.fixture(scope="module")
def choices() -> Any:
    return example()


@pytest.fixture(scope="module")
def heard(choices: Any) -> Heard:
    """Each message is the first of its citizen, so that it is decided once for all measures."""

    @cache
    def hear_file(name: str) -> list[tuple[dict[str, Any], DecisionView]]:
        rows = load(CITIZENS / name)["messages"]
        return [(row, hear(open_town_hall(choices, WEDNESDAY), row)) for row in rows]

    return hear_file


def measure(heard: Heard, line: Measure) -> Figures:
    pairs = [(row, decision) for row, decision in heard(line.file) if line.applies(row)]
    errors = []
    for row, decision in pairs:
        if error := line.judge(row, decision):
            errors.append(error)
            print(f"  {error}: {row['text'][:90]!r}")
    missed = errors.count(MISSED) if line.applies is is_danger else None
    return Figures(len(pairs), len(pairs) - len(errors), len(errors), missed)


def stated() -> dict[tuple[str, str], Figures]:
    """The table of the page; a `-` is no number."""
    pattern = r"^\| `([\w.-]+)` \| ([\w ]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+|-) \|$"
    return {
        (file, title): Figures(
            int(messages), int(right), int(wrong), None if missed == "-" else int(missed)
        )
        for file, title, messages, right, wrong, missed in re.findall(
            pattern, PAGE.read_text(), re.MULTILINE
        )
    }


def test_the_page_has_a_line_for_each_measure() -> None:
    assert list(stated()) == [(line.file, line.title) for line in MEASURES]


@pytest.mark.parametrize("language", ["nl", "en"])
def test_examples_on_the_page_find_their_department_by_a_rule(choices: Any, language: str) -> None:
    texts = page_server.load_files()[f"words-{language}.js"].content.decode()
    examples = re.findall(r'"suggest\.\d": "(.+)"', texts)
    found = [hear(open_town_hall(choices, WEDNESDAY), {"text": one}) for one in examples]
    expected = ["burgerzaken", "openbare-ruimte", "vergunningen", "zorg-en-jeugd"]
    assert [decision.department for decision in found] == expected
    assert all(decision.rule for decision in found)
    assert found[0].language == language


@pytest.mark.parametrize("line", MEASURES, ids=lambda line: f"{line.file}-{line.title}")
def test_figures_of_the_rules_are_those_of_the_page(heard: Heard, line: Measure) -> None:
    figures = measure(heard, line)
    assert figures.messages >= 19
    assert figures == stated()[line.file, line.title]
    failures = figures.wrong if figures.missed is None else figures.missed
    assert 1 - failures / figures.messages >= line.floor


BETWEEN = "between the lines"
DANGERS = "care-strangers.toml", "care-strangers-heldout.toml"


def missed_by_kind(heard: Heard, file: str) -> dict[str, tuple[int, int, int]]:
    """Kind of danger, and how it is said -> dangers, those that the rules miss, and those that
    weak signs miss too."""
    found: dict[str, tuple[int, int, int]] = {}
    for row, decision in heard(file):
        if not is_danger(row):
            continue
        said = BETWEEN if row["note"].startswith(BETWEEN) else "in plain words"
        misses = 1, not decision.care, not is_seen(decision)
        for kind in (row["class"], said):
            of_kind = zip(found.get(kind, (0, 0, 0)), misses, strict=True)
            dangers, by_rules, by_both = (before + more for before, more in of_kind)
            found[kind] = dangers, by_rules, by_both
    return found


def test_page_says_which_kinds_of_danger_are_missed(heard: Heard) -> None:
    of_page: dict[str, dict[str, tuple[int, ...]]] = {file: {} for file in DANGERS}
    pattern = r"^\| `([\w.-]+)` \| ([a-z ]+) \| (\d+) \| (\d+) \| (\d+) \|$"
    for file, kind, *figures in re.findall(pattern, PAGE.read_text(), re.MULTILINE):
        if file in DANGERS:
            of_page[file][kind] = tuple(map(int, figures))
    assert of_page == {file: missed_by_kind(heard, file) for file in DANGERS}


def test_page_says_of_which_departments_messages_go_elsewhere(heard: Heard) -> None:
    of_page = {
        department: (int(messages), int(wrong))
        for department, messages, wrong in re.findall(
            r"^\| `([a-z-]+)` \| (\d+) \| (\d+) \|$", PAGE.read_text(), re.MULTILINE
        )
    }
    judged = [
        (row["department"], bool(judge_department(row, decision)))
        for row, decision in heard("messages-heldout.toml")
    ]
    assert of_page == {
        one: (len(wrong), sum(wrong))
        for one in {department for department, _ in judged}
        if (wrong := [is_wrong for department, is_wrong in judged if department == one])
    }


def test_page_states_the_figures_of_this_version_of_the_scorer() -> None:
    """They are those of cross-validation, as training wrote them into the model."""
    model, page = load_model(), PAGE.read_text()
    assert f"Figures of version `{model.version}`, from {model.at_least}," in page
    stated_kinds = re.findall(r"^\| (\w+) \| (\d+) \| (\d+) \|$", page, re.MULTILINE)
    figures = model.validated.items()
    assert stated_kinds == [(kind, str(each.rows), str(each.found)) for kind, each in figures]


def test_no_reason_quotes_what_is_not_in_the_message(choices: Any, heard: Heard) -> None:
    files = dict.fromkeys(line.file for line in MEASURES)
    pairs = [pair for file in files for pair in heard(file)]
    for row in trained_rows()[::10]:
        pairs.append((row, hear(open_town_hall(choices, WEDNESDAY), row)))
    quoted, untrue = 0, []
    for row, decision in pairs:
        others = decision.care_reason, decision.priority_reason, *decision.marks
        for reason in (decision.reason, *others):
            quoted += reason.count('"') // 2
            untrue += [(each, row["text"]) for each in untrue_quotes(row["text"], reason)]
    assert untrue == []
    assert len(pairs) >= 2000
    assert quoted > 1000


def test_no_calm_message_is_an_alarm_by_a_misspelled_word(choices: Any) -> None:
    """Beside the calm table: right words of other languages and Dutch, one letter off a danger."""
    calm = [row["text"] for row in trained_rows() if row["kind"] == "calm"]
    table = compile_rules(choices.config, "voorbeeldstad")
    outcomes = [
        (text, evaluate(table, MessageFacts(at=WEDNESDAY, text=text)))
        for text in (*calm, *ONE_LETTER_OFF)
    ]
    reasons = [(text, outcome.care_reason) for text, outcome in outcomes if outcome.care]
    assert len(calm) >= 2000
    assert [pair for pair in reasons if "verkeerd gespeld" in pair[1]] == []
    assert [text for text, _ in reasons if text in ONE_LETTER_OFF] == []


ONE_LETTER_OFF = [
    "أين غرفة الانتظار؟ أنا هنا لجواز السفر",
    "Ich stehe vor dem Rathaus und die Tür ist zu",
    "My neighbours are shouting all night, who do I call about noise?",
]


def trained_rows() -> list[dict[str, Any]]:
    """Messages that the scorer was trained on: half of them are about danger."""
    files = sorted((ROOT / "deploy" / "danger" / "examples").glob("*.toml"))
    return [{"text": row.text, "kind": row.kind} for row in read_rows(map(load, files))]


def load(file: Path) -> dict[str, Any]:
    return tomllib.loads(file.read_text())


def test_table_of_a_manager_is_judged_as_the_town_hall_decides(choices: Any, heard: Heard) -> None:
    pairs = [pair for pair in heard("messages.toml") if pair[0]["type"] == "text"]
    texts = [row for row, _ in pairs]
    hall = open_town_hall(choices, WEDNESDAY)
    written = io.StringIO(newline="")
    table = csv.writer(written, delimiter=";")
    table.writerow(("text", "department", "labels"))
    table.writerows((row["text"], row["department"], " ".join(row["tags"])) for row in texts)
    parsed = parse_table(written.getvalue().encode(), known_names(choices.config, "voorbeeldstad"))
    assert (len(parsed.rows), parsed.labels) == (len(texts), TAGS)
    number = choices.config.number(NUMBER)
    judged = judge_rows(parsed, number, WEDNESDAY, hall.router.ground)
    for (row, decision), each in zip(pairs, judged, strict=True):
        assert each.row.text == row["text"]
        assert (each.department, each.rule) == (decision.department, decision.rule)
        assert each.has_right_labels == (judge_labels(row, decision) == "")


def test_second_of_two_subjects_in_one_message_is_nearly_always_seen(
    choices: Any, heard: Heard
) -> None:
    """Two messages in one, each of which finds its department by itself."""
    texts = [
        (row, decision)
        for row, decision in heard("messages.toml")
        if row["type"] == "text" and row["department"] != "klantcontact"
    ]
    seen, missed = 0, []
    for (one, of_one), (other, of_other) in zip(texts, texts[len(texts) // 2 :], strict=False):
        departments = {one["department"], other["department"]}
        found = {of_one.department, of_other.department}
        if len(departments) == 1 or found != departments:
            continue
        if choices.config.confidential("voorbeeldstad", departments):
            continue  # which is never named
        both = f"{one['text']}\n{other['text']}"
        decision = hear(open_town_hall(choices, WEDNESDAY), {"text": both})
        if departments <= {decision.department, *decision.also_about}:
            seen += 1
        else:
            missed.append(both)
    assert seen + len(missed) > 50
    assert seen / (seen + len(missed)) >= 0.95, missed
