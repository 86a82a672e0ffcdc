"""Types for the changes that decisions make to the router's tables. No logic."""

from datetime import datetime
from uuid import UUID

import msgspec

from router.billing.charges import Charge
from router.model.consent import Consent, OptOut, Withdrawal
from router.model.conversation import Conversation, ReadReceipt
from router.model.decision import Decision
from router.model.figure import Figure, MonthFigure, RuleFigure
from router.model.stored_text import StoredText, plain_text
from router.model.work import WorkUnit


class EarlyStatus(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Status that arrived before its message's wamid was known. It is stored until Meta's answer to
    the send names that wamid, at most as long as Meta repeats a webhook. A status that has matched
    nothing by then belongs to a message that Postkamer did not send."""

    wamid_hash: bytes
    status: str
    number: str
    code: int
    reason: str
    at: datetime
    """Time of the status according to Meta."""
    pricing: bytes
    """Meta's pricing object, as JSON."""
    received_at: datetime


class Template(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Last report of Meta about a template. Some notices give its status, others only its
    category, or only that it changed."""

    waba: str
    name: str
    language: str
    status: str = ""
    category: str = ""
    reason: str = ""
    changed_at: datetime
    noticed_at: datetime | None = None
    """Receipt of the last notice; None for a stored one, which no decision needs."""

    @property
    def key(self) -> tuple[str, str, str]:
        return self.waba, self.name, self.language

    def apply_notice(self, notice: "Template") -> "Template":
        """Return the template after another notice: the status with the latest time wins, in
        whatever order the notices arrive."""
        category = notice.category or self.category
        late = not notice.status or (self.status and notice.changed_at < self.changed_at)
        noticed = max(filter(None, (self.noticed_at, notice.noticed_at)), default=None)
        last = self if late else notice
        return msgspec.structs.replace(last, category=category, noticed_at=noticed)


class Identity(msgspec.Struct, frozen=True, gc=False):
    """An identifier of a person from `valid_from` on; `valid_to` is set once it has ended. `scope`
    is the portfolio in which a BSUID was seen. `merged` is True if it came by a merge of people, or
    later to a person with such an identifier."""

    tenant: str
    kind: str
    hash: bytes
    value: str | StoredText
    person: UUID
    valid_from: datetime
    scope: str = ""
    merged: bool = False
    valid_to: datetime | None = None

    @property
    def key(self) -> tuple[str, str, bytes]:
        return self.tenant, self.kind, self.hash

    def name(self) -> str:
        """Return the identifier itself. Raises Shut."""
        return plain_text(self.value)


class OutgoingStatus(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Status of a command that its sender may ask for: an outgoing message, or an action on a
    conversation."""

    id: UUID
    tenant: str
    number: str
    conversation: str
    department: str
    status: str
    changed_at: datetime
    reason: str = ""
    code: int = 0
    wamid_hash: bytes | None = None
    type: str = ""
    """Type of an accepted command, else ''."""
    author_kind: str = ""
    """Kind of the message's author: `employee`, `system` or `automated`; '' without a message."""


class LedgerInsert(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Ledger entry that the deliverer will offer to Meta."""

    id: UUID
    number: str
    conversation: str
    person: UUID
    address_kind: str
    address: str | StoredText
    content: bytes
    created_at: datetime
    about: UUID | None = None
    """Message that this one quotes or reacts to; `about_wamid` is set if a citizen wrote it."""
    about_wamid: str = ""
    media: UUID | None = None
    purpose: str = ""
    """Purpose of the consent that permits a business-initiated message, else ''."""
    author_kind: str = ""
    author: str = ""
    """Author, as the CRM named them."""
    asks: bool = False
    """The message asks the citizen to write again: it overtakes the answers on hold, and is sent by
    day."""
    place: int
    """Sequence number in the conversation: the message answers nothing that arrived later."""
    traceparent: str = ""
    """Trace that the message belongs to; '' without tracing."""
    test: bool = False
    """True if a test token sent it: it never reaches Meta."""


class InboundRef(msgspec.Struct, frozen=True, gc=False):
    """Ids of a citizen's message, ours and Meta's, so that an answer can quote it."""

    message: UUID
    wamid: str
    conversation: str


class Timer(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Due time for a conversation; a new timer replaces the earlier one of its kind."""

    id: UUID
    conversation: str
    number: str
    kind: str
    due_at: datetime


class NumberNotice(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """State and notice that the contact centre set for a number, outside the rules."""

    number: str
    state: str = "open"
    state_text: str = ""
    state_until: datetime | None = None
    notice: str = ""
    notice_id: UUID | None = None
    notice_until: datetime | None = None

    def state_at(self, at: datetime) -> str:
        return self.state if self.state_until is None or at < self.state_until else "open"

    def notice_at(self, at: datetime) -> str:
        current = self.notice_until is None or at < self.notice_until
        return self.notice if current else ""


class Changes(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Changes that a decision makes to the router's state."""

    conversation: Conversation | None = None
    identities: tuple[Identity, ...] = ()
    outgoing: OutgoingStatus | None = None
    other_outgoing: OutgoingStatus | None = None
    """Second message that changes: a reopen request that goes out because of the result of the
    first, a send that a command settles, or a text that goes out because of a command."""
    send: LedgerInsert | None = None
    settled_send: tuple[UUID, str] | None = None
    """Send with an unknown result and its wamid, confirmed by a status that carries our own id, or
    by a person who knows no wamid ('')."""
    repeated_send: UUID | None = None
    """Send that a person saw had not arrived: it goes again."""
    early_status: EarlyStatus | None = None
    early_status_consumed: bytes | None = None
    """Hash of a wamid whose early statuses have been matched to their message."""
    charge: Charge | None = None
    is_newly_charged: bool = False
    """The message is charged now and was not before."""
    inbound: InboundRef | None = None
    template: Template | None = None
    opt_out: OptOut | None = None
    consent: Consent | None = None
    withdrawals: tuple[Withdrawal, ...] = ()
    sighting: tuple[str, str] | None = None
    """Kind and name of something from Meta that Postkamer does not know."""
    timers: tuple[Timer, ...] = ()
    fired_timer: UUID | None = None
    """Timer that fired and is deleted."""
    number_notice: NumberNotice | None = None
    merged_conversation: Conversation | None = None
    """Second conversation that changed with this one."""
    read_receipt: ReadReceipt | None = None
    figures: tuple[Figure, ...] = ()
    """Things that the month's figures count."""
    month_figures: tuple[MonthFigure, ...] = ()
    rule_figures: tuple[RuleFigure, ...] = ()
    """The same, and placements by rules, without their day."""


DecidedUnit = tuple[WorkUnit, Decision, Changes]
RepeatedUnit = tuple[WorkUnit, Decision]
"""A repeated unit and the decision from its first occurrence."""
