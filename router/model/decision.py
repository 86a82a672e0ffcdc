"""What the router decides on, what it knows, and what it decides: the types, without a rule."""

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
"""A keyed hash of some strings: 16 bytes that tell nothing without the key."""
UNPROVEN = "the signature is of another number's secret"
"""Why an item is kept aside that came under a proof that does not speak for its number."""


class EarlyStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Kept until Meta's answer to the send names its wamid, or for as long as Meta repeats itself:
    what matches nothing by then is not ours."""

    wamid_hash: bytes
    status: str
    number: str
    code: int
    reason: str
    at: datetime
    """As Meta says."""
    pricing: bytes
    """JSON: as what Meta charges it."""
    received_at: datetime


Event = Literal["gained", "ended", "moved"]


class IdentityChange(msgspec.Struct, frozen=True):
    """An identifier that somebody who is known gained, that is nobody's from here on, or that was
    somebody else's until now."""

    event: Event
    kind: str
    value: str


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What Meta last said of a template. Some notices tell its status, some only its category."""

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

    def apply_notice(self, new: "Template") -> "Template":
        """What is known after `new`: the status that Meta gave last, whichever came last."""
        category = new.category or self.category
        late = not new.status or (self.status and new.changed_at < self.changed_at)
        return msgspec.structs.replace(self if late else new, category=category)


class WorkUnit(msgspec.Struct, frozen=True):
    """One thing to decide: an item of a receipt, a command, an outcome or a time-out; `key` knows
    it again."""

    key: bytes
    entry: Entry
    item: AnyItem | None = None
    """Its number is our own id of it, not Meta's."""
    scope: str = ""
    """The portfolio that it came from: Meta's BSUIDs hold within one."""
    item_index: int | None = None
    """Of the item among all of its body, from 0."""
    is_repeat: bool = False
    """It stood in this body before."""

    @property
    def at(self) -> datetime:
        """When it came to us: the time that every decision goes by."""
        entry = self.entry
        if isinstance(entry, SendOutcome | Timeout | MediaOutcome):
            return entry.at
        return entry.received_at

    def id(self, purpose: str) -> UUID:
        """An id that is the same however often this unit is decided. It cannot be guessed, for the
        key cannot."""
        chance = blake2b(self.key + purpose.encode(), digest_size=16).digest()
        return uuid7(self.at, chance)


class Identity(msgspec.Struct, frozen=True):
    """One name of a person, from then on; with `valid_to` it has ended. `scope` is the portfolio in
    which a BSUID was seen."""

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
    """An order, as its sender may ask for it: a message of ours, or what was to be done with a
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
    """A line of the ledger: what the deliverer is to offer to Meta."""

    id: UUID
    number: str
    conversation: str
    person: UUID
    address_kind: str
    address: str
    content: bytes
    created_at: datetime
    about: UUID | None = None
    """The message that it quotes or reacts to, and its wamid where it is a citizen's."""
    about_wamid: str = ""
    media: UUID | None = None
    purpose: str = ""
    """Of the consent by which it goes to somebody who did not write first; else ''."""
    author_kind: str = ""
    author: str = ""
    """Who wrote it, as the CRM said."""
    asks: bool = False
    """It asks the citizen to write again: it passes what waits for that, and goes by day."""
    place: int
    """In the conversation: it answers nothing that came in after that."""


