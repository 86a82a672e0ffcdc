"""When Meta tells what became of a message: late, and now and then in the wrong order. Pure."""

from random import Random

from sandbox.meta.graph_errors import Behaviour

DISORDER = 0.1
"""Share of messages whose `delivered` overtakes `sent`: often enough to be met in every test."""


def plan(
    behaviour: Behaviour, chance: Random, seconds: tuple[float, float]
) -> list[tuple[float, str]]:
    """(seconds from now, status) of everything that will be told without a read phone."""
    names = list(behaviour.statuses)
    moments = sorted(chance.uniform(*seconds) for _ in names)
    if names == ["sent", "delivered"] and chance.random() < DISORDER:
        names.reverse()
    return list(zip(moments, names, strict=True))


def read_after(chance: Random, seconds: tuple[float, float]) -> float:
    """Seconds from now until `read` is told of a message that is on the phone."""
    return chance.uniform(seconds[0] / 2, seconds[0])
