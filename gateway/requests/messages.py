"""Request bodies of messages to citizens. Pure.

Parse them with `services.api.json_body.parse_body(body, MESSAGE)`, which returns every fault at
once.
"""

from datetime import UTC
from typing import Annotated, Literal
from uuid import UUID

from emoji import is_emoji
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
)

from gateway.requests.contact_cards import ContactCard
from gateway.requests.interactive import Interactive
from gateway.requests.templates import Template
from services import contract
from services.api.field_types import (
    ID_OR_LINK,
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Department,
    Filename,
    Id,
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
from services.ids import UUID_FORM

TEXT_CHARACTERS, CAPTION_CHARACTERS = 4096, 1024
"""Meta's limits."""
WITHOUT_CAPTION = ["audio", "sticker"]
"""Kinds of file that cannot have a caption."""

Recipient = Annotated[
    str,
    PatternText(
        r"\+?[1-9][0-9]{6,14}|[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}",
        "must be a phone number in international form, or a business-scoped user id",
    ),
    AfterValidator(lambda to: to.removeprefix("+")),
]
"""Digits of a phone number, or Meta's id of a person for our business."""


class Author(Body):
    """Author of a message or a change. Archived, and not shown to the citizen."""

    kind: Literal["employee", "system", "automated"]
    """`automated`: no person read the message before it was sent, so the municipality's disclosure
    is added."""
    id: Annotated[str, BoundedText(255)] = ""
    """Id in the CRM. With a token of an identity provider it is the person of the token, or left
    out."""


NO_ANSWER = "none"
LAST_ANSWER_PATTERN = r"^(?:none|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})$"


def _read_last_answer(last: object) -> object:
    if last == NO_ANSWER:
        return None
    if isinstance(last, str) and not UUID_FORM.fullmatch(last):
        raise validation_error("must be a UUID, or none")
    return last


LastAnswer = Annotated[
    UUID | None,
    BeforeValidator(_read_last_answer),
    WithJsonSchema({"type": "string", "pattern": LAST_ANSWER_PATTERN}),
]
"""Id of an answer, or `none`. Null means `none` too, but the schema does not name it: OpenAPI
Generator's clients send null for an absent member that may be null."""

RECIPIENT_SCHEMA: Json = {
    "if": {"required": ["conversationId"]},
    "then": {"not": {"anyOf": [{"required": ["number"]}, {"required": ["to"]}]}},
    "else": {"required": ["number", "to"]},
    "dependentRequired": {"ifLast": ["conversationId"], "replyTo": ["conversationId"]},
}
"""The rules of the validators below, in JSON Schema."""


class _Message(Body):
    """The members of every message: either `conversationId`, or `number` and `to`."""

    model_config = ConfigDict(json_schema_extra=RECIPIENT_SCHEMA)

    conversation_id: Annotated[Conversation | None, SPARED] = optional_not_null()
    """Conversation to answer in."""
    number: Annotated[OurNumber | None, SPARED] = optional_not_null()
    """Our number to write from, if the citizen did not write first."""
    to: Annotated[Recipient | None, SPARED] = optional_not_null()
    """Citizen: a phone number in international form, or a business-scoped user id."""
    author: Annotated[Author | None, SPARED] = optional_not_null()
    department: Annotated[Department | None, SPARED] = optional_not_null()
    """Department for which the message is written; refused if another department owns the
    conversation."""
    if_last: LastAnswer = None
    """Id of the last answer that the sender saw, or `none`; refused if there is a newer one. Left
    out: not checked."""

    @field_validator("number", "to")
    @classmethod
    def _check_recipient(cls, value: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("conversation_id", value, info)
        return value

    @field_validator("if_last")
    @classmethod
    def _require_conversation(cls, last: UUID | None, info: ValidationInfo) -> UUID | None:
        if info.data.get("conversation_id", "") is None:
            raise validation_error("goes with conversationId only")
        return last

    @property
    def has_if_last(self) -> bool:
        """True if the request has `ifLast`, also with the value `none`."""
        return "if_last" in self.model_fields_set


class _Quoting(_Message):
    """A message that may quote another."""

    reply_to: Annotated[Id | None, SPARED] = optional_not_null()
    """Id of the quoted message, in the same conversation."""

    @field_validator("reply_to")
    @classmethod
    def _require_conversation_to_quote(
        cls, quoted: UUID | None, info: ValidationInfo
    ) -> UUID | None:
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


MEDIA_SCHEMA: Json = ID_OR_LINK | {
    "dependentSchemas": {
        "caption": {"properties": {"kind": {"not": {"enum": WITHOUT_CAPTION}}}},
        "filename": {"properties": {"kind": {"const": "document"}}},
    }
}
"""The rules of the validators below, in JSON Schema."""


class Media(Body):
    """A file: an upload, or a link from which Meta fetches it."""

    model_config = ConfigDict(json_schema_extra=MEDIA_SCHEMA)

    kind: Literal["image", "video", "audio", "document", "sticker"]
    id: Annotated[Id | None, SPARED] = optional_not_null()
    """Id of an upload (`POST /v1/media`)."""
    link: Annotated[Link | None, SPARED] = optional_not_null()
    caption: Annotated[str | None, BoundedText(CAPTION_CHARACTERS), SPARED] = optional_not_null()
    filename: Annotated[Filename | None, SPARED] = optional_not_null()
    """Name of a document."""

    @field_validator("link")
    @classmethod
    def _one_source(cls, link: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("id", link, info)
        return link

    @field_validator("caption", mode="before")
    @classmethod
    def _check_caption(cls, caption: object, info: ValidationInfo) -> object:
        if isinstance(caption, str) and info.data.get("kind") in WITHOUT_CAPTION:
            raise validation_error("does not go with audio or a sticker")
        return caption

    @field_validator("filename", mode="before")
    @classmethod
    def _check_filename(cls, filename: object, info: ValidationInfo) -> object:
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


EMOJI_STYLE = "\ufe0f"
"""Variation selector for the coloured form. Apple's keyboard adds it even to emoji without another
form."""
EMOJI_PATTERN = r"^[^\sA-Za-z]{0,20}$"
"""Form of an emoji, for readers of JSON Schema; not every text of this form is one. It needs no
flag `u` in JavaScript, where the longest emoji has 15 characters. OpenAPI Generator finds no
example for narrower patterns."""


def _check_emoji(text: str) -> str:
    if text and not is_emoji(text) and not is_emoji(text.removesuffix(EMOJI_STYLE)):
        raise validation_error("must be one emoji, or empty")
    return text


class Reaction(Body):
    message_id: Id
    """Id of the message to react to, in the same conversation."""
    emoji: Annotated[
        str,
        AfterValidator(_check_emoji),
        Field(json_schema_extra={"pattern": EMOJI_PATTERN}),
    ]
    """One emoji; an empty string removes the reaction."""


class ReactionMessage(_Message):
    """A reaction to a message. It cannot quote another."""

    type: Literal["reaction"]
    reaction: Reaction


class Consent(Body):
    """Consent of a citizen to business-initiated messages: the purpose, the time and the source."""

    purpose: Purpose
    given_at: Moment
    """Time at which the citizen consented; not in the future."""
    source: Annotated[str, BoundedText(500)]
    """Form, counter or zaak where the consent was given. Without names or phone numbers."""

    def evidence(self) -> contract.ConsentEvidence:
        return contract.ConsentEvidence(given_at=self.given_at.astimezone(UTC), source=self.source)


NOT_BOTH: Json = {"not": {"required": ["purpose", "consent"]}}


class TemplateMessage(_Message):
    """A template. It cannot quote a message: WhatsApp would not show the quote."""

    model_config = ConfigDict(json_schema_extra=RECIPIENT_SCHEMA | NOT_BOTH)

    type: Literal["template"]
    template: Template
    purpose: Annotated[Purpose | None, SPARED] = optional_not_null()
    """Purpose of a recorded consent, for a citizen who did not write first."""
    consent: Annotated[Consent | None, SPARED] = optional_not_null()
    """Consent itself, instead of `purpose`; it is recorded with the message."""

    @field_validator("consent")
    @classmethod
    def _exclude_purpose(cls, consent: Consent | None, info: ValidationInfo) -> Consent | None:
        if consent is not None and info.data.get("purpose") is not None:
            raise validation_error("does not go with purpose: it has its own")
        return consent


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
    """The members that are checked in a message of an unknown type."""

    model_config = ConfigDict(extra="ignore")


class Terms(Body):
    """The members of any command that are checked against the token, the configuration and the
    clock, also if other members have faults."""

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
