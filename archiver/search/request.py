"""What may be asked of the record, and where a page ends. Pure."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from pydantic import AfterValidator, Field, TypeAdapter, ValidationInfo, field_validator

from archiver.index.blind_index import searchable_words
from archiver.index.record_fields import Identity
from archiver.search import log_position
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Department,
    Moment,
    PatternText,
    optional_not_null,
    validation_error,
)

PAGE, LARGEST_PAGE = 50, 200
"""Hits in one answer: some 5 KB each."""
BOUNDED_COUNT = 10_000
"""Hits that are counted when nobody asked for all: who has more will ask more closely."""
MAX_WORDS, MAX_CHARACTERS = 20, 1000
"""Of one question: a sentence and more."""
MAX_ALTERNATIVES, MAX_LISTED = 10, 100
"""Of `anyOf`; of departments and types."""


def _check_words(text: str) -> str:
    """A fault where nothing in it finds anything, or too much."""
    words = searchable_words(text)
    if not words:
        raise validation_error("has no word but those that are in nearly every message")
    if len(words) > MAX_WORDS:
        raise validation_error("has over {most} different words", most=MAX_WORDS)
    return text


SearchText = Annotated[str, BoundedText(MAX_CHARACTERS), AfterValidator(_check_words)]


class CitizenFilter(Body):
    """By what a citizen is known."""

    kind: Literal["phone", "bsuid", "parent_bsuid"]
    value: Annotated[
        str,
        PatternText(
            r"\+?[A-Za-z0-9.]{5,150}", "must be a phone number, or a business-scoped user id"
        ),
    ]
    """A phone number in international form, with its + or without; or Meta's id of a person."""

    @property
    def identity(self) -> Identity:
        return Identity(self.kind, self.value)


AsOf = Annotated[str, PatternText(log_position.FORM, "must be the `asOf` of an answer")]
After = Annotated[
    str, PatternText(rf"{log_position.FORM}\.[0-9a-f]{{32}}", "must be the `next` of a page")
]


class SearchRequest(Body):
    """What is looked for: all of what is given at once; without anything, everything."""

    words: Annotated[SearchText | None, SPARED] = optional_not_null()
    """Words and emoji that are all in it, in any form, order and case, with accents or without."""
    any_of: Annotated[tuple[SearchText, ...], Field(max_length=MAX_ALTERNATIVES)] = ()
    """Of these texts the words of one at least."""
    since: Annotated[Moment | None, SPARED, Field(alias="from")] = optional_not_null()
    """Received, or accepted to be sent, at this time or later."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """And before this time."""
    departments: Annotated[tuple[Department, ...], Field(max_length=MAX_LISTED)] = ()
    """Handled by one of these; of those that the token does not see nothing is found."""
    person: Annotated[CitizenFilter | None, SPARED] = optional_not_null()
    """In a conversation of this citizen."""
    types: Annotated[
        tuple[Annotated[str, PatternText("[a-z_]{1,64}", "must be a type, as text")], ...],
        Field(max_length=MAX_LISTED),
    ] = ()
    """Meta's words, or `note`."""
    direction: Annotated[Literal["in", "out", "echo"] | None, SPARED] = optional_not_null()
    """As `direction` of a message; no notes."""
    conversation: Annotated[Conversation | None, SPARED] = optional_not_null()
    order: Literal["newest", "oldest"] = "newest"
    """Which comes first."""
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE
    """Hits on a page."""
    as_of: Annotated[AsOf | None, SPARED] = optional_not_null()
    """The `asOf` of an earlier answer: of the record as it was then. Left out: as it is now."""
    after: Annotated[After | None, SPARED] = optional_not_null()
    """`next` of the page before, which is of the same `asOf`."""
    count: Literal["bounded", "exact"] = "bounded"
    """`bounded` counts up to 10,000 hits, `exact` all, which may take too long."""

    @field_validator("until")
    @classmethod
    def _check_until(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("since")
        if since and until and until <= since:
            raise validation_error("must be later than from")
        return until

    @field_validator("after")
    @classmethod
    def _check_after(cls, after: str | None, info: ValidationInfo) -> str | None:
        as_of = info.data.get("as_of")
        if after is not None and as_of is not None and Cursor.read(after).as_of != as_of:
            raise validation_error("is of another asOf")
        return after

    @property
    def cursor(self) -> "Cursor | None":
        """Where the page before ended."""
        return Cursor.read(self.after) if self.after else None


SEARCH = TypeAdapter(SearchRequest)


class Cursor(msgspec.Struct, frozen=True):
    """Where a page ends: the record as it was then, and the last hit."""

    as_of: str
    last: UUID

    @classmethod
    def read(cls, text: str) -> "Cursor":
        as_of, _, last = text.partition(".")
        return cls(as_of, UUID(last))

    def __str__(self) -> str:
        return f"{self.as_of}.{self.last.hex}"
