"""Everything that travels through the broker, as Structs in MessagePack.

Three kinds of AMQP message, named by their `type` property:

    partition-batch.v1  gateway, relays -> router     entries of one partition, in order
    delivery-batch.v1   router -> deliverer           events for one destination, in order
    archive-batch.v1    router, deliverer -> archiver records, any order (ids are time-ordered)

Fields are only ever added, with a default; version n reads n-1 and n+1. The golden files in
tests/contract/golden hold every one of these as it travels.
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

    A receipt has no tenant: one body can hold several municipalities. `keys` says which of its
    items this copy is for: our number ids, `waba:<id>`, and '' for what belongs to neither (it
    goes with the first copy). No keys at all: the copy is for everything in it.
    """

    id: UUID
    received_at: datetime
    door: str
    """Path of the callback."""
    proof: str
    """Which proof of origin was checked, e.g. `meta-sha256`."""
    signature: str
    body: bytes
    keys: list[str] = []
    unproven: list[str] = []
    """Of `keys`, those whose number has other secrets than the one that signed this body: what it
    says for them is kept aside and believed by nobody."""


class Author(msgspec.Struct, frozen=True, kw_only=True):
    """Who wrote an outgoing message."""

    kind: Literal["employee", "system", "automated"]
    id: str = ""


AUTOMATED_AUTHOR = Author(kind="automated", id="postkamer")
"""Who wrote what goes out by itself."""


class Command(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    tag_field="entry",
    tag="command",
    rename={"reply_to_message": "about", "last_seen_sequence": "seen", "merge_from": "other"},
):
    """A CRM's order, accepted by the gateway: a message to a citizen, or a change of a
    conversation.

    Either `conversation`, or `number` (and `to`) say whom it concerns. An empty `departments` is
    every department of the municipality; an empty `tenant` is that of the number.
    """

    id: UUID
    """Also the id of the message that it makes."""
    received_at: datetime
    token: str
    """Name of the API token that gave it."""
    type: str
    """Meta's word for a message (`text`, `image`, `template` ...); else transfer, close, note,
    link, confirm, release, merge, read; of a number: notice, state; of a person: consent,
    withdraw."""
    text: str = ""
    """The words in it, or the note."""
    conversation: str = ""
    number: str = ""
    to: str = ""
    author: Author | None = None
    tenant: str = ""
    """Municipality of the token."""
    departments: list[str] = []
    """For which the token may act."""
    department: str = ""
    """For which this is done; '' for whichever has the conversation."""
    content: bytes = b""
    """JSON of a message's content as Meta takes it, `{"type": ..., <type>: {...}}`; else empty."""
    reply_to_message: UUID | None = None
    """Id of the message that it quotes or reacts to."""
    media: UUID | None = None
    """Id of an upload that goes along; the content has its place, without an id."""
    to_department: str = ""
    """Of a transfer."""
    reason: str = ""
    """Of a transfer or a closing, as its author wrote it."""
    zaak: str = ""
    """Of a link: the zaak that the conversation belongs to."""
    employee: str = ""
    """Of a transfer: in whose queue it is put, as the CRM calls them."""
    until: datetime | None = None
    """Of a notice or a number's state: when it ends by itself."""
    state: str = ""
    """Of a number: open, receive-only, closed."""
    outcome: str = ""
    """Of a closing: what was done about it, forwarded, redirected or handled."""
    last_seen_sequence: int | None = None
    """Of a closing: the place in the conversation up to which it was known where somebody dealt
    with it. What the citizen asked after that was not dealt with, and then nothing is closed."""
    merge_from: str = ""
    """Of a merge: a conversation with the same person."""
    typing: bool = False
    """Of a read: somebody types an answer."""
    purpose: str = ""
    """Of a template to somebody who did not write first: for what they consented to be sent
    messages. Of a consent, and the end of one: for what it is."""
    given_at: datetime | None = None
    """When the citizen gave that consent; with a template it is brought along."""
    source: str = ""
    """Where that it was given can be looked up."""


