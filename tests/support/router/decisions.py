"""Decisions as the tests read them: the one place that knows their form."""

from collections.abc import Iterable
from typing import Any

import msgspec

from router.model.decision import DecidedUnit, Decision
from router.output.archive_records import records
from router.output.crm_events import crm_events
from services.contract import Delivery, Record


class DecisionView:
    """A decision with the fields that the tests read, whatever its kind."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    def __getattr__(self, field: str) -> Any:
        return getattr(self.decision, field)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecisionView) and self.decision == other.decision

    def __hash__(self) -> int:
        return hash(self.decision)

    def __repr__(self) -> str:
        return repr(self.decision)


def decisions(decided: Iterable[DecidedUnit]) -> list[DecisionView]:
    return [DecisionView(decision) for _, decision, _ in decided]


def addressed_events(decided: Iterable[DecidedUnit]) -> list[tuple[str, Delivery]]:
    """Each event with its destination."""
    return [each for unit, decision, _ in decided for each in crm_events(unit, decision)]


def events(decided: Iterable[DecidedUnit]) -> list[Delivery]:
    """Each event once: the previous department's copy of a transfer is left out."""
    return [
        event
        for one in decided
        for _, event in addressed_events([one])
        if not (one[1].transfer and event.id == one[1].previous_department_event)
    ]


def records_of(decided: Iterable[DecidedUnit]) -> list[Record]:
    return [record for unit, decision, _ in decided for record in records(unit, decision)]


def data(published: Delivery | Record) -> Any:
    """Return the JSON of an event or a record."""
    return msgspec.json.decode(published.data)
