"""Find the faults of a configuration that show only when its rules are compiled. Pure.

`postkamer check` reports them, and the router activates no configuration that has any.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

import re2

from router.rules.lexicon import phrase_error
from router.rules.matcher import PatternCollector
from router.rules.municipal_rules import rules_of, safety_rules_of
from services.config.loader import LoadedConfig
from services.config.model import ConfigError, Configuration, as_partial, locate_error
from services.config.organisation import Tenant
from services.config.routing_rules import Condition, Rule, SafetyRule
from services.language.words import plain_words
from services.toml.errors import Location
from services.toml.suggestions import did_you_mean

Fault = tuple[Location, str]
PATTERNS_TOO_LARGE = (
    "the patterns of {} take too much memory together: fewer of them, shorter ones, or smaller"
    " repeats"
)


def validate(loaded: LoadedConfig, *, patterns: bool = True) -> LoadedConfig:
    """Return the configuration, or raise ConfigError with all its faults. Without `patterns` it
    does not test if these fit in memory together: compiling them shows that, and takes as long."""
    faults = [
        locate_error(loaded.sources, *fault)
        for fault in find_faults(loaded.config, patterns=patterns)
    ]
    if faults:
        raise ConfigError(faults, as_partial(loaded.config), loaded.sources)
    return loaded


def find_faults(
    config: Configuration, incomplete: Container[str] = (), *, patterns: bool = True
) -> Iterator[Fault]:
    """Yield the faults; `incomplete` names tables that were read only in part."""
    for n, group in enumerate(config.groups):
        yield from _phrase_faults(("groups", n, "words"), group.words)
    known_ids = {
        name: {entry.id for entry in entries}
        for name, entries in (("group", config.groups), ("number", config.numbers))
        if f"{name}s" not in incomplete
    }
    for table in ("rules", "care"):
        for n, rule in enumerate(getattr(config, table)):
            for location, part in nested_conditions((table, n), rule):
                yield from _condition_faults(location, part, known_ids)
    for tenant in config.tenants:
        if patterns:
            yield from _pattern_faults(tenant, config)
        yield from _department_faults(tenant, config, incomplete)


def _condition_faults(
    location: Location, part: Condition, known_ids: Mapping[str, set[str]]
) -> Iterator[Fault]:
    yield from _phrase_faults((*location, "words"), part.words)
    yield from _phrase_faults((*location, "without"), part.without)
    yield from _referral_faults((*location, "referral"), part.referral)
    for name, ids in known_ids.items():
        yield from _unknown_ids((*location, f"{name}s"), getattr(part, f"{name}s"), ids, name)


def nested_conditions(
    location: Location, condition: Condition
) -> Iterator[tuple[Location, Condition]]:
    """Yield a condition and all conditions within it."""
    yield location, condition
    parts = [((*location, "all", n), part) for n, part in enumerate(condition.all)]
    parts += [((*location, "any", n), part) for n, part in enumerate(condition.any)]
    if condition.none:
        parts.append(((*location, "not"), condition.none))
    for part_location, part in parts:
        yield from nested_conditions(part_location, part)


def rules_for(config: Configuration, tenant: str) -> list[tuple[Location, Rule | SafetyRule]]:
    """Return the rules of a municipality and their locations; the safety rules come last."""
    rules, care = rules_of(config, tenant), safety_rules_of(config, tenant)
    return [
        *((("rules", n), rule) for n, rule in rules),
        *((("care", n), rule) for n, rule in care),
    ]


def reachable_menus(config: Configuration, tenant: Tenant) -> set[str]:
    """Return the ids of the menus that the citizens of a municipality may get."""
    menus = {menu.id: menu for menu in config.menus}
    rules = (rule for _, rule in rules_for(config, tenant.id) if isinstance(rule, Rule))
    pending = {tenant.menu, *(rule.menu for rule in rules)} & menus.keys()
    reachable: set[str] = set()
    while pending:
        reachable |= pending
        pending = {o.menu for id in pending for o in menus[id].options} & menus.keys() - reachable
    return reachable


def _phrase_faults(location: Location, phrases: Iterable[str]) -> Iterator[Fault]:
    for n, phrase in enumerate(phrases):
        if error := phrase_error(phrase):
            yield (*location, n), f"{phrase!r}: {error}"


def _referral_faults(location: Location, phrases: Iterable[str]) -> Iterator[Fault]:
    """A phrase without a word would occur in every link."""
    for n, phrase in enumerate(phrases):
        if not plain_words(phrase):
            yield (*location, n), f"{phrase!r}: There is no word in it"


def _unknown_ids(
    location: Location, ids: Iterable[str], known_ids: set[str], kind: str
) -> Iterator[Fault]:
    for id in ids:
        if id not in known_ids:
            yield location, f"there is no {kind} {id!r}{did_you_mean(id, known_ids)}"


def _pattern_faults(tenant: Tenant, config: Configuration) -> Iterator[Fault]:
    """Test all patterns together: each takes little memory, but they are compiled as one set."""
    rules = rules_for(config, tenant.id)
    collector = PatternCollector(())
    collector.patterns = [
        p.pattern
        for location, rule in rules
        for _, p in nested_conditions(location, rule)
        if p.pattern
    ]
    try:
        collector.build_matcher()
    except re2.error:
        yield ("rules",), PATTERNS_TOO_LARGE.format(tenant.id)


def _department_faults(
    tenant: Tenant, config: Configuration, incomplete: Container[str]
) -> Iterator[Fault]:
    if "departments" in incomplete:
        return
    yield from _option_faults(tenant, config)
    if "rules" not in incomplete:
        yield from _taken_rule_faults(tenant, config)


def _option_faults(tenant: Tenant, config: Configuration) -> Iterator[Fault]:
    """Yield menu options that lead nowhere in a municipality that sends their menu."""
    departments = config.own_departments(tenant.id)
    reachable = reachable_menus(config, tenant)
    for n, menu in enumerate(config.menus):
        for m, option in enumerate(menu.options if menu.id in reachable else ()):
            if option.department and option.department not in departments:
                location = ("menus", n, "options", m, "department")
                yield location, f"{tenant.id} asks this and has no department {option.department!r}"


def _taken_rule_faults(tenant: Tenant, config: Configuration) -> Iterator[Fault]:
    """Yield rules that a department takes and that its municipality does not have, that lead to no
    department there, or that another department takes already."""
    own, takers = config.own_departments(tenant.id), dict[str, str]()
    rules = [rule for rule in config.rules if rule.tenant in ("", tenant.id)]
    leading = {rule.id for rule in rules if rule.department in own}
    for n, department in enumerate(config.departments):
        for id in department.takes_rules if department.tenant == tenant.id else ():
            where = ("departments", n, "takes_rules")
            if id not in leading:
                meant = did_you_mean(id, leading)
                yield where, f"no rule {id!r} leads to a department of {tenant.id}{meant}"
            elif taker := takers.get(id):
                yield where, f"{taker!r} takes the rule {id!r} already"
            else:
                takers[id] = department.id
