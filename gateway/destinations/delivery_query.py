"""Query of the list of deliveries: its parameters, and the place where a page begins. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from services.api.field_types import MOMENT
from services.api.json_body import FieldError

PAGE, LARGEST_PAGE = 200, 1000
"""Deliveries in one answer: default and maximum."""
STATES = ("parked", "delivered")
START, END = datetime(1970, 1, 1, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)
CURSOR = re.compile(r"([0-9]{1,17})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""Microseconds since 1970, in the years that a date can have, and the id of the last delivery of a
page."""
MICROSECOND = timedelta(microseconds=1)


class Place(msgspec.Struct, frozen=True):
    """Place in the order of deliveries."""

    at: datetime
    event: UUID

    def __str__(self) -> str:
        return f"{(self.at - START) // MICROSECOND}-{self.event}"


class DeliveryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Criteria of a list of deliveries, and the page of it."""

    state: str
    since: datetime
    until: datetime
    after: Place
    limit: int


def _parse_state(text: str) -> str | None:
    return text if text in STATES else None


def _parse_moment(text: str) -> datetime | None:
    """Return the time, within what a database can hold."""
    try:
        at = datetime.fromisoformat(text.upper()) if MOMENT.fullmatch(text) else None
    except ValueError:
        return None
    return at and min(max(at, START), END)


def _parse_place(text: str) -> Place | None:
    parts = CURSOR.fullmatch(text)
    return Place(START + int(parts[1]) * MICROSECOND, UUID(parts[2])) if parts else None


def _parse_limit(text: str) -> int | None:
    return (
        int(text) if re.fullmatch("[0-9]{1,4}", text) and 1 <= int(text) <= LARGEST_PAGE else None
    )


class QueryParameter(msgspec.Struct, frozen=True):
    parse: Callable[[str], Any]
    default: Any
    must: str


PARAMETERS: Mapping[str, QueryParameter] = {
    "state": QueryParameter(_parse_state, "parked", "must be parked or delivered"),
    "since": QueryParameter(_parse_moment, START, "must be a time with its offset"),
    "until": QueryParameter(_parse_moment, END, "must be a time with its offset"),
    "after": QueryParameter(_parse_place, Place(START, UUID(int=0)), "must be `next` of a page"),
    "limit": QueryParameter(_parse_limit, PAGE, f"must be a whole number from 1 to {LARGEST_PAGE}"),
}


def parse_query(given: Mapping[str, Sequence[str]]) -> DeliveryQuery | list[FieldError]:
    """Return the query, or a fault for each parameter that is wrong or given twice."""
    values: dict[str, Any] = {}
    faults: list[FieldError] = []
    for name, parameter in PARAMETERS.items():
        texts = given.get(name, ())
        values[name] = parameter.default
        if texts and (len(texts) > 1 or (value := parameter.parse(texts[0])) is None):
            faults.append(FieldError("", parameter.must, name))
        elif texts:
            values[name] = value
    return faults or DeliveryQuery(**values)
