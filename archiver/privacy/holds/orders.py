"""Bodies of requests about holds. Pure."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator

from archiver.privacy.orders import MAX_IDENTITIES, Day
from archiver.retention.hold import MAX_TEXT, Ground, NewHold, Selection
from archiver.search.request import MAX_LISTED, CitizenFilter, SearchText
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Department,
    Moment,
    optional_not_null,
    validation_error,
)

HoldText = Annotated[str, BoundedText(MAX_TEXT)]


class HeldSelection(Body):
    """Conversations with a message or a note for which all given conditions hold, as in a search:
    also those that come later. Without words a transfer or a closing counts too."""

    words: Annotated[SearchText | None, SPARED] = optional_not_null()
    """Words and emoji that must all occur, in any form, order and case, with or without accents."""
    departments: Annotated[tuple[Department, ...], Field(max_length=MAX_LISTED)] = ()
    """Departments that handled it; none for any."""
    since: Annotated[Moment | None, SPARED, Field(alias="from")] = optional_not_null()
    """Received, or accepted for sending, at this time or later."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """Received, or accepted for sending, before this time."""

    @field_validator("until")
    @classmethod
    def _check_until(cls, until: datetime | None, info: ValidationInfo) -> datetime | None:
        since = info.data.get("since")
        if since and until and until <= since:
            raise validation_error("must be later than from")
        return until

    def read(self) -> Selection:
        return Selection(
            departments=self.departments,
            words=self.words or "",
            since=self.since,
            until=self.until,
        )


class PlaceHold(Body):
    """Hold on one of `conversation`, `identities` and `selection`."""

    ground: Ground
    """objection: of a citizen, to the processing (AVG, article 21) or to a decision (Awb).
    limitation: the citizen asked to limit the processing (AVG, article 18). woo: a request under
    the Woo runs. access: a citizen asked for what is theirs (AVG, article 15). dispute: a case
    before a court, or one that is expected. audit: an inspection or an audit."""
    review_on: Day
    """Day on which somebody must look if it is still needed, within two years. It holds on after
    that, until it is lifted."""
    text: HoldText
    """Reference of the case, for colleagues. It outlives what is held: name no citizen."""
    conversation: Annotated[Conversation | None, SPARED] = optional_not_null()
    identities: Annotated[tuple[CitizenFilter, ...], Field(max_length=MAX_IDENTITIES)] = ()
    """Identities by which a citizen is known; all that are linked to them are held too."""
    selection: HeldSelection = Field(default_factory=HeldSelection)

    def read(self, tenant: str) -> NewHold:
        return NewHold(
            tenant=tenant,
            ground=self.ground,
            review_on=self.review_on,
            text=self.text.strip(),
            conversation=self.conversation or "",
            identities=tuple(each.identity for each in self.identities),
            selection=self.selection.read(),
        )


class ReviewHold(Body):
    """Somebody looked: the hold is still needed."""

    review_on: Day
    """Day of the next look, within two years."""
    text: HoldText
    """Why it is still needed, for colleagues. Name no citizen."""


class LiftHold(Body):
    """End of a hold: what it covered alone may be destroyed once its term is over."""

    text: HoldText
    """Why it is not needed any more, for colleagues. Name no citizen."""


PLACE, REVIEW, LIFT = TypeAdapter(PlaceHold), TypeAdapter(ReviewHold), TypeAdapter(LiftHold)
