"""Findings of a poll of tasks in an Open Klant, and the time of the next one."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.destinations.openklant.desk.task_status import (
    JITTER,
    LONGEST_WAIT,
    KnownTask,
    ListedTask,
    classify_task,
    closing_outcome,
    find_passed,
    is_moved,
    is_unavailable,
    missing_tasks,
    read_assignee,
    read_author,
    read_task,
    wait_before_round,
)
from deliverer.destinations.openklant.payloads import department_actor, employee_actor, identifier
from services.config.organisation import Department

A, B, C = (UUID(int=n) for n in (11, 12, 13))
"""Actors."""
OTHER = str(UUID(int=4))
TASK = KnownTask(
    event=UUID(int=1),
    conversation="10000001-c1",
    tenant="almelo",
    internetaak=UUID(int=2),
    klantcontact=UUID(int=3),
    department="afval",
    actors=[A, B],
)
THERE: dict[str, Any] = {
    "uuid": str(UUID(int=2)),
    "aanleidinggevendKlantcontact": {"uuid": str(UUID(int=3))},
    "status": "verwerkt",
    "toegewezenAanActoren": [{"uuid": str(B)}, {"uuid": str(A)}],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("verwerkt"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def known(**changes: Any) -> KnownTask:
    return msgspec.structs.replace(TASK, **changes)


def listed(**changes: Any) -> ListedTask:
    return read_task(THERE | changes)[1]


def department(id: str, **fields: Any) -> Department:
    fixed = {"id": id, "tenant": "almelo", "destination": "openklant", "name": id.title()}
    return Department.model_validate(fixed | fields)


@pytest.mark.parametrize(
    ("task", "change", "status"),
    [
        (TASK, {}, "done"),
        (TASK, {"status": "te_verwerken"}, "open"),
        (TASK, {"status": "afgewezen"}, "strange"),
        (TASK, {"status": ["verwerkt"]}, "strange"),
        (TASK, {"aanleidinggevendKlantcontact": {"uuid": OTHER}}, "foreign"),
        (known(klantcontact=None), {}, "foreign"),
        (TASK, {"status": "te_verwerken", "toegewezenAanActoren": [{"uuid": str(C)}]}, "moved"),
        (TASK, {"toegewezenAanActoren": [{"uuid": str(C)}]}, "done"),
        (known(ended=True), {}, "open"),
        (known(ended=True), {"status": "te_verwerken"}, "reopened"),
        (known(ended=True), {"status": "afgewezen"}, "strange"),
    ],
)
def test_task_is_classified_by_its_contact_then_its_status_then_its_actors(
    task: KnownTask, change: dict[str, Any], status: str
) -> None:
    assert classify_task(task, listed(**change)) == status


@given(st.dictionaries(st.sampled_from(sorted(THERE)), JSON))
def test_malformed_task_never_closes_a_conversation(change: dict[str, Any]) -> None:
    there = THERE | change
    try:
        uuid, found = read_task(there)
    except (AttributeError, LookupError, TypeError):
        return
    if uuid == str(TASK.internetaak) and classify_task(TASK, found) == "done":
        assert there["status"] == "verwerkt"
        assert there["aanleidinggevendKlantcontact"] == THERE["aanleidinggevendKlantcontact"]


@pytest.mark.parametrize(
    ("actors", "before", "there", "moved"),
    [
        ([A, B], None, [B, A], False),
        ([A, B], None, [A], True),
        ([A], None, [A, C], True),
        ([A], None, [], True),
        ([A], [B], [B], False),
        ([A], [B], [C], True),
        (None, None, [C], False),
        (None, [B], [C], False),
    ],
    ids=[
        "the same in another order",
        "one fewer",
        "one more",
        "none",
        "those before our change, which has not arrived",
        "neither before nor after our change",
        "never read",
        "ours has no answer yet",
    ],
)
def test_task_is_moved_when_its_actors_are_neither_ours_nor_those_before_our_change(
    actors: list[UUID] | None, before: list[UUID] | None, there: list[UUID], moved: bool
) -> None:
    found = listed(toegewezenAanActoren=[{"uuid": str(each)} for each in there])
    assert is_moved(known(actors=actors, actors_before=before), found) is moved


def test_task_of_a_contact_that_has_another_open_task_is_passed_on() -> None:
    elsewhere = {"aanleidinggevendKlantcontact": {"uuid": OTHER}, "status": "te_verwerken"}
    assert find_passed([("x", listed()), ("y", listed(**elsewhere))]) == {OTHER}


def test_open_tasks_that_the_list_lacks_are_missing() -> None:
    gone, done = known(internetaak=UUID(int=5)), known(internetaak=UUID(int=6), ended=True)
    assert missing_tasks([TASK, gone, done], {str(TASK.internetaak): listed()}) == [gone]


AFVAL = department("afval")
ZORG = department("zorg", register_id="Z-01", register_name="Zorg en Jeugd", register_kind="groep")
ELSEWHERE = department("parkeren", tenant="borne")
DEPARTMENTS = [AFVAL, ELSEWHERE, ZORG]
SANNE = employee_actor("sanne@almelo.nl")


@pytest.mark.parametrize(
    ("actors", "expected"),
    [
        ([department_actor(AFVAL)], ("afval", "")),
        ([department_actor(ZORG)], ("zorg", "")),
        ([SANNE, department_actor(ZORG)], ("zorg", "sanne@almelo.nl")),
        ([department_actor(ZORG), SANNE], ("zorg", "sanne@almelo.nl")),
        ([department_actor(ZORG), department_actor(AFVAL)], ("zorg", "")),
        ([department_actor(AFVAL) | {"naam": "Renamed"}], ("afval", "")),
        ([{"actoridentificator": identifier("Z-01", ("afd", "obj", "idf"))}], (None, "")),
        ([department_actor(department("bouwen"))], (None, "")),
        ([department_actor(ELSEWHERE)], (None, "")),
        ([SANNE], (None, "sanne@almelo.nl")),
        ([{"naam": "Sam", "actoridentificator": identifier("", ("mdw", "", ""))}], (None, "Sam")),
        ([{"naam": "Sam", "actoridentificator": None}], (None, "")),
        ([{}], (None, "")),
        ([], (None, "")),
    ],
)
def test_assignee_is_the_department_with_the_codes_of_an_actor_and_its_employee(
    actors: list[dict[str, Any]], expected: tuple[str | None, str]
) -> None:
    found = read_assignee(actors, DEPARTMENTS, TASK)
    assert (found.department and found.department.id, found.employee) == expected


def test_assignee_of_a_task_of_an_unknown_municipality_may_be_of_any() -> None:
    found = read_assignee([department_actor(ELSEWHERE)], DEPARTMENTS, known(tenant=""))
    assert found.department == ELSEWHERE


@pytest.mark.parametrize(
    ("contact", "author"),
    [
        ({"hadBetrokkenActoren": [department_actor(AFVAL), SANNE]}, "sanne@almelo.nl"),
        ({"hadBetrokkenActoren": [department_actor(AFVAL)]}, ""),
        ({"hadBetrokkenActoren": [{"actoridentificator": None}]}, ""),
        ({"hadBetrokkenActoren": None}, ""),
        ({}, ""),
    ],
)
def test_author_of_a_registration_is_its_employee(contact: dict[str, Any], author: str) -> None:
    assert read_author(contact) == author


@pytest.mark.parametrize(
    ("answered", "registered", "outcome"),
    [
        (True, True, "answered"),
        (True, False, "answered"),
        (False, True, "handled"),
        (False, False, "silent"),
    ],
)
def test_closing_tells_the_truth(answered: bool, registered: bool, outcome: str) -> None:
    assert closing_outcome(is_answered=answered, is_reached=registered) == outcome


@pytest.mark.parametrize(
    ("status", "refused", "polled", "away"),
    [
        (0, 1, 1, True),
        (401, 1, 9, True),
        (429, 1, 1, True),
        (503, 1, 1, True),
        (500, 1, 1, False),
        (403, 2, 2, False),
        (400, 3, 3, True),
        (500, 3, 4, False),
        (500, 50, 51, False),
    ],
)
def test_refused_task_means_unavailable_only_when_every_task_is_refused(
    status: int, refused: int, polled: int, away: bool
) -> None:
    assert is_unavailable(status, refused, polled) is away


@given(st.floats(5, 3600), st.integers(0, 10**6), st.floats(0, 1))
def test_poll_interval_grows_up_to_a_bound_when_open_klant_is_silent(
    every: float, failures: int, chance: float
) -> None:
    seconds = wait_before_round(every, failures, chance)
    assert every <= seconds <= max(every, LONGEST_WAIT) * (1 + JITTER)
    assert wait_before_round(every, failures + 1, chance) >= seconds
