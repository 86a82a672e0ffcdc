"""What is not said in an event, but asked of the archive: of confidential departments and
destinations, and where it is too much. Pure."""

import msgspec

from router.model.decision import Decision
from services.config.model import Configuration
from services.contract import Delivery

KEPT = frozenset(
    {
        "conversationId", "messageId", "department", "receivedAt", "sentAt", "at", "status", "task",
        "provisional", "reopened", "windowUntil", "state",
    }
)  # fmt: skip
"""Of an event's data, what says that there is something to do, and nothing of what or for whom."""
DATA_BYTES = 63 * 1024
"""The NL GOV profile's bound for an event is 64 KiB; the rest of one takes less than 1."""

_data = msgspec.json.Decoder(dict[str, msgspec.Raw])


def flag_confidential(decision: Decision, config: Configuration) -> Decision:
    """Whether who has it, or had it, is told no content."""
    tenant = decision.tenant
    now = is_confidential(config, tenant, decision.department, decision.destination)
    before = is_confidential(config, tenant, decision.moved_from, decision.former_destination)
    if not (now or before):
        return decision
    return msgspec.structs.replace(decision, confidential=now, former_confidential=before)


def is_confidential(config: Configuration, tenant: str, department: str, destination: str) -> bool:
    to = config.destination(destination)
    return config.confidential(tenant, [department]) or (to is not None and to.confidential)


def redact_event(event: Delivery, *, confidential: bool) -> Delivery:
    """The event as it may be told: with where the rest is, if not all of it may."""
    if not confidential and len(event.data) <= DATA_BYTES:
        return event
    said = {name: value for name, value in _data.decode(event.data).items() if name in KEPT}
    where = f"messages/{event.message}" if event.message else f"conversations/{event.conversation}"
    return msgspec.structs.replace(event, data=msgspec.json.encode(said), dataref=f"/v1/{where}")
