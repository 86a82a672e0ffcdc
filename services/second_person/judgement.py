"""Persons for whom a version of rules and texts still waits. Pure.

Where the version in force asks it, another one counts when two persons stand for it: the one who
made it, and another. A version that was in force before counts again, so that one person can go
back to it at night.
"""

import msgspec

from services.second_person.person_name import fold_name

PERSONS = 2
"""Persons who stand for a version before it counts."""


class VersionInForce(msgspec.Struct, frozen=True):
    """`asks`: the next version counts only when two persons stand for it."""

    version: str
    asks: bool


class Supporter(msgspec.Struct, frozen=True):
    """A person who stands for a version, as its record proves; `alone` without a second one, in an
    emergency."""

    by: str
    alone: bool = False


class Standing(msgspec.Struct, frozen=True):
    """All that decides if a version counts. `was_in_force`: it counted before."""

    in_force: VersionInForce | None = None
    was_in_force: bool = False
    supporters: tuple[Supporter, ...] = ()


def count_missing_persons(version: str, standing: Standing) -> int:
    """Return how many persons must still stand for a version; 0 if it counts."""
    in_force = standing.in_force
    if in_force is None or not in_force.asks or standing.was_in_force:
        return 0
    if in_force.version == version or any(each.alone for each in standing.supporters):
        return 0
    return max(0, PERSONS - len({fold_name(each.by) for each in standing.supporters}))


def why_in_force(standing: Standing) -> str:
    """Return why a version that counts may be put in force, as its row says it."""
    if standing.in_force is None or not standing.in_force.asks:
        return "first"
    if standing.was_in_force:
        return "again"
    names = {fold_name(each.by) for each in standing.supporters}
    return "approved" if len(names) >= PERSONS else "alone"
