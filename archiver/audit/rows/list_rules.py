"""Judge destruction lists by their own steps, as the rules of their procedure ask. Pure.

A row that agrees with its steps shows no more than that nobody changed it afterwards. Who has the
database, or the archiver's role, can take steps that the rules forbid.
"""

from collections.abc import Iterator
from datetime import date, datetime

from archiver.audit.rows.recorded_lists import RecordedList
from archiver.destruction.destruction_list import CLOCKS_APART, DrawnList, ListItem, is_same
from archiver.retention.valuation import end_of_term, is_permanent
from services.retention.selection_list import RESULTS


def find_list_faults(id: str, known: RecordedList) -> Iterator[str]:
    """Yield the rules that the steps of a list break."""
    name = f"the destruction list {id}"
    yield from _begin_faults(name, known)
    yield from _person_faults(name, known)


def _begin_faults(name: str, known: RecordedList) -> Iterator[str]:
    begin, due = known.first_begin, known.destroyed_from
    if begin and due is None:
        yield f"{name} was begun, and nobody had approved it"
    elif begin and due and is_early(begin, due):
        had_to = f"had to wait until {due:%Y-%m-%d %H:%M}Z"
        yield f"{name} was begun on {begin:%Y-%m-%d %H:%M}Z, and {had_to}"


def is_early(begin: datetime | None, due: datetime | None) -> bool:
    """Return True for a begin before the moment from which there may be one, by any clock; None is
    no begin, or no such moment."""
    return begin is not None and (due is None or begin + CLOCKS_APART < due)


def _person_faults(name: str, known: RecordedList) -> Iterator[str]:
    """Yield which two steps one person took. The reviewer is the last one. A list of before it was
    on the record does not say if its roles were joined."""
    drew, reviewed, approved = known.drawn_by, known.reviewed_by, known.approved_by
    is_joined = known.drawn is None or known.drawn.is_joined
    if reviewed and not is_joined and is_same(drew, reviewed):
        yield f"{name} was drawn and reviewed by one person"
    if approved and is_same(drew, approved):
        yield f"{name} was drawn and approved by one person"
    if approved and reviewed and is_same(reviewed, approved):
        yield f"{name} was reviewed and approved by one person"
    if approved and not reviewed:
        yield f"{name} was approved, and nobody had reviewed it"


def item_fault(drawn: DrawnList | None, item: ListItem, *, has_valuation: bool) -> str:
    """Return why a conversation should not have been on a list; '' without a reason.
    `has_valuation`: a person, or a zaak, gave it its result, and perhaps another begin of its term:
    the record of that is destroyed with it."""
    if drawn is None or drawn.kind != "term":
        return ""
    if item.closed_on is None or item.kept_until is None:
        return "it was not closed, or its term had no end"
    if is_permanent(item.code):
        return f"what has the result {item.code} is kept for ever"
    if item.code not in RESULTS:
        return f"the selection list has no result {item.code!r}"
    return _day_fault(item.code, item.closed_on, item.kept_until, drawn.up_to, has_valuation)


def _day_fault(
    code: str, closed_on: date, kept_until: date, up_to: date | None, has_valuation: bool
) -> str:
    if up_to and kept_until >= up_to:
        return f"it was kept until {kept_until}, and the list is of what was due before {up_to}"
    end = end_of_term(code, closed_on, None)
    if end == kept_until or has_valuation:
        return ""
    should = f"{code} keeps it until {end}" if end else f"nothing began the term of {code}"
    return f"it was kept until {kept_until}, and {should}"
