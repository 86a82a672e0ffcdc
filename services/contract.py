"""The messages that travel through the broker, as Structs in MessagePack.

There are three kinds of AMQP message, named by their `type` property:

    partition-batch.v1  gateway, relays -> router     entries of one partition, in order
    delivery-batch.v1   router -> deliverer           events for one destination, in order
    archive-batch.v1    router, deliverer -> archiver records, any order (ids are time-ordered)

Fields are only ever added, with a default; version n reads n-1 and n+1. The golden files in
tests/contract/golden hold each of these in its encoded form.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

PARTITION_BATCH = "partition-batch.v1"
DELIVERY_BATCH = "delivery-batch.v1"
ARCHIVE_BATCH = "archive-batch.v1"


class Receipt(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="entry", tag="receipt"
):
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
    retry_of: UUID | None = None
    """Original receipt, if a person has it decided again after it was quarantined."""
    is_single_item: bool = False
    """For a retry: the body is an excerpt with one item, whose key was taken when it was
    quarantined. Otherwise it is the whole body, which was quarantined unread."""
    traceparent: str = ""
    """Trace that this belongs to (W3C Trace Context); '' without tracing."""


Identified = Literal["proven", "stated"]
"""Source of a person's name. proven: an identity provider, or the person's own login of the
database. stated: the caller."""


class Author(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Author of an outgoing message."""

    kind: Literal["employee", "system", "automated"]
    id: str = ""
    identified: Identified | msgspec.UnsetType = msgspec.UNSET
    """Source of `id`; left out where it names no employee."""


AUTOMATED_AUTHOR = Author(kind="automated", id="postkamer")
"""Author of automatic messages."""


class Action(msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="action"):
    """An action that a command asks for. Its tag is the type of the command."""


MessageType = Literal[
    "text", "image", "video", "audio", "document", "sticker", "interactive", "template",
    "reaction", "location", "contacts",
]  # fmt: skip
"""Meta's types of a message to a citizen."""


