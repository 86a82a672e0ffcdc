"""Grants: what was given to a token, and the rights that follow from it. Pure."""

from collections.abc import Set

import msgspec

from services.http.rights import BURST, REQUESTS_PER_SECOND, Rights, Role

ALL, ALL_AND_CONFIDENTIAL = "*", "**"
"""Departments in a label, beside their ids."""


class Reach(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Departments that were given to a token.

    A confidential department is reached by its name, or by `confidential`.
    """

    departments: frozenset[str] = frozenset()
    all_departments: bool = False
    """True for every department that is not confidential, future ones too."""
    confidential: bool = False
    """True for the confidential departments too."""
    is_exact: bool = False
    """True if no department means none."""

    @property
    def is_unlimited(self) -> bool:
        """True for a token from the time in which no department meant all of them, confidential
        ones too. It keeps working, and no new one is made."""
        return not (self.is_exact or self.departments or self.all_departments)


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """All that was given to one token."""

    name: str
    tenant: str
    roles: frozenset[Role]
    reach: Reach
    destinations: frozenset[str] = frozenset()
    people: bool = False
    person: str = ""
    test: bool = False
    per_second: int = REQUESTS_PER_SECOND
    burst: int = BURST


class Label(msgspec.Struct, frozen=True):
    """Label of a token in POSTKAMER_API_TOKENS."""

    name: str
    tenant: str
    """'' if it names no municipality."""
    reach: Reach


def rights_of(grant: Grant, ordinary: Set[str]) -> Rights:
    """Return the rights of a token, in a municipality with these departments that are not
    confidential."""
    return Rights(
        name=grant.name,
        tenant=grant.tenant,
        roles=grant.roles,
        departments=reached_departments(grant.reach, ordinary),
        destinations=grant.destinations,
        people=grant.people,
        person=grant.person,
        test=grant.test,
        per_second=grant.per_second,
        burst=grant.burst,
    )


def reached_departments(reach: Reach, ordinary: Set[str]) -> frozenset[str] | None:
    """Return the departments that a token reaches; None for all, also those of the past."""
    if reach.is_unlimited or (reach.all_departments and reach.confidential):
        return None
    return reach.departments | ordinary if reach.all_departments else reach.departments


def is_wider(wanted: Reach, given: Reach, ordinary: Set[str]) -> bool:
    """Return True if `wanted` reaches, now or later, a department that `given` does not."""
    if given.is_unlimited:
        return False
    if wanted.all_departments > given.all_departments or wanted.confidential > given.confidential:
        return True
    reached = reached_departments(given, ordinary)
    return reached is not None and not wanted.departments <= reached


def parse_label(label: str) -> Label:
    """Parse `name`, `name@municipality` or `name@municipality/departments`.

    The departments are ids with + between them, * for all that are not confidential, ** for all.
    """
    who, slash, listed = label.partition("/")
    name, _, tenant = who.partition("@")
    parts = frozenset(listed.split("+")) if slash else frozenset[str]()
    reach = Reach(
        departments=parts - {ALL, ALL_AND_CONFIDENTIAL},
        all_departments=not parts.isdisjoint({ALL, ALL_AND_CONFIDENTIAL}),
        confidential=ALL_AND_CONFIDENTIAL in parts,
    )
    return Label(name, tenant, reach)
