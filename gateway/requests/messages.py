"""Messages to citizens, as a CRM orders them. Pure.

Read with `services.reading.read(body, MESSAGE)`, which gives every fault at once.
"""

from typing import Annotated, Literal
from uuid import UUID

from emoji import is_emoji
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationInfo, field_validator

from gateway.requests.contact_cards import ContactCard
from gateway.requests.interactive import Interactive
from gateway.requests.templates import Template
from services.api.field_types import (
    ID_OR_LINK,
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Department,
    Filename,
    Json,
    Link,
    Moment,
    OurNumber,
    PatternText,
    Purpose,
    exactly_one_of,
    optional_not_null,
    validation_error,
)

TEXT_CHARACTERS, CAPTION_CHARACTERS = 4096, 1024
"""Meta's."""
WITHOUT_CAPTION = ("audio", "sticker")
"""Files under which no words can stand."""

Recipient = Annotated[
    str,
    PatternText(
        r"\+?[1-9][0-9]{6,14}|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}",
        "must be a phone number in international form, or a business-scoped user id",
    ),
    AfterValidator(lambda to: to.removeprefix("+")),
]
"""Digits, or Meta's id of a person for us."""


class Author(Body):
    """Who wrote it. Kept on the record, not shown to the citizen."""

    kind: Literal["employee", "system", "automated"]
    """`automated`: no person read it before it left; the municipality's disclosure goes along."""
    id: Annotated[str, BoundedText(255)] = ""
    """In the CRM."""


RECIPIENT_SCHEMA: Json = {
    "oneOf": [
        {
            "required": ["conversationId"],
            "not": {"anyOf": [{"required": ["number"]}, {"required": ["to"]}]},
        },
        {"required": ["number", "to"], "not": {"required": ["conversationId"]}},
    ],
    "dependentRequired": {"ifLast": ["conversationId"], "replyTo": ["conversationId"]},
}
"""What the validators below say, in JSON Schema."""


