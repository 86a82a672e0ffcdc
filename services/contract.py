"""The messages that travel through the broker, as Structs in MessagePack.

There are three kinds of AMQP message, named by their `type` property:

    partition-batch.v1  gateway, relays -> router     entries of one partition, in order
    delivery-batch.v1   router -> deliverer           events for one destination, in order
    archive-batch.v1    router, deliverer -> archiver records, any order (ids are time-ordered)

Fields are only ever added, with a default; version n reads n-1 and n+1. The golden files in
tests/contract/golden hold each of these in its encoded form.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

import msgspec

PARTITION_BATCH = "partition-batch.v1"
DELIVERY_BATCH = "delivery-batch.v1"
ARCHIVE_BATCH = "archive-batch.v1"


class Receipt(msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="receipt"):
    """One webhook body, exactly as it came in.

    A receipt has no tenant: one body can concern several municipalities. `keys` names the items
    that this copy is for: ids of our numbers, `waba:<id>`, and '' for items of neither (they go
    with the first copy). Without keys the copy is for every item.
    """

    id: UUID
    received_at: datetime
    door: str
    """Path of the callback."""
    proof: str
    """Proof of origin that was verified, such as `meta-sha256`."""
    signature: str
    body: bytes
    keys: list[str] = []
    unproven: list[str] = []
    """Keys whose number has other secrets than the one that signed this body; the items of these
    keys are quarantined and not trusted."""


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Author of an outgoing message."""

    kind: Literal["employee", "system", "automated"]
    id: str = ""


AUTOMATED_AUTHOR = Author(kind="automated", id="postkamer")
"""Author of automatic messages."""


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="entry",
    tag="command",
    rename={"reply_to_message": "about", "last_seen_sequence": "seen", "merge_from": "other"},
):
    """A command of a CRM, accepted by the gateway: a message to a citizen, or a change of a
    conversation.

    Either `conversation`, or `number` (and `to`), identifies the citizen. An empty `departments`
    means every department of the municipality; an empty `tenant` means that of the number.
    """

    id: UUID
    """Id of the command, and of the message that it makes."""
    received_at: datetime
    token: str
    """Name of the API token of the caller."""
    type: str
    """Meta's type of a message (`text`, `image`, `template` ...); else transfer, close, note,
    link, confirm, release, merge, read; for a number: notice, state; for a person: consent,
    withdraw."""
    text: str = ""
    """Text of the message or of the note."""
    conversation: str = ""
    number: str = ""
    to: str = ""
    author: Author | None = None
    tenant: str = ""
    """Municipality of the token."""
    departments: list[str] = []
    """Departments for which the token may act."""
    department: str = ""
    """Department for which this is done; '' for the department that owns the conversation."""
    content: bytes = b""
    """JSON of a message's content in Meta's form, `{"type": ..., <type>: {...}}`; else empty."""
    reply_to_message: UUID | None = None
    """Id of the message that this one quotes or reacts to."""
    media: UUID | None = None
    """Id of an upload to attach; the content has a place for it, without an id."""
    to_department: str = ""
    """For a transfer: the department that gets the conversation."""
    reason: str = ""
    """For a transfer or a closing: the reason that its author wrote."""
    zaak: str = ""
    """For a link: the zaak that the conversation belongs to."""
    employee: str = ""
    """For a transfer: the employee whose queue it goes to, by their name in the CRM."""
    until: datetime | None = None
    """For a notice or the state of a number: time at which it expires."""
    state: str = ""
    """For a number: its new state (open, receive-only, closed)."""
    outcome: str = ""
    """For a closing: the outcome, which is forwarded, redirected or handled."""
    last_seen_sequence: int | None = None
    """For a closing: the last sequence number of the conversation that its author had seen. Nothing
    is closed when the citizen asked something after that, as it was not dealt with."""
    merge_from: str = ""
    """For a merge: another conversation with the same person."""
    typing: bool = False
    """For a read: True if an employee is typing an answer."""
    purpose: str = ""
    """For a business-initiated template: the purpose that the citizen consented to. For a consent
    and its withdrawal: its purpose."""
    given_at: datetime | None = None
    """Time at which the citizen gave that consent; a template may carry it along."""
    source: str = ""
    """Source of the evidence of that consent."""


class SendOutcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="send-outcome"):
    """Outcome of a message that the deliverer offered to the Graph API."""

    id: UUID
    message: UUID
    number: str
    conversation: str
    at: datetime
    state: Literal["sent", "failed", "unknown", "held"]
    """held: the message waits until the citizen writes again."""
    wamid: str = ""
    code: int = 0
    """Meta's `error.code`; 0 where there is none."""
    reason: str = ""
    """One sentence for the sender, without personal data."""


