"""Faults of a configuration that only the router finds, with file and line."""

from pathlib import Path

import pytest

from router.model.hashes import Hashes
from router.rules import regex_set
from router.rules.engine import compile_rule_tables
from router.ruleset.context import build_context
from router.ruleset.validation import find_faults, nested_conditions, reachable_menus, validate
from services.config import loader
from services.config.model import ConfigError, parse

TOWN = """\
tenants = [{id = "almelo", name = "Almelo", menu = "keuze"}, {id = "borne", name = "Borne"}]
departments = [
    {id = "kcc", tenant = "almelo", name = "KCC", destination = "crm"},
    {id = "groen", tenant = "almelo", name = "Groen", destination = "crm"},
    {id = "kcc", tenant = "borne", name = "KCC", destination = "crm"},
]
destinations = [{id = "crm", kind = "cloudevents", url = "https://crm.example/"}]
numbers = [
    {id = "10000001", tenant = "almelo", fallback = "kcc"},
    {id = "20000001", tenant = "borne", fallback = "kcc"},
]
[[groups]]
id = "tuin"
words = ["boom", "gras"]
[[menus]]
id = "keuze"
options = [{id = "groen", title = "Groen", department = "groen"}]
"""
RULE = '[[rules]]\nid = "a"\ndepartment = "kcc"\n'
LETTERS = "At least 4 letters must stand beside a star"
STAR = "A star stands for the rest of a word: at its end or at its start, outside quotes"


WORDS_FIRST = '[[rules]]\nid = "a"\nwords = ["x"]\n'
NO_WORD = "There is no word or emoji in it"


TAKEN = """
[[rules]]
id = "boom"
words = ["boom"]
department = "groen"
[[rules]]
id = "label"
words = ["boom"]
tag = ["tuin"]
[[rules]]
id = "haven"
words = ["haven"]
department = "kcc"
tenant = "borne"
[[care]]
id = "dood"
kind = "suicide"
words = ["dood"]
department = "groen"
"""


@pytest.mark.parametrize(
    ("kcc", "groen", "found"),
    [
        ('["boom"]', "[]", []),
        ('["boom"]', '["boom"]', ["departments.1: 'kcc' takes the rule 'boom' already"]),
        ('["boom", "boom"]', "[]", ["departments.0: 'kcc' takes the rule 'boom' already"]),
        (
            '["bom", "label", "haven", "dood"]',
            "[]",
            [
                "departments.0: no rule 'bom' leads to a department of almelo:"
                " did you mean 'boom'?",
                "departments.0: no rule 'label' leads to a department of almelo",
                "departments.0: no rule 'haven' leads to a department of almelo",
                "departments.0: no rule 'dood' leads to a department of almelo",
            ],
        ),
    ],
)
def test_rule_that_two_departments_take_or_that_is_not_there_is_a_fault(
    kcc: str, groen: str, found: list[str]
) -> None:
    town = TOWN.replace('name = "KCC"', f'name = "KCC", takes_rules = {kcc}', 1)
    config = parse(town.replace('name = "Groen"', f'name = "G", takes_rules = {groen}') + TAKEN, "")
    faults = [*find_faults(config)]
    assert {each[0][2] for each in faults} <= {"takes_rules"}
    assert [f"{table}.{n}: {what}" for (table, n, _), what in faults] == found
    assert [*find_faults(config, {"rules"})] == []


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (RULE + 'words = ["afval*", "*vergunning", "♻️", "grof vuil"]', {}),
        (
            RULE + 'words = ["afval", "par*keer", "ab*"]',
            {"rules.0.words.1": f"'par*keer': {STAR}", "rules.0.words.2": f"'ab*': {LETTERS}"},
        ),
        (RULE + 'words = ["a"]\nwithout = ["?!"]', {"rules.0.without.0": f"'?!': {NO_WORD}"}),
        ('[[groups]]\nid = "g"\nwords = ["*"]', {"groups.1.words.0": f"'*': {NO_WORD}"}),
        (
            RULE + 'any = [{words = ["goed"]}, {not = {words = ["ab*"]}}]',
            {"rules.0.any.1.not.words.0": f"'ab*': {LETTERS}"},
        ),
        (
            RULE + 'referral = ["zomer", "..."]',
            {"rules.0.referral.1": "'...': There is no word in it"},
        ),
        (
            RULE + 'all = [{groups = ["tuin", "bos"]}, {numbers = ["10000001", "999"]}]',
            {
                "rules.0.all.0.groups": "there is no group 'bos'",
                "rules.0.all.1.numbers": "there is no number '999'",
            },
        ),
        (
            '[[care]]\nid = "c"\nkind = "emergency"\nnumbers = ["999"]',
            {"care.0.numbers": "there is no number '999'"},
        ),
        (RULE + r"pattern = '\w{1,200}-[0-9]{4}'", {}),
        (
            WORDS_FIRST + 'tenant = "borne"\nmenu = "keuze"',
            {"menus.0.options.0.department": "borne asks this and has no department 'groen'"},
        ),
        (WORDS_FIRST + 'tenant = "almelo"\nmenu = "keuze"', {}),
    ],
)
def test_undecidable_rules_are_faults_of_the_configuration(
    more: str, found: dict[str, str]
) -> None:
    faults = find_faults(parse(TOWN + more, "x.toml"))
    assert [(".".join(map(str, where)), what) for where, what in faults] == [*found.items()]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "postkamer.toml"


