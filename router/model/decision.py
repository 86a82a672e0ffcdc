"""Types for the decision on one unit: a kind for each outcome. No logic.

Values cannot form cycles, so the garbage collector does not track them (`gc=False`), here and in
the other types of the model and the contract. Tracking took 10 to 25 microseconds a message.
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from router.model.conversation import Labels

IdentityEvent = Literal["gained", "ended", "moved"]


class IdentityChange(msgspec.Struct, frozen=True, gc=False):
    """Identifier that a known person gained, that no longer belongs to anyone, or that moved to
    this person from another."""

    event: IdentityEvent
    kind: str
    value: str


class Reply(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """An automatic text: `name` is its id in the catalogue, `content` the message in Meta's
    format."""

    id: UUID
    name: str
    language: str
    text: str
    content: bytes
    record: UUID


class Alarm(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Alarm for a person, without any content of the message."""

    event: UUID
    destination: str
    care: str
    nth: int
    """Number of this alarm in the series for one danger."""


class AlarmedDestination(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Destination that was alarmed, and the event by which it hears of the confirmation."""

    destination: str
    event: UUID


class FormerOwner(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Department that a conversation leaves."""

    department: str
    transfer: UUID | None = None
    """Id of the event and record of a transfer by a rule or a timer; None if the decision itself is
    the transfer."""
    event: UUID | None = None
    """Id of the event for this department, if it has another destination than the new owner."""
    destination: str = ""
    confidential: bool = False
    """This department receives no content."""


class Merged(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Conversation of the person with whom this person was merged."""

    conversation: str
    sequence: int
    """Its last sequence number."""
    owner: FormerOwner
    """Department that had it, with the event that it was closed."""
    zaak: str = ""


class Decision(
    msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag_field="kind"
):
    """The part that all kinds of decision share. A decision is stored with its unit, so that a
    redelivery gets the same answer. Ids and sequence numbers are assigned here and nowhere else."""

    record: UUID
    tenant: str = ""
    conversation: str = ""
    department: str = ""
    destination: str = ""
    rule: str = ""
    reason: str = ""
    version: str = ""
    """Version of the rules and texts that decided."""
    sequence: int = 0
    zaak: str = ""
    message: UUID | None = None
    event: UUID | None = None
    """Id of the event for the CRM; None if it receives none."""
    former: FormerOwner | None = None
    confidential: bool = False
    """The present owner receives no content."""
    held: bool = False
    """Events of the conversation are withheld until it is released."""
    releases: bool = False
    reply: Reply | None = None
    """Automatic text that goes out."""
    identity: UUID | None = None
    """Id of the record of a change in a person's identifiers."""
    renamed: tuple[IdentityChange, ...] = ()


class MessageDecision(
    Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="message"
):
    """A citizen wrote."""

    opened: UUID | None = None
    """Id of the record that the conversation was opened."""
    labels: Labels
    provisional: bool = False
    """The right department is not known yet: more words must follow, or a person must answer."""
    task: bool = True
    """The message asks for work: it is not only a greeting, thanks or a reaction."""
    reopened: bool = False
    sensitive: tuple[str, ...] = ()
    """Kinds of numbers in the text that should not be sent by WhatsApp: bsn, iban."""
    mask: tuple[str, ...] = ()
    """Kinds that are masked for the CRM."""
    care: str = ""
    care_reason: str = ""
    alarm: Alarm | None = None
    marks: tuple[str, ...] = ()
    """Reasons of all matching rules, in order; the last may be the rule that decided."""
    matched_by_phone: bool = False
    """The citizen was recognised by their phone number, under a BSUID of another portfolio."""
    window_until: datetime | None = None
    """End of the customer service window, until which any message may be sent."""
    ended: tuple[str, ...] = ()
    """Purposes for which consent ended with this decision."""


class StatusDecision(
    Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="status"
):
    """An outgoing message has a status, from Meta or from the deliverer."""

    status: str
    author_kind: str = ""
    """Kind of the message's author: `employee`, `system` or `automated`."""


class MediaDecision(Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="media"):
    """A citizen's file was fetched, quarantined or lost."""


class CommandAccepted(
    Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="accepted"
):
    """A command is carried out."""

    status: str
    opened: UUID | None = None
    """Id of the record that the conversation was opened."""
    labels: Labels = Labels()
    merged: Merged | None = None
    purpose: str = ""
    """Purpose of the consent that permits a business-initiated template."""
    ended: tuple[str, ...] = ()
    """Purposes for which consent ended with this decision."""
    window_until: datetime | None = None
    """End of the customer service window."""
    author_kind: str = ""
    """Kind of author of the message that the command settles."""
    alarmed: tuple[AlarmedDestination, ...] = ()
    """Destinations that hear of a confirmation because they were alarmed."""


class RefusalEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Event by which a destination learns that a command of its own was refused. The decision
    itself belongs to no conversation, so these are of the one that the command was for."""

    id: UUID
    destination: str
    tenant: str
    conversation: str
    department: str = ""
    """Department that owns the conversation; '' if that is unknown."""
    sequence: int = 0
    """Last sequence number of the conversation; 0 if there is none."""
    reason: str


class CommandRefused(
    Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="refused"
):
    """A command is refused, with the reason for its sender."""

    refusal_event: RefusalEvent | None = None


class TimerDecision(Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="timer"):
    """A timer fired."""

    effect: str = ""
    """said, decided, waiting, closed, returned, window, alarmed or unconfirmed; '' if the timer no
    longer applied."""
    placed: str = ""
    """Reason why the conversation is at its department, if `reason` is that of the effect."""
    labels: Labels = Labels()
    alarm: Alarm | None = None
    window_until: datetime | None = None
    """End of the customer service window."""


class DestructionEvent(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Event by which a destination hears that a conversation was destroyed."""

    id: UUID
    destination: str
    department: str
    """Its last department that had the conversation."""


class DestructionDecision(
    Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="destroyed"
):
    """A conversation was destroyed. The decision belongs to no conversation, and makes no record:
    the archiver wrote that of the destruction."""

    told: tuple[DestructionEvent, ...] = ()


class Archived(Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="archived"):
    """An echo, a notice or a status of an unknown message: a record and nothing else."""

    ended: tuple[str, ...] = ()
    """Purposes for which consent ended with this decision."""


class Quarantined(
    Decision, frozen=True, gc=False, kw_only=True, omit_defaults=True, tag="quarantined"
):
    """A unit that cannot be decided, with the reason for the operator."""

    refusal_event: RefusalEvent | None = None
    """Set for a command."""


AnyDecision = (
    MessageDecision
    | StatusDecision
    | MediaDecision
    | CommandAccepted
    | CommandRefused
    | TimerDecision
    | DestructionDecision
    | Archived
    | Quarantined
)

Data = dict[str, Any]
"""JSON object of an event or a record."""
