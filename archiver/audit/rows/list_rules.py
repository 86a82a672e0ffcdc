"""Judge destruction lists by their own steps, as the rules of their procedure ask. Pure.

A row that agrees with its steps shows no more than that nobody changed it afterwards. Who has the
database, or the archiver's role, can take steps that the rules forbid.
"""

from collections.abc import Iterator

from archiver.audit.rows.recorded_lists import RecordedList
from archiver.destruction.destruction_list import CLOCKS_APART


def find_list_faults(id: str, known: RecordedList) -> Iterator[str]:
    """Yield the rules that the steps of a list break."""
    begin, due = known.first_begin, known.destroyed_from
    if begin and due is None:
        yield f"the destruction list {id} was begun, and nobody had approved it"
    elif begin and due and begin + CLOCKS_APART < due:
        had_to = f"had to wait until {due:%Y-%m-%d %H:%M}Z"
        yield f"the destruction list {id} was begun on {begin:%Y-%m-%d %H:%M}Z, and {had_to}"
