"""Messages with something to tap: buttons, a list, a link, a question for a place, a flow, a phone
number. Pure; Meta's limits, and of two that conflict the stricter one."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, JsonValue, ValidationInfo, field_validator

from services.api.field_types import (
    ID_OR_LINK,
    SPARED,
    Body,
    BoundedText,
    DistinctItems,
    Link,
    PatternText,
    exactly_one_of,
    optional_not_null,
    validation_error,
)

BODY_CHARACTERS = 1024
"""Of an interactive message; a page of Meta's says 4,096 of lists, its OpenAPI 1,024."""
ROWS = 10
"""Of all sections of a list together; Meta's OpenAPI says so of each section."""

Label = Annotated[str, BoundedText(20)]
"""On a button."""


class TextHeader(Body):
    kind: Literal["text"]
    text: Annotated[str, BoundedText(60)]


class MediaHeader(Body):
    """A picture, film or document above the words: an upload of ours, or a link."""

    model_config = ConfigDict(json_schema_extra=ID_OR_LINK)

    kind: Literal["image", "video", "document"]
    id: Annotated[UUID | None, SPARED] = optional_not_null()
    """Id of an upload (`POST /v1/media`)."""
    link: Annotated[Link | None, SPARED] = optional_not_null()
    """Where Meta fetches it."""

    @field_validator("link")
    @classmethod
    def _one_source(cls, link: str | None, info: ValidationInfo) -> str | None:
        exactly_one_of("id", link, info)
        return link


Header = Annotated[TextHeader | MediaHeader, Field(discriminator="kind")]


class _Interactive(Body):
    """What all of them have."""

    body: Annotated[str, BoundedText(BODY_CHARACTERS)]
    """The words of the message."""
    header: Annotated[Header | None, SPARED] = optional_not_null()
    footer: Annotated[str | None, BoundedText(60), SPARED] = optional_not_null()


class Button(Body):
    id: Annotated[
        str,
        BoundedText(256),
        PatternText(r"\S(?:[\s\S]*\S)?", "must not begin or end with a space"),
    ]
    """Comes back when it is tapped."""
    title: Label


class Buttons(_Interactive):
    """At most three answers to tap."""

    kind: Literal["buttons"]
    buttons: Annotated[
        tuple[Button, ...],
        Field(min_length=1, max_length=3),
        DistinctItems("id", "must have ids that differ"),
        DistinctItems("title", "must have titles that differ"),
    ]


class Row(Body):
    id: Annotated[str, BoundedText(200)]
    """Comes back when it is chosen."""
    title: Annotated[str, BoundedText(24)]
    description: Annotated[str | None, BoundedText(72), SPARED] = optional_not_null()


class Section(Body):
    title: Annotated[str | None, BoundedText(24), SPARED] = optional_not_null()
    """Needed when there is more than one section."""
    rows: Annotated[tuple[Row, ...], Field(min_length=1, max_length=ROWS)]


class List(_Interactive):
    """A menu that opens with a button: at most ten rows, in sections."""

    kind: Literal["list"]
    header: Annotated[TextHeader | None, SPARED] = optional_not_null()
    button: Label
    """Opens the menu."""
    sections: Annotated[tuple[Section, ...], Field(min_length=1, max_length=10)]

    @field_validator("sections")
    @classmethod
    def _together(cls, sections: tuple[Section, ...]) -> tuple[Section, ...]:
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
    """A button with which the citizen sends a place."""

    kind: Literal["location"]
    body: Annotated[str, BoundedText(BODY_CHARACTERS)]


class AskContact(Body):
    """A button with which the citizen shares their phone number."""

    kind: Literal["contact"]
    body: Annotated[str, BoundedText(BODY_CHARACTERS)]


class Flow(_Interactive):
    """A form of Meta's inside WhatsApp."""

    kind: Literal["flow"]
    flow_id: Annotated[str, PatternText(r"[0-9]{1,32}", "must be the id of a flow: digits")]
    button: Annotated[str, BoundedText(30)]
    token: Annotated[str | None, BoundedText(200), SPARED] = optional_not_null()
    """Comes back with the answers; nothing personal."""
    screen: Annotated[str | None, BoundedText(64), SPARED] = optional_not_null()
    """The first one; without it the flow asks its own server for it."""
    data: Annotated[dict[str, JsonValue] | None, Field(min_length=1), SPARED] = optional_not_null()
    """For the first screen."""
    draft: bool = False
    """Not published yet: for testing."""

    @field_validator("data")
    @classmethod
    def _for_a_screen(
        cls, data: dict[str, JsonValue] | None, info: ValidationInfo
    ) -> dict[str, JsonValue] | None:
        if data is not None and info.data.get("screen", "") is None:
            raise validation_error("goes with screen only")
        return data


Interactive = Annotated[
    Buttons | List | Url | AskLocation | AskContact | Flow, Field(discriminator="kind")
]
