"""Choose the department of a message from an ordered table of rules: the first match wins. Pure.

A rule that names a department, a menu or a hold decides. A rule that names none annotates its
messages, with a tag, a deadline or a text, and the next rule is tested.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from router.rules.conditions import CompiledCondition, compile_condition
from router.rules.matcher import Matcher, Matches, MessageFacts, PatternCollector
from router.rules.municipal_rules import rules_of, safety_rules_of
from router.rules.reasons import DUTCH, Reasons
from router.rules.sentences import adds_subject, split_sentences
from router.rules.weak_signs import (
    MARKED_PRIORITY,
    POSSIBLE_DANGER,
    WeakSigns,
    compile_weak_signs,
)
from services.config.model import Configuration
from services.config.routing_rules import Mask, Rule, SafetyRule
from services.texts.catalogue import SOBER_WELCOME

TRANSFER, OPENED, MENU, ESCALATED = "_transfer", "_opened", "_menu", "_escalated"
"""Values of `rule` if a person chose the department, or waiting too long did; no rule has such an
id. Like a rule's choice, it sticks."""
PRIORITIES = ("low", "normal", "high", "urgent")

R = TypeVar("R", Rule, SafetyRule)


class Verdict(msgspec.Struct, frozen=True):
    """A choice of department. `rule` is '' if no rule matched; `reason` is a sentence for
    officials."""

    department: str
    rule: str
    reason: str
    menu: str = ""
    hold: bool = False


class Annotations(msgspec.Struct, frozen=True):
    """Effects of rules other than the department; `rules` is the reason of each matching rule."""

    tags: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    priority: str = ""
    mask: tuple[Mask, ...] = ()
    due_days: int = 0
    rules: tuple[str, ...] = ()
    priority_reason: str = ""
    """Reason of the rule that set the priority."""
    first_text: str = ""
    """Text instead of the welcome text, of the first rule that names one."""

    def with_mark(self, tag: str, priority: str, reason: str) -> "Annotations":
        """Return these annotations with a tag and a priority that no rule of theirs gives. Nobody
        is welcomed to a danger, so the first text becomes the sober one, as after a safety rule."""
        higher = higher_priority(self.priority, priority)
        return msgspec.structs.replace(
            self,
            tags=(*self.tags, tag) if tag not in self.tags else self.tags,
            priority=higher,
            priority_reason=self.priority_reason if higher == self.priority else reason,
            rules=(*self.rules, reason),
            first_text=SOBER_WELCOME,
        )

    def with_rule(self, rule: Rule, reason: str) -> "Annotations":
        """Return these annotations with those of one more rule, and the reason that it matched."""
        days = [n for n in (self.due_days, rule.due_days) if n]
        priority = higher_priority(self.priority, rule.priority)
        return Annotations(
            tags=(*self.tags, *(tag for tag in rule.tag if tag not in self.tags)),
            replies=(*self.replies, rule.reply) if rule.reply else self.replies,
            priority=priority,
            priority_reason=self.priority_reason if priority == self.priority else reason,
            mask=(*self.mask, *(kind for kind in rule.mask if kind not in self.mask)),
            due_days=min(days, default=0),
            rules=(*self.rules, reason),
            first_text=self.first_text or rule.first_text,
        )


class Outcome(msgspec.Struct, frozen=True):
    """Result of all rules for a message. `verdict` is None if no rule decides."""

    verdict: Verdict | None
    annotations: Annotations
    care: SafetyRule | None = None
    care_reason: str = ""
    also_about: tuple[str, ...] = ()
    """Other departments to which a sentence of the message would go by itself."""


class RuleStep(msgspec.Struct, frozen=True):
    """A tested rule; `outcome` is fits, marks or no."""

    rule: str
    outcome: str
    matched: str