class InboundRef(msgspec.Struct, frozen=True):
    """What a citizen wrote, under our id and Meta's, so that an answer can quote it."""

    message: UUID
    wamid: str
    conversation: str


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A text that goes out by itself: `name` is its id in the texts, `content` as Meta takes it."""

    id: UUID
    name: str
    language: str
    text: str
    content: bytes
    record: UUID


class Alarm(msgspec.Struct, frozen=True, kw_only=True):
    """A person is to be woken: without a word of what was said."""

    event: UUID
    destination: str
    care: str
    nth: int
    """Of those asked since."""


class Timer(msgspec.Struct, frozen=True, kw_only=True):
    """A moment that a conversation waits for; setting one of a kind replaces the one before."""

    id: UUID
    conversation: str
    number: str
    kind: str
    due_at: datetime


class NumberNotice(msgspec.Struct, frozen=True, kw_only=True):
    """What the contact centre says of a number, without rules."""

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
    """What was decided about one unit, kept with it: doing it again says exactly the same.

    kind: message (a citizen wrote), echo (archived only), status, notice, accepted (a command),
    refused (a command), outcome, media, timeout, quarantined. Ids and sequence numbers are given
    here and nowhere else; `event` is None where no CRM is told.
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
    """Id of the record that says that the conversation was opened here."""
    transfer: UUID | None = None
    """Id of the event and record that say that the conversation moved here."""
    moved_from: str = ""
    previous_department_event: UUID | None = None
    """Id of the event that tells the department it left, where that has another destination."""
    former_destination: str = ""
    confidential: bool = False
    former_confidential: bool = False
    """Whether no content is told to whoever has it; and to whoever had it."""
    zaak: str = ""
    matched_by_phone: bool = False
    """The citizen was known by their phone number, under a BSUID of another portfolio."""
    version: str = ""
    """Of the rules and texts that it was decided by."""
    provisional: bool = False
    """Nobody can tell yet where it belongs: words follow, or a person answers."""
    task: bool = True
    """It asks for work: no greeting alone, no thanks, no reaction."""
    reopened: bool = False
    tags: tuple[str, ...] = ()
    priority: str = ""
    language: str = ""
    sensitive: tuple[str, ...] = ()
    """Kinds of number in it that should not go by this way: bsn, iban."""
    mask: tuple[str, ...] = ()
    """Of these kinds, what the CRM does not get."""
    due: date | None = None
    care: str = ""
    care_reason: str = ""
    alarm: Alarm | None = None
    reply: Reply | None = None
    assignee: str = ""
    marks: tuple[str, ...] = ()
    """Why each rule fits that said anything, in order; the last may be the one that decided."""
    window_until: datetime | None = None
    """Until when anything but a template may be sent."""
    held: bool = False
    """Its events wait until the conversation is let go."""
    releases: bool = False
    merged: str = ""
    """The conversation whose person this one's was found to be; and its sequence at its end."""
    merged_sequence: int = 0
    purpose: str = ""
    """Of the consent by which a template goes to somebody who did not write first."""
    ended: tuple[str, ...] = ()
    """Purposes for which consent ended here."""
    identity: UUID | None = None
    """Id of the record that says that somebody is called otherwise from here on."""
    renamed: tuple[IdentityChange, ...] = ()
    timer_effect: str = ""
    """Of a time-out: decided, waiting, closed, alarmed; '' where it meant nothing any more."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision changes in what the router knows."""

    conversation: Conversation | None = None
    identities: tuple[Identity, ...] = ()
    outgoing: OutgoingStatus | None = None
    reopen_message: OutgoingStatus | None = None
    """A message that goes out by itself because of what became of another."""
    send: LedgerInsert | None = None
    settled_send: tuple[UUID, str] | None = None
    """A send that was not known to have gone, and its wamid: a status with our value settled it."""
    early_status: EarlyStatus | None = None
    early_status_consumed: bytes | None = None
    """The hash of a wamid whose early statuses have found their message."""
    charge: Charge | None = None
    is_newly_charged: bool = False
    """Whether it is charged now, and was not."""
    inbound: InboundRef | None = None
    template: Template | None = None
    opt_out: OptOut | None = None
    consent: Consent | None = None
    withdrawals: tuple[Withdrawal, ...] = ()
    sighting: tuple[str, str] | None = None
    """Kind and name of something of Meta's that we do not know."""
    timers: tuple[Timer, ...] = ()
    fired_timer: UUID | None = None
    """The timer whose time has come: it is taken away."""
    number_notice: NumberNotice | None = None
    merged_conversation: Conversation | None = None
    """A second conversation that changed with it."""
    read_receipt: ReadReceipt | None = None


Decided = tuple[WorkUnit, Decision, Changes]
Repeat = tuple[WorkUnit, Decision]
"""What came again, and what was decided of it when it came first."""


class RoutingContext(msgspec.Struct, frozen=True):
    """What every decision stands on: the municipality's choices and the keyed hash."""

    config: Configuration
    rules: dict[str, RuleTable]
    hash: Hash
    """A secret is in it; the rest comes from the files of one version."""
    hours: dict[tuple[str, str], Hours] = {}
    """Of a department: (tenant, id)."""
    contacts: dict[tuple[str, str], tuple[str, ...]] = {}
    """Tags of a person: (tenant, telephone number without +)."""
    texts: Texts = Texts({}, {})
    version: str = ""

    def department(self, tenant: str, id: str, now: Conversation | None) -> Department | None:
        """Where it is gone, whoever has the conversation now."""
        there = self.config.department(tenant, id)
        if there or now is None:
            return there
        return self.config.department(now.tenant, now.department)


Data = dict[str, Any]
