"""What a token may do: its municipality, its roles, its departments. Pure."""

from typing import Literal, get_args

import msgspec

Role = Literal[
    "send", "care", "kcc", "read", "rules", "records", "archivist", "privacy", "operator"
]
ROLES: tuple[Role, ...] = get_args(Role)
"""send: to citizens, and what departments do with their conversations. care: to say that somebody
has seen an alarm, and no more. kcc: what the contact centre says of the numbers, lets go and puts
together. read: the archiver's. The others belong to what is yet to come."""

REQUESTS_PER_SECOND, BURST = 50, 100
"""Of one token, unless it was given others: a desk of a hundred people asks some ten a second."""


class Rights(msgspec.Struct, frozen=True, kw_only=True):
    """Of one token. No departments: all of the municipality's."""

    name: str
    tenant: str
    roles: frozenset[Role]
    departments: frozenset[str] = frozenset()
    people: bool = False
    """People write with it, so a message must say who did."""
    per_second: int = REQUESTS_PER_SECOND
    burst: int = BURST

    def may(self, *roles: Role) -> bool:
        """Whether it has one of these."""
        return not self.roles.isdisjoint(roles)

    def handles(self, department: str) -> bool:
        """Whether it may see and do what is this department's."""
        return not self.departments or department in self.departments
