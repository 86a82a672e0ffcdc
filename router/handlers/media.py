"""Files of messages: their records and events. Pure."""

from collections.abc import Iterator
from uuid import UUID

from router.model.changes import Changes
from router.model.conversation import Conversation
from router.model.decision import Decision, MediaDecision
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.output.archive_records import KindAndData
from router.output.crm_events import AddressedEvent, build_event, conversation_json
from services.config.organisation import Department
from services.contract import AttachedFile, MediaOutcome
from services.event_types import MEDIA_AVAILABLE
from services.whatsapp.items import Content

LINK = "/v1/media/{}"
"""Path of a file at the archiver's API: by the id of its message, which has one file at most."""


def attachment_info(content: Content) -> dict[str, str]:
    """Return the file as Meta announced it, for the archiver to fetch; nothing without a file.

    A file without an id from Meta counts too: it cannot be fetched, and the record says so.
    """
    if not (content.media or content.mime_type):
        return {}
    return {
        "id": content.media,
        "mimeType": content.mime_type,
        "sha256": content.sha256,
        "filename": content.filename,
    }


def sent_file_info(upload: UUID | None, file: AttachedFile) -> dict[str, str]:
    """Return a file that goes out as the record describes it. It has no id of Meta's."""
    return {
        "id": "",
        "upload": str(upload),
        "mimeType": file.mime_type,
        "sha256": file.sha256,
        "filename": file.filename,
    }


def needs(unit: WorkUnit, outcome: MediaOutcome, context: RoutingContext) -> Needs:
    """The conversation of the message that has the file."""
    return Needs(numbers=(outcome.number,), conversations=(outcome.conversation,))


def decide_media(
    unit: WorkUnit, outcome: MediaOutcome, snapshot: Snapshot, context: RoutingContext
) -> tuple[Decision, Changes]:
    """Send an event to the department that has the file's message; write a record always.

    A file that goes out has no event: the one who sent it hears how its message fares.
    """
    conversation = snapshot.conversations.get(outcome.conversation)
    department = context.department(outcome.tenant, outcome.department, conversation)
    is_expected = not outcome.is_outgoing
    has_event = is_expected and conversation is not None and department is not None
    if conversation and has_event:
        conversation = conversation.with_next_sequence()
    decision = MediaDecision(
        record=unit.id("record"),
        tenant=outcome.tenant,
        conversation=outcome.conversation,
        department=department.id if department else outcome.department,
        destination=department.destination if department else "",
        sequence=conversation.sequence if conversation and has_event else 0,
        message=outcome.message,
        event=unit.id("event") if has_event else None,
        zaak=_zaak(conversation, department),
        held=conversation is not None and conversation.state.held,
    )
    return decision, Changes(conversation=conversation if has_event else None)


def _zaak(conversation: Conversation | None, department: Department | None) -> str:
    """Return the zaak, only for the department that has the conversation now.

    A zaak may reveal what the conversation is about.
    """
    is_owner = conversation and department and conversation.department == department.id
    return conversation.zaak if conversation and is_owner else ""


def record(unit: WorkUnit, outcome: MediaOutcome, decision: Decision) -> KindAndData:
    """Return the outcome of fetching and scanning a file, for the record."""
    return "media", {
        "state": outcome.state,
        "reason": outcome.reason,
        "mimeType": outcome.mime_type,
        "size": outcome.size,
        "sha256": outcome.sha256,
        "scanned": outcome.scanned,
        "object": outcome.object,
        "department": outcome.department,
        "at": outcome.at,
    }


def events(unit: WorkUnit, outcome: MediaOutcome, decision: Decision) -> Iterator[AddressedEvent]:
    """Yield the same outcome for a CRM, which got the file's name with the message."""
    if decision.event is None:
        return
    media = {
        "id": outcome.message,
        "mimeType": outcome.mime_type,
        "link": LINK.format(outcome.message),
        "size": outcome.size,
        "sha256": outcome.sha256,
    }
    data = conversation_json(decision) | {
        "messageId": outcome.message,
        "media": [media],
        "state": outcome.state,
        "reason": outcome.reason,
        "scanned": outcome.scanned,
        "at": outcome.at,
    }
    yield build_event(unit, decision, MEDIA_AVAILABLE, decision.event, data)
