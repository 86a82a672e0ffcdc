"""What the router decides on, what it knows, and what it decides: the types, without a rule."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from router.rules import Table, Verdict
from services.config import Config
from services.contract import Command, Receipt, SendOutcome
from services.ids import uuid7
from services.whatsapp.items import AnyItem

Hash = Callable[..., bytes]
"""A keyed hash of some strings: 16 bytes that tell nothing without the key."""
UNPROVEN = "the signature is of another number's secret"
"""Why an item is kept aside that came under a proof that does not speak for its number."""


class Unit(msgspec.Struct, frozen=True):
    """One thing to decide: an item of a receipt, a command or an outcome; `key` knows it again."""

    key: bytes
    entry: Receipt | Command | SendOutcome
    item: AnyItem | None = None
    """Its number is our own id of it, not Meta's."""
    scope: str = ""
    """The portfolio that it came from: Meta's BSUIDs hold within one."""

    @property
    def at(self) -> datetime:
        """When it came to us: the time that every decision goes by."""
        return self.entry.at if isinstance(self.entry, SendOutcome) else self.entry.received_at

    def id(self, purpose: str, hash: Hash) -> UUID:
        """An id that is the same however often this unit is decided."""
        return uuid7(self.at, hash("id", self.key.hex(), purpose))


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


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """An episode between one number of ours and one person. `rule` is '' while nothing but the
    number's fallback decided; a rule's id; or what
    `router.rules` has for a person's choice."""

    id: str
    tenant: str
    number: str
    person: UUID
    department: str
    rule: str
    reason: str
    since: datetime
    opened_at: datetime
    last_inbound_at: datetime | None = None
    sequence: int = 0
    departments: tuple[str, ...] = ()
    """Each that it has been in, in order of arrival, with the present one."""
    zaak: str = ""
    closed_at: datetime | None = None

    def into(self, verdict: Verdict, at: datetime) -> "Conversation":
        """The same, where and why `verdict` says."""
        been = self.departments or (self.department,)
        return msgspec.structs.replace(
            self,
            department=verdict.department,
            rule=verdict.rule,
            reason=verdict.reason,
            since=self.since if verdict.department == self.department else at,
            departments=been if verdict.department in been else (*been, verdict.department),
        )


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
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
    """Of an order that was accepted; '' also of those from before it was written down."""


class Send(msgspec.Struct, frozen=True, kw_only=True):
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


class Heard(msgspec.Struct, frozen=True):
    """What a citizen wrote, under our id and Meta's, so that an answer can quote it."""

    message: UUID
    wamid: str
    conversation: str


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

    def then(self, new: "Template") -> "Template":
        """What is known after `new`: the status that Meta gave last, whichever came last."""
        category = new.category or self.category
        late = not new.status or (self.status and new.changed_at < self.changed_at)
        return msgspec.structs.replace(self if late else new, category=category)


class OptOut(msgspec.Struct, frozen=True, kw_only=True):
    """What a citizen last wanted of a category of messages: `stop` or `resume`."""

    tenant: str
    person: UUID
    category: str
    value: str
    at: datetime

    @property
    def key(self) -> tuple[str, UUID, str]:
        return self.tenant, self.person, self.category


class Decision(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about one unit, kept with it: doing it again says exactly the same.

    kind: message (a citizen wrote), echo (archived only), status, notice, accepted (a command),
    refused (a command), outcome, quarantined. Ids and sequence numbers are given here and nowhere
    else; `event` is None where no CRM is told.
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
    former_event: UUID | None = None
    """Id of the event that tells the department it left, where that has another destination."""
    former_destination: str = ""
    zaak: str = ""
    continued: bool = False
    """The citizen was known by their phone number, under a BSUID of another portfolio."""


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision changes in what the router knows."""

    conversation: Conversation | None = None
    identities: tuple[Identity, ...] = ()
    outgoing: Outgoing | None = None
    send: Send | None = None
    settled: tuple[UUID, str] | None = None
    """A send that was not known to have gone, and its wamid: a status with our value settled it."""
    heard: Heard | None = None
    template: Template | None = None
    opt_out: OptOut | None = None
    sighting: tuple[str, str] | None = None
    """Kind and name of something of Meta's that we do not know."""


Decided = tuple[Unit, Decision, Changes]


class Ground(msgspec.Struct, frozen=True):
    """What every decision stands on: the municipality's choices and the keyed hash."""

    config: Config
    rules: dict[str, Table]
    hash: Hash