class Timeout(msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="timeout"):
    """A timer of a conversation has fired. kind: quiet, menu, waiting, window, idle, opens,
    care."""

    id: UUID
    """Id of the timer; a timer that was set again meanwhile has another."""
    number: str
    conversation: str
    kind: str
    at: datetime
    """Time at which the timer was due; decisions are made as of then."""
    told_at: datetime
    """Time at which the timer was published: long after `at` if no process ran meanwhile."""


class MediaOutcome(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="media-outcome"
):
    """Outcome of a file that came with a message: the archiver has it, has quarantined it, or could
    not get it."""

    id: UUID
    message: UUID
    """Id of the message, and of its file in the archiver."""
    tenant: str
    number: str
    conversation: str
    """Conversation of the message; '' if it has none."""
    department: str
    """Department that owns the message."""
    at: datetime
    state: Literal["available", "quarantined", "lost"]
    reason: str = ""
    """One sentence for the employees who wait for the file, without personal data."""
    mime_type: str = ""
    size: int = 0
    """Bytes."""
    sha256: str = ""
    """Hash of the fetched file, in hex."""
    scanned: bool = False
    """True if a virus scanner has scanned the file."""
    object: str = ""
    """Name in the object store: the SHA-256, in hex, of the encrypted file."""


Entry = Receipt | Command | SendOutcome | Timeout | MediaOutcome


class PartitionBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one partition; `source` numbers its batches, so that a missing batch shows."""

    source: UUID
    number: int
    entries: list[Entry]


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event for a CRM; `data` is the JSON object of the CloudEvent's `data`."""

    id: UUID
    type: str
    tenant: str
    conversation: str
    department: str
    sequence: int
    time: datetime
    received_at: datetime
    """Time at which the cause of the event was received; the whole trip is measured from here."""
    data: bytes
    message: UUID | None = None
    """Message that the event is about."""
    dataref: str = ""
    """Path at the archiver of the full data, if `data` leaves something out."""


class DeliveryBatch(msgspec.Struct, frozen=True, kw_only=True):
    destination: str
    deliveries: list[Delivery]


class Record(msgspec.Struct, frozen=True, kw_only=True, rename={"item_index": "item"}):
    """One event for the archive; `data` is a JSON object.

    kind: receipt, message, status, notice, note, delivery, send, attempt, media, quarantine,
    conversation, number, consent, identity, configuration, operation, annotation, request, segment.
    An attempt is one without a final outcome. A segment holds only the bytes of an item that came
    again, in another body or in the same one.
    """

    id: UUID
    kind: str
    at: datetime
    data: bytes
    tenant: str = ""
    conversation: str = ""
    message: UUID | None = None
    """Message that the record is about, or that it is."""
    receipt: UUID | None = None
    sequence: int = 0
    raw: bytes = b""
    """Original bytes; for a receipt, the body remainder: the body without its items."""
    item_index: int | None = None
    """Index of the item among the items of its receipt, from 0."""
    contact: bytes = b""
    """Original bytes of the entry of `contacts` that belongs to the item."""


class ArchiveBatch(msgspec.Struct, frozen=True, kw_only=True):
    records: list[Record]


Batch = PartitionBatch | DeliveryBatch | ArchiveBatch

KINDS: dict[str, type[Batch]] = {
    PARTITION_BATCH: PartitionBatch,
    DELIVERY_BATCH: DeliveryBatch,
    ARCHIVE_BATCH: ArchiveBatch,
}
MESSAGE_TYPES = frozenset(
    [
        "text", "image", "video", "audio", "document", "sticker", "interactive", "template",
        "reaction", "location", "contacts",
    ]
)  # fmt: skip
"""Types of commands that are messages to a citizen."""
REACTION = "reaction"
"""Message type that belongs to another message and is not an answer."""
NAMES = {kind: name for name, kind in KINDS.items()}

_encoder = msgspec.msgpack.Encoder()
_decoders = {name: msgspec.msgpack.Decoder(kind) for name, kind in KINDS.items()}


def encode(batch: Batch) -> bytes:
    return _encoder.encode(batch)


def decode(name: str, body: bytes) -> Batch:
    """Return the batch in `body`.

    Raises KeyError for a name that this version does not know, and msgspec.DecodeError or
    msgspec.ValidationError for a body that does not match the name.
    """
    decoder = _decoders[name]
    try:
        batch: Batch = decoder.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec raises these for text and depth
        raise msgspec.DecodeError(f"not what the name says: {type(error).__name__}") from None
    return batch
