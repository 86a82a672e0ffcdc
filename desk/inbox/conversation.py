"""A conversation as its events tell of it, and the change that each event makes. Pure."""

from collections.abc import Callable, Iterable
from datetime import date, datetime
from typing import Any

import msgspec

from desk.events.event import Event
from desk.postkamer.record import Message
from services import event_types

SNIPPET_CHARACTERS = 160
"""Characters of the last message that the list shows: two lines."""
NAME_CHARACTERS = 80
EMPLOYEE = "employee"
ARRIVED = frozenset({"sent", "delivered", "read", "played"})
DOUBTFUL = frozenset({"failed", "unknown"})
ANSWERS_NOTHING = -1
"""Sequence number up to which a reaction answers: its citizen waits as before."""


class Content(msgspec.Struct, frozen=True):
    """Personal data in a list, which lie sealed in its row."""

    name: str = ""
    """Name that the citizen chose in WhatsApp."""
    text: str = ""
    """Beginning of the citizen's last message; '' for a file, or for a confidential department."""
    kind: str = ""
    """Type of that message."""
    zaak: str = ""
    priority_reason: str = ""
    """Why it has its priority. It names a word of the citizen's."""


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    """Source of its events: the municipality."""
    department: str
    sequence: int = 0
    """Highest sequence number of an event that was applied."""
    message_sequence: int = 0
    """Sequence number of the citizen's newest message, by which the record is known to have it."""
    is_open: bool = True
    last_at: datetime
    """Time of the last event that an employee should notice."""
    waiting_since: datetime | None = None
    """Time of the oldest question that no person answered."""
    waiting_to: int = 0
    """Sequence number of the newest such question."""
    window_until: datetime | None = None
    """End of the customer service window."""
    priority: str = "normal"
    care: str = ""
    """Danger that no person has confirmed."""
    tags: tuple[str, ...] = ()
    also_about: tuple[str, ...] = ()
    """Other departments that a sentence of the citizen was about."""
    language: str = ""
    due: date | None = None
    """Legal deadline."""
    assignee: str = ""
    """Employee who has it, by the name on the record; '' if nobody has."""
    is_provisional: bool = False
    """True while the right department is not known."""
    trouble: str = ""
    """Status of the last answer of a person, if that may not have arrived."""
    outcome: str = ""
    content: Content = Content()


Change = Callable[[Conversation, Event], Conversation]


def apply_event(known: Conversation | None, event: Event) -> Conversation | None:
    """Return the conversation after an event that was not applied before; None if the event is
    about no conversation, or of a type that changes none. A confirmation makes none known: it also
    comes to whoever was alarmed about a conversation of others."""
    change = CHANGES.get(event.type)
    if change is None or not event.data.conversation_id:
        return known
    if known is None and event.type == event_types.CARE_CONFIRMED:
        return None
    conversation = known or _begin(event)
    if event.sequence < conversation.sequence:
        return _apply_late(conversation, event)
    conversation = _apply_common(conversation, event)
    return msgspec.structs.replace(change(conversation, event), sequence=event.sequence)


def answer(conversation: Conversation, at: datetime, covers: int | None) -> Conversation:
    """Return the conversation after a person's answer that arrived. It answers the questions up to
    the sequence number `covers`, or those of before `at` if that is not known."""
    replace = msgspec.structs.replace
    conversation = replace(conversation, trouble="")
    since = conversation.waiting_since
    if since is None:
        return conversation
    is_answered = covers >= conversation.waiting_to if covers is not None else since <= at
    return replace(conversation, waiting_since=None) if is_answered else conversation


def with_labels(conversation: Conversation, messages: Iterable[Message]) -> Conversation:
    """Return the conversation of a confidential department, whose events name no labels, with
    those that the citizen's newest message has on the record."""
    said = [each for each in messages if each.direction == "in" and each.priority]
    if not said:
        return conversation
    last, content = said[-1], conversation.content
    return msgspec.structs.replace(
        conversation,
        tags=last.tags,
        priority=last.priority,
        also_about=last.also_about,
        content=msgspec.structs.replace(content, priority_reason=last.priority_reason or ""),
    )


def _begin(event: Event) -> Conversation:
    data = event.data
    return Conversation(
        id=data.conversation_id,
        source=event.source,
        department=data.department,
        last_at=event.time,
    )


def _apply_common(conversation: Conversation, event: Event) -> Conversation:
    """Take over what any event may say. An event says nothing of what it leaves out."""
    data, content = event.data, conversation.content
    given = {
        "window_until": data.window_until,
        "priority": data.priority,
        "tags": data.tags,
        "also_about": data.also_about,
        "language": data.language,
        "due": data.due,
        "care": data.care,
    }
    changes: dict[str, Any] = {name: value for name, value in given.items() if value}
    sealed = {"zaak": data.zaak, "priority_reason": data.priority_reason}
    if told := {name: value for name, value in sealed.items() if value}:
        changes["content"] = msgspec.structs.replace(content, **told)
    return msgspec.structs.replace(conversation, **changes)


