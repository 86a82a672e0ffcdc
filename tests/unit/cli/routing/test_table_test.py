"""`postkamer route test`: the report, its exit codes, and faults of a table."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from cli.routing import table_test
from cli.routing.table_report import WORDS
from tests.support.cli.command_line import TOML, postkamer
from tests.support.cli.rule_texts import rules_toml

LABELS = rules_toml(
    "pers: words = krant; tag = pers; tenant = almelo | boom: pattern = bo+m", "groen"
)
ROWS = """\
text;department;labels
grof vuil bij de container;groen;
ik schrijf voor de krant;kcc;pers
een krant in de boom;groen;
"er staat een boom
op de stoep";groen;
een boom kopen;kcc;
waar is de balie;groen;
"""


@pytest.fixture
def table(file: Path) -> Path:
    """A table beside the configuration: four of six right, and a label too many."""
    file.write_text(TOML + LABELS)
    path = file.with_name("berichten.csv")
    path.write_text(ROWS, "utf-8-sig")
    return path


def run(table: Path, *arguments: object, config: str = "postkamer.toml") -> Result:
    return postkamer("route", "test", table, "--config", table.with_name(config), *arguments)


def result(table: Path, *arguments: object) -> Any:
    done = run(table, *arguments, "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_json_has_scores_confusions_labels_and_each_wrong_row(table: Path) -> None:
    found = result(table)
    assert len(found.pop("version")) == 12
    assert found == {
        "table": "berichten.csv",
        "number": "10000001",
        "messages": 6,
        "right": 4,
        "wrong": 2,
        "share": 4 / 6,
        "departments": [
            {"department": "groen", "messages": 4, "right": 3, "wrong": 1, "share": 0.75},
            {"department": "kcc", "messages": 2, "right": 1, "wrong": 1, "share": 0.5},
        ],
        "confusion": [
            {"expected": "groen", "got": "groen", "messages": 3},
            {"expected": "groen", "got": "kcc", "messages": 1},
            {"expected": "kcc", "got": "groen", "messages": 1},
            {"expected": "kcc", "got": "kcc", "messages": 1},
        ],
        "rows": [
            {
                "line": 7,
                "expected": "kcc",
                "got": "groen",
                "rule": "boom",
                "reason": "het patroon past (regel boom)",
            },
            {
                "line": 8,
                "expected": "groen",
                "got": "kcc",
                "rule": None,
                "reason": "geen enkele regel past; dit is de afdeling voor de rest",
            },
        ],
        "labels": {
            "right": 5,
            "wrong": 1,
            "each": [{"label": "pers", "messages": 1, "right": 1, "missed": 0, "extra": 1}],
            "rows": [{"line": 4, "missed": [], "extra": ["pers"]}],
        },
    }


DUTCH = """\
berichten.csv: 4 van 6 berichten goed (66,6 %)
dat is minder dan de gevraagde 85 %

afdeling  berichten  goed  fout  aandeel
groen             4     3     1     75 %
kcc               2     1     1     50 %

waar ze heen gaan; een rij is waar ze horen, een kolom waar ze kwamen:
         1  2
1 groen  3  1
2 kcc    1  1

labels: 5 van 6 berichten goed
label  berichten  goed  gemist  te veel
pers           1     1       0        1
regel 4: label pers is te veel

