"""An episode between one number of ours and one person, and what it remembers of itself. Types."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from router.rules.engine import Verdict


class ConversationState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What later decisions need to know. Kept as JSON beside the conversation: fields are only
    added, with a default."""

    home_department: str = ""
    """Department that a rule, a person or the fallback chose; another may stand in for it while it
    is closed."""
    has_question: bool = False
    """Words were said that are more than a greeting: before, nobody can tell where it belongs."""
    answered_at: datetime | None = None
    """When a person of ours last wrote."""
    waiting_since: datetime | None = None
    """The first message of the citizen that nobody has answered yet."""
    last_request_sequence: int = 0
    """Place in the conversation of the last message that asks for something."""
    escalated: bool = False
    too_old_to_answer: bool = False
    """What the citizen said last was too old to answer when it came."""
    welcome: bool = False
    """They must still be told how this works: it waits for a text that it can stand before."""
    burst_at: datetime | None = None
    """When the burst began that goes on: messages without a silence between them."""
    auto_texts_at: tuple[datetime, ...] = ()
    """When the last texts went out by themselves."""
    exempt_texts_at: tuple[datetime, ...] = ()
    """When the last of these went out that nothing holds back."""
    sent_once: tuple[str, ...] = ()
    """Texts that come once in a conversation, and came."""
    pending_texts: tuple[str, ...] = ()
    """Ids of texts that follow when the burst is over: another went before them."""
    closed_until: datetime | None = None
    """The opening that the citizen was told to wait for."""
    menu: str = ""
    menu_at: datetime | None = None
    tags: tuple[str, ...] = ()
    language: str = ""
    priority: str = "normal"
    due: date | None = None
    """By when the law wants it dealt with."""
    held: bool = False
    assignee: str = ""
    """In whose queue a person put it."""
    care: str = ""
    """Class of the gravest care rule that fitted."""
    care_at: datetime | None = None
    care_asked: int = 0
    """Destinations that were alarmed since."""
    confirmed_by: str = ""
    moves: int = 0
    """Transfers between people since somebody answered the citizen."""
    mask: tuple[str, ...] = ()
    reopened: int = 0
    idle: bool = False
    """It was closed because nobody said a word for long."""
    last_wamid: str = ""
    """Meta's name for the message that the citizen wrote last, and when that was."""
    heard_at: datetime | None = None
    reopen_request: UUID | None = None
    """The template by which they were asked last to write again, as an answer waits for that; and
    when, unless it failed."""
    asked_at: datetime | None = None
    asks_named: tuple[str, ...] = ()
    """Meta's names for the last of these templates, as keyed hashes: a button of one quotes it."""


class ReadReceipt(msgspec.Struct, frozen=True, kw_only=True):
    """What the deliverer is to show a citizen: that everything up to this message was read."""

    number: str
    person: UUID
    id: UUID
    wamid: str
    heard_at: datetime
    typing: bool
    created_at: datetime


class Conversation(msgspec.Struct, frozen=True, kw_only=True):
    """`rule` is '' while nothing but the number's fallback decided; a rule's id; or what
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
    state: ConversationState = ConversationState()
    said_at: datetime | None = None
    """When the citizen wrote what they wrote last, by their own clock: their window opens there,
    however late it came in."""

    def moved_to(self, verdict: Verdict, at: datetime) -> "Conversation":
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

    def with_state(self, **changed: object) -> "Conversation":
        """The same with `changed` in its state."""
        return msgspec.structs.replace(self, state=msgspec.structs.replace(self.state, **changed))
