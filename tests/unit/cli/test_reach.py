"""The reach of a person's token at the command line: its municipality, and its departments."""

import pytest

from cli.support.reach import PersonReach, Subject, reach_of
from services.config.model import Configuration
from services.config.organisation import Department, Tenant
from services.http.rights import Rights

ALL = frozenset({"burgerzaken", "zorg"})


def reach(departments: frozenset[str] | None, *neighbours: str) -> PersonReach:
    config = Configuration.model_construct(
        tenants=tuple(Tenant(id=id, name=id) for id in ("almelo", *neighbours)),
        departments=tuple(
            Department.model_construct(tenant=tenant, id=id)
            for tenant, ids in (("almelo", ALL), ("borne", ("groen",)))
            for id in ids
        ),
    )
    rights = Rights(name="idp:1", tenant="almelo", roles=frozenset(), departments=departments)
    return reach_of(rights, config)


@pytest.mark.parametrize(
    ("departments", "reached"),
    [
        (None, {None, "", "burgerzaken", "zorg", "of the past"}),
        (ALL, {None, "", "burgerzaken", "zorg"}),
        (frozenset({"burgerzaken"}), {None, "burgerzaken"}),
        (frozenset(), {None}),
    ],
)
def test_content_is_within_reach_of_its_department_and_undecided_content_of_all(
    departments: frozenset[str] | None, reached: set[str | None]
) -> None:
    asked = (None, "", "burgerzaken", "zorg", "of the past")
    for neighbours in ((), ("borne",)):
        here = reach(departments, *neighbours)
        assert {each for each in asked if here.has(Subject("almelo", each))} == reached
        assert not any(here.has(Subject("borne", each)) for each in asked)


def test_subject_without_a_municipality_is_within_reach_only_where_there_is_one() -> None:
    assert reach(None).has(Subject("")) and reach(ALL).has(Subject("", ""))
    assert not reach(None, "borne").has(Subject(""))
    assert not reach(None, "borne").has(Subject("", ""))
