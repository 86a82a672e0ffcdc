"""A token owns a destination that it names, if it reaches all that is sent there."""

from typing import Any

import msgspec
import pytest

from gateway.destinations.ownership import find_owned, list_owned, quarantine_scope
from services.config import loader
from services.config.model import Configuration
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


def changed(**more: Any) -> Configuration:
    """The town, with more of some of its lists."""
    text = TOWN.model_dump(mode="json", by_alias=True)
    for name, rows in more.items():
        text[name] += [text[name][0] | row for row in rows]
    return Configuration.model_validate_json(msgspec.json.encode(text))


HENGELO = {"id": "hengelo", "name": "Hengelo"}
SHARED = changed(tenants=[HENGELO], departments=[{"tenant": "hengelo"}])
WOKEN = changed(tenants=[HENGELO | {"care": {"destinations": ["crm"]}}])
ELSEWHERE = changed(
    destinations=[{"id": "other"}], departments=[{"id": "other", "destination": "other"}]
)


@pytest.mark.parametrize(
    ("town", "unread", "is_whole"),
    [(TOWN, ["crm"], True), (SHARED, [], True), (WOKEN, [], True), (ELSEWHERE, ["crm"], False)],
)
def test_owner_sees_what_was_put_aside_of_their_own_alone(
    town: Configuration, unread: list[str], is_whole: bool
) -> None:
    """An unreadable batch at a shared destination is nobody's, and a part is not the whole."""
    owner = rights(destinations=CRM, departments=ALL)
    scope = quarantine_scope(list_owned(owner, town), owner, town)
    assert (scope.destinations, {*scope.departments}) == (unread, ALL)
    assert [*scope.numbers] == ([TOWN.numbers[0].id] if is_whole else [])
