"""Types for a conversation between one number and one person, and for its state."""

from datetime import date, datetime
from uuid import UUID

import msgspec

from router.model.stored_text import StoredText, plain_text
from router.rules.engine import Verdict
from services.whatsapp.delivery_status import CUSTOMER_SERVICE_WINDOW


class RulePlacement(msgspec.Struct, frozen=True, gc=False):
    """Department that no person chose, which no person's act has shown right or wrong yet."""

    rule: str
    """Id of the rule, '_menu', or '' if only the number's fallback was left."""
    department: str
    """Department that was chosen, whatever deputy has the conversation."""
    version: str
    """Version of the rules and texts that chose it."""


class ConversationState(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """State of a conversation that later decisions need. It is stored as JSON beside the
    conversation, so fields are only added, and each with a default."""

    home_department: str = ""
    """Department that a rule, a person or the fallback chose. While it is closed, its deputy
    department owns the conversation."""
    has_question: bool = False
    """The citizen wrote more than a greeting. Until then the right department is unknown."""
    answered_at: datetime | None = None
    """Time at which an employee last wrote."""
    answered_sequence: int = 0
    """Sequence number of the last answer by a person."""
    answered_token: str = ""
    """Token of the desk that gave it."""
    waiting_since: datetime | None = None
    """Time of the first unanswered message of the citizen."""
    last_request_sequence: int = 0
    """Sequence number of the last message that asks for something."""
    escalated: bool = False
    too_old_to_answer: bool = False
    """The last message was already too old to answer when it arrived."""
    welcome: bool = False
    """The citizen still has to receive the welcome text, which waits for a text that it can
    precede."""
    first_text: str = ""
    """Id of the text that takes the place of the welcome text; '' for none."""
    burst_at: datetime | None = None
    """Start of the current burst: a run of messages without a silence between them."""
    auto_texts_at: tuple[datetime, ...] = ()
    """Times of the last automatic texts."""
    exempt_texts_at: tuple[datetime, ...] = ()
    """Times of recent texts that bypass the rate limit (safety texts, STOP confirmations)."""
    sent_once: tuple[str, ...] = ()
    """Ids of texts that are sent once in a conversation and have been sent."""
    pending_texts: tuple[str, ...] = ()
    """Ids of texts that follow when the burst is over, because another text came first."""
    closed_until: datetime | None = None
    """Opening time that the last text about a closed department announced."""
    menu: str = ""
    menu_at: datetime | None = None
    tags: tuple[str, ...] = ()
    language: str = ""
    priority: str = "normal"
    priority_reason: str = ""
    """Reason of the priority: a sentence of Postkamer."""
    also_about: tuple[str, ...] = ()
    """Departments that a sentence of the citizen was about and that did not get the conversation
    since, the latest last."""
    due: date | None = None
    """Statutory deadline."""
    closed_due: date | None = None
    """Statutory deadline at the last closing by a person. It counts again if that was a mistake."""
    held: bool = False
    assignee: str = ""
    """Employee to whom a person assigned the conversation."""
    care: str = ""
    """Class of the safety rule that matched last."""
    care_at: datetime | None = None
    care_asked: int = 0
    """Number of destinations alerted since `care_at`."""
    confirmed_by: str = ""
    moves: int = 0
    """Transfers by people since the citizen was last answered."""
    mask: tuple[str, ...] = ()
    reopened: int = 0
    idle: bool = False
    """The conversation was closed for inactivity."""
    last_wamid: str = ""
    """Wamid of the citizen's last message; `heard_at` is the time of that message."""
    heard_at: datetime | None = None
    reopen_request: UUID | None = None
    """Id of the message that last asked the citizen to write again because an answer is on hold;
    `asked_at` is its time, None if it failed."""
    asked_at: datetime | None = None
    asks_named: tuple[str, ...] = ()
    """Keyed hashes of the wamids of the last such templates; a press on a button quotes one of
    them."""
    placed: RulePlacement | None = None
    has_message: bool = False
    """An employee, a system or a chatbot has sent the citizen a message since the conversation
    began or was opened again."""


class Labels(msgspec.Struct, frozen=True, gc=False, kw_only=True, omit_defaults=True):
    """Labels of a conversation that its department sees."""

    tags: tuple[str, ...] = ()
    priority: str = ""
    language: str = ""
    due: date | None = None
    """Statutory deadline."""
    assignee: str = ""
    care: str = ""
    """Danger in the conversation that no person has confirmed yet."""
    priority_reason: str = ""
    also_about: tuple[str, ...] = ()
    """Other departments that a sentence of the citizen was about."""


class ReadReceipt(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Read receipt for the deliverer to send: everything up to this message was read."""

    number: str
    person: UUID
    id: UUID
    wamid: str
    heard_at: datetime
    typing: bool
    created_at: datetime


class StoredState(msgspec.Struct, frozen=True, gc=False):
    """State of a conversation as it was loaded, beside how its row has it and what it is bound to
    there: one that stays the same need not be sealed again."""

    state: ConversationState
    sealed: str
    bound: bytes


class Conversation(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A conversation between one number and one person. `rule` is '' while only the number's
    fallback decided; otherwise a rule's id, or a constant of `router.rules.engine` for a person's
    choice or an escalation."""

    id: str
    tenant: str
    number: str
    person: UUID
    department: str
    rule: str
    reason: str | StoredText
    since: datetime
    opened_at: datetime
    last_inbound_at: datetime | None = None
    sequence: int = 0
    departments: tuple[str, ...] = ()
    """Departments that have owned the conversation, in order of arrival, with the present one."""
    zaak: str = ""
    closed_at: datetime | None = None
    state: ConversationState = ConversationState()
    said_at: datetime | None = None
    """Time of the citizen's last message by their own clock. The customer service window starts
    here, however late the message arrived."""
    stored: StoredState | None = None
    """None for a conversation that has no row yet."""

    def why(self) -> str:
        """Return the reason. Raises Shut."""
        return plain_text(self.reason)

    def moved_to(self, verdict: Verdict, at: datetime, **changed: object) -> "Conversation":
        """Return the conversation in the department of `verdict`, with its rule and reason, and
        with these fields changed. What it was also about there is no other subject any more."""
        been = self.departments or (self.department,)
        moved = msgspec.structs.replace(
            self,
            department=verdict.department,
            rule=verdict.rule,
            reason=verdict.reason,
            since=self.since if verdict.department == self.department else at,
            departments=been if verdict.department in been else (*been, verdict.department),
            **changed,
        )
        others = tuple(each for each in moved.state.also_about if each != verdict.department)
        return moved.with_state(also_about=others)

    def labels(self) -> Labels:
        state = self.state
        return Labels(
            tags=state.tags,
            priority=state.priority,
            priority_reason=state.priority_reason,
            also_about=state.also_about,
            language=state.language,
            due=state.due,
            assignee=state.assignee,
            care="" if state.confirmed_by else state.care,
        )

    def window_until(self) -> datetime | None:
        """Return the end of the customer service window, until which any message may be sent."""
        return self.said_at + CUSTOMER_SERVICE_WINDOW if self.said_at else None

    def with_next_sequence(self) -> "Conversation":
        """Return the conversation with the place of one more event."""
        return msgspec.structs.replace(self, sequence=self.sequence + 1)

    def with_state(self, **changed: object) -> "Conversation":
        """Return the conversation with these fields changed in its state."""
        return msgspec.structs.replace(self, state=msgspec.structs.replace(self.state, **changed))
