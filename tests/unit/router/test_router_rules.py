import sys

import pytest
from almelo import CONFIG
from hypothesis import given
from hypothesis import strategies as st

from router.rules import Table, compile_config, compile_rules, match, plain_words, route
from services.config import Rule


def rule(id: str, *words: str, department: str = "groen", tenant: str = "") -> Rule:
    return Rule(id=id, words=words, department=department, tenant=tenant)


def table(*rules: Rule) -> Table:
    return compile_rules(rules, ["groen", "geld"], "almelo")


def decided(text: str, *rules: Rule) -> str:
    """Id of the rule that decides, '' for the fallback."""
    return route(table(*rules), text, "rest").rule


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", []),
        ("  \n\t… 🗑️ !?", []),
        ("Één fiéts, graag!", ["een", "fiets", "graag"]),
        ("CONTAINER-pas", ["container", "pas"]),
        ("straße STRASSE", ["strasse", "strasse"]),
        ("ﬁets", ["fiets"]),
        ("ĳs IJs", ["ijs", "ijs"]),
        ("𝐏𝐚𝐬𝐩𝐨𝐨𝐫𝐭", ["paspoort"]),
        ("_schuin_ *vet* ~door~ ```code```", ["schuin", "vet", "door", "code"]),
        ("WOZ-waarde 2026", ["woz", "waarde", "2026"]),
        ("e\u0301e\u0301n", ["een"]),
        ("مرحبا بكم", ["مرحبا", "بكم"]),
    ],
)
def test_a_text_is_read_as_words_without_case_accents_and_marks(
    text: str, words: list[str]
) -> None:
    assert plain_words(text) == words


@given(st.text())
def test_reading_words_again_changes_nothing(text: str) -> None:
    words = plain_words(text)
    assert plain_words(" ".join(words)) == words


def test_the_first_rule_of_the_table_wins_wherever_its_word_stands() -> None:
    rules = rule("een", "boom"), rule("twee", "stoep")
    assert decided("de stoep bij de boom", *rules) == "een"
    assert decided("de stoep bij de boom", *reversed(rules)) == "twee"


@pytest.mark.parametrize(
    ("text", "hit"),
    [
        ("er zit een gat in de weg", True),
        ("er zit een gat  in\nde — weg!", True),
        ("gat in de wegen", False),
        ("gat de in weg", False),
        ("gat in de", False),
        ("gat gat in de weg", True),
        ("nagat in de weg", False),
    ],
)
def test_a_phrase_matches_as_whole_words_in_its_order(text: str, hit: bool) -> None:
    assert bool(decided(text, rule("gat", "gat in de weg"))) is hit


@pytest.mark.parametrize("text", ["CAFÉ", "café", "cafe", "Cafe\u0301"])
def test_case_and_accents_make_no_difference_on_either_side(text: str) -> None:
    assert decided(text, rule("kroeg", "Café")) == "kroeg"
    assert decided("cafe", rule("kroeg", text)) == "kroeg"


def test_without_a_match_the_fallback_takes_it_and_says_that_all_was_looked_at() -> None:
    verdict = route(table(rule("een", "boom"), rule("twee", "stoep")), "goedemorgen", "rest")
    assert (verdict.department, verdict.rule) == ("rest", "")
    assert verdict.tried == ("een", "twee")
    assert "geen enkele regel" in verdict.reason


def test_the_reason_names_the_rule_and_the_words_that_decided() -> None:
    rules = rule("een", "boom"), rule("gat", "Gat in de Weg"), rule("drie", "stoep")
    verdict = route(table(*rules), "GAT IN DE WEG", "x")
    assert verdict.reason == '"gat in de weg" staat in regel gat'
    assert verdict.tried == ("een", "gat")


def test_a_rule_of_one_municipality_or_for_a_department_it_lacks_is_not_anothers() -> None:
    rules = [
        rule("almelo", "boom", tenant="almelo"),
        rule("borne", "stoep", tenant="borne"),
        rule("sport", "bal", department="sport"),
        rule("ieder", "gras"),
    ]
    # Any iterable will do, also one that can be read only once.
    almelo = compile_rules(iter(rules), iter(["groen"]), "almelo")
    assert [r.id for r in almelo.rules] == ["almelo", "ieder"]
    tables = compile_config(CONFIG)
    assert [r.id for r in tables["almelo"].rules] == ["afval", "geld"]
    assert tables["borne"].rules == ()
    assert match(tables["borne"], "container") is None


def test_the_words_of_a_text_decide_how_much_is_looked_up_not_those_of_the_rules() -> None:
    compiled = table(
        *(rule(f"regel-{n}", *(f"woord{n * 5000 + i}" for i in range(5000))) for n in range(10))
    )
    lookups = 0

    def count(frame: object, event: str, arg: object) -> None:
        nonlocal lookups
        lookups += 1

    sys.setprofile(count)
    try:
        hit = route(compiled, "dit is woord49999", "rest")
    finally:
        sys.setprofile(None)
    assert hit.rule == "regel-9"
    assert lookups < 1000


def _slowly(rules: list[Rule], text: str) -> str:
    """The same question, asked of one rule after the other."""
    words = plain_words(text)
    for one in rules:
        for phrase in map(plain_words, one.words):
            spans = range(len(words) - len(phrase) + 1)
            if phrase and any(words[n : n + len(phrase)] == phrase for n in spans):
                return one.id
    return ""


PHRASES = st.lists(st.sampled_from("abc"), min_size=1, max_size=3).map(" ".join)
RULES = st.lists(st.lists(PHRASES, min_size=1, max_size=4), max_size=6)


@given(RULES, st.lists(st.sampled_from("abcd"), max_size=8).map(" ".join))
def test_the_index_finds_what_reading_every_rule_in_turn_would_find(
    words: list[list[str]], text: str
) -> None:
    rules = [rule(f"r{n}", *phrases) for n, phrases in enumerate(words)]
    assert decided(text, *rules) == _slowly(rules, text)