class IndexedRules(msgspec.Struct, Generic[R], frozen=True):
    """Rules in order. `by_trigger` maps a match to positions of rules; `unconditional` has the
    positions of rules that may match anything."""

    rules: tuple[R, ...]
    compiled: tuple[CompiledCondition, ...]
    by_trigger: dict[int, list[int]]
    unconditional: tuple[int, ...]

    def find_matching(self, facts: MessageFacts, matches: Matches) -> Iterator[tuple[R, str]]:
        """Yield the matching rules in order, each with its clause."""
        places = set(self.unconditional)
        for trigger in self.by_trigger.keys() & matches.keys():
            places.update(self.by_trigger[trigger])
        for place in sorted(places):
            if (clause := self.compiled[place].test(facts, matches)) is not None:
                yield self.rules[place], clause


class RuleTable(msgspec.Struct, frozen=True):
    """The rules of one municipality; the safety rules (`care`) are tested first."""

    rules: IndexedRules[Rule]
    care: IndexedRules[SafetyRule]
    matcher: Matcher
    weak_signs: WeakSigns | None = None
    """Scorer of what no safety rule matches; None if it is off."""


def higher_priority(one: str, other: str) -> str:
    """Return the higher of two priorities; '' is the lowest."""
    if not other:  # nearly always
        return one
    return max(one, other, key=lambda p: PRIORITIES.index(p) if p else -1)


def compile_rules(
    config: Configuration,
    tenant: str,
    *,
    misspelled: bool = True,
    few_texts: bool = False,
    reasons: Reasons = DUTCH,
) -> RuleTable:
    """Compile the rules that apply to `tenant`: its own, and those for a department that it has.
    They match misspelled words unless `misspelled` is false, which compiles twice as fast. For
    `few_texts` they compile as fast, and match slower."""
    collector = PatternCollector(config.groups, reasons)
    rules = _index_rules([rule for _, rule in rules_of(config, tenant)], collector)
    care = _index_rules([rule for _, rule in safety_rules_of(config, tenant)], collector)
    matcher = collector.build_matcher(misspelled=misspelled, few_texts=few_texts)
    return RuleTable(rules, care, matcher, compile_weak_signs(config, tenant))


def _index_rules(rules: Sequence[R], collector: PatternCollector) -> IndexedRules[R]:
    compiled = tuple(compile_condition(rule, collector) for rule in rules)
    by_trigger: dict[int, list[int]] = {}
    for place, condition in enumerate(compiled):
        for trigger in condition.index_keys or ():
            by_trigger.setdefault(trigger, []).append(place)
    unconditional = tuple(n for n, condition in enumerate(compiled) if condition.index_keys is None)
    return IndexedRules(tuple(rules), compiled, by_trigger, unconditional)


def compile_rule_tables(
    config: Configuration, *, few_texts: bool = False, reasons: Reasons = DUTCH
) -> dict[str, RuleTable]:
    """Return the compiled rules by tenant."""
    tenants = [tenant.id for tenant in config.tenants]
    return {id: compile_rules(config, id, few_texts=few_texts, reasons=reasons) for id in tenants}


def evaluate(table: RuleTable, facts: MessageFacts) -> Outcome:
    """Apply the rules to a message, and the scorer of weak signs if no safety rule matches."""
    outcome, weak_signs = _apply_rules(table, facts), table.weak_signs
    if outcome.care or weak_signs is None or not weak_signs.reaches(facts.text):
        return outcome
    clause = weak_signs.explain(facts.text, table.matcher.reasons)
    if rule := weak_signs.rule:
        reason = table.matcher.reasons.safety_rule.format(clause, rule.id)
        return msgspec.structs.replace(outcome, care=rule, care_reason=reason)
    marked = outcome.annotations.with_mark(POSSIBLE_DANGER, MARKED_PRIORITY, clause)
    return msgspec.structs.replace(outcome, annotations=marked)


