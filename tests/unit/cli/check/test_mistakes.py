"""Mistakes of people who are no programmers: each gets a sentence, with the right file and line."""

import re
from pathlib import Path

import pytest

from cli.check.check import check
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_strategies import NOW

JARGON = re.compile(
    r"tuple|\bstr\b|\bint\b|integer|boolean|dict|array|Input|Field|None|\bat line\b"
)
"""Words of a programmer."""
RULE = '[[rules]]\nid = "a"\n{}\ndepartment = "groen"\n'
HOURS = (
    "Write hours as in Mo-Fr 09:00-17:00; PH off, with Mo Tu We Th Fr Sa Su for the days and PH for"
    " public holidays: this cannot be read"
)
QUOTE = "a quote is missing on this line: its text does not end"
BEFORE = "a comma or a quote may be missing before"
AROUND = "put straight quotes around it"

# Settings of a rule that begin on line 3; the fault in words.
SETTINGS = [
    ('words = "paspoort"', '3: rule a: words: expected a list: ["paspoort"]'),
    ('words = ["x", 7]', "3: rule a: words.1: expected a text in quotes"),
    ('words = [""]', "3: rule a: words.0: is empty"),
    ('words = ["x"]\ndue_days = "zes"',
     "4: rule a: due_days: expected a whole number, without quotes"),
    ('words = ["x"]\ndue_days = 400', "4: rule a: due_days: expected 366 or less"),
    ('words = ["x"]\nhold = "ja"', "4: rule a: hold: expected true or false, without quotes"),
    ('words = ["x"]\nhold = ja', "4: hold: write true, without quotes"),
    ('words = ["x"]\npriority = "hgh"',
     "4: rule a: priority: expected '', 'low', 'normal', 'high' or 'urgent': did you mean 'high'?"),
    ('words = ["x"]\nhours = "werkdagen"', f"4: rule a: hours: {HOURS}: 'werkdagen'"),
    ('words = [\n  "een"\n  "twee",\n]', f'5: words: {BEFORE} "twee"'),
    ('words = ["een" "twee"]', f'3: words: {BEFORE} "twee"'),
    ('words = ["een, "twee"]', f"3: words: {BEFORE} twee"),
    ('words = ["een", twee"]', "3: words: a quote is missing before twee"),
    ('words = ["een", "twee]', f"3: words: {QUOTE}"),
    ('words = [\n  "een,\n  "twee"\n]', f"4: words: {QUOTE}"),
    ("words = [paspoort]", f'3: words: {AROUND}: "paspoort"'),
    ("words = [grof vuil, tuin]", f'3: words: {AROUND}: "grof vuil"'),
    ("words = [“paspoort”]", f'3: words: {AROUND}: "paspoort"'),
    ('words ["x"]', "3: words: a = is missing after the name"),
    ('words: ["x"]', "3: words: write = instead of :"),
    ("words =", "3: words: a value is missing here, or it has a sign too many"),
    ("words = ['een', 'twee]", "3: words: the quote at the end of this text is missing"),
    ('words = ["x"]\npattern = """a', "4: pattern: the quote at the end of this text is missing"),
    ('words = ("een", "twee")', "3: words: write a list in square brackets: [ ]"),
    ('words = ["x"]\nwords = ["y"]', "4: words: it stands here for the second time"),
    ('pattern = "\\d+"', "3: pattern: put the text in single quotes, since it has a \\"),
    ('words = ["x"]\nafdeling = "kcc"',
     "4: rule a: afdeling: there is no setting 'afdeling': did you mean 'department'?"),
]  # fmt: skip
# Text of the whole file, and the fault.
FILES = [
    (RULE.replace("rules", "regels"),
     "1: regels: there is no table 'regels': did you mean [[rules]]?"),
    (RULE.replace("rules", "rule"), "1: rule: there is no table 'rule': did you mean [[rules]]?"),
    (RULE.replace("[[rules]]", "[rules]"),
     "1: rules: only [[tables]] may stand in a file that is included: write [[rules]]"),
    (RULE.replace("[[rules]]", "[[rules]"), "1: file: a ] is missing after the name of the table"),
    (RULE.replace('id = "a"\n', ""), "1: rule: id: a rule needs an id"),
    (RULE.replace('"a"', '"Een regel"'),
     "2: rule: id: expected small letters, digits and hyphens, as in grof-vuil"),
    (RULE.replace("groen", "groene"),
     "4: rule a: department: there is no department 'groene': did you mean 'groen'?"),
]  # fmt: skip
WORDS = 'words = ["x"]'


def faults_of(folder: Path, rules: str, first: str = TOML) -> list[str]:
    """Return the faults of a configuration that includes these rules, without its folder."""
    (folder / "rules.toml").write_text(rules)
    (folder / "postkamer.toml").write_text('include = ["rules.toml"]\n' + first)
    found = check(folder / "postkamer.toml", {}, NOW, settings_too=False)
    return [fault.replace(f"{folder}/", "") for fault in found.faults]


@pytest.mark.parametrize(
    ("rules", "fault"),
    [(RULE.format(settings), fault) for settings, fault in SETTINGS]
    + [(text.format(WORDS), fault) for text, fault in FILES],
)
def test_mistake_gets_one_plain_sentence_with_its_file_and_line(
    tmp_path: Path, rules: str, fault: str
) -> None:
    assert faults_of(tmp_path, rules) == [f"rules.toml:{fault}"]
    assert not JARGON.search(fault)


def test_second_id_is_told_where_the_first_is(tmp_path: Path) -> None:
    second = RULE.replace('"a"', '"afval"').format(WORDS)
    sentence = "'afval' stands here for the second time; first at postkamer.toml:37"
    assert faults_of(tmp_path, second) == [f"rules.toml:2: rule afval: id: {sentence}"]


def test_misspelt_text_is_told_which_was_probably_meant(tmp_path: Path) -> None:
    (tmp_path / "texts").mkdir()
    texts = 'owner = "KCC"\nversion = "1"\n[drukte]\ntext = "Het is druk."\n'
    (tmp_path / "texts/nl.toml").write_text(texts)
    rules = RULE.format(f'{WORDS}\nreply = "drukt"')
    sentence = "there is no text 'drukt': did you mean 'drukte'?"
    found = faults_of(tmp_path, rules, 'texts = "texts"\n' + TOML)
    assert f"rules.toml:4: rule a: reply: {sentence}" in found


def test_mistakes_in_different_places_are_all_named(tmp_path: Path) -> None:
    two = RULE.format('words = "x"\ndue_days = "zes"') + RULE.format("words = [1]")
    assert [fault.split(":")[1] for fault in faults_of(tmp_path, two)] == ["3", "4", "7", "8"]
    first = TOML.replace('id = "afval"', 'id = "afval"\ndue_days = "zes"')
    assert faults_of(tmp_path, RULE.format("words = [x]"), first) == [
        "postkamer.toml:38: rule afval: due_days: expected a whole number, without quotes",
        f'rules.toml:3: words: {AROUND}: "x"',
    ]


@pytest.mark.parametrize("setting", ["secret = hunter2", "phones = [tel.31600000011]"])
def test_value_that_may_be_secret_or_personal_is_not_shown(tmp_path: Path, setting: str) -> None:
    [fault] = faults_of(tmp_path, f"[[destinations]]\n{setting}\n")
    assert fault == f"rules.toml:2: {setting.split()[0]}: {AROUND}"
