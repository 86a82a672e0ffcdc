"""Types for the router's input, its decisions and the changes they make. No logic."""

from collections.abc import Callable
from datetime import date, datetime
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

import msgspec

from router.billing.charges import Charge
from router.model.consent import Consent, OptOut, Withdrawal
from router.model.conversation import Conversation, ReadReceipt
from router.rules.engine import RuleTable
from services.calendar.opening_hours import Hours
from services.config.model import Configuration
from services.config.organisation import Department
from services.contract import Entry, MediaOutcome, SendOutcome, Timeout
from services.ids import uuid7
from services.texts.catalogue import Texts
from services.whatsapp.items import AnyItem

Hash = Callable[..., bytes]
"""Keyed hash of some strings: 16 bytes that reveal nothing without the key."""
UNPROVEN = "the signature is of another number's secret"
"""Reason to quarantine an item whose verified origin does not cover its number."""


class EarlyStatus(msgspec.Struct, frozen=True, kw_only=True):
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


Event = Literal["gained", "ended", "moved"]


class IdentityChange(msgspec.Struct, frozen=True):
    """Identifier that a known person gained, that no longer belongs to anyone, or that moved to
    this person from another."""

    event: Event
    kind: str
    value: str


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """Last report of Meta about a template. Some notices give its status, others only its
    category."""

    waba: str
    name: str
    language: str
    status: str = ""
    category: str = ""
    reason: str = ""
    changed_at: datetime

    @property
    def key(self) -> tuple[str, str, str]:
        return self.waba, self.name, self.language

    def apply_notice(self, notice: "Template") -> "Template":
        """Return the template after another notice: the status with the latest time wins, in
        whatever order the notices arrive."""
        category = notice.category or self.category
        late = not notice.status or (self.status and notice.changed_at < self.changed_at)
        return msgspec.structs.replace(self if late else notice, category=category)


class WorkUnit(msgspec.Struct, frozen=True):
    """One thing to decide: an item of a receipt, a command, a send outcome, a media outcome or a
    timer. `key` identifies it across redeliveries."""

    key: bytes
    entry: Entry
    item: AnyItem | None = None
    """Item of the receipt. Its number is our own id of the number, not Meta's."""
    scope: str = ""
    """Portfolio that the item came from: a BSUID is unique within one."""
    item_index: int | None = None
    """Position of the item among all items of its body, from 0."""
    is_repeat: bool = False
    """The same item occurred earlier in this body."""

    @property
    def at(self) -> datetime:
        """Time of receipt, by which every decision goes."""
        entry = self.entry
        if isinstance(entry, SendOutcome | Timeout | MediaOutcome):
            return entry.at
        return entry.received_at

    def id(self, purpose: str) -> UUID:
        """Return an id that is the same each time this unit is decided. It is unguessable because
        the key is."""
        chance = blake2b(self.key + purpose.encode(), digest_size=16).digest()
        return uuid7(self.at, chance)


class Identity(msgspec.Struct, frozen=True):
    """An identifier of a person from `valid_from` on; `valid_to` is set once it has ended. `scope`
    is the portfolio in which a BSUID was seen."""

    tenant: str
    kind: str
    hash: bytes
    value: str
    person: UUID
    valid_from: datetime
    scope: str = ""
    valid_to: datetime | None = None

    @property
    def key(self) -> tuple[str, str, bytes]:
        return self.tenant, self.kind, self.hash


class OutgoingStatus(msgspec.Struct, frozen=True, kw_only=True):
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


class LedgerInsert(msgspec.Struct, frozen=True, kw_only=True):
    """Ledger entry that the deliverer will offer to Meta."""

    id: UUID
    number: str
    conversation: str
    person: UUID
    address_kind: str
    address: str
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