class SendOutcome(msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="send-outcome"):
    """What became of a message that the deliverer offered to the Graph API."""

    id: UUID
    message: UUID
    number: str
    conversation: str
    at: datetime
    state: Literal["sent", "failed", "unknown", "held"]
    """held: it waits until the citizen writes again."""
    wamid: str = ""
    code: int = 0
    """Meta's `error.code`; 0 where there is none."""
    reason: str = ""
    """One sentence for the person who sent it, without personal data."""


class Timeout(msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="timeout"):
    """A time that a conversation waited for has come. `kind` says which: quiet, menu, waiting,
    window, idle, opens, care."""

    id: UUID
    """Given when the timer was set: one that was set anew meanwhile has another."""
    number: str
    conversation: str
    kind: str
    at: datetime
    """When it was due; what is decided is decided as of then."""
    told_at: datetime
    """When it was told: long after, where nothing ran meanwhile."""


class MediaOutcome(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="entry", tag="media-outcome"
):
    """What became of a file that came with a message: the archiver has it, keeps it from everybody,
    or could not get it."""

    id: UUID
    message: UUID
    """Also the id under which the archiver has the file."""
    tenant: str
    number: str
    conversation: str
    """'' where the message stands in none."""
    department: str
    """That has the message."""
    at: datetime
    state: Literal["available", "quarantined", "lost"]
    reason: str = ""
    """One sentence for whoever waits for it; it holds no personal data."""
    mime_type: str = ""
    size: int = 0
    """Bytes."""
    sha256: str = ""
    """In hex, of the file as it was fetched."""
    scanned: bool = False
    """Whether a scanner has looked at it."""
    object: str = ""
    """Its name in the object store: the SHA-256, in hex, of how it lies there, sealed."""


Entry = Receipt | Command | SendOutcome | Timeout | MediaOutcome


class PartitionBatch(msgspec.Struct, frozen=True, kw_only=True):
    """Entries of one partition; `source` numbers its batches so that a missing one shows."""

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
    """When what caused it came in, for the measurement of the whole trip."""
    data: bytes
    message: UUID | None = None
    """The message that it is about."""
    dataref: str = ""
    """Path at the archiver of what `data` does not say, where it does not say all."""


class DeliveryBatch(msgspec.Struct, frozen=True, kw_only=True):
    destination: str
    deliveries: list[Delivery]


class Record(msgspec.Struct, frozen=True, kw_only=True, rename={"item_index": "item"}):
    """One thing that happened, for the archive; `data` is a JSON object.

    kind: receipt, message, status, notice, note, delivery, send, attempt, media, quarantine,
    conversation, number, consent, identity, configuration, operation, annotation, request, segment.
    An attempt is one that settled nothing. A segment is an item that came again in another body, or
    twice in one: its bytes alone.
    """

    id: UUID
    kind: str
    at: datetime
    data: bytes
    tenant: str = ""
    conversation: str = ""
    message: UUID | None = None
    """The message that it is about, or is."""
    receipt: UUID | None = None
    sequence: int = 0
    raw: bytes = b""
    """Bytes kept as they came, for a receipt what its items left of the body."""
    item_index: int | None = None
    """Place of what it is made of among the items of its receipt, from 0."""
    contact: bytes = b""
    """The entry of `contacts` that came with it, as it stood."""


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
"""Types of a command that is a message to a citizen."""
REACTION = "reaction"
"""The one of them that hangs on another message: it is no answer."""
NAMES = {kind: name for name, kind in KINDS.items()}

_encoder = msgspec.msgpack.Encoder()
_decoders = {name: msgspec.msgpack.Decoder(kind) for name, kind in KINDS.items()}


def encode(batch: Batch) -> bytes:
    return _encoder.encode(batch)


def decode(name: str, body: bytes) -> Batch:
    """The batch in `body`; KeyError for a name that this version does not know, else
    msgspec.DecodeError or msgspec.ValidationError for a body that is not what the name says."""
    decoder = _decoders[name]
    try:
        batch: Batch = decoder.decode(body)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec's, of a text or of depth
        raise msgspec.DecodeError(f"not what the name says: {type(error).__name__}") from None
    return batch
