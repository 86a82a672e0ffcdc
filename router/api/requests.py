"""Requests to the router, as models. Pure."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, TypeAdapter

from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Moment,
    OurNumber,
    optional_not_null,
    validation_error,
)
from services.whatsapp.limits import BODY

FIRST, LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
"""Times between which closings can be, and ids can say their time."""


def _check_time(at: datetime) -> datetime:
    if not FIRST <= at < LAST:
        raise validation_error("must be in the years 2000 to 2099")
    return at.astimezone(UTC)


class ExplainRequest(Body):
    """Words of a citizen who begins a conversation."""

    text: Annotated[str, BoundedText(BODY)]
    number: Annotated[OurNumber | None, SPARED] = optional_not_null()
    """Number of the municipality to which they are sent; default: its first one."""
    at: Annotated[Annotated[Moment, AfterValidator(_check_time)] | None, SPARED] = (
        optional_not_null()
    )
    """Time at which they are sent, in the years 2000 to 2099; default: now."""


EXPLAIN = TypeAdapter(ExplainRequest)
