"""Rules, and words of rules, that never count. Pure.

The rule engine decides on the least messages that fit a rule: one for each of its phrases, in each
circumstance that the rule asks for. Where an earlier rule decides all of them, or the rule denies
all of them itself, that is so of every message that holds more.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from cli.check.samples import (
    Groups,
    Sample,
    denials,
    facts,
    is_possible,
    is_unclear,
    number,
    phrases,
    ways,
    with_tags,
)
from router.rules.engine import IndexedRules, compile_rules
from router.rules.lexicon import Term, parse_terms
from router.rules.matcher import Matcher, Matches, MessageFacts
from router.ruleset.validation import Fault, nested_conditions, rules_for
from services.config.model import Configuration
from services.config.routing_rules import Rule, SafetyRule
from services.toml.errors import Location

NAMED = 3
"""Words or rules that one sentence names; the others are counted."""
SAMPLES = 1000
"""Least messages with one phrase of a rule, at most; a rule with more counts."""
TRIES = 100
"""Messages in which is looked for one that an earlier rule does not decide."""
BARRED = "what may not be said is in"
DENIED = "its `not` holds wherever the rest of it does"


class Town(msgspec.Struct, frozen=True):
    """The rules of one municipality, compiled. `plain` finds no phrase between quotes: who writes
    another form of the word comes past it."""

    tables: Mapping[str, IndexedRules[Rule] | IndexedRules[SafetyRule]]
    quoting: Matcher
    plain: Matcher
    groups: Groups

    def reader(self, sample: Sample) -> Matcher | None:
        """None where some of the phrases stand between quotes and others do not."""
        quoted = {_is_quoted(phrase) for phrase in phrases(sample)}
        if len(quoted) > 1:
            return None
        return self.quoting if True in quoted else self.plain


class Tally(msgspec.Struct):
    """Outcome of the least messages of one rule. `own`: its phrases that stand in no group;
    `counting`: those of them that count; `idle`: each other one, and the rules that fit first;
    `first`: all rules that fit first; `denied`: the messages that the rule denies itself."""

    own: frozenset[str]
    counts: bool = False
    counting: set[str] = msgspec.field(default_factory=set)
    idle: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    first: dict[str, None] = msgspec.field(default_factory=dict)
    denied: list[Sample] = msgspec.field(default_factory=list)

    def let_count(self, said: Iterable[str]) -> None:
        self.counts = True
        self.counting.update(said)

    def add(self, sample: Sample, before: Sequence[str]) -> None:
        """`before`: rules that decide the message first; none where the rule denies it itself."""
        if not before:
            self.denied.append(sample)
        self.first |= dict.fromkeys(before)
        for phrase in self.own.intersection(phrases(sample)):
            self.idle[phrase] = (*self.idle.get(phrase, ()), *before)


def doubts(config: Configuration) -> Iterator[Fault]:
    groups = {group.id: group.words for group in config.groups}
    tallies: dict[Location, Tally] = {}
    for tenant in config.tenants:
        town = _town(config, tenant.id, groups)
        places = {"rules": 0, "care": 0}
        for where, rule in rules_for(config, tenant.id):
            table = str(where[0])
            tally = tallies.setdefault(where, Tally(_own(rule)))
            _count(tally, town, table, places[table])
            places[table] += 1
    for where, tally in tallies.items():
        rule = getattr(config, str(where[0]))[where[1]]
        yield from _told(where, rule, tally)
    yield from _repetitions(config, groups)


def listed(names: Iterable[str]) -> str:
    """`a and b`; `a, b, c and 2 more`."""
    every = list(dict.fromkeys(names))
    if len(every) > NAMED:
        every = [*every[:NAMED], f"{len(every) - NAMED} more"]
    return " and ".join(filter(None, (", ".join(every[:-1]), every[-1])))


def _town(config: Configuration, tenant: str, groups: Groups) -> Town:
    rules, care = (tuple(map(with_tags, each)) for each in (config.rules, config.care))
    tagged = config.model_copy(update={"rules": rules, "care": care})
    table = compile_rules(tagged, tenant, misspelled=False)
    reader = table.matcher
    pairs = zip(reader.phrases, reader.lists_by_phrase, strict=True)
    holds = [[] if _is_quoted(phrase) else lists for phrase, lists in pairs]
    plain = msgspec.structs.replace(reader, lists_by_phrase=holds)
    return Town({"rules": table.rules, "care": table.care}, reader, plain, groups)


def _is_quoted(phrase: str) -> bool:
    return phrase.strip()[:1] == '"'


def _own(rule: Rule | SafetyRule) -> frozenset[str]:
    """Its phrases that stand in no group; not those that it asks for beside them."""
    parts = (rule,) if rule.words or rule.groups or rule.all else rule.any
    return frozenset(word for part in parts for word in part.words)


def _count(tally: Tally, town: Town, table: str, place: int) -> None:
    """Find which phrases of the rule at `place` count in one municipality."""
    rule = town.tables[table].rules[place]
    beside = rule.model_copy(update={"words": (), "groups": ()})
    if is_unclear(rule, town.groups) or number(beside, town.groups) > SAMPLES:
        tally.let_count(tally.own)
        return
    for way in ways(rule, town.groups):
        if tally.counts and tally.counting >= tally.own:
            return
        for sample in way:
            if (before := _before(sample, town, table, place)) is None:
                tally.let_count(tally.own.intersection(phrases(sample)))
                break
            tally.add(sample, before)


def _before(start: Sample, town: Town, table: str, place: int) -> tuple[str, ...] | None:
    """Ids of the earlier rules that decide this message, and each that denies them by more words
    or facts; None where the rule at `place` decides one of these, or where that may be."""
    ordered = town.tables[table]
    todo, seen, first = [start], {start}, dict[str, None]()
    while todo:
        sample = todo.pop()
        if (reader := town.reader(sample)) is None:
            return None
        message = facts(sample)
        hits = reader.match_facts(message)
        if ordered.compiled[place].test(message, hits) is None:
            continue
        earlier = _decider(ordered, message, hits, place)
        if earlier is None or is_unclear(earlier, town.groups) or len(seen) > TRIES:
            return None
        first[earlier.id] = None
        more = (sample | each for each in denials(earlier, town.groups))
        fresh = [each for each in dict.fromkeys(more) if is_possible(each) and each not in seen]
        todo += fresh
        seen.update(fresh)
    return (*first,)


def _decider(
    ordered: IndexedRules[Rule] | IndexedRules[SafetyRule],
    message: MessageFacts,
    hits: Matches,
    place: int,
) -> Rule | SafetyRule | None:
    """The rule before `place` that decides."""
    for rule, _ in ordered.find_matching(message, hits):
        if rule is ordered.rules[place]:
            return None
        if not isinstance(rule, Rule) or rule.decides:
            return rule
    return None


def _told(where: Location, rule: Rule | SafetyRule, tally: Tally) -> Iterator[Fault]:
    if not tally.counts:
        yield from _never(where, rule, tally)
        return
    idle = {phrase: tally.idle[phrase] for phrase in _in_order(rule, tally)}
    taken = [phrase for phrase, before in idle.items() if before]
    barred = [phrase for phrase, before in idle.items() if not before]
    place = (*where, "words") if rule.words else where
    if taken:
        first = (id for phrase in taken for id in idle[phrase])
        yield place, f"{_idle(rule, taken)}, {_fit_first(first)}"
    if barred:
        yield place, f"{_idle(rule, barred)}, {BARRED} {'them' if barred[1:] else 'it'}"


def _in_order(rule: Rule | SafetyRule, tally: Tally) -> Iterator[str]:
    """Its own phrases that never count, as they stand in it."""
    words = dict.fromkeys(word for _, part in nested_conditions((), rule) for word in part.words)
    return (word for word in words if word in tally.idle and word not in tally.counting)


def _never(where: Location, rule: Rule | SafetyRule, tally: Tally) -> Iterator[Fault]:
    if tally.first:
        yield where, f"rule {rule.id} never counts, {_fit_first(tally.first)}"
    elif any(map(phrases, tally.denied)) and _bars_words(rule):
        yield where, f"rule {rule.id} never counts, {BARRED} all of its words"
    elif tally.denied:
        yield where, f"rule {rule.id} never holds: {DENIED}"


def _bars_words(rule: Rule | SafetyRule) -> bool:
    return any(
        part.without or (part.none and (part.none.words or part.none.groups))
        for _, part in nested_conditions((), rule)
    )


def _idle(rule: Rule | SafetyRule, words: Sequence[str]) -> str:
    verb = "count" if len(words) > 1 else "counts"
    return f"rule {rule.id}: {listed(map(repr, words))} never {verb}"


def _fit_first(ids: Iterable[str]) -> str:
    every = list(dict.fromkeys(ids))
    return f"rules {listed(every)} fit first" if len(every) > 1 else f"rule {every[0]} fits first"


def _repetitions(config: Configuration, groups: Groups) -> Iterator[Fault]:
    """Words that stand twice in one rule or in one group."""
    grouped = {id: {*map(parse_terms, words)} for id, words in groups.items()}
    for table in ("rules", "care"):
        for n, rule in enumerate(getattr(config, table)):
            beside = (grouped[id] for id in rule.groups if id in grouped)
            if rule.words and (twice := _repeated(rule.words, set().union(*beside))):
                yield (table, n, "words"), f"rule {rule.id}: {_stand(twice)} in it twice"
    for n, group in enumerate(config.groups):
        if twice := _repeated(group.words, set()):
            yield ("groups", n, "words"), f"group {group.id}: {_stand(twice)} in it twice"


def _repeated(words: Iterable[str], seen: set[tuple[Term, ...]]) -> list[str]:
    found = []
    for word in words:
        if (said := parse_terms(word)) in seen:
            found.append(word)
        seen.add(said)
    return found


def _stand(words: Sequence[str]) -> str:
    return f"{listed(map(repr, words))} {'stand' if len(words) > 1 else 'stands'}"
