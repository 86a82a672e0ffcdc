"""Leave content out of an event for confidential departments and destinations, and where it is too
large. The receiver fetches it from the archive. Pure."""

import msgspec

from router.conversation.refusals import OFFICIAL
from router.model.changes import Changes
from router.model.decision import (
    CommandAccepted,
    Decision,
    FormerOwner,
    MessageDecision,
    TimerDecision,
)
from router.model.snapshot import Snapshot
from services.config.model import Configuration
from services.contract import Delivery

VISIBLE_FIELDS = frozenset(
    {
        "conversationId", "messageId", "department", "receivedAt", "sentAt", "at", "status", "task",
        "provisional", "reopened", "windowUntil", "state", "author",
        "transcript",
    }
)  # fmt: skip
"""Fields of an event's data that say there is work, and nothing about its content or its
citizen."""
HANDOVER_FIELDS = VISIBLE_FIELDS | {"due", "priority", "language", "care"}
"""Fields that a department needs for a conversation that a confidential one hands over to it: its
terms, and a danger that is not yet confirmed. What was said, and why it comes, stay behind."""
DATA_BYTES = 63 * 1024
"""The NL GOV profile limits an event to 64 KiB; everything but the data takes less than 1 KiB."""

_data = msgspec.json.Decoder(dict[str, msgspec.Raw])


def flag_confidential(decision: Decision, config: Configuration) -> Decision:
    """Record on the decision that the present or the previous owner receives no content."""
    if is_confidential(config, decision.tenant, decision.department, decision.destination):
        decision = msgspec.structs.replace(decision, confidential=True)
    if decision.former:
        former = _flag_owner(decision.former, decision.tenant, config)
        decision = msgspec.structs.replace(decision, former=former)
    if isinstance(decision, CommandAccepted) and decision.merged:
        owner = _flag_owner(decision.merged.owner, decision.tenant, config)
        merged = msgspec.structs.replace(decision.merged, owner=owner)
        decision = msgspec.structs.replace(decision, merged=merged)
    return decision


def leave_behind(
    decision: Decision, changes: Changes, snapshot: Snapshot
) -> tuple[Decision, Changes]:
    """Leave the zaak and the labels of a conversation with the confidential department that it
    leaves: else each later event and record would show them to the next one.

    The label of an official request goes along, since whoever closes it must give its outcome.
    """
    former, after = decision.former, changes.conversation
    if not (former and former.confidential and after) or decision.confidential:
        return decision, changes
    if (previous := snapshot.conversations.get(after.id)) is None:
        return decision, changes
    secret = set(previous.state.tags) - {OFFICIAL}
    tags = tuple(tag for tag in after.state.tags if tag not in secret)
    after = msgspec.structs.replace(after, zaak="").with_state(
        tags=tags, priority_reason="", also_about=()
    )
    decision = msgspec.structs.replace(decision, zaak="")
    if isinstance(decision, MessageDecision | CommandAccepted | TimerDecision):
        decision = msgspec.structs.replace(decision, labels=after.labels())
    return decision, msgspec.structs.replace(changes, conversation=after)


def _flag_owner(owner: FormerOwner, tenant: str, config: Configuration) -> FormerOwner:
    confidential = is_confidential(config, tenant, owner.department, owner.destination)
    return msgspec.structs.replace(owner, confidential=True) if confidential else owner


def is_confidential(config: Configuration, tenant: str, department: str, destination: str) -> bool:
    owner, target = config.department(tenant, department), config.destination(destination)
    return bool((owner and owner.confidential) or (target and target.confidential))


def redact_event(
    event: Delivery, *, confidential: bool, fields: frozenset[str] = VISIBLE_FIELDS
) -> Delivery:
    """Return the event with these fields alone, and with a reference to the others, if the receiver
    may not get the content or it is too large."""
    if not confidential and len(event.data) <= DATA_BYTES:
        return event
    visible = {name: value for name, value in _data.decode(event.data).items() if name in fields}
    path = f"messages/{event.message}" if event.message else f"conversations/{event.conversation}"
    return msgspec.structs.replace(event, data=msgspec.json.encode(visible), dataref=f"/v1/{path}")
