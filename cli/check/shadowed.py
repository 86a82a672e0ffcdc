"""Find rules, and words of rules, that never count. Pure.

The rule engine decides on the samples of a rule: a minimal message for each of its phrases, in each
circumstance that the rule asks for. If an earlier rule decides all of them, or the rule itself
excludes all of them, the same holds for every longer message.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

import msgspec

from cli.check.samples import (
    Groups,
    Sample,
    count_samples,
    denials,
    is_possible,
    is_unclear,
    message_facts,
    phrases,
    samples_by_phrase,
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
"""Words or rules that one sentence names; further ones are counted."""
MAX_SAMPLES = 1000
"""Most samples with one phrase of a rule. A rule with more is assumed to count."""
MAX_TRIES = 100
"""Most samples that are tried to find one that no earlier rule decides."""
BARRED = "what may not be said is in"
DENIED = "its `not` holds wherever the rest of it does"


class TenantRules(msgspec.Struct, frozen=True):
    """The compiled rules of one municipality."""

    tables: Mapping[str, IndexedRules[Rule] | IndexedRules[SafetyRule]]
    quoting: Matcher
    plain: Matcher
    """Matcher that finds no phrase between quotes: another form of the word does not match it."""
    groups: Groups

    def reader(self, sample: Sample) -> Matcher | None:
        """Return the matcher for a sample; None if only some of its phrases are between quotes."""
        quoted = {_is_quoted(phrase) for phrase in phrases(sample)}
        if len(quoted) > 1:
            return None
        return self.quoting if True in quoted else self.plain


class RuleTally(msgspec.Struct):
    """The outcome of the samples of one rule."""

    own: frozenset[str]
    """Phrases of the rule that are in no group."""
    counts: bool = False
    """True if the rule decides any sample."""
    counting: set[str] = msgspec.field(default_factory=set)
    """Own phrases that count."""
    idle: dict[str, tuple[str, ...]] = msgspec.field(default_factory=dict)
    """Own phrase that does not count -> the rules that match first."""
    first: dict[str, None] = msgspec.field(default_factory=dict)
    """All rules that match first."""
    excluded: list[Sample] = msgspec.field(default_factory=list)
    """Samples that the rule excludes itself."""

    def mark_counting(self, phrases: Iterable[str]) -> None:
        self.counts = True
        self.counting.update(phrases)

    def add(self, sample: Sample, earlier: Sequence[str]) -> None:
        """Add a sample that does not count. `earlier` are the rules that decide it first; none if
        the rule excludes it itself."""
        if not earlier:
            self.excluded.append(sample)
        self.first |= dict.fromkeys(earlier)
        for phrase in self.own.intersection(phrases(sample)):
            self.idle[phrase] = (*self.idle.get(phrase, ()), *earlier)


def find_warnings(config: Configuration) -> Iterator[Fault]:
    groups = {group.id: group.words for group in config.groups}
    tallies: dict[Location, RuleTally] = {}
    for tenant in config.tenants:
        compiled = _compile(config, tenant.id, groups)
        places = {"rules": 0, "care": 0}
        for where, rule in rules_for(config, tenant.id):
            table = str(where[0])
            tally = tallies.setdefault(where, RuleTally(_own_phrases(rule)))
            _count(tally, compiled, table, places[table])
            places[table] += 1
    for where, tally in tallies.items():
        rule = getattr(config, str(where[0]))[where[1]]
        yield from _report(where, rule, tally)
    yield from _repetitions(config, groups)


def join_names(names: Iterable[str]) -> str:
    """Join names as `a and b`, or as `a, b, c and 2 more`."""
    unique = list(dict.fromkeys(names))
    if len(unique) > NAMED:
        unique = [*unique[:NAMED], f"{len(unique) - NAMED} more"]
    return " and ".join(filter(None, (", ".join(unique[:-1]), unique[-1])))


def _compile(config: Configuration, tenant: str, groups: Groups) -> TenantRules:
    rules, care = (tuple(map(with_tags, each)) for each in (config.rules, config.care))
    tagged = config.model_copy(update={"rules": rules, "care": care})
    table = compile_rules(tagged, tenant, misspelled=False)
    reader = table.matcher
    pairs = zip(reader.phrases, reader.lists_by_phrase, strict=True)
    holds = [[] if _is_quoted(phrase) else lists for phrase, lists in pairs]
    plain = msgspec.structs.replace(reader, lists_by_phrase=holds)
    return TenantRules({"rules": table.rules, "care": table.care}, reader, plain, groups)


def _is_quoted(phrase: str) -> bool:
    return phrase.strip()[:1] == '"'


def _own_phrases(rule: Rule | SafetyRule) -> frozenset[str]:
    """Return the phrases of a rule that are in no group: its words, or else those of its `any`."""
    parts = (rule,) if rule.words or rule.groups or rule.all else rule.any
    return frozenset(word for part in parts for word in part.words)


def _count(tally: RuleTally, compiled: TenantRules, table: str, place: int) -> None:
    """Find which phrases of the rule at `place` count in one municipality."""
    rule = compiled.tables[table].rules[place]
    others = rule.model_copy(update={"words": (), "groups": ()})
    if is_unclear(rule, compiled.groups) or count_samples(others, compiled.groups) > MAX_SAMPLES:
        tally.mark_counting(tally.own)
        return
    for of_phrase in samples_by_phrase(rule, compiled.groups):
        if tally.counts and tally.counting >= tally.own:
            return
        for sample in of_phrase:
            if (earlier := _earlier_rules(sample, compiled, table, place)) is None:
                tally.mark_counting(tally.own.intersection(phrases(sample)))
                break
            tally.add(sample, earlier)


def _earlier_rules(
    start: Sample, compiled: TenantRules, table: str, place: int
) -> tuple[str, ...] | None:
    """Return the ids of the earlier rules that decide this sample, and every longer sample that
    stops one of them from matching.

    None if the rule at `place` decides one of these samples, or if it may.
    """
    ordered = compiled.tables[table]
    todo, seen, first = [start], {start}, dict[str, None]()
    while todo:
        sample = todo.pop()
        if (reader := compiled.reader(sample)) is None:
            return None
        message = message_facts(sample)
        hits = reader.match_facts(message)
        if ordered.compiled[place].test(message, hits) is None:
            continue
        earlier = _decider(ordered, message, hits, place)
        if earlier is None or is_unclear(earlier, compiled.groups) or len(seen) > MAX_TRIES:
            return None
        first[earlier.id] = None
        longer = (sample | each for each in denials(earlier, compiled.groups))
        new = [each for each in dict.fromkeys(longer) if is_possible(each) and each not in seen]
        todo += new
        seen.update(new)
    return (*first,)


def _decider(
    ordered: IndexedRules[Rule] | IndexedRules[SafetyRule],
    message: MessageFacts,
    hits: Matches,
    place: int,
) -> Rule | SafetyRule | None:
    """Return the rule before `place` that decides the message, or None."""
    for rule, _ in ordered.find_matching(message, hits):
        if rule is ordered.rules[place]:
            return None
        if not isinstance(rule, Rule) or rule.decides:
            return rule
    return None


def _report(where: Location, rule: Rule | SafetyRule, tally: RuleTally) -> Iterator[Fault]:
    if not tally.counts:
        yield from _report_rule(where, rule, tally)
        return
    idle = {phrase: tally.idle[phrase] for phrase in _idle_phrases(rule, tally)}
    shadowed = [phrase for phrase, earlier in idle.items() if earlier]
    barred = [phrase for phrase, earlier in idle.items() if not earlier]
    place = (*where, "words") if rule.words else where
    if shadowed:
        first = (id for phrase in shadowed for id in idle[phrase])
        yield place, f"{_never_count(rule, shadowed)}, {_fit_first(first)}"
    if barred:
        yield place, f"{_never_count(rule, barred)}, {BARRED} {'them' if barred[1:] else 'it'}"


def _idle_phrases(rule: Rule | SafetyRule, tally: RuleTally) -> Iterator[str]:
    """Yield the own phrases that never count, in the order of the rule."""
    words = dict.fromkeys(word for _, part in nested_conditions((), rule) for word in part.words)
    return (word for word in words if word in tally.idle and word not in tally.counting)


def _report_rule(where: Location, rule: Rule | SafetyRule, tally: RuleTally) -> Iterator[Fault]:
    if tally.first:
        yield where, f"rule {rule.id} never counts, {_fit_first(tally.first)}"
    elif any(map(phrases, tally.excluded)) and _has_excluded_words(rule):
        yield where, f"rule {rule.id} never counts, {BARRED} all of its words"
    elif tally.excluded:
        yield where, f"rule {rule.id} never holds: {DENIED}"


def _has_excluded_words(rule: Rule | SafetyRule) -> bool:
    return any(
        part.without or (part.none and (part.none.words or part.none.groups))
        for _, part in nested_conditions((), rule)
    )


def _never_count(rule: Rule | SafetyRule, words: Sequence[str]) -> str:
    verb = "count" if len(words) > 1 else "counts"
    return f"rule {rule.id}: {join_names(map(repr, words))} never {verb}"


def _fit_first(ids: Iterable[str]) -> str:
    unique = list(dict.fromkeys(ids))
    if len(unique) > 1:
        return f"rules {join_names(unique)} fit first"
    return f"rule {unique[0]} fits first"


def _repetitions(config: Configuration, groups: Groups) -> Iterator[Fault]:
    """Yield the words that occur twice in one rule or in one group."""
    grouped = {id: {*map(parse_terms, words)} for id, words in groups.items()}
    for table in ("rules", "care"):
        for n, rule in enumerate(getattr(config, table)):
            of_groups = (grouped[id] for id in rule.groups if id in grouped)
            if rule.words and (twice := _find_repeated(rule.words, set().union(*of_groups))):
                yield (table, n, "words"), f"rule {rule.id}: {_occur(twice)} in it twice"
    for n, group in enumerate(config.groups):
        if twice := _find_repeated(group.words, set()):
            yield ("groups", n, "words"), f"group {group.id}: {_occur(twice)} in it twice"


def _find_repeated(words: Iterable[str], seen: set[tuple[Term, ...]]) -> list[str]:
    repeated = []
    for word in words:
        if (phrase := parse_terms(word)) in seen:
            repeated.append(word)
        seen.add(phrase)
    return repeated


def _occur(words: Sequence[str]) -> str:
    return f"{join_names(map(repr, words))} {'stand' if len(words) > 1 else 'stands'}"