class _Message(Body):
    """What all messages have. Either `conversationId`, or `number` and `to`."""

    model_config = ConfigDict(json_schema_extra=RECIPIENT_SCHEMA)

    conversation_id: Annotated[Conversation | None, SPARED] = optional_not_null()
    """The conversation in which to answer."""
    number: Annotated[OurNumber | None, SPARED] = optional_not_null()
    """Our number to write from, when the citizen did not write first."""
    to: Annotated[Recipient | None, SPARED] = optional_not_null()
    """The citizen: a phone number in international form, or a business-scoped user id."""
    author: Annotated[Author | None, SPARED] = optional_not_null()
    department: Annotated[Department | None, SPARED] = optional_not_null()
    """For which it is written; refused when another has the conversation by then."""
    if_last: UUID | None = None
    """The last answer that the sender saw, null for none; refused when there is another by then.
    Left out: not looked at."""

    @field_validator("number", "to")
    @classmethod
    def _a_recipient(cls, value: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("conversation_id", value, info)
        return value

    @field_validator("if_last")
    @classmethod
    def _of_a_conversation(cls, last: UUID | None, info: ValidationInfo) -> UUID | None:
        if info.data.get("conversation_id", "") is None:
            raise validation_error("goes with conversationId only")
        return last

    @property
    def has_if_last(self) -> bool:
        """Whether `if_last` was given, be it as null."""
        return "if_last" in self.model_fields_set


class _Quoting(_Message):
    """A message that may quote another."""

    reply_to: Annotated[UUID | None, SPARED] = optional_not_null()
    """Id of the message that it quotes, of the same conversation."""

    @field_validator("reply_to")
    @classmethod
    def _in_a_conversation(cls, quoted: UUID | None, info: ValidationInfo) -> UUID | None:
        if quoted is not None and info.data.get("conversation_id", "") is None:
            raise validation_error("goes with conversationId only")
        return quoted


class Text(Body):
    body: Annotated[str, BoundedText(TEXT_CHARACTERS)]
    preview_url: bool = False
    """Show a preview of the first link."""


class TextMessage(_Quoting):
    type: Literal["text"]
    text: Text


class Media(Body):
    """A file: an upload of ours, or a link from which Meta fetches it."""

    model_config = ConfigDict(json_schema_extra=ID_OR_LINK)

    kind: Literal["image", "video", "audio", "document", "sticker"]
    id: Annotated[UUID | None, SPARED] = optional_not_null()
    """Id of an upload (`POST /v1/media`)."""
    link: Annotated[Link | None, SPARED] = optional_not_null()
    caption: Annotated[str | None, BoundedText(CAPTION_CHARACTERS), SPARED] = optional_not_null()
    filename: Annotated[Filename | None, SPARED] = optional_not_null()
    """Of a document."""

    @field_validator("link")
    @classmethod
    def _one_source(cls, link: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("id", link, info)
        return link

    @field_validator("caption", mode="before")
    @classmethod
    def _can_be_seen(cls, caption: object, info: ValidationInfo) -> object:
        if isinstance(caption, str) and info.data.get("kind") in WITHOUT_CAPTION:
            raise validation_error("does not go with audio or a sticker")
        return caption

    @field_validator("filename", mode="before")
    @classmethod
    def _of_a_document(cls, filename: object, info: ValidationInfo) -> object:
        if isinstance(filename, str) and info.data.get("kind", "document") != "document":
            raise validation_error("goes with a document only")
        return filename


class MediaMessage(_Quoting):
    type: Literal["media"]
    media: Media


class InteractiveMessage(_Quoting):
    type: Literal["interactive"]
    interactive: Interactive


class Location(Body):
    latitude: Annotated[float, Field(ge=-90, le=90)]
    longitude: Annotated[float, Field(ge=-180, le=180)]
    name: Annotated[str | None, BoundedText(256), SPARED] = optional_not_null()
    address: Annotated[str | None, BoundedText(256), SPARED] = optional_not_null()


class LocationMessage(_Quoting):
    type: Literal["location"]
    location: Location


class ContactsMessage(_Quoting):
    type: Literal["contacts"]
    contacts: Annotated[tuple[ContactCard, ...], Field(min_length=1, max_length=5)]


STYLE = "\ufe0f"
"""Asks for the coloured form. Apple's keyboard puts it behind emoji that have no other."""


def _check_emoji(text: str) -> str:
    if text and not is_emoji(text) and not is_emoji(text.removesuffix(STYLE)):
        raise validation_error("must be one emoji, or empty")
    return text


class Reaction(Body):
    message_id: UUID
    """Id of the message that it reacts to, of the same conversation."""
    emoji: Annotated[str, AfterValidator(_check_emoji)]
    """One emoji; an empty text takes the reaction away."""


class ReactionMessage(_Message):
    """Quotes nothing: it is about a message already."""

    type: Literal["reaction"]
    reaction: Reaction


class Consent(Body):
    """That a citizen agreed to be sent what they did not ask for: for what, when, and where that
    can be looked up."""

    purpose: Purpose
    given_at: Moment
    """By the citizen; not in the future."""
    source: Annotated[str, BoundedText(500)]
    """The form, the counter or the zaak. Nobody's name or number."""


NOT_BOTH: Json = {"not": {"required": ["purpose", "consent"]}}


class TemplateMessage(_Message):
    """Quotes nothing: WhatsApp would not show it."""

    model_config = ConfigDict(json_schema_extra=RECIPIENT_SCHEMA | NOT_BOTH)

    type: Literal["template"]
    template: Template
    purpose: Annotated[Purpose | None, SPARED] = optional_not_null()
    """To somebody who did not write first: that of a consent on record."""
    consent: Annotated[Consent | None, SPARED] = optional_not_null()
    """The same, with the consent itself, which goes on record with the message."""

    @field_validator("consent")
    @classmethod
    def _instead_of_a_purpose(cls, given: Consent | None, info: ValidationInfo) -> Consent | None:
        if given is not None and info.data.get("purpose") is not None:
            raise validation_error("does not go with purpose: it has its own")
        return given


Message = Annotated[
    TextMessage
    | TemplateMessage
    | InteractiveMessage
    | MediaMessage
    | ReactionMessage
    | LocationMessage
    | ContactsMessage,
    Field(discriminator="type"),
]


class _Common(_Message):
    """What is looked at of a message of a type that we do not know."""

    model_config = ConfigDict(extra="ignore")


class Terms(Body):
    """What of an order meets the token, the configuration and the clock, whatever else is wrong
    with it."""

    model_config = ConfigDict(extra="ignore")

    number: Annotated[OurNumber | None, SPARED] = optional_not_null()
    author: Annotated[Author | None, SPARED] = optional_not_null()
    department: Annotated[Department | None, SPARED] = optional_not_null()
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    consent: Annotated[Consent | None, SPARED] = optional_not_null()
    given_at: Annotated[Moment | None, SPARED] = optional_not_null()


COMMON = TypeAdapter(_Common)
TERMS = TypeAdapter(Terms)
MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)
