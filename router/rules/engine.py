"""Which department a message goes to, and why: an ordered table, first match wins. Pure.

A rule that names a department, a menu or a hold decides. One that names none marks what it fits,
with a label, a date, a text, and the next one is looked at.
"""

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Generic, TypeVar

import msgspec

from router.rules.conditions import CompiledCondition, compile_condition
from router.rules.matcher import Matcher, Matches, MessageFacts, PatternCollector
from services.config.model import Configuration
from services.config.routing_rules import Mask, Rule, SafetyRule

TRANSFER, OPENED, MENU = "_transfer", "_opened", "_menu"
"""What stands in the place of a rule where a person chose the department; no rule has such an id.
It sticks as a rule's choice does."""
FALLBACK = "geen enkele regel past; dit is de afdeling voor de rest"
PRIORITIES = ("low", "normal", "high", "urgent")

R = TypeVar("R", Rule, SafetyRule)


class Verdict(msgspec.Struct, frozen=True):
    """`rule` is '' where none matched; `reason` is a sentence that an official can read."""

    department: str
    rule: str
    reason: str
    menu: str = ""
    hold: bool = False


class Annotations(msgspec.Struct, frozen=True):
    """What rules say beside the department; `rules`: each of them, and why it fits."""

    tags: tuple[str, ...] = ()
    replies: tuple[str, ...] = ()
    priority: str = ""
    mask: tuple[Mask, ...] = ()
    due_days: int = 0
    rules: tuple[str, ...] = ()

    def by(self, rule: Rule, said: str) -> "Annotations":
        """With what one more rule says, and why it does."""
        days = [n for n in (self.due_days, rule.due_days) if n]
        return Annotations(
            tags=(*self.tags, *(tag for tag in rule.tag if tag not in self.tags)),
            replies=(*self.replies, rule.reply) if rule.reply else self.replies,
            priority=higher_priority(self.priority, rule.priority),
            mask=(*self.mask, *(kind for kind in rule.mask if kind not in self.mask)),
            due_days=min(days, default=0),
            rules=(*self.rules, reason(rule, said)),
        )


class Outcome(msgspec.Struct, frozen=True):
    """What all rules make of a message. `verdict` is None where none decides."""

    verdict: Verdict | None
    marks: Annotations
    care: SafetyRule | None = None
    care_reason: str = ""


class Step(msgspec.Struct, frozen=True):
    """One rule that was looked at: outcome is fits, marks or no."""

    rule: str
    outcome: str
    matched: str


class IndexedRules(msgspec.Struct, Generic[R], frozen=True):
    """Rules in order. `led` leads from what was hit to positions of rules; `always` are those that
    anything may fit."""

    rules: tuple[R, ...]
    compiled: tuple[CompiledCondition, ...]
    by_trigger: dict[int, list[int]]
    unconditional: tuple[int, ...]

    def fitting(self, facts: MessageFacts, hits: Matches) -> Iterator[tuple[R, str]]:
        """The rules that fit, in order, and why."""
        places = set(self.unconditional)
        for hit in self.by_trigger.keys() & hits.keys():
            places.update(self.by_trigger[hit])
        for place in sorted(places):
            if (said := self.compiled[place].test(facts, hits)) is not None:
                yield self.rules[place], said


class RuleTable(msgspec.Struct, frozen=True):
    """The rules of one municipality; those of care are looked at first."""

    rules: IndexedRules[Rule]
    care: IndexedRules[SafetyRule]
    reader: Matcher


def higher_priority(one: str, other: str) -> str:
    """The higher of two priorities; '' is none."""
    return max(one, other, key=lambda p: PRIORITIES.index(p) if p else -1)


def compile_rules(config: Configuration, tenant: str, *, misspelled: bool = True) -> RuleTable:
    """The rules that hold for `tenant`: its own, and those for a department that it has. They fit
    misspelled words unless `misspelled` is false, which compiles twice as fast."""
    has = {d.id for d in config.departments if d.tenant == tenant}
    book = PatternCollector(config.groups)
    rules = _ordered([r for r in config.rules if holds_for(r, tenant, has)], book)
    care = _ordered([c for c in config.care if holds_for(c, tenant, has)], book)
    return RuleTable(rules, care, book.closed(misspelled=misspelled))


def _ordered(rules: Sequence[R], book: PatternCollector) -> IndexedRules[R]:
    compiled = tuple(compile_condition(rule, book) for rule in rules)
    led: dict[int, list[int]] = {}
    for place, each in enumerate(compiled):
        for trigger in each.index_keys or ():
            led.setdefault(trigger, []).append(place)
    always = tuple(n for n, each in enumerate(compiled) if each.index_keys is None)
    return IndexedRules(tuple(rules), compiled, led, always)


def holds_for(rule: Rule | SafetyRule, tenant: str, has: Container[str]) -> bool:
    return rule.tenant in ("", tenant) and (not rule.department or rule.department in has)


def compile_config(config: Configuration) -> dict[str, RuleTable]:
    """Tenant -> its rules."""
    return {tenant.id: compile_rules(config, tenant.id) for tenant in config.tenants}


def evaluate(table: RuleTable, facts: MessageFacts) -> Outcome:
    """What the rules make of a message."""
    hits = table.reader.hits(facts)
    care, why = next(table.care.fitting(facts, hits), (None, ""))
    care_reason = f"{why} (zorgregel {care.id})" if care else ""
    marks = Annotations()
    for rule, said in table.rules.fitting(facts, hits):
        marks = marks.by(rule, said)
        if rule.decides:
            return Outcome(_verdict(rule, said), marks, care, care_reason)
    return Outcome(None, marks, care, care_reason)


def _verdict(rule: Rule, said: str) -> Verdict:
    return Verdict(rule.department, rule.id, reason(rule, said), rule.menu, rule.hold)


def reason(rule: Rule, said: str) -> str:
    """In words that an official can read."""
    return f"{said} (regel {rule.id})" if said else f"regel {rule.id} past"


def steps(table: RuleTable, facts: MessageFacts) -> list[Step]:
    """Each rule that `judge` decides by, in order, up to the one that decides."""
    return _looked_at(table.rules, facts, table.reader, lambda rule: rule.decides)


def care_steps(table: RuleTable, facts: MessageFacts) -> list[Step]:
    """Each care rule, in order, up to the one that fits."""
    return _looked_at(table.care, facts, table.reader, lambda _: True)


def _looked_at(
    ordered: IndexedRules[R], facts: MessageFacts, reader: Matcher, decides: Callable[[R], bool]
) -> list[Step]:
    hits = reader.read(facts.text)
    tried: list[Step] = []
    for rule, compiled in zip(ordered.rules, ordered.compiled, strict=True):
        said = compiled.test(facts, hits)
        outcome = "no" if said is None else "fits" if decides(rule) else "marks"
        tried.append(Step(rule.id, outcome, said or ""))
        if outcome == "fits":
            break
    return tried


def with_quotes(table: RuleTable) -> RuleTable:
    """The same for who asks why: it says on which words a pattern fits."""
    reader = msgspec.structs.replace(table.reader, quotes=True)
    return msgspec.structs.replace(table, reader=reader)
