"""Status of a service, as its operations port shows it. Pure."""

from collections.abc import Iterable

import msgspec

from services.config.rules_status import RefusedChange, RulesStatus

STATUS_PATH = "/health/status"


class ServiceStatus(msgspec.Struct, frozen=True):
    ready: bool
    obstacles: tuple[str, ...] = ()
    """Obstacles to being ready, a sentence for each."""
    rules: RulesStatus | None = None
    """The rules in force; None in a service that goes by none."""


def first_refusal(statuses: Iterable[ServiceStatus | None]) -> RefusedChange | None:
    """Return the first change that one of the services refused. None is a silent service."""
    rules = (status.rules for status in statuses if status)
    return next((each.refused for each in rules if each and each.refused), None)
