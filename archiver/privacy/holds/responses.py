"""Models of the answers about holds, as the API's document shows them. Pure."""

import datetime
from typing import Literal

from pydantic import Field

from archiver.retention.hold import Ground, Kind
from services.api.operations import Shown
from services.contract import Identified


class HoldSummary(Shown):
    """Hold: what it covers is not destroyed. It does not name a citizen."""

    id: str
    ground: Ground
    kind: Kind
    """Extent: one conversation, all of a person's, or what a selection finds; also what comes
    later."""
    state: Literal["standing", "overdue", "lifted"]
    """overdue: it stands, and somebody should have looked if it is still needed."""
    review_on: datetime.date
    """Day on which somebody must look. It holds on after that, until it is lifted."""
    placed_by: str
    placed_at: datetime.datetime
    conversation: str
    """Conversation that it covers; empty for another kind."""
    departments: tuple[str, ...]
    """Departments of a selection; none for any."""
    from_time: datetime.datetime | None = Field(alias="from")
    until: datetime.datetime | None
    lifted_by: str | None
    lifted_at: datetime.datetime | None


class Holds(Shown):
    """Holds that stand first, the earliest due for review first; at most 1,000."""

    holds: tuple[HoldSummary, ...]


class PlacedHold(HoldSummary):
    """Hold with its extent."""

    conversations: int | None
    """Conversations that it covers now; null if they could not be counted in time."""


class HoldStep(Shown):
    """Step of a hold, as it is on the record."""

    at: datetime.datetime
    event: Literal["placed", "reviewed", "lifted"]
    by: str
    identified: Identified | None
    """Source of the name: the municipality's identity provider (`proven`) or the caller
    (`stated`)."""
    review_on: datetime.date
    text: str
    """Reference of the case, or why it was kept or lifted."""


class FullHold(PlacedHold):
    """Hold with its steps."""

    words: str
    """Words of a selection; empty for another kind, and once it is lifted."""
    steps: tuple[HoldStep, ...]
    """Oldest first."""
