"""A token owns a destination that it names, if it reaches all that is sent there."""

from typing import Any

import pytest

from gateway.destinations.ownership import find_owned
from services.config import loader
from tests.support.installation import EXAMPLE
from tests.support.tokens import rights

TOWN = loader.load(EXAMPLE).config
ALL = frozenset(each.id for each in TOWN.departments)
CRM = frozenset(("crm",))


@pytest.mark.parametrize(
    ("id", "given", "owned"),
    [
        ("crm", {"destinations": CRM}, True),
        ("crm", {"destinations": CRM, "departments": ALL}, True),
        ("crm", {"destinations": CRM, "departments": ALL - {"belastingen"}}, False),
        ("crm", {"destinations": frozenset(("other",))}, False),
        ("crm", {}, False),
        ("crm", {"destinations": CRM, "tenant": "hengelo"}, False),
        ("absent", {"destinations": frozenset(("absent",))}, False),
    ],
)
def test_owner_names_the_destination_and_reaches_its_departments(
    id: str, given: dict[str, Any], owned: bool
) -> None:
    found = find_owned(id, rights(**given), TOWN)
    assert (found is not None) is owned
