"""Search requests and the cursor between pages. Pure."""

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
"""Hits in one answer, some 5 KB each: default and maximum."""
BOUNDED_COUNT = 10_000
"""Hits counted in a bounded count. A user with more hits will narrow the search."""
MAX_WORDS, MAX_CHARACTERS = 20, 1000
"""Words and characters of one text: a sentence and more."""
MAX_ALTERNATIVES, MAX_LISTED = 10, 100
"""Texts in `anyOf`; departments and types in a list."""


def _check_words(text: str) -> str:
    """Raise a validation error if the text has no searchable word, or too many."""
    words = searchable_words(text)
    if not words:
        raise validation_error("has no word but those that are in nearly every message")
    if len(words) > MAX_WORDS:
        raise validation_error("has over {most} different words", most=MAX_WORDS)
    return text


SearchText = Annotated[str, BoundedText(MAX_CHARACTERS), AfterValidator(_check_words)]


class CitizenFilter(Body):
    """Identifier of a citizen."""

    kind: Literal["phone", "bsuid", "parent_bsuid"]
    value: Annotated[
        str,
        PatternText(
            r"\+?[A-Za-z0-9.]{5,150}", "must be a phone number, or a business-scoped user id"
        ),
    ]
    """Phone number in international form, with or without +; or Meta's id of a person."""

    @property
    def identity(self) -> Identity:
        return Identity(self.kind, self.value)


AsOf = Annotated[str, PatternText(log_position.FORM, "must be the `asOf` of an answer")]
After = Annotated[
    str, PatternText(rf"{log_position.FORM}\.[0-9a-f]{{32}}", "must be the `next` of a page")
]


class SearchRequest(Body):
    """Search in messages and notes. All given conditions must hold; without conditions everything
    is found."""

    words: Annotated[SearchText | None, SPARED] = optional_not_null()
    """Words and emoji that must all occur, in any form, order and case, with or without accents."""
    any_of: Annotated[tuple[SearchText, ...], Field(max_length=MAX_ALTERNATIVES)] = ()
    """Texts of which one must match with all its words."""
    since: Annotated[Moment | None, SPARED, Field(alias="from")] = optional_not_null()
    """Received, or accepted for sending, at this time or later."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """Received, or accepted for sending, before this time."""
    departments: Annotated[tuple[Department, ...], Field(max_length=MAX_LISTED)] = ()
    """Departments that handled the hit. Departments that the token may not see give no hits."""
    person: Annotated[CitizenFilter | None, SPARED] = optional_not_null()
    """Citizen whose conversations are searched."""
    types: Annotated[
        tuple[Annotated[str, PatternText("[a-z_]{1,64}", "must be a type, as text")], ...],
        Field(max_length=MAX_LISTED),
    ] = ()
    """Message types, in Meta's terms, or `note`."""
    direction: Annotated[Literal["in", "out", "echo"] | None, SPARED] = optional_not_null()
    """Direction, as of a message; it excludes notes."""
    status: Annotated[Literal["unknown"] | None, SPARED] = optional_not_null()
    """`unknown`: only messages to citizens of which it is not known now, whatever `asOf` is, if
    Meta sent them. A person must look (`POST /v1/conversations/{id}/_settle` at the gateway)."""
    conversation: Annotated[Conversation | None, SPARED] = optional_not_null()
    order: Literal["newest", "oldest"] = "newest"
    """Order of the hits."""
    limit: Annotated[int, Field(ge=1, le=LARGEST_PAGE)] = PAGE
    """Hits on a page."""
    as_of: Annotated[AsOf | None, SPARED] = optional_not_null()
    """`asOf` of an earlier answer, to search the record as it was then. Default: the record as it
    is now."""
    after: Annotated[After | None, SPARED] = optional_not_null()
    """`next` of the previous page, which must have the same `asOf`."""
    count: Literal["bounded", "exact"] = "bounded"
    """`bounded` counts up to 10,000 hits; `exact` counts all, which may take too long."""

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
        """Return the end of the previous page."""
        return Cursor.read(self.after) if self.after else None


SEARCH = TypeAdapter(SearchRequest)


class Cursor(msgspec.Struct, frozen=True):
    """End of a page: the encrypted position of the record, and the last hit."""

    as_of: str
    last: UUID

    @classmethod
    def read(cls, text: str) -> "Cursor":
        as_of, _, last = text.partition(".")
        return cls(as_of, UUID(last))

    def __str__(self) -> str:
        return f"{self.as_of}.{self.last.hex}"
