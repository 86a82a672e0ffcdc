"""A token reaches what was named, and confidential departments only by name or by saying so."""

from hypothesis import given
from hypothesis import strategies as st

from services.http.grants import Grant, Reach, is_wider, reached_departments, rights_of

ORDINARY, CONFIDENTIAL = frozenset("abc"), frozenset("xy")
EVERY = ORDINARY | CONFIDENTIAL
REACHES = st.builds(
    Reach,
    departments=st.frozensets(st.sampled_from(sorted(EVERY))),
    all_departments=st.booleans(),
    confidential=st.booleans(),
).filter(lambda reach: reach.all_departments or not reach.confidential)
"""Reaches that the table can hold."""


@given(REACHES)
def test_confidential_department_is_reached_only_if_that_was_said(reach: Reach) -> None:
    reached = reached_departments(reach, ORDINARY)
    if reach.is_unlimited or reach.confidential:
        assert reached is None
        return
    assert reached is not None
    assert reached & CONFIDENTIAL == reach.departments & CONFIDENTIAL
    assert reached >= reach.departments
    assert not reach.all_departments or reached >= ORDINARY


@given(REACHES, REACHES, st.frozensets(st.sampled_from(sorted(EVERY))))
def test_narrower_token_reaches_no_more_whatever_becomes_confidential(
    wanted: Reach, given: Reach, later: frozenset[str]
) -> None:
    if wanted.is_unlimited or is_wider(wanted, given, ORDINARY):
        return
    for ordinary in (ORDINARY, later | given.departments):
        before, after = (reached_departments(each, ordinary) for each in (given, wanted))
        assert before is None or (after is not None and after - before <= wanted.departments)
    before, after = (reached_departments(each, ORDINARY) for each in (given, wanted))
    assert before is None or (after is not None and after <= before)


def test_without_any_ordinary_department_all_departments_are_none() -> None:
    grant = Grant(name="t", tenant="a", roles=frozenset(), reach=Reach(all_departments=True))
    rights = rights_of(grant, frozenset())
    assert rights.departments == frozenset() and not rights.handles("x")
