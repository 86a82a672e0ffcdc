"""Find rules that can never match, and values that they ask for and no message has. Pure."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec

from cli.check.samples import SINGLE_FACTS
from cli.check.shadowed import join_names
from router.conversation import menus
from router.conversation.interpretation import WORDLESS
from router.rules.weak_signs import POSSIBLE_DANGER
from router.ruleset.validation import Fault, nested_conditions, rules_for
from router.text import language_detection
from services.calendar import opening_hours
from services.config.model import Configuration
from services.config.routing_rules import Condition, Rule, SafetyRule
from services.whatsapp.content import CITIZEN_TEXT, CONTENTS

WITH_WORDS = CITIZEN_TEXT - WORDLESS
"""Types of message whose words rules read."""
WITH_CHOICE = frozenset(["interactive", "button", "edit"])
FIELD_NAMES = {
    "numbers": "numbers", "choices": "choices", "types": "types of message",
    "languages": "languages", "states": "states of the conversation",
}  # fmt: skip
SETTLED_STATES = frozenset(["decided", "answered"])
"""States in which rules do not move a conversation."""


class Available(msgspec.Struct, frozen=True):
    """The values that a rule can ask for, in the municipalities that it holds for."""

    numbers: frozenset[str]
    tags: frozenset[str]
    contact_tags: frozenset[str]
    """Tags of contacts. A new conversation has these too."""
    choices: frozenset[str]
    groups: dict[str, tuple[str, ...]]
    now: datetime


def find_warnings(config: Configuration, now: datetime) -> Iterator[Fault]:
    tenants_of_rule: dict[tuple[object, ...], set[str]] = {}
    for tenant in config.tenants:
        for where, _ in rules_for(config, tenant.id):
            tenants_of_rule.setdefault(where, set()).add(tenant.id)
    cache: dict[frozenset[str], Available] = {}
    for table in ("rules", "care"):
        for n, rule in enumerate(getattr(config, table)):
            tenants = frozenset(tenants_of_rule.get((table, n), ()))
            if tenants not in cache:
                cache[tenants] = _find_available(config, tenants, now)
            yield from _check_rule((table, n), rule, cache[tenants])


def _find_available(config: Configuration, tenants: frozenset[str], now: datetime) -> Available:
    by_contacts = frozenset(each.tag for each in config.contacts if each.tenant in tenants)
    by_rules = {tag for rule in config.rules for tag in rule.tag}
    by_menus = {tag for menu in config.menus for option in menu.options for tag in option.tag}
    marking = [t for t in config.tenants if t.id in tenants and t.care.weak_signs == "mark"]
    by_scorer = {POSSIBLE_DANGER} if marking else set[str]()
    return Available(
        numbers=frozenset(n.id for n in config.numbers if n.tenant in tenants),
        tags=by_contacts | by_rules | by_menus | by_scorer,
        contact_tags=by_contacts,
        choices=frozenset(f"{menu.id}/{o.id}" for menu in config.menus for o in menu.options),
        groups={group.id: group.words for group in config.groups},
        now=now,
    )


def _check_rule(
    where: tuple[str, int], rule: Rule | SafetyRule, available: Available
) -> Iterator[Fault]:
    if reason := why_never(rule, available):
        yield where, f"rule {rule.id} never holds: {reason}"
        return
    for place, part in nested_conditions(where, rule):
        for name, values in unknown_values(part, available):
            yield (*place, name), f"rule {rule.id}: {_unknown_sentence(name, values)}"
    if isinstance(rule, Rule) and rule.decides and (reason := _why_undecided(rule)):
        yield where, f"rule {rule.id} decides nothing: {reason}"


def unknown_values(condition: Condition, available: Available) -> Iterator[tuple[str, list[str]]]:
    """Yield each field with the values in it that no message has."""
    for name, is_known in IS_KNOWN.items():
        if values := [v for v in getattr(condition, name) if not is_known(v, available)]:
            yield name, values


def _is_choice(value: str, available: Available) -> bool:
    """Return True for an option of a menu, or a choice of a CRM.

    `menu:onderwerp/afval/grofvuil` names the last menu and an option; choices of a CRM have another
    prefix.
    """
    if not value.startswith(menus.PREFIX):
        return True
    menu, _, option = value.removeprefix(menus.PREFIX).rpartition("/")
    last = menu.rpartition("/")[2]
    return f"{last}/{option}" in available.choices or (option == menus.BACK.id and "/" in menu)


IS_KNOWN: dict[str, Callable[[str, Available], bool]] = {
    "numbers": lambda value, available: value in available.numbers,
    "tagged": lambda value, available: value in available.tags,
    "types": lambda value, _: value in CONTENTS,
    "languages": lambda value, _: value in language_detection.detectable_languages(),
    "choices": _is_choice,
}
UNKNOWN_SENTENCES = {
    "numbers": "{} is no number of a municipality that it holds for",
    "tagged": "nothing gives the tag {}",
    "types": "Meta has no type of message {}",
    "languages": "no text is ever found to be in {}",
    "choices": "no menu has the choice {}",
}


def _unknown_sentence(name: str, values: Iterable[str]) -> str:
    return UNKNOWN_SENTENCES[name].format(join_names(values))


def why_never(condition: Condition, available: Available) -> str:
    """Return the reason why a condition can never match, or '' if none is known."""
    for name, values in unknown_values(condition, available):
        if len(values) == len(getattr(condition, name)):
            return _unknown_sentence(name, values)
    for check in CHECKS:
        if reason := check(condition, available):
            return reason
    if condition.any and all(reasons := [why_never(part, available) for part in condition.any]):
        return reasons[0]
    return next((reason for part in condition.all if (reason := why_never(part, available))), "")


def _required_lists(condition: Condition, name: str) -> list[frozenset[str]]:
    """Return the lists of one field that must all match: of the condition and of its `all`."""
    values = getattr(condition, name)
    of_parts = [each for part in condition.all for each in _required_lists(part, name)]
    return [frozenset(values), *of_parts] if values else of_parts


def _contradiction(condition: Condition, available: Available) -> str:
    for name in SINGLE_FACTS:
        lists = _required_lists(condition, name)
        if lists and not frozenset.intersection(*lists):
            return f"it asks for different {FIELD_NAMES[name]} at once"
    return ""


def _wordless(condition: Condition, available: Available) -> str:
    types = frozenset(condition.types)
    if types and not types & WITH_WORDS and (_words(condition, available) or condition.pattern):
        return f"{join_names(condition.types)} has no words that rules look at"
    if types and not types & WITH_CHOICE and condition.choices:
        return f"{join_names(condition.types)} has no choice in it"
    return ""


def _words(condition: Condition, available: Available) -> set[str]:
    return {*condition.words, *(w for id in condition.groups for w in available.groups.get(id, ()))}


def _never_open(condition: Condition, available: Available) -> str:
    if not condition.hours:
        return ""
    hours = opening_hours.compile_hours(condition.hours, ())
    return "its hours never come" if opening_hours.never_opens(hours, available.now) else ""


def _untagged(condition: Condition, available: Available) -> str:
    is_new = set(condition.states) == {"new"}
    if is_new and condition.tagged and not available.contact_tags & set(condition.tagged):
        return f"a new conversation is not tagged {join_names(condition.tagged)} yet"
    return ""


CHECKS: tuple[Callable[[Condition, Available], str], ...] = (
    _contradiction,
    _wordless,
    _never_open,
    _untagged,
)


def _why_undecided(rule: Rule) -> str:
    states, choices = _required_lists(rule, "states"), _required_lists(rule, "choices")
    if states and frozenset.intersection(*states) <= SETTLED_STATES:
        return "where somebody has decided or answered, no rule moves a conversation"
    if choices and all(c.startswith(menus.PREFIX) for c in frozenset.intersection(*choices)):
        return "where an option of a menu leads, the menu says"
    return ""
