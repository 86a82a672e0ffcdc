"""Turn an automatic text into a ledger entry like any other. Pure."""

from datetime import datetime

from router.model.changes import Changes, Identity, LedgerInsert, OutgoingStatus
from router.model.conversation import Conversation
from router.model.decision import Reply
from router.model.work import WorkUnit
from services.contract import AUTOMATED_AUTHOR
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

AUTHOR = AUTOMATED_AUTHOR
"""Author of automatic texts on the record."""
AUTOMATIC = 'de tekst "{}" gaat vanzelf uit'
ASKS = 'het sjabloon "{}" vraagt de inwoner om terug te schrijven: er wacht een antwoord'


def outgoing_changes(
    unit: WorkUnit, conversation: Conversation, reply: Reply, to: Identity
) -> Changes:
    outgoing = OutgoingStatus(
        id=reply.id,
        tenant=conversation.tenant,
        number=conversation.number,
        conversation=conversation.id,
        department=conversation.department,
        status="accepted",
        changed_at=unit.at,
        type=content_type(reply),
        author_kind=AUTOMATED_AUTHOR.kind,
    )
    send = LedgerInsert(
        id=reply.id,
        number=conversation.number,
        conversation=conversation.id,
        person=conversation.person,
        address_kind=to.kind,
        address=to.value,
        content=reply.content,
        created_at=unit.at,
        author_kind=AUTOMATED_AUTHOR.kind,
        author=AUTOMATED_AUTHOR.id,
        place=conversation.sequence,
        traceparent=unit.traceparent,
    )
    return Changes(outgoing=outgoing, send=send)


def content_type(reply: Reply) -> str:
    """Return Meta's type of the message."""
    beginning = reply.content[:40]
    if b'"template"' in beginning:
        return "template"
    return "interactive" if b'"interactive"' in beginning else "text"


def format_reason(reply: Reply) -> str:
    """Return why the text is sent, for the record."""
    return (ASKS if content_type(reply) == "template" else AUTOMATIC).format(reply.name)


def is_window_open(conversation: Conversation, at: datetime) -> bool:
    """True if the customer service window is open. Outside it only templates may be sent."""
    return conversation.said_at is not None and at < conversation.said_at + CUSTOMER_SERVICE_WINDOW
