"""Bodies of requests about destruction lists. Pure."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator

from archiver.destruction.destruction_list import LONGEST_TEXT
from archiver.privacy.orders import Day
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    object_error,
    optional_not_null,
)

MAX_SPARED = 100
"""Conversations that one request spares: those of a page."""
Reason = Literal["dispute", "woo", "unfinished", "wrong_term", "historic", "other"]
"""The codes of `SPARING_REASONS`."""
Words = Annotated[str, BoundedText(LONGEST_TEXT)]


class DrawList(Body):
    """List of all that was due."""

    up_to: Annotated[Day | None, SPARED] = optional_not_null()
    """Conversations are on it that had to be kept until an earlier day; without it, today."""
    zero_days: bool = False
    """True for a list of results that are kept for no day: it waits as an erasure does."""


class TakeStep(Body):
    """Step of a list."""

    text: Annotated[Words | None, SPARED] = optional_not_null()
    """Words about it, for the record. Without personal data of citizens."""


class SpareItems(Body):
    """Conversations that are not destroyed with the list."""

    conversations: Annotated[tuple[Conversation, ...], Field(min_length=1, max_length=MAX_SPARED)]
    reason: Reason
    """Code of the reason; `other` needs a text."""
    text: Annotated[Words | None, SPARED] = optional_not_null()
    """Words about it, for the record. Without personal data of citizens."""
    until: Annotated[Day | None, SPARED] = optional_not_null()
    """Day from which they may be on a list again; without it they are taken off this list, and may
    be on the next one."""

    @field_validator("text")
    @classmethod
    def _check_text(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is None and info.data.get("reason") == "other":
            raise object_error("must have a text, as its reason is other")
        return text


DRAW, STEP, SPARE = TypeAdapter(DrawList), TypeAdapter(TakeStep), TypeAdapter(SpareItems)
