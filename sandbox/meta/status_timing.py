"""Delays of Meta's statuses, which are now and then in the wrong order. Pure."""

from random import Random

from sandbox.meta.graph_errors import Behaviour

DISORDER = 0.1
"""Share of messages whose `delivered` overtakes `sent`: often enough to occur in every test."""


def plan_statuses(
    behaviour: Behaviour, chance: Random, seconds: tuple[float, float]
) -> list[tuple[float, str]]:
    """Return (seconds from now, status) for every status that does not depend on the citizen
    reading the message."""
    names = list(behaviour.statuses)
    moments = sorted(chance.uniform(*seconds) for _ in names)
    if names == ["sent", "delivered"] and chance.random() < DISORDER:
        names.reverse()
    return list(zip(moments, names, strict=True))


def read_delay(chance: Random, seconds: tuple[float, float]) -> float:
    """Return the seconds until the `read` status of a message that the citizen read now."""
    return chance.uniform(seconds[0] / 2, seconds[0])
