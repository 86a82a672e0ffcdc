"""Request bodies of commands other than messages: for conversations, numbers and consent. Pure.

Parse them with `services.api.json_body.parse_body(body, TRANSFER)` and so on, which returns every
fault at once.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator

from gateway.requests.messages import TEXT_CHARACTERS, Author, Consent, Recipient
from services import contract
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Department,
    Id,
    Json,
    Moment,
    OurNumber,
    PatternText,
    Purpose,
    RetentionCode,
    optional_not_null,
    validation_error,
)
from services.http.rights import Role
from services.language import readability
from services.language.sensitive_requests import asks_for_sensitive_data
from services.texts.catalogue import PLACEHOLDER


class Transfer(Body):
    """Transfer a conversation to another department, or to the front desk of the number. The
    receiving department can read the whole conversation."""

    department: Annotated[Department | None, SPARED] = optional_not_null()
    """Department that receives the conversation; left out: the front desk."""
    employee: Annotated[str | None, BoundedText(255), SPARED] = optional_not_null()
    """Employee whose queue receives the conversation, as the CRM calls them."""
    reason: Annotated[str, BoundedText(500)]
    """Reason, for the colleague and for the archive."""
    author: Annotated[Author | None, SPARED] = optional_not_null()
    from_department: Annotated[Department | None, SPARED, Field(alias="from")] = optional_not_null()
    """Department that owns the conversation; refused if another department does."""

    def action(self) -> contract.TransferConversation:
        return contract.TransferConversation(
            to_department=self.department or "", employee=self.employee or "", reason=self.reason
        )


class Close(Body):
    """Close a conversation: the question is answered."""

    reason: Annotated[str | None, BoundedText(500), SPARED] = optional_not_null()
    outcome: Annotated[Literal["answered", "forwarded", "redirected", "handled"] | None, SPARED] = (
        optional_not_null()
    )
    """Outcome: `answered` the citizen, `forwarded` to the body that decides, `redirected` the
    citizen to the right channel, or `handled` in another way. Required for a conversation with the
    label `officieel`."""
    retention_code: Annotated[RetentionCode | None, SPARED] = optional_not_null()
    """Result of the selection list 2020 by which the conversation is kept, such as `6.1.3`; left
    out: the default of its departments. Of two closings the result that keeps it longer counts."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.CloseConversation:
        return contract.CloseConversation(
            reason=self.reason or "",
            outcome=self.outcome or "",
            code=self.retention_code or "",
        )


class Reopen(Body):
    """Open a closed conversation again: its question is not answered after all."""

    reason: Annotated[str | None, BoundedText(500), SPARED] = optional_not_null()
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.ReopenConversation:
        return contract.ReopenConversation(reason=self.reason or "")


class Note(Body):
    """Write a note for colleagues. It is archived, and the citizen does not see it."""

    text: Annotated[str, BoundedText(4096)]
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.AddNote:
        return contract.AddNote(text=self.text)


class LinkCase(Body):
    """Link a conversation to a zaak. Later events and records include the link."""

    zaak: Annotated[
        str,
        BoundedText(1000),
        PatternText(
            r"[A-Za-z0-9][A-Za-z0-9._ /-]{0,39}|https://[^\s\\?#@]+",
            "must be the identification of a zaak (at most 40 characters) or its https URL",
        ),
    ]
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.LinkCase:
        return contract.LinkCase(zaak=self.zaak)


class Confirm(Body):
    """Confirm an alarm: a person has seen it, so no other person is woken."""

    author: Annotated[Author | None, SPARED] = optional_not_null()
    """Person who confirms; archived. A machine cannot confirm."""

    @field_validator("author")
    @classmethod
    def _check_author(cls, author: Author | None) -> Author | None:
        if author is not None and author.kind != "employee":
            raise validation_error("must be an employee: a machine cannot look")
        return author

    def action(self) -> contract.ConfirmAlarm:
        return contract.ConfirmAlarm()


class Release(Body):
    """Release a withheld conversation: its events are delivered now, in order."""

    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.ReleaseConversation:
        return contract.ReleaseConversation()


