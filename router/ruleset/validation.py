"""What is wrong with a configuration that only the router's own reading of it shows. Pure.

`postkamer check` says it, and the router brings nothing into force that has any of it.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

import re2

from router.rules.engine import holds_for
from router.rules.lexicon import phrase_error
from router.rules.matcher import PatternCollector
from services.config.loader import LoadedConfig
from services.config.model import ConfigError, Configuration, as_partial, locate_error
from services.config.organisation import Tenant
from services.config.routing_rules import Condition, Rule, SafetyRule
from services.language.words import plain_words
from services.toml.errors import Location

Found = tuple[Location, str]
PATTERNS = (
    "the patterns of {} take too much memory together: fewer of them, shorter ones, or smaller"
    " repeats"
)


def validate(choices: LoadedConfig, *, patterns: bool = True) -> LoadedConfig:
    """The same; ConfigError with everything that is wrong. Without `patterns` it is not tried
    whether these fit in memory together: compiling them shows that, and takes as long."""
    found = [
        locate_error(choices.sources, *each) for each in faults(choices.config, patterns=patterns)
    ]
    if found:
        raise ConfigError(found, as_partial(choices.config), choices.sources)
    return choices


def faults(
    config: Configuration, lost: Container[str] = (), *, patterns: bool = True
) -> Iterator[Found]:
    """`lost`: tables of which only a part could be read."""
    for n, group in enumerate(config.groups):
        yield from _phrases(("groups", n, "words"), group.words)
    known = {
        name: {entry.id for entry in entries}
        for name, entries in (("group", config.groups), ("number", config.numbers))
        if f"{name}s" not in lost
    }
    for table in ("rules", "care"):
        for n, rule in enumerate(getattr(config, table)):
            for where, part in nested_conditions((table, n), rule):
                yield from _condition(where, part, known)
    for tenant in config.tenants:
        if patterns:
            yield from _patterns(tenant, config)
        if "departments" not in lost:
            yield from _options(tenant, config)


def _condition(where: Location, part: Condition, known: Mapping[str, set[str]]) -> Iterator[Found]:
    yield from _phrases((*where, "words"), part.words)
    yield from _phrases((*where, "without"), part.without)
    yield from _referral((*where, "referral"), part.referral)
    for name, ids in known.items():
        yield from _unknown((*where, f"{name}s"), getattr(part, f"{name}s"), ids, name)


def nested_conditions(
    where: Location, condition: Condition
) -> Iterator[tuple[Location, Condition]]:
    """A condition, and each that stands in it."""
    yield where, condition
    parts = [((*where, "all", n), part) for n, part in enumerate(condition.all)]
    parts += [((*where, "any", n), part) for n, part in enumerate(condition.any)]
    if condition.none:
        parts.append(((*where, "not"), condition.none))
    for there, part in parts:
        yield from nested_conditions(there, part)


def rules_for(config: Configuration, tenant: str) -> list[tuple[Location, Rule | SafetyRule]]:
    """The rules of a municipality, and where they stand; those of care after the others."""
    has = {d.id for d in config.departments if d.tenant == tenant}
    return [
        ((table, n), rule)
        for table in ("rules", "care")
        for n, rule in enumerate(getattr(config, table))
        if holds_for(rule, tenant, has)
    ]


def referenced_texts(config: Configuration, tenant: Tenant) -> set[str]:
    """Ids of the menus that citizens of a municipality may be asked."""
    menus = {menu.id: menu for menu in config.menus}
    rules = (rule for _, rule in rules_for(config, tenant.id) if isinstance(rule, Rule))
    todo = {tenant.menu, *(rule.menu for rule in rules)} & menus.keys()
    found: set[str] = set()
    while todo:
        found |= todo
        todo = {o.menu for id in todo for o in menus[id].options} & menus.keys() - found
    return found


def _phrases(where: Location, phrases: Iterable[str]) -> Iterator[Found]:
    for n, phrase in enumerate(phrases):
        if what := phrase_error(phrase):
            yield (*where, n), f"{phrase!r}: {what}"


def _referral(where: Location, phrases: Iterable[str]) -> Iterator[Found]:
    """One without a word would stand in every link."""
    for n, phrase in enumerate(phrases):
        if not plain_words(phrase):
            yield (*where, n), f"{phrase!r}: There is no word in it"


def _unknown(
    where: Location, given: Iterable[str], known: set[str], called: str
) -> Iterator[Found]:
    for id in given:
        if id not in known:
            yield where, f"there is no {called} {id!r}"


def _patterns(tenant: Tenant, config: Configuration) -> Iterator[Found]:
    """Each takes little memory; all are looked for at once."""
    rules = rules_for(config, tenant.id)
    book = PatternCollector(())
    book.patterns = [
        p.pattern for at, rule in rules for _, p in nested_conditions(at, rule) if p.pattern
    ]
    try:
        book.closed()
    except re2.error:
        yield ("rules",), PATTERNS.format(tenant.id)


def _options(tenant: Tenant, config: Configuration) -> Iterator[Found]:
    """Options of menus that lead nowhere in a municipality where they are asked."""
    has = {d.id for d in config.departments if d.tenant == tenant.id}
    theirs = referenced_texts(config, tenant)
    for n, menu in enumerate(config.menus):
        for m, option in enumerate(menu.options if menu.id in theirs else ()):
            if option.department and option.department not in has:
                where = ("menus", n, "options", m, "department")
                yield where, f"{tenant.id} asks this and has no department {option.department!r}"