PLAIN_TOWN = TOWN.replace(', menu = "keuze"', "").partition("[[menus]]")[0]


def test_valid_configuration_compiles_and_a_fault_has_its_line(file: Path) -> None:
    file.write_text(PLAIN_TOWN)
    good = loader.load(file)
    assert validate(good) is good
    assert set(compile_rule_tables(good.config)) == {"almelo", "borne"}
    file.write_text('include = ["more.toml"]\n' + PLAIN_TOWN)
    more = file.with_name("more.toml")
    more.write_text("\n" + RULE + 'words = ["par*keer"]\n')
    bad = loader.load(file)
    with pytest.raises(ConfigError) as refused:
        validate(bad)
    assert str(refused.value) == f"{more}:5: rule a: words.0: 'par*keer': {STAR}"
    assert refused.value.read and refused.value.read.config is bad.config


def test_patterns_that_take_too_much_memory_together_are_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text(PLAIN_TOWN + RULE + "pattern = 'x{1,90}'\n")
    made = loader.load(file)
    monkeypatch.setattr(regex_set, "MEMORY", 1000)
    fault = "the patterns of almelo take too much memory together: fewer of them, shorter ones, or"
    assert next(find_faults(made.config)) == (("rules",), f"{fault} smaller repeats")
    with pytest.raises(ConfigError, match=fault):
        build_context(made, Hashes(b"key"))


def test_nested_conditions_are_all_validated() -> None:
    rule = RULE + 'all = [{any = [{states = ["new"]}, {not = {types = ["text"]}}]}]'
    config = parse(TOWN + rule, "x.toml")
    places = [
        ".".join(map(str, where)) for where, _ in nested_conditions(("rules", 0), config.rules[0])
    ]
    assert places == [
        "rules.0",
        "rules.0.all.0",
        "rules.0.all.0.any.0",
        "rules.0.all.0.any.1",
        "rules.0.all.0.any.1.not",
    ]


def test_menus_are_reachable_from_the_municipality_its_rules_and_other_menus() -> None:
    menus = "".join(
        f'[[menus]]\nid = "{id}"\noptions = [{{id = "x", title = "X", menu = "{to}"}}]\n'
        for id, to in (("een", "twee"), ("drie", "een"))
    )
    menus += '[[menus]]\nid = "twee"\noptions = [{id = "x", title = "X", reply = "a"}]\n'
    rule = '[[rules]]\nid = "a"\nwords = ["x"]\ntenant = "borne"\nmenu = "een"\n'
    config = parse(TOWN + menus + rule, "x.toml")
    almelo, borne = config.tenants
    assert reachable_menus(config, almelo) == {"keuze"}
    assert reachable_menus(config, borne) == {"een", "twee"}
