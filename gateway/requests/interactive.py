"""Interactive messages: buttons, a list, a link, a flow, or a request for a location or a phone
number. Pure.

The limits are Meta's. Where two of Meta's pages differ, the stricter one applies.
"""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator
from pydantic.config import JsonDict

from services.api.field_types import (
    ID_OR_LINK,
    SPARED,
    Body,
    BoundedText,
    DistinctItems,
    Id,
    Link,
    PatternText,
    exactly_one_of,
    optional_not_null,
    validation_error,
)

BODY_CHARACTERS = 1024
"""Longest text of an interactive message. A page of Meta's says 4,096 for lists, its OpenAPI 1,024.
"""
ROWS = 10
"""Most rows of all sections of a list together; Meta's OpenAPI says ten for each section."""

Label = Annotated[str, BoundedText(20)]
"""Text on a button."""


class TextHeader(Body):
    kind: Literal["text"]
    text: Annotated[str, BoundedText(60)]


class MediaHeader(Body):
    """An image, video or document above the text: an upload, or a link."""

    model_config = ConfigDict(json_schema_extra=ID_OR_LINK)

    kind: Literal["image", "video", "document"]
    id: Annotated[Id | None, SPARED] = optional_not_null()
    """Id of an upload (`POST /v1/media`)."""
    link: Annotated[Link | None, SPARED] = optional_not_null()
    """Address from which Meta fetches the file."""

    @field_validator("link")
    @classmethod
    def _one_source(cls, link: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("id", link, info)
        return link


Header = Annotated[TextHeader | MediaHeader, Field(discriminator="kind")]


class _Interactive(Body):
    """The members that most interactive messages share."""

    body: Annotated[str, BoundedText(BODY_CHARACTERS)]
    """Text of the message."""
    header: Annotated[Header | None, SPARED] = optional_not_null()
    footer: Annotated[str | None, BoundedText(60), SPARED] = optional_not_null()


class Button(Body):
    id: Annotated[
        str,
        BoundedText(256),
        PatternText(r"\S(?:[\s\S]*\S)?", "must not begin or end with a space"),
    ]
    """Id that the event has when the citizen taps the button."""
    title: Label


class Buttons(_Interactive):
    """At most three buttons with an answer."""

    kind: Literal["buttons"]
    buttons: Annotated[
        tuple[Button, ...],
        Field(min_length=1, max_length=3),
        DistinctItems("id", "must have ids that differ"),
        DistinctItems("title", "must have titles that differ"),
    ]
    """Buttons whose ids and titles differ."""


class Row(Body):
    id: Annotated[str, BoundedText(200)]
    """Id that the event has when the citizen chooses the row."""
    title: Annotated[str, BoundedText(24)]
    description: Annotated[str | None, BoundedText(72), SPARED] = optional_not_null()


class Section(Body):
    title: Annotated[str | None, BoundedText(24), SPARED] = optional_not_null()
    """Title; required if there is more than one section."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1, max_length=ROWS)]


TITLED: JsonDict = {"if": {"minItems": 2}, "then": {"items": {"required": ["title"]}}}


class ListMenu(_Interactive):
    """A menu behind a button: at most ten rows, in sections."""

    kind: Literal["list"]
    header: Annotated[TextHeader | None, SPARED] = optional_not_null()
    button: Label
    """Text on the button that opens the menu."""
    sections: Annotated[
        tuple[Section, ...], Field(min_length=1, max_length=10, json_schema_extra=TITLED)
    ]
    """Sections with at most ten rows together, whose ids differ."""

    @field_validator("sections")
    @classmethod
    def _check_rows(cls, sections: tuple[Section, ...]) -> tuple[Section, ...]:
        ids = [row.id for section in sections for row in section.rows]
        if len(ids) > ROWS:
            raise validation_error("must have at most {most} rows together", most=ROWS)
        if len(set(ids)) < len(ids):
            raise validation_error("must have rows with ids that differ")
        if len(sections) > 1 and not all(section.title for section in sections):
            raise validation_error("must each have a title when there are more than one")
        return sections


class Url(_Interactive):
    """A button that opens a web page."""

    kind: Literal["url"]
    button: Label
    url: Link


class AskLocation(Body):
    """A button with which the citizen sends a location."""

    kind: Literal["location"]
    body: Annotated[str, BoundedText(BODY_CHARACTERS)]


class AskContact(Body):
    """A button with which the citizen shares their phone number."""

    kind: Literal["contact"]
    body: Annotated[str, BoundedText(BODY_CHARACTERS)]


class Flow(_Interactive):
    """A flow: a form of Meta's inside WhatsApp."""

    model_config = ConfigDict(json_schema_extra={"dependentRequired": {"data": ["screen"]}})

    kind: Literal["flow"]
    flow_id: Annotated[str, PatternText(r"[0-9]{1,32}", "must be the id of a flow: digits")]
    button: Annotated[str, BoundedText(30)]
    token: Annotated[str | None, BoundedText(200), SPARED] = optional_not_null()
    """Token that the event with the answers has; without personal data."""
    screen: Annotated[str | None, BoundedText(64), SPARED] = optional_not_null()
    """First screen; left out: the flow asks its own server for it."""
    data: Annotated[dict[str, JsonValue] | None, Field(min_length=1), SPARED] = optional_not_null()
    """Data for the first screen."""
    draft: bool = False
    """True for a flow that is not published yet, to test it."""

    @field_validator("data")
    @classmethod
    def _require_screen(
        cls, data: dict[str, JsonValue] | None, info: ValidationInfo
    ) -> dict[str, JsonValue] | None:
        if data is not None and info.data.get("screen", "") is None:
            raise validation_error("goes with screen only")
        return data


Interactive = Annotated[
    Buttons | ListMenu | Url | AskLocation | AskContact | Flow, Field(discriminator="kind")
]
