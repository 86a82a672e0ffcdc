"""Employees of the load, and the departments of a town with a desk. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from sandbox.identity.people import EMPLOYEE, Person

KCC, ARCHIVE, ALL = "postkamer-kcc", "postkamer-archief", "postkamer-alle-afdelingen"
WORDS = {
    "burgerzaken": "Mijn paspoort is op vakantie kwijtgeraakt, hoe vraag ik een nieuw aan?",
    "openbare-ruimte": "De container bij ons op de hoek is al een week vol, kunt u die legen?",
    "klantcontact": "Goedemiddag, ik heb een vraag over mijn brief van vorige week, kunt u kijken?",
    "zorg-en-jeugd": "Ik heb een vraag over jeugdzorg voor mijn zoon, met wie kan ik praten?",
}
"""Department -> words that its rule, or none, finds."""
CONFIDENTIAL = "zorg-en-jeugd"
"""Department whose words no list shows."""


class Employee(msgspec.Struct, frozen=True):
    id: str
    departments: frozenset[str]
    groups: tuple[str, ...]


def employees(count: int) -> list[Employee]:
    """Return so many people: of ten, three are at each of two departments, two at the contact
    centre and its neighbours, one at the confidential one, and one reads everything."""
    return [_employee(n) for n in range(count)]


def _employee(n: int) -> Employee:
    kind = n % 10
    if kind == 9:
        return Employee(f"lezer-{n:02}", frozenset(WORDS), (ARCHIVE, ALL))
    departments = _departments(kind)
    groups = tuple(f"postkamer-{each}" for each in sorted(departments))
    roles = (EMPLOYEE, KCC) if len(departments) > 1 else (EMPLOYEE,)
    return Employee(f"medewerker-{n:02}", departments, roles + groups)


def _departments(kind: int) -> frozenset[str]:
    if kind < 3:
        return frozenset({"burgerzaken"})
    if kind < 6:
        return frozenset({"openbare-ruimte"})
    if kind < 8:
        return frozenset({"burgerzaken", "openbare-ruimte", "klantcontact"})
    return frozenset({CONFIDENTIAL})


def at_provider(people: list[Employee]) -> Mapping[str, Person]:
    """Return the people as the sandbox's provider knows them."""
    return {
        each.id: Person(each.id, f"sub-{each.id}", each.id, "Load", each.groups) for each in people
    }


def department_of(citizen: int) -> str:
    """Return the department that a citizen writes to, always the same."""
    return list(WORDS)[citizen % len(WORDS)]


def shown_citizens(first: int) -> Iterator[int]:
    """Yield the citizens among the first ones whose words a list shows."""
    return (n for n in range(first) if department_of(n) != CONFIDENTIAL)
