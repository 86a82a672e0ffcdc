"""Departments, menus and texts that nobody comes to. Pure."""

from collections.abc import Iterator

from router.ruleset.validation import Fault, reachable_menus, rules_for
from services.config.model import Configuration
from services.config.organisation import Tenant
from services.config.routing_rules import Menu
from services.texts.catalogue import TEXTS, Texts
from services.toml.errors import ConfigFault


def doubts(config: Configuration) -> Iterator[Fault]:
    reached = {(tenant.id, d) for tenant in config.tenants for d in _departments(tenant, config)}
    for n, department in enumerate(config.departments):
        if (department.tenant, department.id) not in reached:
            whose = f"department {department.id} of {department.tenant}"
            yield (
                ("departments", n),
                f"{whose}: no number, rule, menu or other department leads to it",
            )
    menus = set().union(*(reachable_menus(config, tenant) for tenant in config.tenants))
    for n, menu in enumerate(config.menus):
        if menu.id not in menus:
            yield ("menus", n), f"menu {menu.id}: nobody asks it"


def texts(config: Configuration, given: Texts) -> Iterator[ConfigFault]:
    """A municipality's own texts that nothing sends."""
    sent = TEXTS.keys() | {rule.reply for rule in config.rules} | {c.reply for c in config.care}
    for menu in config.menus:
        sent |= {menu.text, *(option.reply for option in menu.options)}
    for there in given.languages.values():
        for text in there.values():
            if text.id not in sent:
                yield text.fault(f"text {text.id}: no rule and no menu sends it")


def automatic(config: Configuration) -> Iterator[Fault]:
    """What a municipality wants to be sent by itself, and nothing sends."""
    for n, tenant in enumerate(config.tenants):
        for id in tenant.automatic:
            if id not in TEXTS:
                yield (
                    ("tenants", n, "automatic"),
                    f"tenant {tenant.id}: {id!r} is no text that goes out by itself",
                )


def _departments(tenant: Tenant, config: Configuration) -> set[str]:
    """Ids of those that a conversation may come to."""
    todo = {number.fallback for number in config.numbers if number.tenant == tenant.id}
    todo |= {rule.department for _, rule in rules_for(config, tenant.id)}
    for menu in _menus(tenant, config):
        todo |= {option.department for option in menu.options}
    onward = {
        d.id: {d.when_closed, d.escalate_to} for d in config.departments if d.tenant == tenant.id
    }
    found: set[str] = set()
    while todo := todo - found:
        found |= todo
        todo = {there for id in todo for there in onward.get(id, ())}
    return found


def _menus(tenant: Tenant, config: Configuration) -> list[Menu]:
    theirs = reachable_menus(config, tenant)
    return [menu for menu in config.menus if menu.id in theirs]