class ConsentEvidence(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Evidence that a citizen agreed to business-initiated messages."""

    given_at: datetime
    source: str
    """Place where the evidence can be looked up, in the CRM's words."""


class AttachedFile(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An uploaded file that goes with a message, for the archive to copy."""

    mime_type: str
    sha256: str
    """Hash of the file, in hex."""
    filename: str = ""


class SendMessage(Action, frozen=True, gc=False, kw_only=True, tag="message"):
    """Send a message to a citizen."""

    type: MessageType
    text: str
    """Text of the message as a person reads it."""
    content: bytes
    """JSON of the content in Meta's form, `{"type": ..., <type>: {...}}`."""
    reply_to_message: UUID | None = None
    """Id of the message that this one quotes or reacts to."""
    media: UUID | None = None
    """Id of an upload to attach; the content has a place for it, without an id."""
    purpose: str = ""
    """For a business-initiated template: the purpose that the citizen consented to."""
    evidence: ConsentEvidence | None = None
    """Evidence of that consent, which a template may carry along."""
    last_seen_sequence: int | None = None
    """Last sequence number of the conversation that its author had seen in another system. The
    message is not sent when another desk answered after that."""
    file: AttachedFile | None = None
    """The file of `media`."""


class TransferConversation(Action, frozen=True, gc=False, kw_only=True, tag="transfer"):
    """Transfer a conversation to another department, or into an employee's queue."""

    to_department: str = ""
    """Department that gets the conversation; '' for the fallback of the number."""
    employee: str = ""
    """Employee whose queue it goes to, by their name in the CRM."""
    reason: str = ""
    """Reason that its author wrote."""


class CloseConversation(Action, frozen=True, gc=False, kw_only=True, tag="close"):
    """Close a conversation: the question is answered."""

    reason: str = ""
    """Reason that its author wrote."""
    outcome: str = ""
    """answered, forwarded, redirected, handled (dealt with, without a message to the citizen) or
    silent (neither a message nor a word on what was done)."""
    last_seen_sequence: int | None = None
    """Last sequence number of the conversation that its author had seen. Nothing is closed when the
    citizen asked something after that, as it was not dealt with."""
    code: str = ""
    """Result of the selection list by which the conversation is kept; '' for the default of its
    departments."""


class ReopenConversation(Action, frozen=True, gc=False, kw_only=True, tag="reopen"):
    """Open a closed conversation again: its question is not answered after all."""

    reason: str = ""
    """Reason that its author wrote."""


class AddNote(Action, frozen=True, gc=False, kw_only=True, tag="note"):
    """Write a note for colleagues, which the citizen does not see."""

    text: str


class LinkCase(Action, frozen=True, gc=False, kw_only=True, tag="link"):
    """Link a conversation to the zaak that it belongs to."""

    zaak: str


class MarkRead(Action, frozen=True, gc=False, kw_only=True, tag="read"):
    """Show the citizen that the conversation was read."""

    typing: bool = False
    """True if an employee is typing an answer."""


class ConfirmAlarm(Action, frozen=True, gc=False, kw_only=True, tag="confirm"):
    """Confirm that a person has seen the alarm."""


class ReleaseConversation(Action, frozen=True, gc=False, kw_only=True, tag="release"):
    """Release the withheld events of a conversation."""


class MergeConversation(Action, frozen=True, gc=False, kw_only=True, tag="merge"):
    """Merge another conversation, and its person, into this one."""

    other: str
    """The other conversation, of the same number."""


class SettleSend(Action, frozen=True, gc=False, kw_only=True, tag="settle"):
    """Settle a send that Meta did not confirm, with what a person saw there."""

    message: UUID
    was_sent: bool
    """False: the message is sent again."""
    reason: str = ""
    """Place or person that showed it, in the words of the author."""


class SetNotice(Action, frozen=True, gc=False, kw_only=True, tag="notice"):
    """Set the notice of a number; an empty text removes it."""

    text: str = ""
    until: datetime | None = None
    """Time at which the notice ends."""


class SetNumberState(Action, frozen=True, gc=False, kw_only=True, tag="state"):
    """Set the state of a number."""

    state: str
    """open, receive-only or closed."""
    text: str = ""
    """Text for citizens who write to a closed number."""
    until: datetime | None = None
    """Time at which the number opens again."""


class RecordConsent(Action, frozen=True, gc=False, kw_only=True, tag="consent"):
    """Record that a citizen agreed to business-initiated messages for a purpose."""

    purpose: str
    evidence: ConsentEvidence


class EndConsent(Action, frozen=True, gc=False, kw_only=True, tag="withdraw"):
    """Record that a citizen withdraws their consent for a purpose."""

    purpose: str


class UnknownAction(Action, frozen=True, gc=False, kw_only=True, tag="unknown"):
    """An action that this version cannot read, because only a newer one knows it. Its sender hears
    so."""


AnyAction = (
    SendMessage
    | TransferConversation
    | CloseConversation
    | ReopenConversation
    | AddNote
    | LinkCase
    | MarkRead
    | ConfirmAlarm
    | ReleaseConversation
    | MergeConversation
    | SettleSend
    | SetNotice
    | SetNumberState
    | RecordConsent
    | EndConsent
    | UnknownAction
)


class Command(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="entry", tag="command"
):
    """A command of a CRM, accepted by the gateway: an action, its sender, and what it concerns.

    `conversation` or `to` identifies the citizen; a notice or state of a number concerns none. An
    empty `departments` means every department of the municipality; an empty `tenant` means that of
    the number.
    """

    id: UUID
    """Id of the command, and of the message that it makes."""
    received_at: datetime
    token: str
    """Name of the API token of the caller."""
    action: AnyAction
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
    reply_to: str = ""
    """Destination that gets an event if the command is refused, because no caller asks for its
    status; '' for none."""
    traceparent: str = ""
    """Trace that this belongs to (W3C Trace Context); '' without tracing."""
    test: bool = False
    """True if its token is for tests: nothing of it reaches Meta."""

    @property
    def type(self) -> str:
        """Type of the command: Meta's type of a message, else the tag of the action."""
        if isinstance(self.action, SendMessage):
            return self.action.type
        return str(self.action.__struct_config__.tag)


ReportedStatus = Literal["", "sent", "delivered", "read"]


class SendOutcome(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="entry", tag="send-outcome"
):
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
    traceparent: str = ""
    """Trace that this belongs to (W3C Trace Context); '' without tracing."""
    reported: ReportedStatus = ""
    """Status in place of Meta's, for a message of a test token, which Meta does not know."""


class Timeout(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="entry", tag="timeout"
):
    """A timer of a conversation has fired. kind: quiet, menu, waiting, window, idle, opens,
    care, left."""

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
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="entry", tag="media-outcome"
):
    """Outcome of the file of a message: the archiver has it, has quarantined it, or could not get
    it."""

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
    is_outgoing: bool = False
    """True if the file went out with a message to a citizen."""


class ConversationDestroyed(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, tag_field="entry", tag="destroyed"
):
    """A conversation was destroyed: its receivers hear that, and destroy their own copies."""

    id: UUID
    tenant: str
    number: str
    conversation: str
    departments: list[str]
    """Departments that had it, in order."""
    sequence: int
    """Place after everything that happened in the conversation."""
    list: str
    """Destruction list that it was on."""
    ground: Literal["term", "request"]
    """term: its term is over. request: its citizen asked for it."""
    at: datetime


Entry = Receipt | Command | SendOutcome | Timeout | MediaOutcome | ConversationDestroyed


class PartitionBatch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Entries of one partition; `source` numbers its batches, so that a missing batch shows."""

    source: UUID
    number: int
    entries: list[Entry]


class Delivery(msgspec.Struct, frozen=True, gc=False, kw_only=True):
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
    traceparent: str = ""
    """Trace that this belongs to (W3C Trace Context); '' without tracing."""


class DeliveryBatch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    destination: str
    deliveries: list[Delivery]


class Record(msgspec.Struct, frozen=True, gc=False, kw_only=True, rename={"item_index": "item"}):
    """One event for the archive; `data` is a JSON object.

    kind: receipt, message, status, notice, note, delivery, send, attempt, media, quarantine,
    conversation, valuation, number, consent, identity, configuration, operation, annotation,
    request, segment, aside, loss. An attempt is one without a final outcome. A segment holds only
    the bytes of an item that came again, in another body or in the same one. An aside says that the
    archiver put something into its quarantine, or took it out. A loss is one of the log itself, as
    a person accepted it.
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
    traceparent: str = ""
    """Trace that this belongs to (W3C Trace Context); '' without tracing."""


class ArchiveBatch(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    records: list[Record]


Batch = PartitionBatch | DeliveryBatch | ArchiveBatch

KINDS: dict[str, type[Batch]] = {
    PARTITION_BATCH: PartitionBatch,
    DELIVERY_BATCH: DeliveryBatch,
    ARCHIVE_BATCH: ArchiveBatch,
}
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
    try:
        return _decode_known(name, body)
    except (UnicodeDecodeError, RecursionError) as error:  # msgspec raises these for text and depth
        raise msgspec.DecodeError(f"not what the name says: {type(error).__name__}") from None


def _decode_known(name: str, body: bytes) -> Batch:
    """Decode a batch. Actions that this version cannot read become UnknownAction."""
    decoder = _decoders[name]
    try:
        batch: Batch = decoder.decode(body)
    except msgspec.ValidationError:
        if name != PARTITION_BATCH:
            raise
        fields = _without_unknown_actions(msgspec.msgpack.decode(body))
        return msgspec.convert(fields, PartitionBatch)
    return batch


def _without_unknown_actions(batch: Any) -> Any:
    entries = batch.get("entries") if isinstance(batch, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        is_command = isinstance(entry, dict) and entry.get("entry") == "command"
        if is_command and not _is_action(entry.get("action")):
            entry["action"] = {"action": "unknown"}
    return batch


def _is_action(fields: Any) -> bool:
    try:
        msgspec.convert(fields, AnyAction)
    except msgspec.ValidationError:
        return False
    return True
