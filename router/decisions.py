"""What the router decides on, what it knows, and what it decides: the types, without a rule."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

import msgspec

from router.rules import Table
from services.config import Config
from services.contract import Command, Receipt, SendOutcome
from services.ids import uuid7
from services.whatsapp.items import AnyItem

Hash = Callable[..., bytes]
"""A keyed hash of some strings: 16 bytes that tell nothing without the key."""


class Unit(msgspec.Struct, frozen=True):
    """One thing to decide: an item of a receipt, a command or an outcome; `key` knows it again."""

    key: bytes
    entry: Receipt | Command | SendOutcome
    item: AnyItem | None = None

    @property
    def at(self) -> datetime:
        """When it came to us: the time that every decision goes by."""
        return self.entry.at if isinstance(self.entry, SendOutcome) else self.entry.received_at

    def id(self, purpose: str, hash: Hash) -> UUID:
        """An id that is the same however often this unit is decided."""
        return uuid7(self.at, hash("id", self.key.hex(), purpose))


class Identity(msgspec.Struct, frozen=True):
    tenant: str
    kind: str
    hash: bytes
    value: str
    person: UUID
    valid_from: datetime


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """An episode between one number of ours and one person. `rule` is '' while nothing but the
    number's fallback decided."""

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


class Outgoing(msgspec.Struct, frozen=True, kw_only=True):
    """A message of ours, as its sender may ask for it."""

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


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """What a decision changes in what the router knows."""

    conversation: Conversation | None = None
    identities: tuple[Identity, ...] = ()
    outgoing: Outgoing | None = None
    send: Send | None = None
    settled: tuple[UUID, str] | None = None
    """A send whose fate was unknown, and its wamid: a status with our value settled it."""


class Knowledge:
    """What is known of the units of one batch; grows as they are decided."""

    def __init__(self) -> None:
        self.decided: dict[bytes, tuple[UUID, Decision]] = {}
        self.identities: dict[tuple[str, str, bytes], Identity] = {}
        self.people: dict[UUID, list[Identity]] = {}
        self.conversations: dict[str, Conversation] = {}
        self.open: dict[tuple[str, UUID], str] = {}
        self.outgoing: dict[UUID, Outgoing] = {}
        self.by_wamid: dict[bytes, UUID] = {}

    def learn(self, changes: Changes) -> None:
        for identity in changes.identities:
            self.identity(identity)
        if conversation := changes.conversation:
            self.conversation(conversation)
        if outgoing := changes.outgoing:
            self.sent(outgoing)

    def identity(self, identity: Identity) -> None:
        self.identities[identity.tenant, identity.kind, identity.hash] = identity
        self.people.setdefault(identity.person, []).append(identity)

    def conversation(self, conversation: Conversation) -> None:
        self.conversations[conversation.id] = conversation
        self.open[conversation.number, conversation.person] = conversation.id

    def sent(self, outgoing: Outgoing) -> None:
        self.outgoing[outgoing.id] = outgoing
        if outgoing.wamid_hash:
            self.by_wamid[outgoing.wamid_hash] = outgoing.id


class Ground(msgspec.Struct, frozen=True):
    """What every decision stands on: the municipality's choices and the keyed hash."""

    config: Config
    rules: dict[str, Table]
    hash: Hash
