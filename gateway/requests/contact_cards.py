"""Contact cards, with Meta's members in camelCase. Pure."""

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator

from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Link,
    PatternText,
    object_error,
    optional_not_null,
    validation_error,
)

ShortText = Annotated[str, BoundedText(256)]
"""Text of a card. Meta names no limit; longer texts do not belong on a card."""
HomeOrWork = Annotated[Literal["HOME", "WORK"] | None, SPARED]
SEVERAL = Field(min_length=1, max_length=10, strict=False)
"""Number of phones, addresses and so on of one card; Meta names no limit. In strict mode Pydantic
would accept only a tuple for a tuple, and JSON has lists."""


def _check_day(day: str) -> str:
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        raise validation_error("is no day of any calendar") from None
    return day


Day = Annotated[
    str,
    PatternText(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "must be a date, as 2026-12-31"),
    AfterValidator(_check_day),
    Field(json_schema_extra={"format": "date"}),
]


class PersonName(Body):
    """A name as a whole, and at least one of its parts."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 2})

    formatted_name: ShortText
    """Name as WhatsApp shows it."""
    first_name: Annotated[ShortText | None, SPARED] = optional_not_null()
    last_name: Annotated[ShortText | None, SPARED] = optional_not_null()
    middle_name: Annotated[ShortText | None, SPARED] = optional_not_null()
    prefix: Annotated[ShortText | None, SPARED] = optional_not_null()
    suffix: Annotated[ShortText | None, SPARED] = optional_not_null()

    @field_validator("suffix")
    @classmethod
    def _require_a_part(cls, suffix: str | None, info: ValidationInfo) -> str | None:
        parts = ("first_name", "last_name", "middle_name", "prefix")
        if suffix is None and all(info.data.get(part, "") is None for part in parts):
            raise object_error("must have a part of the name, such as firstName")
        return suffix


class PhoneNumber(Body):
    phone: Annotated[str, PatternText(r"\+?\(?[0-9][0-9 ().-]{2,30}", "must be a phone number")]
    type: HomeOrWork = optional_not_null()
    wa_id: Annotated[str | None, PatternText(r"[0-9]{7,15}", "must be digits"), SPARED] = (
        optional_not_null()
    )
    """WhatsApp id of the phone number. With it the citizen can write to the number at once."""


class EmailAddress(Body):
    email: Annotated[
        str, BoundedText(254), PatternText(r"[^\s@]+@[^\s@]+", "must be an e-mail address")
    ]
    type: HomeOrWork = optional_not_null()


class WebPage(Body):
    url: Link
    type: HomeOrWork = optional_not_null()


class PostalAddress(Body):
    street: Annotated[ShortText | None, SPARED] = optional_not_null()
    zip: Annotated[ShortText | None, SPARED] = optional_not_null()
    city: Annotated[ShortText | None, SPARED] = optional_not_null()
    state: Annotated[ShortText | None, SPARED] = optional_not_null()
    country: Annotated[ShortText | None, SPARED] = optional_not_null()
    country_code: Annotated[
        str | None, PatternText(r"[A-Za-z]{2}", "must be a country of two letters, as nl"), SPARED
    ] = optional_not_null()
    type: HomeOrWork = optional_not_null()


class Organisation(Body):
    company: Annotated[ShortText | None, SPARED] = optional_not_null()
    department: Annotated[ShortText | None, SPARED] = optional_not_null()
    title: Annotated[ShortText | None, SPARED] = optional_not_null()


class ContactCard(Body):
    name: PersonName
    phones: Annotated[tuple[PhoneNumber, ...] | None, SEVERAL, SPARED] = optional_not_null()
    emails: Annotated[tuple[EmailAddress, ...] | None, SEVERAL, SPARED] = optional_not_null()
    urls: Annotated[tuple[WebPage, ...] | None, SEVERAL, SPARED] = optional_not_null()
    addresses: Annotated[tuple[PostalAddress, ...] | None, SEVERAL, SPARED] = optional_not_null()
    org: Annotated[Organisation | None, SPARED] = optional_not_null()
    birthday: Annotated[Day | None, SPARED] = optional_not_null()
