"""Rights of a token: its municipality, its roles, its departments. Pure."""

from collections.abc import Set

import msgspec

from services.contract import Identified
from services.roles import ROLES as ROLES
from services.roles import Role as Role

REQUESTS_PER_SECOND, BURST = 50, 100
"""Default limits of one token: a desk of a hundred people makes some ten requests a second."""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Rights of one token; `services.http.grants` makes them of what was given to it."""

    name: str
    tenant: str
    roles: frozenset[Role]
    departments: frozenset[str] | None = frozenset()
    """Departments that it may act for; None for all of the municipality, confidential ones too."""
    destinations: frozenset[str] = frozenset()
    """Destinations of which it is the owner."""
    people: bool = False
    """True if people send with this token, so that a message must name its author."""
    person: str = ""
    """Name of the person to whom a provider issued the token; '' for a token of a system."""
    test: bool = False
    """True if nothing that is sent with this token reaches Meta."""
    per_second: int = REQUESTS_PER_SECOND
    burst: int = BURST

    @property
    def identified(self) -> Identified:
        """Source of an employee's name in a request with this token."""
        return "proven" if self.person else "stated"

    def may(self, *roles: Role) -> bool:
        """Return True if the token has one of these roles."""
        return not self.roles.isdisjoint(roles)

    def handles(self, department: str) -> bool:
        """Return True if the token may act for this department."""
        return self.departments is None or department in self.departments

    def handles_all(self, configured: Set[str]) -> bool:
        """Return True if the token may act for all of these departments: those that a municipality
        has, confidential ones too."""
        return self.departments is None or configured <= self.departments
