"""Query of the list of deliveries: every fault at once, and a place that survives the way there."""

from datetime import UTC, datetime
from uuid import UUID

import pytest

from gateway.destinations.delivery_query import END, PAGE, START, Place, parse_query
from gateway.destinations.secret_store import stays_signed

ID = UUID("019ec1d2-7c3e-7b0a-8e2f-3a4b5c6d7e8f")
AT = datetime(2026, 11, 28, 9, 12, 44, 123456, tzinfo=UTC)


def test_query_without_parameters_is_the_first_page_of_what_is_parked() -> None:
    query = parse_query({})
    assert not isinstance(query, list)
    assert (query.state, query.since, query.until, query.limit) == ("parked", START, END, PAGE)
    assert query.after == Place(START, UUID(int=0))


def test_query_takes_the_place_that_a_page_ended_with_to_the_microsecond() -> None:
    query = parse_query({"after": [str(Place(AT, ID))], "since": ["2026-11-28T10:00:00+01:00"]})
    assert not isinstance(query, list)
    assert query.after == Place(AT, ID)
    assert query.since == datetime(2026, 11, 28, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "texts"),
    [
        ("state", ["all"]),
        ("state", ["parked", "delivered"]),
        ("since", ["yesterday"]),
        ("since", ["2026-13-01T00:00:00Z"]),
        ("until", ["1795857164"]),
        ("after", ["1-2"]),
        ("after", [f"{'9' * 18}-{ID}"]),
        ("limit", ["0"]),
        ("limit", ["1001"]),
        ("limit", ["\u0661"]),
    ],
)
def test_query_names_each_parameter_that_is_wrong(name: str, texts: list[str]) -> None:
    faults = parse_query({"state": ["delivered"], name: texts})
    assert isinstance(faults, list)
    assert [(fault.pointer, fault.parameter) for fault in faults] == [("", name)]


def test_query_keeps_times_within_those_that_a_database_can_hold() -> None:
    ends = {"since": ["0001-01-01T00:00:00+14:00"], "until": ["9999-12-31T23:59:59-14:00"]}
    query = parse_query(ends)
    assert not isinstance(query, list)
    assert (query.since, query.until) == (START, END)


@pytest.mark.parametrize(
    ("others", "stays"), [([], False), ([AT], False), ([None], True), ([AT, None], True)]
)
def test_secret_ends_only_where_one_without_an_end_is_left(
    others: list[datetime | None], stays: bool
) -> None:
    rows = [{"id": ID, "ends_at": None}]
    rows += [{"id": UUID(int=n), "ends_at": end} for n, end in enumerate(others)]
    assert stays_signed(rows, ID) is stays
