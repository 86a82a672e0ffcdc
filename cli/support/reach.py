"""The reach of a person at the command line: the municipality and departments of a token. Pure."""

from typing import NamedTuple

import msgspec

from services.config.model import Configuration
from services.http.rights import Rights

EVERY_TOWN = "every municipality"


class Subject(NamedTuple):
    """Subject of a command."""

    tenant: str
    """Its municipality; '' if it is of none, or of several."""
    department: str | None = None
    """Its department, if its content is shown; '' if no department has it yet."""


class PersonReach(msgspec.Struct, frozen=True, kw_only=True):
    """Municipality and departments that a person's token reaches."""

    tenant: str
    is_only: bool
    """True if the configuration has no other municipality."""
    departments: frozenset[str] | None
    """None for all, confidential ones and those of the past too."""
    has_all: bool
    """True for all that are configured, confidential ones too."""

    def has_town(self, tenant: str) -> bool:
        """Return True for the token's municipality. What is of none is within reach if there is no
        other."""
        return tenant == self.tenant or (self.is_only and not tenant)

    def has(self, subject: Subject) -> bool:
        if not self.has_town(subject.tenant):
            return False
        if subject.department is None or self.departments is None:
            return True
        return subject.department in self.departments or (self.has_all and not subject.department)


def reach_of(rights: Rights, config: Configuration) -> PersonReach:
    configured = {each.id for each in config.departments if each.tenant == rights.tenant}
    return PersonReach(
        tenant=rights.tenant,
        is_only=all(each.id == rights.tenant for each in config.tenants),
        departments=rights.departments,
        has_all=rights.handles_all(configured),
    )
