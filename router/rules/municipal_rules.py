"""Rules, and options of menus, as they hold in one municipality: with its own departments. Pure.

Files of rules name departments, and several municipalities may share them. A department may be
there instead of some of these (`instead_of`), and may take single rules of another
(`takes_rules`). What is decided, recorded and counted has the id of the own department: no other
module knows the names in the files.
"""

from collections.abc import Mapping, Sequence
from typing import TypeVar

from services.config.model import Configuration
from services.config.routing_rules import Option, Rule, SafetyRule

R = TypeVar("R", Rule, SafetyRule)
E = TypeVar("E", Rule, SafetyRule, Option)


def rules_of(config: Configuration, tenant: str) -> list[tuple[int, Rule]]:
    """Return the rules of a municipality with their places: its own, and those for a department
    that it has."""
    takers = config.takers(tenant)
    return [
        (place, _leading_to(takers.get(rule.id, rule.department), rule))
        for place, rule in _hold_in(config.rules, config, tenant)
    ]


def safety_rules_of(config: Configuration, tenant: str) -> list[tuple[int, SafetyRule]]:
    """Return the safety rules of a municipality with their places."""
    return _hold_in(config.care, config, tenant)


def _hold_in(rules: Sequence[R], config: Configuration, tenant: str) -> list[tuple[int, R]]:
    own = config.own_departments(tenant)
    return [
        (place, with_own_department(rule, own))
        for place, rule in enumerate(rules)
        if rule.tenant in ("", tenant) and (not rule.department or rule.department in own)
    ]


def with_own_department(entry: E, own: Mapping[str, str]) -> E:
    """Return a rule or an option that leads to the own department; `own` has it by name."""
    return _leading_to(own.get(entry.department, entry.department), entry)


def _leading_to(department: str, entry: E) -> E:
    if department == entry.department:
        return entry
    return entry.model_copy(update={"department": department})
