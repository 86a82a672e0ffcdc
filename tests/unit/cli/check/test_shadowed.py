"""Rules and words of rules that never count."""

import pytest

from cli.check.shadowed import find_warnings, join_names
from services.config.model import parse
from tests.support.cli.command_line import TOML
from tests.support.cli.rule_texts import cases, rules_toml

RULES = r"""
# Of words: whoever writes them comes to the earlier rule.
# Borne has no groen, so there it counts
b: words = afval
b: department = groen; words = Áfval
    rule b never counts, rule afval fits first
b: department = groen; words = Áfval, boom
    rule b: 'Áfval' never counts, rule afval fits first
b: department = groen; words = heel grof vuil, boom, AFVAL
    rule b: 'heel grof vuil' and 'AFVAL' never count, rule afval fits first
b: department = groen; words = grof, vuil
b: department = groen; words = grofvuil
    rule b never counts, rule afval fits first
b: words = afval; tenant = borne
b: words = afval; tenant = almelo
    rule b never counts, rule afval fits first
# In every municipality that it holds for, each in its own way.
boom: words = boom, hoge boom; tenant = almelo | c: words = boom
c: words = boom; tenant = almelo | d: words = boom; tenant = borne | e: words = boom
    rule e never counts, rules c and d fit first
# Forms, stars and quotes.
boom: words = boom, hoge boom; tenant = almelo | c: words = bomen; tenant = almelo
    rule c never counts, rule boom fits first
a: words = ['"weg"'] | b: words = weg
a: words = weg | b: words = ['"weg"']
    rule b never counts, rule a fits first
park: words = parkeer*, *vergunning | b: words = parkeervak
    rule b never counts, rule park fits first
park: words = parkeer*, *vergunning | b: words = parkeerplaats*
    rule b never counts, rule park fits first
park: words = parkeer*, *vergunning | b: words = *bouwvergunning
    rule b never counts, rule park fits first
a: words = parkeer | b: words = parkeer*
park: words = parkeer*, *vergunning | b: words = park*
# A misspelling of an earlier word is not certain to be one.
a: words = verhuizing | b: words = verhuring
# What else is asked.
a: words = boom; types = text | b: words = boom
a: words = boom; types = text, image | b: words = boom; types = text
    rule b never counts, rule a fits first
a: words = boom | b: words = boom; states = new
    rule b never counts, rule a fits first
a: words = boom; without = gras | b: words = boom
a: words = boom; without = gras | b: words = boom; without = gras, heg
    rule b never counts, rule a fits first
a: words = boom; hours = Mo-Fr 09:00-17:00 | b: words = boom; hours = Mo-Fr 09:00-17:00
    rule b never counts, rule a fits first
a: words = boom; all = [{types = ["text"]}]
| b: words = boom; all = [{tagged = ["pers"]}, {types = ["text"]}]
    rule b never counts, rule a fits first
a: any = [{words = ["boom"]}, {types = ["image"]}] | b: any = [{words = ["boom"]}]
    rule b never counts, rule a fits first
a: not = {types = ["image"]} | b: words = boom; not = {types = ["image"]}
    rule b never counts, rule a fits first
# Without words.
new: states = new, reopened | b: states = new
    rule b never counts, rule new fits first
new: states = new, reopened | b: states = new, decided
new: states = new, reopened | b: words = boom; states = reopened
    rule b never counts, rule new fits first
a: pattern = x+ | b: pattern = x+; types = text
    rule b never counts, rule a fits first
a: pattern = x+ | b: words = xxx
# In whatever way it is written.
a: any = [{words = ["boom"]}, {words = ["heg"]}] | b: words = bomen, heg
    rule b never counts, rule a fits first
a: words = boom | b: any = [{all = [{words = ["boom"]}]}]
    rule b never counts, rule a fits first
a: words = boom | b: any = [{words = ["boom"]}, {words = ["heg"]}]
    rule b: 'boom' never counts, rule a fits first
a: words = boom; without = gras | b: words = boom; not = {words = ["gras"]}
    rule b never counts, rule a fits first
a: words = boom; not = {states = ["decided", "answered"]} | b: words = boom; states = new
    rule b never counts, rule a fits first
a: any = [{types = ["image"]}, {tagged = ["pers"]}] | b: words = boom; types = image
    rule b never counts, rule a fits first
a: words = boom; all = [{words = ["heg"]}] | b: words = heg; all = [{words = ["boom"]}]
    rule b never counts, rule a fits first
a: words = boom; all = [{words = ["heg"]}] | b: words = heg
# What holds for every text.
a: pattern = .* | b: words = boom
    rule b never counts, rule a fits first
a: pattern = .* | b: pattern = x+
    rule b never counts, rule a fits first
a: pattern = .* | b: types = image
a: pattern = ^.*$ | b: words = boom
a: words = boom; pattern = x* | b: words = boom
    rule b never counts, rule a fits first
# Words that a rule itself does not hold for, in whatever form of them.
a: words = bomen, heg; without = boom
    rule a: 'bomen' never counts, what may not be said is in it
a: words = hoge boom, bomen; not = {words = ["boom"]}
    rule a never counts, what may not be said is in all of its words
a: words = parkeervak, parkeerplek, heg; without = parkeer*
    rule a: 'parkeervak' and 'parkeerplek' never count, what may not be said is in them
group tuin: words = boom, gras | a: groups = tuin; without = bomen, grassen
| b: words = bomen, heg; not = {groups = ["tuin"]}
    rule a never counts, what may not be said is in all of its words
    rule b: 'bomen' never counts, what may not be said is in it
group tuin: words = boom, gras | a: groups = tuin; without = gras, heg, boom
    rule a never counts, what may not be said is in all of its words
a: all = [{words = ["x"]}, {without = ["x", "y"]}]
    rule a never counts, what may not be said is in all of its words
# Facts that a rule asks for and denies.
a: types = text; not = {types = ["text", "image"]}
    rule a never holds: its `not` holds wherever the rest of it does
a: languages = nl; not = {languages = ["nl"]}
    rule a never holds: its `not` holds wherever the rest of it does
a: all = [{states = ["new"]}, {not = {states = ["new"]}}]
    rule a never holds: its `not` holds wherever the rest of it does
a: types = text, image; not = {types = ["text"]}; all = [{not = {types = ["image"]}}]
    rule a never holds: its `not` holds wherever the rest of it does
a: states = new; not = {any = [{states = ["new"]}, {words = ["a"]}]}
    rule a never holds: its `not` holds wherever the rest of it does
a: words = a; not = {pattern = '.*'}
    rule a never holds: its `not` holds wherever the rest of it does
a: types = text, image; not = {types = ["text"]}
a: types = text; not = {types = ['text'], words = ['a']}
a: types = text; not = {pattern = '.*'}
a: types = text; not = {types = ["text"], not = {words = ["x"]}}
# An earlier rule that bars what the later one allows; and two of which each bars the same.
a: words = boom; without = gras | b: words = gras | c: words = boom
    rule c never counts, rules a and b fit first
a: words = boom; not = {types = ["image"]} | b: types = image | c: words = boom
    rule c never counts, rules a and b fit first
a: words = boom; not = {types = ["image"], not = {words = ["x"]}} | c: words = boom
# A phrase beside others that are asked for as well.
a: words = boom; all = [{words = ["heg"]}]
| b: words = boom, gras; all = [{words = ["heg", "struik"]}]
a: words = boom | b: words = boom, gras; all = [{words = ["heg", "struik"]}]
    rule b: 'boom' never counts, rule a fits first
# no form of it, says `stem`
a: words = fietsen; without = fiets
a: words = fiets; without = ['"fiets"']
a: words = fiets; without = gestolen fiets
# What only marks keeps nothing from its turn, and has none itself after what decides.
a: words = boom; tag = x | b: words = boom
a: words = boom | b: words = boom; tag = x
    rule b never counts, rule a fits first
# Groups.
group tuin: words = boom, gras | a: groups = tuin | b: words = heg, gras
| c: groups = tuin; hours = Mo 10:00-12:00
    rule b: 'gras' never counts, rule a fits first
    rule c never counts, rule a fits first
# Of care the first one counts, beside the rules.
care x: kind = suicide; words = afval, dood | care y: kind = threat; words = dood
    rule y never counts, rule x fits first
# Twice in one rule.
a: words = boom, Boom, heg
    rule a: 'Boom' stands in it twice
group tuin: words = boom, gras, gras | a: words = Boom, heg; groups = tuin
    group tuin: 'gras' stands in it twice
    rule a: 'Boom' stands in it twice
a: words = ["boom", "bomen", '"boom"', "boom*"]
"""