class InboundRef(msgspec.Struct, frozen=True):
    """Ids of a citizen's message, ours and Meta's, so that an answer can quote it."""

    message: UUID
    wamid: str
    conversation: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An automatic text: `name` is its id in the catalogue, `content` the message in Meta's
    format."""

    id: UUID
    name: str
    language: str
    text: str
    content: bytes
    record: UUID


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """Alarm for a person, without any content of the message."""

    event: UUID
    destination: str
    care: str
    nth: int
    """Number of this alarm in the series for one danger."""


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """Due time for a conversation; a new timer replaces the earlier one of its kind."""

    id: UUID
    conversation: str
    number: str
    kind: str
    due_at: datetime


class NumberNotice(msgspec.Struct, frozen=True, kw_only=True):
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


class Decision(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    omit_defaults=True,
    rename={
        "previous_department_event": "former_event",
        "matched_by_phone": "continued",
        "timer_effect": "happened",
    },
):
    """The decision on one unit. It is stored with the unit, so that a redelivery gets the same
    answer.

    kind: message (a citizen wrote), echo (archived only), status, notice, accepted (a command),
    refused (a command), outcome, media, timeout, quarantined. Ids and sequence numbers are assigned
    here and nowhere else; `event` is None if no CRM receives an event.
    """

    kind: str
    record: UUID
    tenant: str = ""
    conversation: str = ""
    department: str = ""
    destination: str = ""
    rule: str = ""
    reason: str = ""
    sequence: int = 0
    message: UUID | None = None
    event: UUID | None = None
    status: str = ""
    opened: UUID | None = None
    """Id of the record that the conversation was opened."""
    transfer: UUID | None = None
    """Id of the event and record that the conversation was transferred."""
    moved_from: str = ""
    previous_department_event: UUID | None = None
    """Id of the event for the previous department, if that has another destination."""
    former_destination: str = ""
    confidential: bool = False
    former_confidential: bool = False
    """The present owner receives no content; `former_confidential`: nor does the previous owner."""
    zaak: str = ""
    matched_by_phone: bool = False
    """The citizen was recognised by their phone number, under a BSUID of another portfolio."""
    version: str = ""
    """Version of the rules and texts that decided."""
    provisional: bool = False
    """The right department is not known yet: more words must follow, or a person must answer."""
    task: bool = True
    """The unit asks for work: it is not only a greeting, thanks or a reaction."""
    reopened: bool = False
    tags: tuple[str, ...] = ()
    priority: str = ""
    language: str = ""
    sensitive: tuple[str, ...] = ()
    """Kinds of numbers in the text that should not be sent by WhatsApp: bsn, iban."""
    mask: tuple[str, ...] = ()
    """Kinds that are masked for the CRM."""
    due: date | None = None
    care: str = ""
    care_reason: str = ""
    alarm: Alarm | None = None
    reply: Reply | None = None
    assignee: str = ""
    marks: tuple[str, ...] = ()
    """Reasons of all matching rules, in order; the last may be the rule that decided."""
    window_until: datetime | None = None
    """End of the customer service window, until which any message may be sent."""
    held: bool = False
    """Events of the conversation are withheld until it is released."""
    releases: bool = False
    merged: str = ""
    """Conversation of the person with whom this person was merged; `merged_sequence` is its last
    sequence number."""
    merged_sequence: int = 0
    purpose: str = ""
    """Purpose of the consent that permits a business-initiated template."""
    ended: tuple[str, ...] = ()
    """Purposes for which consent ended with this decision."""
    identity: UUID | None = None
    """Id of the record of a change in a person's identifiers."""
    renamed: tuple[IdentityChange, ...] = ()
    timer_effect: str = ""
    """Effect of a timer: said, decided, waiting, closed, returned, window, alarmed or unconfirmed;
    '' if the timer no longer applied."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Changes that a decision makes to the router's state."""

    conversation: Conversation | None = None
    identities: tuple[Identity, ...] = ()
    outgoing: OutgoingStatus | None = None
    reopen_message: OutgoingStatus | None = None
    """Message that the router sends because of the result of another."""
    send: LedgerInsert | None = None
    settled_send: tuple[UUID, str] | None = None
    """Send with an unknown result and its wamid, confirmed by a status that carries our own id."""
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


DecidedUnit = tuple[WorkUnit, Decision, Changes]
RepeatedUnit = tuple[WorkUnit, Decision]
"""A repeated unit and the decision from its first occurrence."""


class RoutingContext(msgspec.Struct, frozen=True):
    """Everything that decisions rest on: the municipality's configuration and the keyed hash."""

    config: Configuration
    rules: dict[str, RuleTable]
    hash: Hash
    """Keyed hash with a secret; all other fields come from the files of one version."""
    hours: dict[tuple[str, str], Hours] = {}
    """Opening hours by department: (tenant, id)."""
    contacts: dict[tuple[str, str], tuple[str, ...]] = {}
    """Tags by person: (tenant, telephone number without +)."""
    texts: Texts = Texts({}, {})
    version: str = ""

    def department(
        self, tenant: str, id: str, conversation: Conversation | None
    ) -> Department | None:
        """Return this department; if it has been removed, the one that owns the conversation."""
        department = self.config.department(tenant, id)
        if department or conversation is None:
            return department
        return self.config.department(conversation.tenant, conversation.department)


Data = dict[str, Any]
