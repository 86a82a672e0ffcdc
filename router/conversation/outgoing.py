"""A text that goes out by itself, on its way: a line of the ledger like any other. Pure."""

from datetime import datetime

from router.model.conversation import Conversation
from router.model.decision import Changes, Identity, LedgerInsert, OutgoingStatus, Reply, WorkUnit
from services.contract import AUTOMATED_AUTHOR
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW

AUTHOR = AUTOMATED_AUTHOR
"""Who wrote it, on the record."""
BY_ITSELF = 'de tekst "{}" gaat vanzelf uit'
ASKS = 'het sjabloon "{}" vraagt de inwoner om terug te schrijven: er wacht een antwoord'


def outgoing_changes(unit: WorkUnit, now: Conversation, reply: Reply, to: Identity) -> Changes:
    outgoing = OutgoingStatus(
        id=reply.id,
        tenant=now.tenant,
        number=now.number,
        conversation=now.id,
        department=now.department,
        status="accepted",
        changed_at=unit.at,
        type=kind(reply),
    )
    send = LedgerInsert(
        id=reply.id,
        number=now.number,
        conversation=now.id,
        person=now.person,
        address_kind=to.kind,
        address=to.value,
        content=reply.content,
        created_at=unit.at,
        author_kind=AUTOMATED_AUTHOR.kind,
        author=AUTOMATED_AUTHOR.id,
        place=now.sequence,
    )
    return Changes(outgoing=outgoing, send=send)


def kind(reply: Reply) -> str:
    """Meta's type of it."""
    beginning = reply.content[:40]
    if b'"template"' in beginning:
        return "template"
    return "interactive" if b'"interactive"' in beginning else "text"


def audit_reason(reply: Reply) -> str:
    """Why it goes out, for the record."""
    return (ASKS if kind(reply) == "template" else BY_ITSELF).format(reply.name)


def window_open(now: Conversation, at: datetime) -> bool:
    """Whether anything but a template may be sent."""
    return now.said_at is not None and at < now.said_at + CUSTOMER_SERVICE_WINDOW
