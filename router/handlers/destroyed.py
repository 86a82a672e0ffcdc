"""Conversations that were destroyed: whoever received them hears it. Pure."""

from collections.abc import Iterator

import msgspec

from router.model.changes import Changes
from router.model.decision import Data, Decision, DestructionDecision, DestructionEvent
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent
from services.contract import ConversationDestroyed, Delivery
from services.event_types import DESTROYED


def needs(unit: WorkUnit, entry: ConversationDestroyed, context: RoutingContext) -> Needs:
    """Nothing: no row of it is left."""
    return Needs()


def decide_destroyed(
    unit: WorkUnit, entry: ConversationDestroyed, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Tell each destination of the departments that had it, once."""
    found = (context.config.department(entry.tenant, id) for id in entry.departments)
    last = {each.destination: each.id for each in found if each and each.destination}
    told = (
        DestructionEvent(id=unit.id(f"event {id}"), destination=id, department=last[id])
        for id in sorted(last)
    )
    return (
        DestructionDecision(record=unit.id("record"), tenant=entry.tenant, told=tuple(told)),
        Changes(),
    )


def events(
    unit: WorkUnit, entry: ConversationDestroyed, decision: Decision
) -> Iterator[AddressedEvent]:
    """Yield the event of each destination: ids, the list, the ground and the time."""
    if not isinstance(decision, DestructionDecision):
        return
    for each in decision.told:
        data: Data = {
            "conversationId": entry.conversation,
            "department": each.department,
            "list": entry.list,
            "ground": entry.ground,
            "at": entry.at,
        }
        yield (
            each.destination,
            Delivery(
                id=each.id,
                type=DESTROYED,
                tenant=entry.tenant,
                conversation=entry.conversation,
                department=each.department,
                sequence=entry.sequence,
                time=entry.at,
                received_at=unit.at,
                data=msgspec.json.encode(data),
            ),
        )


def record(unit: WorkUnit, entry: ConversationDestroyed, decision: Decision) -> KindAndData | None:
    """Return nothing: the destruction is on the record already."""
    return None