def _apply_late(conversation: Conversation, event: Event) -> Conversation:
    """Apply an event that comes after later ones, as one that was parked: a citizen who was not
    heard waits, and nothing else is news."""
    if event.type != event_types.RECEIVED or not event.data.task:
        return conversation
    return _wait(conversation, event.data.received_at or event.time, event.sequence)


def _wait(conversation: Conversation, since: datetime, sequence: int) -> Conversation:
    known = conversation.waiting_since
    return msgspec.structs.replace(
        conversation,
        is_open=True,
        outcome="",
        waiting_since=min(known, since) if known else since,
        waiting_to=max(conversation.waiting_to, sequence) if known else sequence,
    )


def _receive(conversation: Conversation, event: Event) -> Conversation:
    data, at = event.data, event.data.received_at or event.time
    known = conversation.content if data.department == conversation.department else Content()
    content = msgspec.structs.replace(
        known,
        name=data.sender.name[:NAME_CHARACTERS] or known.name,
        text=" ".join(data.text.split())[:SNIPPET_CHARACTERS],
        kind=data.type,
        priority_reason=data.priority_reason or known.priority_reason,
    )
    conversation = msgspec.structs.replace(
        conversation,
        department=data.department,
        last_at=event.time,
        content=content,
        message_sequence=event.sequence,
        is_provisional=data.provisional,
    )
    if data.reopened:
        conversation = msgspec.structs.replace(conversation, is_open=True, outcome="")
    return _wait(conversation, at, event.sequence) if data.task else conversation


def _decide(conversation: Conversation, event: Event) -> Conversation:
    conversation = msgspec.structs.replace(
        conversation, department=event.data.department, is_provisional=False, last_at=event.time
    )
    return _wait(conversation, event.time, event.sequence)


def _transfer(conversation: Conversation, event: Event) -> Conversation:
    """The next department decides who has it. To and from a confidential one, of which the event
    gives no reason, the archive shows the next department nothing from before, so neither may the
    list."""
    if not event.data.reason:
        conversation = msgspec.structs.replace(
            conversation, content=Content(), tags=event.data.tags, language=event.data.language
        )
    return msgspec.structs.replace(
        conversation,
        department=event.data.department,
        assignee=event.data.assignee,
        message_sequence=0,  # the next department may not be shown what was said before
        also_about=event.data.also_about,
        is_provisional=False,
        last_at=event.time,
    )


def _close(conversation: Conversation, event: Event) -> Conversation:
    return msgspec.structs.replace(
        conversation,
        is_open=False,
        waiting_since=None,
        assignee="",
        trouble="",
        care="",
        also_about=(),
        outcome=event.data.outcome or "",
        last_at=event.time,
    )


def _reopen(conversation: Conversation, event: Event) -> Conversation:
    return _wait(conversation, event.time, event.sequence)


def _note_status(conversation: Conversation, event: Event) -> Conversation:
    """Note what became of an answer. Only a person answers; what did not arrive answers nothing,
    so that its citizen waits."""
    status = event.data.status
    if event.data.author.kind != EMPLOYEE or event.covers == ANSWERS_NOTHING:
        return conversation
    if status in ARRIVED:
        return answer(conversation, event.data.at or event.time, event.covers)
    if status in DOUBTFUL and conversation.is_open:
        waiting = _wait(conversation, event.time, event.sequence)
        return msgspec.structs.replace(waiting, trouble=status, last_at=event.time)
    return conversation


def _notice(conversation: Conversation, event: Event) -> Conversation:
    return msgspec.structs.replace(conversation, last_at=event.time)


def _confirm_care(conversation: Conversation, event: Event) -> Conversation:
    return msgspec.structs.replace(conversation, care="", last_at=event.time)


def _keep(conversation: Conversation, event: Event) -> Conversation:
    return conversation


CHANGES: dict[str, Change] = {
    event_types.RECEIVED: _receive,
    event_types.DECIDED: _decide,
    event_types.TRANSFERRED: _transfer,
    event_types.CLOSED: _close,
    event_types.REOPENED: _reopen,
    event_types.STATUS_CHANGED: _note_status,
    event_types.WAITING: _notice,
    event_types.WINDOW_CLOSING: _notice,
    event_types.CASE_LINKED: _notice,
    event_types.CARE_CONFIRMED: _confirm_care,
    event_types.MEDIA_AVAILABLE: _keep,
    event_types.TEXT_SENT: _keep,
}
"""Type of an event -> its change. MEDIA_AVAILABLE and TEXT_SENT change what the page shows, and
nothing in the list."""
