"""Departments, menus and texts that no message leads to. Pure."""

from collections.abc import Iterator

from router.rules.municipal_rules import with_own_department
from router.ruleset.validation import Fault, reachable_menus, rules_for
from services.config.model import Configuration
from services.config.organisation import Tenant
from services.texts.catalogue import SOBER_WELCOME, TEXTS, Texts
from services.toml.errors import ConfigFault
from services.toml.suggestions import did_you_mean


def find_warnings(config: Configuration) -> Iterator[Fault]:
    reachable = {
        (tenant.id, id)
        for tenant in config.tenants
        for id in _reachable_departments(tenant, config)
    }
    for n, department in enumerate(config.departments):
        if (department.tenant, department.id) not in reachable:
            why = "no number, rule, menu or other department leads to it"
            yield ("departments", n), f"department {department.id} of {department.tenant}: {why}"
    menus = set().union(*(reachable_menus(config, tenant) for tenant in config.tenants))
    for n, menu in enumerate(config.menus):
        if menu.id not in menus:
            yield ("menus", n), f"menu {menu.id}: nobody asks it"


def unused_texts(config: Configuration, texts: Texts) -> Iterator[ConfigFault]:
    """Yield the texts of a municipality that no rule, no menu and no word of a citizen sends."""
    sent = {*TEXTS, SOBER_WELCOME, *texts.index_words().values()}
    sent |= {id for rule in config.rules for id in (rule.reply, rule.first_text)}
    sent |= {rule.reply for rule in config.care}
    for menu in config.menus:
        sent |= {menu.text, *(option.reply for option in menu.options)}
    for by_id in texts.languages.values():
        for text in by_id.values():
            if text.id not in sent:
                yield text.fault(f"text {text.id}: no rule and no menu sends it")


def unknown_automatic_texts(config: Configuration) -> Iterator[Fault]:
    """Yield the ids in a municipality's list of automatic texts that are no automatic text."""
    for n, tenant in enumerate(config.tenants):
        for id in tenant.automatic:
            if id not in TEXTS:
                sentence = f"tenant {tenant.id}: {id!r} is no text that goes out by itself"
                yield ("tenants", n, "automatic"), sentence


def unused_names(config: Configuration) -> Iterator[Fault]:
    """Yield the departments of the rules that a department is there instead of, and that nothing
    names."""
    for n, department in enumerate(config.departments):
        used = _used_names(config, department.tenant) if department.instead_of else frozenset()
        for name in department.instead_of:
            if name not in used:
                subject = f"department {department.id} of {department.tenant}"
                meant = did_you_mean(name, used)
                what = f"{subject}: no rule, menu or closing names {name!r}{meant}"
                yield ("departments", n, "instead_of"), what


def _used_names(config: Configuration, tenant: str) -> frozenset[str]:
    """Return the names of departments in the rules, menus and closings that a municipality may
    have."""
    rules = [(rule.tenant, rule.department) for rule in config.rules]
    care = [(rule.tenant, rule.department) for rule in config.care]
    options = [(menu.tenant, each.department) for menu in config.menus for each in menu.options]
    closings = [(each.tenant, name) for each in config.closings for name in each.departments]
    named = (*rules, *care, *options, *closings)
    return frozenset(name for owner, name in named if name and owner in ("", tenant))


def _reachable_departments(tenant: Tenant, config: Configuration) -> set[str]:
    """Return the ids of the departments that a conversation may come to."""
    todo = {number.fallback for number in config.numbers if number.tenant == tenant.id}
    todo |= {rule.department for _, rule in rules_for(config, tenant.id)}
    menus, own = reachable_menus(config, tenant), config.own_departments(tenant.id)
    for menu in (menu for menu in config.menus if menu.id in menus):
        todo |= {with_own_department(option, own).department for option in menu.options}
    onward = {
        d.id: {d.when_closed, d.escalate_to} for d in config.departments if d.tenant == tenant.id
    }
    reachable: set[str] = set()
    while todo := todo - reachable:
        reachable |= todo
        todo = {next_id for id in todo for next_id in onward.get(id, ())}
    return reachable
