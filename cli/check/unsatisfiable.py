"""Rules that can never hold, and what they ask for that nothing gives. Pure."""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

import msgspec

from cli.check.samples import ONE
from cli.check.shadowed import listed
from router.conversation import menus
from router.conversation.interpretation import WORDLESS
from router.ruleset.validation import Found, nested_conditions, rules_for
from router.text import language_detection
from services.calendar import opening_hours
from services.config.model import Configuration
from services.config.routing_rules import Condition, Rule, SafetyRule
from services.whatsapp.content import CITIZEN_TEXT, CONTENTS

WITH_WORDS = CITIZEN_TEXT - WORDLESS
"""Types of message whose words rules look at."""
WITH_CHOICE = frozenset(["interactive", "button", "edit"])
CALLED = {
    "numbers": "numbers", "choices": "choices", "types": "types of message",
    "languages": "languages", "states": "states of the conversation",
}  # fmt: skip
SETTLED = frozenset(["decided", "answered"])
"""States in which a conversation stays where it is."""


class Given(msgspec.Struct, frozen=True):
    """What there is to ask for, in the municipalities that a rule holds for. `own` are the tags of
    people, which a new conversation has as well."""

    numbers: frozenset[str]
    tags: frozenset[str]
    own: frozenset[str]
    choices: frozenset[str]
    groups: dict[str, tuple[str, ...]]
    now: datetime


def doubts(config: Configuration, now: datetime) -> Iterator[Found]:
    whose: dict[tuple[object, ...], set[str]] = {}
    for tenant in config.tenants:
        for where, _ in rules_for(config, tenant.id):
            whose.setdefault(where, set()).add(tenant.id)
    known: dict[frozenset[str], Given] = {}
    for table in ("rules", "care"):
        for n, rule in enumerate(getattr(config, table)):
            tenants = frozenset(whose.get((table, n), ()))
            given = known.get(tenants) or known.setdefault(tenants, _given(config, tenants, now))
            yield from _of_rule((table, n), rule, given)


def _given(config: Configuration, tenants: frozenset[str], now: datetime) -> Given:
    own = frozenset(each.tag for each in config.contacts if each.tenant in tenants)
    by_rules = {tag for rule in config.rules for tag in rule.tag}
    by_menus = {tag for menu in config.menus for option in menu.options for tag in option.tag}
    return Given(
        numbers=frozenset(n.id for n in config.numbers if n.tenant in tenants),
        tags=own | by_rules | by_menus,
        own=own,
        choices=frozenset(f"{menu.id}/{o.id}" for menu in config.menus for o in menu.options),
        groups={group.id: group.words for group in config.groups},
        now=now,
    )


def _of_rule(where: tuple[str, int], rule: Rule | SafetyRule, given: Given) -> Iterator[Found]:
    if why := never(rule, given):
        yield where, f"rule {rule.id} never holds: {why}"
        return
    for there, part in nested_conditions(where, rule):
        for name, values in unknown(part, given):
            yield (*there, name), f"rule {rule.id}: {_nothing_gives(name, values)}"
    if isinstance(rule, Rule) and rule.decides and (why := _decides_nothing(rule)):
        yield where, f"rule {rule.id} decides nothing: {why}"


def unknown(condition: Condition, given: Given) -> Iterator[tuple[str, list[str]]]:
    """Field -> what is asked for in it that nothing gives."""
    for name, is_known in KNOWN.items():
        if values := [v for v in getattr(condition, name) if not is_known(v, given)]:
            yield name, values


def _is_choice(value: str, given: Given) -> bool:
    """A CRM's own begin otherwise. `menu:onderwerp/afval/grofvuil`: the last menu and an option."""
    if not value.startswith(menus.PREFIX):
        return True
    menu, _, option = value.removeprefix(menus.PREFIX).rpartition("/")
    last = menu.rpartition("/")[2]
    return f"{last}/{option}" in given.choices or (option == menus.BACK.id and "/" in menu)


KNOWN: dict[str, Callable[[str, Given], bool]] = {
    "numbers": lambda value, given: value in given.numbers,
    "tagged": lambda value, given: value in given.tags,
    "types": lambda value, _: value in CONTENTS,
    "languages": lambda value, _: value in language_detection.detectable(),
    "choices": _is_choice,
}
SAID = {
    "numbers": "{} is no number of a municipality that it holds for",
    "tagged": "nothing gives the tag {}",
    "types": "Meta has no type of message {}",
    "languages": "no text is ever found to be in {}",
    "choices": "no menu has the choice {}",
}


def _nothing_gives(name: str, values: Iterable[str]) -> str:
    return SAID[name].format(listed(values))


def never(condition: Condition, given: Given) -> str:
    """Why it can never hold; '' where that cannot be said."""
    for name, values in unknown(condition, given):
        if len(values) == len(getattr(condition, name)):
            return _nothing_gives(name, values)
    for look in LOOKS:
        if why := look(condition, given):
            return why
    if condition.any and all(whys := [never(part, given) for part in condition.any]):
        return whys[0]
    return next((why for part in condition.all if (why := never(part, given))), "")


def _together(condition: Condition, name: str) -> list[frozenset[str]]:
    """Each list of one kind that must hold, here and in all that must hold with it."""
    own = getattr(condition, name)
    there = [each for part in condition.all for each in _together(part, name)]
    return [frozenset(own), *there] if own else there


def _apart(condition: Condition, given: Given) -> str:
    for name in ONE:
        lists = _together(condition, name)
        if lists and not frozenset.intersection(*lists):
            return f"it asks for different {CALLED[name]} at once"
    return ""


def _speechless(condition: Condition, given: Given) -> str:
    types = frozenset(condition.types)
    if types and not types & WITH_WORDS and (_words(condition, given) or condition.pattern):
        return f"{listed(condition.types)} has no words that rules look at"
    if types and not types & WITH_CHOICE and condition.choices:
        return f"{listed(condition.types)} has no choice in it"
    return ""


def _words(condition: Condition, given: Given) -> set[str]:
    return {*condition.words, *(w for id in condition.groups for w in given.groups.get(id, ()))}


def _closed(condition: Condition, given: Given) -> str:
    if not condition.hours:
        return ""
    never_opens = opening_hours.never_opens(
        opening_hours.compile_hours(condition.hours, ()), given.now
    )
    return "its hours never come" if never_opens else ""


def _untagged(condition: Condition, given: Given) -> str:
    new = set(condition.states) == {"new"}
    if new and condition.tagged and not given.own & set(condition.tagged):
        return f"a new conversation is not tagged {listed(condition.tagged)} yet"
    return ""


LOOKS: tuple[Callable[[Condition, Given], str], ...] = (
    _apart,
    _speechless,
    _closed,
    _untagged,
)


def _decides_nothing(rule: Rule) -> str:
    states, choices = _together(rule, "states"), _together(rule, "choices")
    if states and frozenset.intersection(*states) <= SETTLED:
        return "where somebody has decided or answered, no rule moves a conversation"
    if choices and all(c.startswith(menus.PREFIX) for c in frozenset.intersection(*choices)):
        return "where an option of a menu leads, the menu says"
    return ""
