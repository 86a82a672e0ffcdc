"""The rights of a token and the departments of its municipality, as its holder reads them."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest

from deliverer.destinations import cloudevents
from gateway.api.access_routes import access_json, departments_json
from services.config import loader
from services.config.model import Configuration, parse
from services.http.rights import ROLES, Rights
from tests.support.deliverer.delivery_jobs import delivery
from tests.support.installation import EXAMPLE, NEIGHBOUR
from tests.support.tokens import rights

SECRET = "confidential = true\nask_reason = true\n"
TOWN = parse(
    EXAMPLE.read_text().replace('id = "belastingen"\n', 'id = "belastingen"\n' + SECRET)
    + NEIGHBOUR.replace('"balie"', '"burgerzaken"'),
    "postkamer.toml",
)
"""A confidential department, and a neighbour with a department of the same id."""
ASKED = ("confidential", "asksReason")
MONDAY = datetime(2026, 11, 30, 12, tzinfo=UTC)


def reached(**given: Any) -> list[str]:
    return [each["id"] for each in access_json(rights(**given), TOWN)["departments"]]


def test_access_names_the_municipality_the_person_the_roles_and_the_departments() -> None:
    given = {"name": "keycloak:5f1d", "person": "s.jansen", "roles": frozenset(("read", "send"))}
    asked = rights(departments=frozenset(("belastingen", "burgerzaken")), **given)
    assert access_json(asked, TOWN) == {
        "tenant": {
            "id": "almelo",
            "name": "Gemeente Almelo",
            "source": "urn:nld:gemeente-almelo.systeem:postkamer",
        },
        "token": "keycloak:5f1d",
        "person": "s.jansen",
        "roles": ["send", "read"],
        "departments": [
            {"id": "burgerzaken", "name": "Burgerzaken"} | dict.fromkeys(ASKED, False),
            {"id": "belastingen", "name": "Belastingen"} | dict.fromkeys(ASKED, True),
        ],
        "allDepartments": False,
        "destinations": [],
    }


def test_access_has_the_source_of_the_events_that_a_crm_receives() -> None:
    event = delivery(7)
    source = access_json(rights(tenant=event.tenant), TOWN)["tenant"]["source"]
    assert f'"source":"{source}"'.encode() in cloudevents.body(event, "https://archief.example")


def test_access_has_every_department_for_a_token_of_all_and_none_for_a_token_of_none() -> None:
    every = ["klantcontact", "burgerzaken", "openbare-ruimte", "belastingen"]
    assert reached() == every
    assert reached(tenant="hengelo") == ["burgerzaken"]
    nobody = Rights(name="nobody", tenant="almelo", roles=frozenset())
    shown = access_json(nobody, TOWN)
    assert (shown["roles"], shown["departments"], shown["allDepartments"]) == ([], [], False)
    assert shown["person"] is None
    assert access_json(rights(), TOWN)["allDepartments"]


def test_access_has_the_roles_in_one_order() -> None:
    assert access_json(rights(roles=frozenset(ROLES)), TOWN)["roles"] == [*ROLES]


def test_access_of_a_municipality_that_is_not_configured_any_more_has_its_id_alone() -> None:
    shown = access_json(rights(tenant="borne"), TOWN)
    assert (shown["tenant"]["name"], shown["departments"]) == ("borne", [])


def listed(at: datetime, config: Configuration = TOWN, **given: Any) -> list[dict[str, Any]]:
    found = departments_json(rights(**given), config, config.opening_hours, at)
    return cast(list[dict[str, Any]], found["departments"])


def shown(at: datetime, config: Configuration = TOWN, **given: Any) -> dict[str, tuple[Any, ...]]:
    """Department -> its membership, and its opening at a moment."""
    found = listed(at, config, **given)
    return {each["id"]: (each["yours"], each["openNow"], each["opensAt"]) for each in found}


def test_departments_are_all_of_the_municipality_with_those_of_the_token_as_its_own() -> None:
    given = shown(MONDAY, departments=frozenset(("burgerzaken",)))
    assert {id: is_own for id, (is_own, *_) in given.items()} == {
        "klantcontact": False,
        "burgerzaken": True,
        "openbare-ruimte": False,
        "belastingen": False,
    }
    assert shown(MONDAY, tenant="hengelo") == {"burgerzaken": (True, True, None)}
    assert shown(MONDAY, tenant="borne") == {}


def test_department_has_its_name_and_its_confidentiality() -> None:
    (*_, found) = listed(MONDAY, departments=frozenset(("burgerzaken",)))
    assert found == {
        "id": "belastingen",
        "name": "Belastingen",
        "confidential": True,
        "asksReason": True,
        "yours": False,
        "openNow": True,
        "opensAt": None,
        "retentionCode": "6.1.3",
    }


def closed(closings: str) -> Configuration:
    return parse(EXAMPLE.read_text() + closings, "postkamer.toml")


CLOSED_TODAY = "[[closings]]\nfirst = 2026-11-30\n"


@pytest.mark.parametrize(
    ("at", "closings", "opening"),
    [
        ("2026-11-30T08:59+01:00", "", (False, "2026-11-30T09:00+01:00")),
        ("2026-11-30T09:00+01:00", "", (True, None)),
        ("2026-11-30T17:00+01:00", "", (False, "2026-12-01T09:00+01:00")),
        ("2026-11-28T12:00+01:00", "", (False, "2026-11-30T09:00+01:00")),
        ("2026-12-25T12:00+01:00", "", (False, "2026-12-28T09:00+01:00")),
        ("2026-11-30T12:00+01:00", CLOSED_TODAY, (False, "2026-12-01T09:00+01:00")),
        (
            "2026-11-30T12:00+01:00",
            CLOSED_TODAY + 'departments = ["belastingen"]\n',
            (True, None),
        ),
        (
            "2026-11-30T12:00+01:00",
            CLOSED_TODAY + 'hours = "13:00-15:00"\n',
            (False, "2026-11-30T13:00+01:00"),
        ),
    ],
)
def test_department_is_open_by_its_hours_holidays_and_closings(
    at: str, closings: str, opening: tuple[bool, str | None]
) -> None:
    _, is_open, opens_at = shown(datetime.fromisoformat(at), closed(closings))["burgerzaken"]
    until = opening[1] and datetime.fromisoformat(opening[1])
    assert (is_open, opens_at) == (opening[0], until)


def test_department_that_never_opens_again_has_no_opening() -> None:
    text = EXAMPLE.read_text().replace("Mo-Fr 08:00-16:30; PH off", "2025 Mo-Fr 08:00-16:30")
    assert text != EXAMPLE.read_text()
    assert shown(MONDAY, parse(text, "postkamer.toml"))["openbare-ruimte"] == (True, False, None)


def test_department_without_hours_is_always_open() -> None:
    config = loader.load(EXAMPLE).config
    always = config.departments[0].model_copy(update={"hours": ""})
    config = config.model_copy(update={"departments": (always,)})
    assert shown(MONDAY, config) == {"klantcontact": (True, True, None)}
