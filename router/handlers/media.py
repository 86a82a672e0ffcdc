"""Files that come with messages: what is told of them, and to whom once they are there. Pure."""

from typing import Any

import msgspec

from router.model.conversation import Conversation
from router.model.decision import Changes, Decision, RoutingContext, WorkUnit
from router.model.needs import Needs
from router.model.snapshot import Snapshot
from services.config.organisation import Department
from services.contract import MediaOutcome
from services.whatsapp.items import Content

LINK = "/v1/media/{}"
"""Where a file is, at the archiver's API: under the id of its message, which has one at most."""


def attachment_info(content: Content) -> dict[str, str]:
    """A file as Meta announced it, for the archiver to fetch; nothing where there is none. One that
    Meta gives no id is one all the same: it cannot be got, and that is said."""
    if not (content.media or content.mime_type):
        return {}
    return {
        "id": content.media,
        "mimeType": content.mime_type,
        "sha256": content.sha256,
        "filename": content.filename,
    }


def media_record(said: MediaOutcome) -> dict[str, Any]:
    """What became of it, for the record."""
    return {
        "state": said.state,
        "reason": said.reason,
        "mimeType": said.mime_type,
        "size": said.size,
        "sha256": said.sha256,
        "scanned": said.scanned,
        "object": said.object,
        "department": said.department,
        "at": said.at,
    }


def media_event(said: MediaOutcome) -> dict[str, Any]:
    """The same for a CRM, which was told its name with the message."""
    media = {
        "id": said.message,
        "mimeType": said.mime_type,
        "link": LINK.format(said.message),
        "size": said.size,
        "sha256": said.sha256,
    }
    known = {"state": said.state, "reason": said.reason, "scanned": said.scanned, "at": said.at}
    return {"messageId": said.message, "media": [media]} | known


def needs(unit: WorkUnit, outcome: MediaOutcome, ground: RoutingContext) -> Needs:
    """The conversation of the message that brought the file."""
    return Needs(numbers=(outcome.number,), conversations=(outcome.conversation,))


def decide_media(
    unit: WorkUnit, said: MediaOutcome, known: Snapshot, ground: RoutingContext
) -> tuple[Decision, Changes]:
    """Told to whoever has the message that it came with; the record always."""
    conversation = known.conversations.get(said.conversation)
    department = ground.department(said.tenant, said.department, conversation)
    told = conversation is not None and department is not None
    if conversation and told:
        conversation = msgspec.structs.replace(conversation, sequence=conversation.sequence + 1)
    decision = Decision(
        kind="media",
        record=unit.id("record"),
        tenant=said.tenant,
        conversation=said.conversation,
        department=department.id if department else said.department,
        destination=department.destination if department else "",
        sequence=conversation.sequence if conversation and told else 0,
        message=said.message,
        event=unit.id("event") if told else None,
        zaak=_zaak(conversation, department),
        held=conversation is not None and conversation.state.held,
    )
    return decision, Changes(conversation=conversation if told else None)


def _zaak(conversation: Conversation | None, department: Department | None) -> str:
    """The zaak is of whoever has the conversation now, and may say what it is about."""
    theirs = conversation and department and conversation.department == department.id
    return conversation.zaak if conversation and theirs else ""
