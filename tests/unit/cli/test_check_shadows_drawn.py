"""What is said of rules that never count is true, whatever a citizen writes."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from cli.check.implication import no_more
from cli.check.normal_form import simple
from cli.check.shadowed import doubts
from router.rules.engine import compile_rules, evaluate
from router.rules.matcher import MessageFacts
from services.config.model import Configuration
from tests.unit.cli import asking
from tests.unit.cli.asking import CONDITIONS, FACTS


@given(st.lists(CONDITIONS, min_size=2, max_size=5), st.lists(FACTS, min_size=5, max_size=20))
def test_a_rule_that_never_counts_decides_no_message(
    conditions: list[dict[str, Any]], messages: list[MessageFacts]
) -> None:
    made = asking.town(conditions)
    never = {w.split()[1] for _, w in doubts(made) if "never counts" in w and ":" not in w}
    table = compile_rules(made, "almelo")
    for facts in messages:
        verdict = evaluate(table, facts).verdict
        assert verdict is None or verdict.rule not in never


@given(CONDITIONS, CONDITIONS, FACTS)
def test_what_asks_no_more_holds_wherever_the_other_does(
    one: dict[str, Any], more: dict[str, Any], facts: MessageFacts
) -> None:
    made = asking.town([one, more | one])
    earlier, later = made.rules
    assert no_more(simple(earlier).form, simple(later).form)
    table = compile_rules(made, "almelo")
    hits = table.reader.read(facts.text)
    first, second = table.rules.compiled
    if second.test(facts, hits) is not None:
        assert first.test(facts, hits) is not None


def slowly(made: Configuration) -> dict[str, set[str]]:
    """Rule -> its words that never count, or "" where all of it does: each word of each rule
    beside each earlier rule."""
    groups = {group.id: group.words for group in made.groups}
    worded = [(*r.words, *(w for id in r.groups for w in groups[id])) for r in made.rules]
    never: dict[str, set[str]] = {}
    for place, rule in enumerate(made.rules):
        before = [
            worded[n]
            for n, earlier in enumerate(made.rules[:place])
            if earlier.decides and no_more(simple(earlier).beside, simple(rule).beside)
        ]
        always = any(not words for words in before)
        idle = {w for w in worded[place] if any(w in words for words in before)}
        if always or (idle and idle == {*worded[place]}):
            never[rule.id] = {""}
        elif idle & {*rule.words}:
            never[rule.id] = idle & {*rule.words}
    return never


LETTERS = st.lists(st.sampled_from("abcdefgh"), min_size=1, max_size=4, unique=True)
BESIDE = st.fixed_dictionaries(
    {},
    optional={
        "words": LETTERS,
        "groups": st.lists(st.sampled_from(["g0", "g1", "g2"]), min_size=1, max_size=2),
        "without": st.lists(st.sampled_from("xyz"), min_size=1, max_size=3, unique=True),
        "types": st.lists(st.sampled_from(asking.TYPES), min_size=1, max_size=3, unique=True),
        "languages": st.lists(st.sampled_from(["nl", "en"]), min_size=1, max_size=2, unique=True),
        "pattern": st.sampled_from(["p", "q"]),
        "department": st.sampled_from(["", "kcc"]),
    },
)
ASKS = BESIDE.filter(lambda rule: rule.keys() - {"department"})


@given(
    st.lists(LETTERS, min_size=3, max_size=3),
    st.lists(ASKS, min_size=2, max_size=12),
)
def test_of_shared_groups_is_said_what_each_rule_beside_each_other_shows(
    groups: list[list[str]], rules: list[dict[str, Any]]
) -> None:
    made = asking.town([{"tag": ["x"]} | rule for rule in rules], groups)
    said: dict[str, set[str]] = {}
    for _, what in doubts(made):
        rule, _, more = what.removeprefix("rule ").partition(" never count")[0].partition(":")
        if "never count" in what:
            said[rule] = {part.strip("' ") for part in more.replace(" and", ",").split(",")}
    assert said.keys() == (slow := slowly(made)).keys()
    assert all(said[id] == slow[id] for id in said if "more" not in "".join(said[id]))


FORMS = st.lists(
    st.sampled_from(
        ["fiets", "fietsen", "gestolen fiets", '"fietsje"', "fiets*", "*fiets", "boom", "bomen"]
    ),
    min_size=1,
    max_size=3,
    unique=True,
)


@given(FORMS, FORMS, st.sampled_from(["without", "not"]))
def test_a_rule_does_not_hold_for_who_writes_what_it_bars(
    words: list[str], barred: list[str], how: str
) -> None:
    more = {"without": barred} if how == "without" else {"not": {"words": barred}}
    made = asking.town([{"words": words} | more])
    said = [what for _, what in doubts(made) if "what may not be said" in what]
    never = {w for w in words if any(repr(w) in what or "all of its" in what for what in said)}
    table = compile_rules(made, "almelo")
    for phrase in words:
        written = phrase.strip('"').replace("*", "qxqx")
        fits = table.rules.compiled[0].test(MessageFacts(at=asking.NOW), table.reader.read(written))
        assert fits is None or phrase not in never
        assert (
            fits is not None or phrase in never or set(words) <= set(barred) or '"' in str(barred)
        )