class Read(Body):
    """Send the citizen a read receipt."""

    typing: Annotated[bool | None, SPARED] = optional_not_null()
    """Also show that an answer is being typed, until it arrives and for at most 25 seconds."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.MarkRead:
        return contract.MarkRead(typing=self.typing or False)


class Merge(Body):
    """Merge two persons into one: the citizen of the other conversation is the citizen of this one.
    The other conversation is closed."""

    other: Annotated[Conversation, Field(alias="with")]
    """The other conversation, of the same number."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.MergeConversation:
        return contract.MergeConversation(other=self.other)


BY_EMPLOYEE: Json = {
    "dependentSchemas": {
        "author": {
            "properties": {
                "author": {"required": ["id"], "properties": {"kind": {"const": "employee"}}}
            }
        }
    }
}
"""The rule of the validator below, in JSON Schema."""


class Settle(Body):
    """Settle a message with status `unknown`: say what a person saw at Meta."""

    model_config = ConfigDict(json_schema_extra=BY_EMPLOYEE)

    message: Id
    """Id of the message."""
    seen: Literal["sent", "not_sent"]
    """`sent`: the message is in WhatsApp Manager, or with the citizen. `not_sent`: it is not, so it
    is sent again now."""
    reason: Annotated[str, BoundedText(500)]
    """Place or person that showed it. The department reads it and it is archived, so without
    personal data."""
    author: Author
    """Person who looked: an employee with an id."""

    @field_validator("author")
    @classmethod
    def _check_author(cls, author: Author) -> Author:
        if author.kind != "employee" or not author.id:
            raise validation_error("must be an employee with an id: the person who looked")
        return author

    def action(self) -> contract.SettleSend:
        return contract.SettleSend(
            message=self.message, was_sent=self.seen == "sent", reason=self.reason
        )


def _text_faults(text: str) -> Iterator[str]:
    """Yield the faults of an automatic text, by the rules for plain language and safety."""
    if not any(map(str.isalnum, text)):
        yield "has no words"
    if PLACEHOLDER.search(text):
        yield "has a placeholder, and nothing is filled in here"
    for nth, (sentence, lead) in enumerate(readability.clauses(text), 1):
        if (count := readability.words(sentence)) > readability.SENTENCE:
            yield f"sentence {nth} has {count} words, {readability.SENTENCE} at most"
        if asks_for_sensitive_data(sentence, lead):
            yield f"sentence {nth} asks for what may not go by WhatsApp"
    if readability.offers_phone_only(text):
        yield "names the telephone as the only way on"


def _check_text(text: str) -> str:
    if faults := list(_text_faults(text)):
        raise validation_error("; ".join(faults))
    return text


AutomaticText = Annotated[str, BoundedText(TEXT_CHARACTERS), AfterValidator(_check_text)]
"""A text that is sent to citizens automatically: in sentences of at most 15 words, without a
question for a BSN or a copy of papers, and not with the telephone as the only way to continue."""


