"""Access of the employee who is logged in, as the gateway tells it. Pure."""

import msgspec


class Tenant(msgspec.Struct, frozen=True):
    id: str
    name: str
    source: str
    """Source of the municipality's events."""


class Department(msgspec.Struct, frozen=True):
    id: str
    name: str
    confidential: bool = False


class Access(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of GET /v1/access about a token."""

    tenant: Tenant
    person: str
    roles: frozenset[str]
    departments: tuple[Department, ...]
    all_departments: bool = False
    """True if the employee reaches every department, those of the past too."""
    destinations: tuple[str, ...] = ()
    """Destinations of which the employee is an owner."""

    @property
    def may_answer(self) -> bool:
        """True for who does more than read."""
        return "send" in self.roles

    @property
    def may_read(self) -> bool:
        """True for who may see conversations. Without it a list shows nothing of them either."""
        return "read" in self.roles

    @property
    def is_on_duty(self) -> bool:
        """True for who is alarmed about a citizen in danger, whatever the department."""
        return "care" in self.roles

    @property
    def may_settle(self) -> bool:
        """True for who may say what became of a doubtful answer."""
        return not self.roles.isdisjoint(("send", "kcc"))

    @property
    def department_ids(self) -> list[str]:
        return [each.id for each in self.departments]

    def reaches(self, source: str, department: str) -> bool:
        """Return True if the employee may see what is at this department."""
        is_reached = self.all_departments or department in self.department_ids
        return source == self.tenant.source and is_reached

    def department_name(self, id: str) -> str:
        """Return the name of a department; its id if it is none of theirs."""
        return next((each.name for each in self.departments if each.id == id), id)

    def is_confidential(self, id: str) -> bool:
        return any(each.confidential for each in self.departments if each.id == id)
