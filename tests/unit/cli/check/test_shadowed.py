"""Rules and words that never count, by tables."""

import pytest

from cli.check.shadowed import find_warnings, join_names
from services.config.model import Configuration, parse
from tests.support.cli.command_line import TOML


def rule(id: str, more: str, department: str = "kcc") -> str:
    return f'[[rules]]\nid = "{id}"\ndepartment = "{department}"\n{more}\n'


def town(more: str) -> Configuration:
    return parse(TOML + more, "postkamer.toml")


BY_A = "rule b never counts, rule a fits first"
PARKED = "rule b never counts, rule park fits first"
DENIED = "rule a never holds: its `not` holds wherever the rest of it does"
MANY = f"{{words = {[f'w{n}' for n in range(200)]}}}"
TUIN = '[[groups]]\nid = "tuin"\nwords = ["boom", "gras"]\n'
FITS = "rule afval fits first"
BOOM = rule("boom", 'words = ["boom", "hoge boom"]\ntenant = "almelo"')
PARK = rule("park", 'words = ["parkeer*", "*vergunning"]')
NEW = rule("new", 'states = ["new", "reopened"]')


@pytest.mark.parametrize(
    ("more", "found"),
    [
        # Of words: whoever writes them comes to the earlier rule.
        (rule("b", 'words = ["afval"]'), []),  # Borne has no groen, so there it counts
        (rule("b", 'words = ["Áfval"]', "groen"), [f"rule b never counts, {FITS}"]),
        (
            rule("b", 'words = ["Áfval", "boom"]', "groen"),
            [f"rule b: 'Áfval' never counts, {FITS}"],
        ),
        (
            rule("b", 'words = ["heel grof vuil", "boom", "AFVAL"]', "groen"),
            [f"rule b: 'heel grof vuil' and 'AFVAL' never count, {FITS}"],
        ),
        (rule("b", 'words = ["grof", "vuil"]', "groen"), []),
        (rule("b", 'words = ["grofvuil"]', "groen"), [f"rule b never counts, {FITS}"]),
        (rule("b", 'words = ["afval"]\ntenant = "borne"'), []),
        (rule("b", 'words = ["afval"]\ntenant = "almelo"'), [f"rule b never counts, {FITS}"]),
        # In every municipality that it holds for, each in its own way.
        (BOOM + rule("c", 'words = ["boom"]'), []),
        (
            rule("c", 'words = ["boom"]\ntenant = "almelo"')
            + rule("d", 'words = ["boom"]\ntenant = "borne"')
            + rule("e", 'words = ["boom"]'),
            ["rule e never counts, rules c and d fit first"],
        ),
        # Forms, stars and quotes.
        (
            BOOM + rule("c", 'words = ["bomen"]\ntenant = "almelo"'),
            ["rule c never counts, rule boom fits first"],
        ),
        (rule("a", "words = ['\"weg\"']") + rule("b", 'words = ["weg"]'), []),
        (
            rule("a", 'words = ["weg"]') + rule("b", "words = ['\"weg\"']"),
            [BY_A],
        ),
        (PARK + rule("b", 'words = ["parkeervak"]'), [PARKED]),
        (PARK + rule("b", 'words = ["parkeerplaats*"]'), [PARKED]),
        (PARK + rule("b", 'words = ["*bouwvergunning"]'), [PARKED]),
        (rule("a", 'words = ["parkeer"]') + rule("b", 'words = ["parkeer*"]'), []),
        (PARK + rule("b", 'words = ["park*"]'), []),
        # A misspelling of an earlier word is not certain to be one.
        (rule("a", 'words = ["verhuizing"]') + rule("b", 'words = ["verhuring"]'), []),
        # What else is asked.
        (rule("a", 'words = ["boom"]\ntypes = ["text"]') + rule("b", 'words = ["boom"]'), []),
        (
            rule("a", 'words = ["boom"]\ntypes = ["text", "image"]')
            + rule("b", 'words = ["boom"]\ntypes = ["text"]'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]') + rule("b", 'words = ["boom"]\nstates = ["new"]'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]\nwithout = ["gras"]') + rule("b", 'words = ["boom"]'),
            [],
        ),
        (
            rule("a", 'words = ["boom"]\nwithout = ["gras"]')
            + rule("b", 'words = ["boom"]\nwithout = ["gras", "heg"]'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]\nhours = "Mo-Fr 09:00-17:00"')
            + rule("b", 'words = ["boom"]\nhours = "Mo-Fr 09:00-17:00"'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]\nall = [{types = ["text"]}]')
            + rule("b", 'words = ["boom"]\nall = [{tagged = ["pers"]}, {types = ["text"]}]'),
            [BY_A],
        ),
        (
            rule("a", 'any = [{words = ["boom"]}, {types = ["image"]}]')
            + rule("b", 'any = [{words = ["boom"]}]'),
            [BY_A],
        ),
        (
            rule("a", 'not = {types = ["image"]}')
            + rule("b", 'words = ["boom"]\nnot = {types = ["image"]}'),
            [BY_A],
        ),
        # Without words.
        (NEW + rule("b", 'states = ["new"]'), ["rule b never counts, rule new fits first"]),
        (NEW + rule("b", 'states = ["new", "decided"]'), []),
        (
            NEW + rule("b", 'words = ["boom"]\nstates = ["reopened"]'),
            ["rule b never counts, rule new fits first"],
        ),
        (rule("a", 'pattern = "x+"') + rule("b", 'pattern = "x+"\ntypes = ["text"]'), [BY_A]),
        (rule("a", 'pattern = "x+"') + rule("b", 'words = ["xxx"]'), []),
        # In whatever way it is written.
        (
            rule("a", 'any = [{words = ["boom"]}, {words = ["heg"]}]')
            + rule("b", 'words = ["bomen", "heg"]'),
            [BY_A],
        ),
        (rule("a", 'words = ["boom"]') + rule("b", 'any = [{all = [{words = ["boom"]}]}]'), [BY_A]),
        (
            rule("a", 'words = ["boom"]')
            + rule("b", 'any = [{words = ["boom"]}, {words = ["heg"]}]'),
            ["rule b: 'boom' never counts, rule a fits first"],
        ),
        (
            rule("a", 'words = ["boom"]\nwithout = ["gras"]')
            + rule("b", 'words = ["boom"]\nnot = {words = ["gras"]}'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]\nnot = {states = ["decided", "answered"]}')
            + rule("b", 'words = ["boom"]\nstates = ["new"]'),
            [BY_A],
        ),
        (
            rule("a", 'any = [{types = ["image"]}, {tagged = ["pers"]}]')
            + rule("b", 'words = ["boom"]\ntypes = ["image"]'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]\nall = [{words = ["heg"]}]')
            + rule("b", 'words = ["heg"]\nall = [{words = ["boom"]}]'),
            [BY_A],
        ),
        (
            rule("a", 'words = ["boom"]\nall = [{words = ["heg"]}]') + rule("b", 'words = ["heg"]'),
            [],
        ),
        # What holds for every text.
        (rule("a", "pattern = '.*'") + rule("b", 'words = ["boom"]'), [BY_A]),
        (rule("a", "pattern = '.*'") + rule("b", "pattern = 'x+'"), [BY_A]),
        (rule("a", "pattern = '.*'") + rule("b", 'types = ["image"]'), []),
        (rule("a", "pattern = '^.*$'") + rule("b", 'words = ["boom"]'), []),
        (rule("a", "words = ['boom']\npattern = 'x*'") + rule("b", 'words = ["boom"]'), [BY_A]),
        # Words that a rule itself does not hold for, in whatever form of them.
        (
            rule("a", 'words = ["bomen", "heg"]\nwithout = ["boom"]'),
            ["rule a: 'bomen' never counts, what may not be said is in it"],
        ),
        (
            rule("a", 'words = ["hoge boom", "bomen"]\nnot = {words = ["boom"]}'),
            ["rule a never counts, what may not be said is in all of its words"],
        ),
        (
            rule("a", 'words = ["parkeervak", "parkeerplek", "heg"]\nwithout = ["parkeer*"]'),
            ["rule a: 'parkeervak' and 'parkeerplek' never count, what may not be said is in them"],
        ),
        (
            TUIN
            + rule("a", 'groups = ["tuin"]\nwithout = ["bomen", "grassen"]')
            + rule("b", 'words = ["bomen", "heg"]\nnot = {groups = ["tuin"]}'),
            [
                "rule a never counts, what may not be said is in all of its words",
                "rule b: 'bomen' never counts, what may not be said is in it",
            ],
        ),
        (
            TUIN + rule("a", 'groups = ["tuin"]\nwithout = ["gras", "heg", "boom"]'),
            ["rule a never counts, what may not be said is in all of its words"],
        ),
        (
            rule("a", 'all = [{words = ["x"]}, {without = ["x", "y"]}]'),
            ["rule a never counts, what may not be said is in all of its words"],
        ),
        # Facts that a rule asks for and denies.
        (rule("a", 'types = ["text"]\nnot = {types = ["text", "image"]}'), [DENIED]),
        (rule("a", 'languages = ["nl"]\nnot = {languages = ["nl"]}'), [DENIED]),
        (rule("a", 'all = [{states = ["new"]}, {not = {states = ["new"]}}]'), [DENIED]),
        (
            rule(
                "a",
                'types = ["text", "image"]\nnot = {types = ["text"]}'
                '\nall = [{not = {types = ["image"]}}]',
            ),
            [DENIED],
        ),
        (
            rule("a", 'states = ["new"]\nnot = {any = [{states = ["new"]}, {words = ["a"]}]}'),
            [DENIED],
        ),
        (rule("a", "words = ['a']\nnot = {pattern = '.*'}"), [DENIED]),
        (rule("a", 'types = ["text", "image"]\nnot = {types = ["text"]}'), []),
        (rule("a", "types = ['text']\nnot = {types = ['text'], words = ['a']}"), []),
        (rule("a", "types = ['text']\nnot = {pattern = '.*'}"), []),
        (rule("a", 'types = ["text"]\nnot = {types = ["text"], not = {words = ["x"]}}'), []),
        # An earlier rule that bars what the later one allows; and two of which each bars the same.
        (
            rule("a", 'words = ["boom"]\nwithout = ["gras"]')
            + rule("b", 'words = ["gras"]')
            + rule("c", 'words = ["boom"]'),
            ["rule c never counts, rules a and b fit first"],
        ),
        (
            rule("a", 'words = ["boom"]\nnot = {types = ["image"]}')
            + rule("b", 'types = ["image"]')
            + rule("c", 'words = ["boom"]'),
            ["rule c never counts, rules a and b fit first"],
        ),
        (
            rule("a", 'words = ["boom"]\nnot = {types = ["image"], not = {words = ["x"]}}')
            + rule("c", 'words = ["boom"]'),
            [],
        ),
        # A phrase beside others that are asked for as well.
        (
            rule("a", 'words = ["boom"]\nall = [{words = ["heg"]}]')
            + rule("b", 'words = ["boom", "gras"]\nall = [{words = ["heg", "struik"]}]'),
            [],
        ),
        (
            rule("a", 'words = ["boom"]')
            + rule("b", 'words = ["boom", "gras"]\nall = [{words = ["heg", "struik"]}]'),
            ["rule b: 'boom' never counts, rule a fits first"],
        ),
        # More ways to fit than anybody can look at: nothing is said.
        (
            rule("a", f"any = [{MANY}]")
            + rule("b", f"words = ['w1']\nall = [{MANY}, {MANY}, {MANY}]")
            + rule("c", f"words = ['x']\nnot = {MANY}")
            + rule("d", "words = ['x']"),
            [],
        ),
        (rule("a", 'words = ["fietsen"]\nwithout = ["fiets"]'), []),  # no form of it, says `stem`
        (rule("a", "words = ['fiets']\nwithout = ['\"fiets\"']"), []),
        (rule("a", 'words = ["fiets"]\nwithout = ["gestolen fiets"]'), []),
        # What only marks keeps nothing from its turn, and has none itself after what decides.
        (
            '[[rules]]\nid = "a"\nwords = ["boom"]\ntag = ["x"]\n' + rule("b", 'words = ["boom"]'),
            [],
        ),
        (
            rule("a", 'words = ["boom"]') + '[[rules]]\nid = "b"\nwords = ["boom"]\ntag = ["x"]\n',
            [BY_A],
        ),
        # Groups.
        (
            TUIN
            + rule("a", 'groups = ["tuin"]')
            + rule("b", 'words = ["heg", "gras"]')
            + rule("c", 'groups = ["tuin"]\nhours = "Mo 10:00-12:00"'),
            [
                "rule b: 'gras' never counts, rule a fits first",
                "rule c never counts, rule a fits first",
            ],
        ),
        # Of care the first one counts, beside the rules.
        (
            '[[care]]\nid = "x"\nkind = "suicide"\nwords = ["afval", "dood"]\n'
            '[[care]]\nid = "y"\nkind = "threat"\nwords = ["dood"]\n',
            ["rule y never counts, rule x fits first"],
        ),
        # Twice in one rule.
        (rule("a", 'words = ["boom", "Boom", "heg"]'), ["rule a: 'Boom' stands in it twice"]),
        (
            '[[groups]]\nid = "tuin"\nwords = ["boom", "gras", "gras"]\n'
            + rule("a", 'words = ["Boom", "heg"]\ngroups = ["tuin"]'),
            ["group tuin: 'gras' stands in it twice", "rule a: 'Boom' stands in it twice"],
        ),
        (rule("a", 'words = ["boom", "bomen", \'"boom"\', "boom*"]'), []),
    ],
)
def test_what_never_counts_is_said_and_nothing_else(more: str, found: list[str]) -> None:
    assert sorted(what for _, what in find_warnings(town(more))) == found


def test_it_is_said_where_it_stands() -> None:
    more = rule("b", 'words = ["boom", "afval"]', "groen") + rule("c", 'words = ["afval"]', "groen")
    assert [where for where, _ in find_warnings(town(more))] == [
        ("rules", 1, "words"),
        ("rules", 2),
    ]


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("a", "a"),
        ("ab", "a and b"),
        ("aba", "a and b"),
        ("abc", "a, b and c"),
        ("abcde", "a, b, c and 2 more"),
    ],
)
def test_long_lists_are_counted(names: str, said: str) -> None:
    assert join_names(names) == said
