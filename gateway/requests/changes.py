"""What a desk orders beside messages: of a conversation, and of a number. Pure.

Read with `services.reading.read(body, TRANSFER)` and so on, which gives every fault at once.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator

from gateway.requests.messages import TEXT_CHARACTERS, Author, Consent, Recipient
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Department,
    Json,
    Moment,
    OurNumber,
    PatternText,
    Purpose,
    optional_not_null,
    validation_error,
)
from services.http.rights import Role
from services.language import readability
from services.language.sensitive_requests import asks_for_sensitive_data
from services.texts.catalogue import PLACEHOLDER


class Transfer(Body):
    """To another department, which gets the whole conversation from here on; or to the front desk,
    which is the number's own."""

    department: Annotated[Department | None, SPARED] = optional_not_null()
    """That gets it; left out, the front desk does."""
    employee: Annotated[str | None, BoundedText(255), SPARED] = optional_not_null()
    """In whose queue it is put, as the CRM calls them."""
    reason: Annotated[str, BoundedText(500)]
    """For the colleague, and on the record."""
    author: Annotated[Author | None, SPARED] = optional_not_null()
    from_department: Annotated[Department | None, SPARED, Field(alias="from")] = optional_not_null()
    """That has it now; refused when another has it by then."""


class Close(Body):
    """The question is answered."""

    reason: Annotated[str | None, BoundedText(500), SPARED] = optional_not_null()
    outcome: Annotated[Literal["forwarded", "redirected", "handled"] | None, SPARED] = (
        optional_not_null()
    )
    """What was done about it: passed on to whoever decides on it, the citizen shown the right way,
    or dealt with. A conversation with the label `officieel` is not closed without."""
    author: Annotated[Author | None, SPARED] = optional_not_null()


class Note(Body):
    """For colleagues, on the record, not for the citizen."""

    text: Annotated[str, BoundedText(4096)]
    author: Annotated[Author | None, SPARED] = optional_not_null()


class LinkCase(Body):
    """To a zaak: events, export and retention carry it."""

    zaak: Annotated[
        str,
        BoundedText(1000),
        PatternText(
            r"[A-Za-z0-9][A-Za-z0-9._ /-]{0,39}|https://[^\s\\?#@]+",
            "must be the identification of a zaak (at most 40 characters) or its https URL",
        ),
    ]
    author: Annotated[Author | None, SPARED] = optional_not_null()


class Confirm(Body):
    """Somebody has seen the alarm; nobody else is woken for it."""

    author: Annotated[Author | None, SPARED] = optional_not_null()
    """Who it was: on the record as such."""


class Release(Body):
    """What was held is told now, in order."""

    author: Annotated[Author | None, SPARED] = optional_not_null()


class Read(Body):
    """The citizen is shown that what they wrote was read."""

    typing: Annotated[bool | None, SPARED] = optional_not_null()
    """And that an answer is being typed: until it comes, for 25 seconds at most."""
    author: Annotated[Author | None, SPARED] = optional_not_null()


class Merge(Body):
    """Two people are one: whoever is in the other conversation is from now on who is in this one.
    The other is closed."""

    other: Annotated[Conversation, Field(alias="with")]
    """Of the same number."""
    author: Annotated[Author | None, SPARED] = optional_not_null()


def _unfit(text: str) -> Iterator[str]:
    """Why it may not go out by itself: what plain language and safety ask of every such text."""
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


def _fit(text: str) -> str:
    if found := list(_unfit(text)):
        raise validation_error("; ".join(found))
    return text


AutomaticText = Annotated[str, BoundedText(TEXT_CHARACTERS), AfterValidator(_fit)]
"""What citizens are told, by itself: in sentences of at most 15 words, not asking for a BSN or a
copy of papers, and with another way on where it tells to call."""


class Notice(Body):
    """What citizens are told of a number for a while, once in each conversation."""

    text: AutomaticText
    """In sentences of at most 15 words, with another way on than the telephone."""
    until: Moment
    """When it ends by itself: in the future, and within 31 days."""
    author: Annotated[Author | None, SPARED] = optional_not_null()