def _apply_rules(table: RuleTable, facts: MessageFacts) -> Outcome:
    matches, reasons = table.matcher.match_facts(facts), table.matcher.reasons
    care, care_clause = next(table.care.find_matching(facts, matches), (None, ""))
    care_reason = reasons.safety_rule.format(care_clause, care.id) if care else ""
    annotations = Annotations()
    matching = table.rules.find_matching(facts, matches)
    for rule, clause in matching:
        reason = explain_match(rule, clause, reasons)
        annotations = annotations.with_rule(rule, reason)
        if rule.decides:
            others = _find_other_subjects(table, facts, rule, matching)
            return Outcome(_decide(rule, reason), annotations, care, care_reason, others)
    return Outcome(None, annotations, care, care_reason)


def _find_other_subjects(
    table: RuleTable, facts: MessageFacts, chosen: Rule, later: Iterator[tuple[Rule, str]]
) -> tuple[str, ...]:
    """Return the departments of later rules to which a sentence of the message would go by itself,
    in the order of the sentences. A rule that matches somewhere is not enough: most messages have
    words of several departments, and one subject. So the sentence must say that it adds one, as
    "en", "ook" and "verder" do, unless the message is written in paragraphs."""
    sentences = split_sentences(facts.text)
    if len(sentences) < 2:
        return ()
    departments = {rule.department for rule, _ in later if rule.decides} - {"", chosen.department}
    if not departments:
        return ()
    named = [_department_of(table, facts, sentence) for sentence in sentences]
    added = named if "\n" in facts.text else _added(sentences, named, chosen.department)
    return tuple(dict.fromkeys(each for each in added if each in departments))


def _added(sentences: Sequence[str], named: Sequence[str], chosen: str) -> Iterator[str]:
    """Yield the departments of sentences that are said to be about something else: by themselves,
    or by a later sentence for the chosen department."""
    adds = [adds_subject(sentence) for sentence in sentences]
    last = max((n for n, each in enumerate(named) if each == chosen and adds[n]), default=0)
    for place, department in enumerate(named):
        if adds[place] or place < last:
            yield department


def _department_of(table: RuleTable, facts: MessageFacts, sentence: str) -> str:
    """Return the department of the rule that would decide on the sentence alone."""
    alone = msgspec.structs.replace(facts, text=sentence)
    matching = table.rules.find_matching(alone, table.matcher.match_facts(alone))
    return next((rule.department for rule, _ in matching if rule.decides), "")


def _decide(rule: Rule, reason: str) -> Verdict:
    return Verdict(rule.department, rule.id, reason, rule.menu, rule.hold)


def explain_match(rule: Rule, clause: str, reasons: Reasons) -> str:
    """Return the reason for a match, in a sentence for officials."""
    return reasons.rule.format(clause, rule.id) if clause else reasons.rule_alone.format(rule.id)


def trace_rules(table: RuleTable, facts: MessageFacts) -> list[RuleStep]:
    """Return the rules that `evaluate` tests, in order, up to the one that decides."""
    return _trace(table.rules, facts, table.matcher, lambda rule: rule.decides)


def trace_safety_rules(table: RuleTable, facts: MessageFacts) -> list[RuleStep]:
    """Return the safety rules in order, up to the first match."""
    return _trace(table.care, facts, table.matcher, lambda _: True)


def _trace(
    ordered: IndexedRules[R], facts: MessageFacts, matcher: Matcher, decides: Callable[[R], bool]
) -> list[RuleStep]:
    matches = matcher.match_text(facts.text)
    steps: list[RuleStep] = []
    for rule, compiled in zip(ordered.rules, ordered.compiled, strict=True):
        clause = compiled.test(facts, matches)
        outcome = "no" if clause is None else "fits" if decides(rule) else "marks"
        steps.append(RuleStep(rule.id, outcome, clause or ""))
        if outcome == "fits":
            break
    return steps


def with_quotes(table: RuleTable) -> RuleTable:
    """Return the table for an explanation: its clauses quote the words that a pattern matches."""
    matcher = msgspec.structs.replace(table.matcher, quotes=True)
    return msgspec.structs.replace(table, matcher=matcher)
