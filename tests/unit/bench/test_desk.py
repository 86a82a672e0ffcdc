"""The desk's measurement: people of their departments, messages at screens, and targets missed."""

import pytest

from bench.desk.crowd import Round
from bench.desk.notes import BARE_PAGE, CONVERSATION, INBOX, Notes
from bench.desk.people import CONFIDENTIAL, WORDS, department_of, employees, shown_citizens
from bench.desk.report import Found, find, table
from bench.reports.results import TargetLine


def test_people_reach_every_department_and_most_reach_one() -> None:
    people = employees(20)
    assert len({each.id for each in people}) == 20
    assert {name for each in people for name in each.departments} == set(WORDS)
    assert sum(len(each.departments) == 1 for each in people) == 14
    assert all(department_of(n) != CONFIDENTIAL for n in shown_citizens(50))


def measured(*, seen_after: float = 0.2, page: float = 0.1, faults: int = 0) -> Found:
    notes = Notes()
    for kind in (INBOX, CONVERSATION, BARE_PAGE):
        notes.seconds[kind], notes.bytes[kind] = [page] * 20, [1000] * 20
    notes.accepted = {n: 10.0 for n in range(20)}
    notes.expected = [(n, "lotte") for n in range(20)]
    notes.arrived = {each: 10.0 + seen_after for each in notes.expected[faults:]}
    return find(Round(500, 20, 20, 4.0, {"desk": 0.2}, [60.0, 64.0, 62.0]), notes, Notes())


def missed(found: Found) -> list[str]:
    return [str(line) for line in table([found]) if isinstance(line, TargetLine) and not line.met]


def test_targets_that_are_met_are_said_to_be() -> None:
    assert missed(measured()) == []
    lines = [str(line) for line in table([measured()])]
    assert "desk: 60 MiB at the start, 62 at the end, 64 at most" in lines
    assert any(line.startswith("CPU ms a message: desk 10.0") for line in lines)


@pytest.mark.parametrize(
    ("found", "what"),
    [
        (measured(page=0.2), "p95 ms of the inbox"),
        (measured(seen_after=1.1), "p95 ms at the screens"),
        (measured(faults=1), "faults, and messages unseen"),
    ],
)
def test_target_that_is_missed_is_said_to_be(found: Found, what: str) -> None:
    assert any(line.startswith(what) for line in missed(found))


def test_message_is_at_a_screen_when_it_first_comes() -> None:
    notes = Notes()
    notes.accepted, notes.expected = {1: 0.0}, [(1, "lotte"), (1, "murat")]
    notes.note_arrivals("lotte", {1, 2})
    first = notes.arrived[1, "lotte"]
    notes.note_arrivals("lotte", {1})
    assert (notes.arrived[1, "lotte"], notes.unseen) == (first, 1)
    assert notes.at_screens == [first]