class ClearNotice(Body):
    """Takes the notice away."""

    author: Annotated[Author | None, SPARED] = optional_not_null()


CLOSED_HAS_TEXT: Json = {
    "oneOf": [
        {"properties": {"state": {"const": "closed"}}, "required": ["text"]},
        {"properties": {"state": {"const": "receive-only"}}, "not": {"required": ["text"]}},
        {
            "properties": {"state": {"const": "open"}},
            "not": {"anyOf": [{"required": ["text"]}, {"required": ["until"]}]},
        },
    ]
}
"""What the validators below say, in JSON Schema."""


class State(Body):
    """Whether a number talks by itself."""

    model_config = ConfigDict(json_schema_extra=CLOSED_HAS_TEXT)

    state: Literal["open", "receive-only", "closed"]
    """`receive-only`: messages are taken and no text goes out by itself. `closed`: citizens are
    told `text` once in each conversation; what they write is taken all the same."""
    text: Annotated[AutomaticText | None, SPARED] = optional_not_null()
    """With `closed` only, and needed there; held to what a notice is."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """When the number is open again by itself: in the future, and within 31 days. Not with `open`.
    """
    author: Annotated[Author | None, SPARED] = optional_not_null()

    @field_validator("text")
    @classmethod
    def _of_closed(cls, text: str | None, info: ValidationInfo) -> str | None:
        state = info.data.get("state")
        if state == "closed" and text is None:
            raise validation_error("must be given: what citizens are told")
        if state in ("open", "receive-only") and text is not None:
            raise validation_error("goes with closed only")
        return text

    @field_validator("until")
    @classmethod
    def _of_what_ends(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        if info.data.get("state") == "open" and until is not None:
            raise validation_error("does not go with open")
        return until


class GiveConsent(Consent):
    """A citizen agreed to be sent what they did not ask for."""

    number: OurNumber
    """Any number of the municipality: it holds for all of them."""
    to: Recipient
    """The citizen: a phone number in international form, or a business-scoped user id."""
    author: Annotated[Author | None, SPARED] = optional_not_null()


class WithdrawConsent(Body):
    """And does no longer."""

    number: OurNumber
    to: Recipient
    purpose: Purpose
    author: Annotated[Author | None, SPARED] = optional_not_null()


TRANSFER, CLOSE = TypeAdapter(Transfer), TypeAdapter(Close)
NOTE, LINK_CASE = TypeAdapter(Note), TypeAdapter(LinkCase)
CONFIRM, RELEASE, MERGE = TypeAdapter(Confirm), TypeAdapter(Release), TypeAdapter(Merge)
READ = TypeAdapter(Read)
NOTICE, CLEAR_NOTICE, STATE = TypeAdapter(Notice), TypeAdapter(ClearNotice), TypeAdapter(State)
GIVE_CONSENT, WITHDRAW_CONSENT = TypeAdapter(GiveConsent), TypeAdapter(WithdrawConsent)
CONSENT_COMMANDS = (GIVE_CONSENT, WITHDRAW_CONSENT)
"""Of the municipality as a whole: no department has a say in it."""

CONTACT_CENTRE: Role = "kcc"
COMMAND_ROLES: tuple[Role, ...] = ("send", "care", CONTACT_CENTRE)
"""Whoever may order anything may ask what became of it."""


class Verb(NamedTuple):
    """What may be done with a conversation: its body, and the roles of which one orders it."""

    kind: TypeAdapter[Any]
    roles: tuple[Role, ...] = ("send",)


VERBS: dict[str, Verb] = {
    "_transfer": Verb(TRANSFER),
    "_close": Verb(CLOSE),
    "_note": Verb(NOTE),
    "_link": Verb(LINK_CASE),
    "_read": Verb(READ),
    "_confirm": Verb(CONFIRM, ("care", "send")),
    "_release": Verb(RELEASE, (CONTACT_CENTRE,)),
    "_merge": Verb(MERGE, (CONTACT_CENTRE,)),
}