def warnings(rules: str) -> list[tuple[object, str]]:
    """Return the warnings about these rules, after the rule `afval` of the town."""
    return list(find_warnings(parse(TOML + rules_toml(rules), "postkamer.toml")))


@pytest.mark.parametrize(("rules", "found"), cases(RULES))
def test_rule_or_word_that_never_counts_is_named(rules: str, found: list[str]) -> None:
    assert sorted(what for _, what in warnings(rules)) == found


def test_rules_with_too_many_samples_get_no_warning() -> None:
    many = f"{{words = {[f'w{n}' for n in range(200)]}}}"
    assert not warnings(
        f"a: any = [{many}] | b: words = w1; all = [{many}, {many}, {many}]"
        f" | c: words = x; not = {many} | d: words = x"
    )


def test_warning_has_the_location_of_the_rule_or_of_its_words() -> None:
    rules = "b: department = groen; words = boom, afval | c: department = groen; words = afval"
    assert [where for where, _ in warnings(rules)] == [("rules", 1, "words"), ("rules", 2)]


@pytest.mark.parametrize(
    ("names", "joined"),
    [("ab", "a and b"), ("aba", "a and b"), ("abc", "a, b and c"), ("abcde", "a, b, c and 2 more")],
)
def test_names_beyond_three_are_counted(names: str, joined: str) -> None:
    assert join_names(names) == joined
