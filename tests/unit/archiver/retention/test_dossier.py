"""The dossier of a conversation, as its records come in."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from typing import Any

import msgspec

from archiver.retention.dossier import (
    Dossier,
    apply_change,
    begin_dossier,
    read_changes,
    value_dossier,
)
from archiver.retention.selection import build_terms

TERMS = build_terms("almelo", "6.1.3", {"or": "15.1"})
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HERE, THERE = f"10654-{'a' * 26}", f"10654-{'b' * 26}"
Row = dict[str, Any]


def row(position: int, event: str, sequence: int = 1, **data: Any) -> Row:
    """An entry, an hour after the one before it in its conversation."""
    given = {"event": event, "department": "kcc"} | data
    at = data.pop("at", NOON + timedelta(hours=sequence))
    return {
        "position": position,
        "at": at,
        "tenant": "almelo",
        "conversation": HERE,
        "sequence": sequence,
        "data": msgspec.json.encode(given),
    }


def followed(rows: Iterable[Row], dossiers: dict[str, Dossier] | None = None) -> dict[str, Dossier]:
    dossiers = dict(dossiers or {})
    for change in (change for each in rows for change in read_changes(each)):
        id = change.place[1]
        dossiers[id] = apply_change(dossiers.get(id) or begin_dossier(change), change)
    return {id: value_dossier(each, TERMS) for id, each in dossiers.items()}


def last(*rows: Row) -> Dossier:
    return followed(rows)[HERE]


def valued(*rows: Row) -> tuple[str, str, date | None]:
    found = last(*rows).valuation
    return found.state, found.code, found.kept_until


OPENED = row(0, "opened", 1)
CLOSED = row(1, "closed", 3)


def test_dossier_of_a_conversation_that_moved_and_was_closed() -> None:
    moved = row(1, "transferred", 2, department="or")
    back = row(2, "transferred", 3)
    dossier = last(OPENED, moved, back, row(3, "closed", 4))
    assert dossier.departments == ("or", "kcc") and dossier.number == "10654"
    assert (dossier.closed_at, dossier.sequence) == (NOON + timedelta(hours=4), 4)
    assert dossier.valuation.code == "15.1"


def test_term_begins_at_the_day_in_amsterdam() -> None:
    late = row(1, "closed", 3, at="2026-11-20T23:30:00Z")
    late["at"] = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    assert valued(OPENED, late)[2] == date(2027, 11, 21)


def test_clock_stops_when_a_conversation_is_opened_again() -> None:
    assert valued(OPENED, CLOSED, row(2, "reopened", 4))[0] == "open"
    again = row(3, "closed", 9000)
    assert last(OPENED, CLOSED, row(2, "reopened", 4), again).closed_at == again["at"]


def test_closing_once_more_does_not_prolong_the_term() -> None:
    assert last(OPENED, CLOSED, row(2, "closed", 5)).closed_at == CLOSED["at"]


def test_no_order_of_the_log_destroys_too_early() -> None:
    """However the records of one conversation are put in the log, it is not due before its term."""
    rows = [OPENED, row(1, "closed", 3), row(2, "reopened", 9), row(3, "closed", 4000)]
    right = last(*rows)
    for order in permutations(rows):
        placed = [each | {"position": nth} for nth, each in enumerate(order)]
        found = last(*placed)
        assert found.closed_at and found.closed_at >= rows[2]["at"]
        assert found.sequence == right.sequence
    assert right.closed_at == rows[3]["at"]
    stopped = rows[:3]
    for order in permutations(stopped):
        assert last(*[each | {"position": nth} for nth, each in enumerate(order)]).closed_at is None


def test_reading_again_changes_nothing() -> None:
    closing = row(1, "closed", 3, retentionCode="15.1")
    given = row(2, "valuation", 0, code="6.1.3", source="person")
    once = followed([OPENED, closing, given])
    assert followed([OPENED, closing], once) == once
    assert followed([OPENED, closing, given], once) == once


def test_longest_result_of_two_closings_counts() -> None:
    first = row(1, "closed", 3, retentionCode="15.1")
    again = row(3, "closed", 5, retentionCode="6.1.3")
    assert valued(OPENED, first, row(2, "reopened", 4), again)[1] == "15.1"


def test_person_values_a_conversation_anew() -> None:
    closed = row(1, "closed", 3, retentionCode="13.1.3")
    given = row(2, "valuation", 0, code="6.1.3", source="person")
    assert valued(OPENED, closed, given)[:2] == ("destroy", "6.1.3")


def test_result_of_the_zaak_counts_until_it_is_another_zaak() -> None:
    linked = row(1, "linked", 2, zaak="Z-1")
    closed = row(2, "closed", 3, zaak="Z-1", retentionCode="15.1")
    result = row(3, "valuation", 0, code="6.1", source="zaak", startsOn="2028-02-01")
    assert valued(OPENED, linked, closed)[:2] == ("waits", "15.1")
    assert valued(OPENED, linked, closed, result) == ("destroy", "6.1", date(2033, 2, 1))
    again = row(4, "closed", 5, retentionCode="6.1.3")
    assert valued(OPENED, linked, closed, result, again)[1] == "6.1"
    other = row(5, "linked", 6, zaak="Z-2")
    assert valued(OPENED, linked, closed, result, other)[0] == "waits"


def test_merge_closes_the_other_conversation() -> None:
    there = OPENED | {"conversation": THERE}
    merged = row(2, "merged", 4, other=THERE, otherSequence=2)
    found = followed([OPENED, there, merged])
    assert found[HERE].closed_at is None and found[THERE].closed_at == merged["at"]
    assert found[THERE].sequence == 2


def test_refused_commands_and_what_is_of_no_conversation_change_nothing() -> None:
    assert followed([row(1, "refused"), OPENED | {"conversation": ""}]) == {}