class Notice(Body):
    """A temporary text for all citizens who write to a number, sent once in each conversation."""

    text: AutomaticText
    """Text in sentences of at most 15 words. The telephone must not be the only way to continue."""
    until: Moment
    """Time at which the notice ends: in the future, and within 31 days."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.SetNotice:
        return contract.SetNotice(text=self.text, until=self.until.astimezone(UTC))


class ClearNotice(Body):
    """Remove the notice of a number."""

    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.SetNotice:
        return contract.SetNotice()


CLOSED_HAS_TEXT: Json = {
    "if": {"properties": {"state": {"const": "closed"}}},
    "then": {"required": ["text"]},
    "else": {"not": {"required": ["text"]}},
    "dependentSchemas": {"until": {"properties": {"state": {"not": {"const": "open"}}}}},
}
"""The rules of the validators below, in JSON Schema."""


class State(Body):
    """State of a number: if it is open, and if it sends automatic texts."""

    model_config = ConfigDict(json_schema_extra=CLOSED_HAS_TEXT)

    state: Literal["open", "receive-only", "closed"]
    """`receive-only`: messages are received and no automatic text is sent. `closed`: citizens are
    sent `text` once in each conversation, and their messages are still received."""
    text: Annotated[AutomaticText | None, SPARED] = optional_not_null()
    """Text for citizens; required with `closed` and refused otherwise. The rules for the text of a
    notice apply."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """Time at which the number opens again: in the future, and within 31 days. Not with `open`."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    @field_validator("text")
    @classmethod
    def _check_state_text(cls, text: str | None, info: ValidationInfo) -> str | None:
        state = info.data.get("state")
        if state == "closed" and text is None:
            raise validation_error("must be given: what citizens are told")
        if state in ("open", "receive-only") and text is not None:
            raise validation_error("goes with closed only")
        return text

    @field_validator("until")
    @classmethod
    def _check_until(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        if info.data.get("state") == "open" and until is not None:
            raise validation_error("does not go with open")
        return until

    def action(self) -> contract.SetNumberState:
        until = self.until.astimezone(UTC) if self.until else None
        return contract.SetNumberState(state=self.state, text=self.text or "", until=until)


class GiveConsent(Consent):
    """Record that a citizen agreed to receive business-initiated messages."""

    number: OurNumber
    """Any number of the municipality; the consent holds for all its numbers."""
    to: Recipient
    """The citizen: a phone number in international form, or a business-scoped user id."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.RecordConsent:
        return contract.RecordConsent(purpose=self.purpose, evidence=self.evidence())


class WithdrawConsent(Body):
    """Record that a citizen withdraws consent."""

    number: OurNumber
    to: Recipient
    purpose: Purpose
    author: Annotated[Author | None, SPARED] = optional_not_null()

    def action(self) -> contract.EndConsent:
        return contract.EndConsent(purpose=self.purpose)


Change = Transfer | Close | Reopen | Note | LinkCase | Read | Confirm | Release | Merge | Settle
"""Commands for a conversation."""
NumberCommand = Notice | ClearNotice | State
ConsentCommand = GiveConsent | WithdrawConsent

TRANSFER, CLOSE, REOPEN = TypeAdapter(Transfer), TypeAdapter(Close), TypeAdapter(Reopen)
NOTE, LINK_CASE = TypeAdapter(Note), TypeAdapter(LinkCase)
CONFIRM, RELEASE, MERGE = TypeAdapter(Confirm), TypeAdapter(Release), TypeAdapter(Merge)
READ, SETTLE = TypeAdapter(Read), TypeAdapter(Settle)
NOTICE, CLEAR_NOTICE, STATE = TypeAdapter(Notice), TypeAdapter(ClearNotice), TypeAdapter(State)
GIVE_CONSENT, WITHDRAW_CONSENT = TypeAdapter(GiveConsent), TypeAdapter(WithdrawConsent)
CONSENT_COMMANDS = (GIVE_CONSENT, WITHDRAW_CONSENT)
"""Commands that belong to the municipality as a whole, not to a department."""

CONTACT_CENTRE: Role = "kcc"
COMMAND_ROLES: tuple[Role, ...] = ("send", "care", CONTACT_CENTRE)
"""Roles that may give a command. Each may also read the status of its commands."""


class Verb(NamedTuple):
    """A command for a conversation: its request body, and the roles that may give it."""

    kind: TypeAdapter[Any]
    roles: tuple[Role, ...] = ("send",)


VERBS: dict[str, Verb] = {
    "_transfer": Verb(TRANSFER),
    "_close": Verb(CLOSE),
    "_reopen": Verb(REOPEN),
    "_note": Verb(NOTE),
    "_link": Verb(LINK_CASE),
    "_read": Verb(READ),
    "_confirm": Verb(CONFIRM, ("care", "send")),
    "_release": Verb(RELEASE, (CONTACT_CENTRE,)),
    "_merge": Verb(MERGE, (CONTACT_CENTRE,)),
    "_settle": Verb(SETTLE, ("send", CONTACT_CENTRE)),
}
