"""Findings of a poll of a task in an Open Klant, the next poll, and the command to the router."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.destinations.openklant.task_poller import PAUSE_SECONDS, poll_intervals
from deliverer.destinations.openklant.task_status import (
    JITTER,
    LONGEST_WAIT,
    Closing,
    PolledTask,
    classify_followup,
    classify_task,
    close_command,
    is_unavailable,
    wait_before_round,
)
from services.config.organisation import OpenKlantDestination
from services.contract import Author, CloseConversation
from tests.support.integration.destination_harness import NOON

TASK = PolledTask(UUID(int=1), "10000001-c1", UUID(int=2), UUID(int=3))
THERE: dict[str, Any] = {
    "uuid": str(UUID(int=2)),
    "aanleidinggevendKlantcontact": {"uuid": str(UUID(int=3))},
    "status": "verwerkt",
}
OTHER = str(UUID(int=4))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("verwerkt"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({}, "done"),
        ({"status": "te_verwerken"}, "open"),
        ({"status": "afgewezen"}, "strange"),
        ({"status": ["verwerkt"]}, "strange"),
        ({"uuid": OTHER}, "foreign"),
        ({"aanleidinggevendKlantcontact": {"uuid": OTHER}}, "foreign"),
        ({"aanleidinggevendKlantcontact": []}, "strange"),
        ({"aanleidinggevendKlantcontact": None}, "strange"),
    ],
)
def test_task_is_done_only_when_it_is_ours_and_closed(change: dict[str, Any], what: str) -> None:
    assert classify_task(TASK, THERE | change) == what


def test_deleted_task_is_not_done() -> None:
    assert classify_task(TASK, None) == "gone"
    without = PolledTask(TASK.event, TASK.conversation, TASK.internetaak, None)
    assert classify_task(without, THERE) == "foreign"


@given(st.dictionaries(st.sampled_from(sorted(THERE)), JSON))
def test_malformed_task_never_closes_a_conversation(there: dict[str, Any]) -> None:
    assert classify_task(TASK, there) in {"foreign", "strange"} or there == THERE


def test_followup_is_done_only_when_its_contact_has_no_other_open_task() -> None:
    more = THERE | {"uuid": OTHER, "status": "te_verwerken"}
    assert (classify_followup(TASK, None), classify_followup(TASK, more)) == ("done", "passed")
    for odd in ({"status": "verwerkt"}, {"aanleidinggevendKlantcontact": {"uuid": OTHER}}, {}):
        assert classify_followup(TASK, more | odd if odd else {}) == "strange"


@pytest.mark.parametrize(
    ("status", "refused", "looked", "away"),
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
    status: int, refused: int, looked: int, away: bool
) -> None:
    assert is_unavailable(status, refused, looked) is away


@given(st.floats(5, 3600), st.integers(0, 10**6), st.floats(0, 1))
def test_poll_interval_grows_up_to_a_bound_when_open_klant_is_silent(
    every: float, failures: int, chance: float
) -> None:
    seconds = wait_before_round(every, failures, chance)
    assert every <= seconds <= max(every, LONGEST_WAIT) * (1 + JITTER)
    assert wait_before_round(every, failures + 1, chance) >= seconds


@pytest.mark.parametrize(("per_second", "pause"), [(None, PAUSE_SECONDS), (2, 0.5), (50, 0.1)])
def test_task_poller_keeps_to_the_rate_of_its_destination(
    per_second: int | None, pause: float
) -> None:
    given = {"id": "ok", "kind": "openklant", "url": "https://ok.example/v1", "secret": "env:X"}
    destination = OpenKlantDestination.model_validate(given | {"per_second": per_second})
    assert (poll_intervals(destination).every, poll_intervals(destination).pause) == (60.0, pause)


def test_closing_command_names_author_department_and_last_seen_sequence() -> None:
    closing = Closing(UUID(int=9), "openklant", "10000001-c1", "afval", 7, NOON)
    command = close_command(closing)
    assert (command.id, command.type, command.number) == (UUID(int=9), "close", "10000001")
    assert command.author == Author(kind="system", id="openklant")
    assert (command.token, command.department) == ("openklant:openklant", "afval")
    assert command.received_at == NOON
    assert command.action == CloseConversation(
        outcome="handled", reason="Afgehandeld in Open Klant", last_seen_sequence=7
    )