fout:
regel 7: hoort bij kcc, gaat naar groen: het patroon past{quote} (regel boom)
{first}regel 8: hoort bij groen, gaat naar kcc: geen enkele regel past{fallback}
{second}"""
FALLBACK = "; dit is de afdeling voor de rest"


def test_report_for_a_person_shows_messages_in_a_terminal_alone(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = run(table, "--at-least", "0.85", "--lang", "nl")
    assert (done.exit_code, done.stderr) == (1, "")
    assert done.stdout == DUTCH.format(quote="", first="", second="", fallback=FALLBACK)
    monkeypatch.setattr(table_test, "is_terminal", lambda: True)
    table.write_text(table.read_text("utf-8").replace("een boom kopen", "een \x1b[31mboom"))
    done = run(table, "--at-least", "0.85", "--lang", "nl")
    shown = {"first": "    een [31mboom\n", "second": "    waar is de balie\n"}
    assert done.stdout == DUTCH.format(quote=' op "boom"', fallback=FALLBACK, **shown)
    assert "balie" not in run(table, "--json").stdout


def test_long_message_is_shortened(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_test, "is_terminal", lambda: True)
    table.write_text(f"text;department\nde{' lange' * 30} vraag;groen\n")
    last = run(table).stdout.splitlines()[-1]
    assert last == f"    {('de' + ' lange' * 30)[:99]}…"


def test_report_in_english_has_english_reasons_and_a_decimal_point(table: Path) -> None:
    lines = run(table, "--lang", "en").stdout.splitlines()
    assert lines[0] == "berichten.csv: 4 of 6 messages right (66.6 %)"
    row = "line 7: belongs to kcc, goes to groen: the pattern matches (rule boom)"
    assert row in lines
    assert WORDS["nl"].keys() == WORDS["en"].keys()


@pytest.mark.parametrize(("at_least", "code"), [("0.66", 0), ("0.67", 1), ("0", 0), ("1", 1)])
def test_share_below_the_demand_has_exit_code_1(table: Path, at_least: str, code: int) -> None:
    done = run(table, "--at-least", at_least, "--json")
    assert (done.exit_code, json.loads(done.stdout)["atLeast"]) == (code, float(at_least))


def test_comparison_names_what_became_right_wrong_and_wrong_otherwise(table: Path) -> None:
    other = table.with_name("other.toml")
    other.write_text(TOML.replace('"grof vuil"]', '"balie"]'))
    against = result(table, "--against", other)["against"]
    assert len(against.pop("version")) == 12
    boom = {"rule": "boom", "reason": "het patroon past (regel boom)"}
    assert against == {
        "right": 3,
        "share": 0.5,
        "newlyRight": [
            {"line": 2, "expected": "groen", "then": "kcc", "now": "groen"}
            | {"rule": "afval", "reason": '"grof vuil" staat erin (regel afval)'},
            {"line": 4, "expected": "groen", "then": "kcc", "now": "groen"} | boom,
            {"line": 5, "expected": "groen", "then": "kcc", "now": "groen"} | boom,
        ],
        "newlyWrong": [
            {"line": 7, "expected": "kcc", "then": "kcc", "now": "groen"} | boom,
            {"line": 8, "expected": "groen", "then": "groen", "now": "kcc", "rule": None}
            | {"reason": "geen enkele regel past; dit is de afdeling voor de rest"},
        ],
        "differentlyWrong": [],
    }
    lines = run(table, "--against", other, "--lang", "nl").stdout.splitlines()
    start = lines.index("nu goed: 3")
    assert lines[start - 1].startswith("vergeleken met ")
    assert lines[start - 1].endswith(", waarbij 3 van 6 berichten goed waren:")
    assert lines[start + 1 : start + 5] == [
        '  regel 2: hoort bij groen, ging naar kcc, nu naar groen: "grof vuil" staat erin (regel'
        " afval)",
        "  regel 4: hoort bij groen, ging naar kcc, nu naar groen: het patroon past (regel boom)",
        "  regel 5: hoort bij groen, ging naar kcc, nu naar groen: het patroon past (regel boom)",
        "nu fout: 2",
    ]
    assert lines[-1] == "anders fout: 0"


def test_department_that_is_there_instead_of_another_moves_no_message(table: Path) -> None:
    file, other = table.with_name("postkamer.toml"), table.with_name("other.toml")
    other.write_text(file.read_text())
    file.write_text(file.read_text().replace('id = "groen"', 'id = "park"\ninstead_of = ["groen"]'))
    against = result(table, "--against", other)["against"]
    moved = [against[each] for each in ("newlyRight", "newlyWrong", "differentlyWrong")]
    assert (against["right"], moved) == (4, [[], [], []])


def test_all_faults_of_a_table_are_shown_with_their_cells_and_exit_code_2(table: Path) -> None:
    table.write_text("text;department;labels\nvol;groem;\nhoi;kcc;raad\n;kcc;\n")
    done = run(table)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        f"{table}:2: department: 'groem': there is no such department: did you mean 'groen'?",
        f"{table}:3: labels: 'raad': there is no such label",
        f"{table}:4: text: is empty",
    ]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--number", "999"], 2, "--number: 999 is not in the configuration"),
        (["--at", "morgen"], 2, "'--at': expected a time"),
        (["--at-least", "85"], 2, "'--at-least'"),
        (["--at-least", "nan"], 2, "'--at-least'"),
        (
            ["--against", "weg.toml"],
            2,
            "--against: there is no file 'weg.toml', and it is no version",
        ),
        (["--against", "3f9c2a7b10de"], 1, "POSTKAMER_DATABASE_URL: is missing"),
    ],
)
def test_misuse_of_route_test_is_told(
    table: Path, arguments: list[str], code: int, words: str
) -> None:
    done = run(table, *arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr


def test_missing_table_or_configuration_is_misuse_and_a_faulty_configuration_is_refused(
    table: Path,
) -> None:
    done = run(table.with_name("weg.csv"))
    assert done.exit_code == 2
    assert done.stderr.endswith("weg.csv: cannot be read: No such file or directory\n")
    assert postkamer("route", "test", table).stderr == "POSTKAMER_CONFIG: is missing\n"
    config = table.with_name("postkamer.toml")
    config.write_text(TOML.replace('words = ["afval", "grof vuil"]', 'pattern = "a(b"'))
    done = run(table)
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith(f"{config}:37: rule afval: pattern: It is no")


def test_other_number_and_other_municipality_are_judged(table: Path) -> None:
    table.write_text("text;department\ngrof vuil;kcc\n")
    assert result(table)["right"] == 0
    found = result(table, "--number", "20000001")
    assert (found["number"], found["right"]) == ("20000001", 1)
    other = table.with_name("other.toml")
    other.write_text(TOML.replace('"20000001"', '"20000002"'))
    against = result(table, "--number", "20000001", "--against", other)["against"]
    assert against["right"] == 1
    moved = 'id = "20000002"\ntenant = "almelo"'
    other.write_text(TOML.replace('id = "20000001"\ntenant = "borne"', moved))
    done = run(table, "--number", "20000001", "--against", other)
    assert (done.exit_code, done.stderr) == (2, "--against: it has no number of borne\n")
