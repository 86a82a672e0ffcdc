"""Request bodies and queries of the owner of a destination. Pure."""

import base64
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, TypeAdapter, ValidationInfo, field_validator

from gateway.requests.messages import Author
from services.api.field_types import (
    SPARED,
    Body,
    Id,
    Moment,
    exactly_one_of,
    optional_not_null,
    validation_error,
)
from services.api.json_body import FieldError

EVENTS = 1000
"""Most events of one order by their ids; an id is 36 characters, so 39 KB."""
LATEST_END = timedelta(days=366)
"""Latest end of a secret: a plan for a year ahead."""
SECRET_BYTES = range(24, 65)
"""Sizes that Standard Webhooks allows."""
RANDOM_BYTES = 32
"""Bytes of a secret that is drawn."""
SECRET = re.compile(r"whsec_([A-Za-z0-9+/]+={0,2})")
SECRET_SENTENCE = "must be whsec_ and base64 of 24 to 64 bytes"
DeliveryState = Literal["parked", "delivered"]
SEVERAL = Field(min_length=1, max_length=EVENTS, strict=False)
"""In strict mode Pydantic would accept only a tuple for a tuple, and JSON has lists."""


class Resend(Body):
    """Send events again, under the same ids: those since a time, or those that are named."""

    since: Annotated[Moment | None, SPARED] = optional_not_null()
    """Time from which; of a delivered event that of its first delivery, of a parked one that of its
    last refusal."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """Time before which; left out: until now."""
    events: Annotated[tuple[Id, ...] | None, SEVERAL, SPARED] = optional_not_null()
    """Ids of the events, instead of a time."""
    state: Annotated[DeliveryState | None, SPARED] = optional_not_null()
    """Only `parked` or only `delivered` events; left out: both."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    @field_validator("events")
    @classmethod
    def _check_events(
        cls, events: tuple[UUID, ...] | None, info: ValidationInfo
    ) -> tuple[UUID, ...] | None:
        exactly_one_of("since", events, info)
        if events is not None and info.data.get("until") is not None:
            raise validation_error("does not go with until")
        return events


class NewSecret(Body):
    """Add a secret; events are signed with it and with the others."""

    secret: Annotated[
        str | None,
        SPARED,
        Field(json_schema_extra={"pattern": f"^{SECRET.pattern}$", "writeOnly": True}),
    ] = optional_not_null()
    """A secret of your own; left out: one is drawn, and shown once."""
    others_end_at: Annotated[Moment | None, SPARED] = optional_not_null()
    """Time at which the other secrets end; left out: they do not."""
    author: Annotated[Author | None, SPARED] = optional_not_null()

    @field_validator("secret")
    @classmethod
    def _check_secret(cls, secret: str | None) -> str | None:
        if secret is not None and not is_secret(secret):
            raise validation_error(SECRET_SENTENCE)
        return secret


class EndSecret(Body):
    """End a secret: events are signed with it no more."""

    at: Annotated[Moment | None, SPARED] = optional_not_null()
    """Time at which it ends; left out: now. Until then it can be changed."""
    author: Annotated[Author | None, SPARED] = optional_not_null()


OwnerBody = Resend | NewSecret | EndSecret
RESEND = TypeAdapter(Resend)
NEW_SECRET = TypeAdapter(NewSecret)
END_SECRET = TypeAdapter(EndSecret)


def is_secret(secret: str) -> bool:
    """Return True for a secret of Standard Webhooks."""
    form = SECRET.fullmatch(secret)
    try:
        key = base64.b64decode(form[1], validate=True) if form else b""
    except ValueError:
        return False
    return len(key) in SECRET_BYTES


def secret_of(key: bytes) -> str:
    """Return the secret that holds a key."""
    return "whsec_" + base64.b64encode(key).decode()


def time_faults(body: OwnerBody, now: datetime) -> Iterator[FieldError]:
    """Yield the faults of the times of a request."""
    match body:
        case Resend(since=since, until=until):
            if since and since >= now:
                yield FieldError("/since", "must lie in the past")
            if since and until and until <= since:
                yield FieldError("/until", "must lie after since")
        case NewSecret(others_end_at=end) if end and end > now + LATEST_END:
            yield FieldError("/othersEndAt", f"must lie within {LATEST_END.days} days")
        case EndSecret(at=end) if end and end > now + LATEST_END:
            yield FieldError("/at", f"must lie within {LATEST_END.days} days")
