"""Decisions as the tests read them: the one place that knows their form."""

from collections.abc import Iterable
from typing import Any

import msgspec

from router.handlers.dispatch import crm_events, records
from router.handlers.pending_command import status_of
from router.model.changes import DecidedUnit
from router.model.decision import CommandRefused, Decision, Labels
from services.contract import Delivery, Record

FLAT = {
    "moved_from": ("former", "department"),
    "transfer": ("former", "transfer"),
    "previous_department_event": ("former", "event"),
    "former_destination": ("former", "destination"),
    "former_confidential": ("former", "confidential"),
    "merged": ("merged", "conversation"),
    "merged_sequence": ("merged", "sequence"),
    "merged_owner": ("merged", "owner"),
    **{name: ("labels", name) for name in Labels.__struct_fields__},
}
"""Name in a test -> the part of a decision that has the field, and its name there."""
WORDS = {"moved_from", "former_destination", "merged", "effect", "care", "priority", "assignee"}
"""Names of fields that are '' for a kind without them."""


class DecisionView:
    """A decision with the fields that the tests read, whatever its kind; None for one that its kind
    does not have."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision

    @property
    def kind(self) -> str:
        return str(self.decision.__struct_config__.tag)

    @property
    def status(self) -> str:
        if isinstance(self.decision, CommandRefused):
            return status_of(self.decision)
        return getattr(self.decision, "status", "")

    def __getattr__(self, name: str) -> Any:
        part, field = FLAT.get(name, ("", name))
        owner = getattr(self.decision, part, None) if part else self.decision
        return getattr(owner, field, "" if name in WORDS else None)

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
        if not _is_copy(one[1], event)
    ]


def _is_copy(decision: Decision, event: Delivery) -> bool:
    former = decision.former
    return bool(former and former.transfer and former.event == event.id)


def records_of(decided: Iterable[DecidedUnit]) -> list[Record]:
    return [record for unit, decision, _ in decided for record in records(unit, decision)]


def data(published: Delivery | Record) -> Any:
    """Return the JSON of an event or a record."""
    return msgspec.json.decode(published.data)
