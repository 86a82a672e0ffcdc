"""Targets of a municipality's transcripts, and what reaches them. Pure."""

from collections.abc import Iterator

from services.config.handover import Handover
from services.config.model import Configuration


def targets_of(config: Configuration, tenant: str, department: str) -> Iterator[Handover]:
    """Yield the targets for a conversation that a department closed."""
    settings = config.tenant(tenant)
    ordinary = config.ordinary_departments(tenant)
    for target in settings.handover if settings else ():
        if department in (target.departments or ordinary):
            yield target


def find_target(config: Configuration, tenant: str, id: str) -> Handover | None:
    """Return a target; None if the configuration has it no more."""
    settings = config.tenant(tenant)
    targets = settings.handover if settings else ()
    return next((each for each in targets if each.id == id), None)


def reached_departments(config: Configuration, tenant: str, target: Handover) -> frozenset[str]:
    """Return the departments whose part of a conversation the target may have: all that are not
    confidential, and those that it names. What another confidential one did stays behind."""
    return config.ordinary_departments(tenant) | frozenset(target.departments)
