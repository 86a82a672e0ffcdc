"""Contact cards, in Meta's members in camelCase. Pure."""

import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from services.api.field_types import SPARED, Body, Form, Link, Words, spared, wrong

Short = Annotated[str, Words(256)]
"""Meta names no limit; a card with longer names is no card."""
Where = Annotated[Literal["HOME", "WORK"] | None, SPARED]
SEVERAL = Field(min_length=1, max_length=10, strict=False)
"""Phones, addresses ... of one card; Meta names no limit. Strictly, only a tuple were a tuple."""


def _exists(day: str) -> str:
    try:
        datetime.date.fromisoformat(day)
    except ValueError:
        raise wrong("is no day of any calendar") from None
    return day


Day = Annotated[
    str,
    Form(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", "must be a date, as 2026-12-31"),
    AfterValidator(_exists),
    Field(json_schema_extra={"format": "date"}),
]


class PersonName(Body):
    formatted_name: Short
    """As it is shown."""
    first_name: Annotated[Short | None, SPARED] = spared()
    last_name: Annotated[Short | None, SPARED] = spared()
    middle_name: Annotated[Short | None, SPARED] = spared()
    prefix: Annotated[Short | None, SPARED] = spared()
    suffix: Annotated[Short | None, SPARED] = spared()

    @field_validator("suffix")
    @classmethod
    def _a_part(cls, suffix: str | None, info: ValidationInfo) -> str | None:
        parts = ("first_name", "last_name", "middle_name", "prefix")
        if suffix is None and all(info.data.get(part, "") is None for part in parts):
            raise wrong("must be given, or another part of the name")
        return suffix


class PhoneNumber(Body):
    phone: Annotated[str, Form(r"\+?\(?[0-9][0-9 ().-]{2,30}", "must be a phone number")]
    type: Where = spared()
    wa_id: Annotated[str | None, Form(r"[0-9]{7,15}", "must be digits"), SPARED] = spared()
    """Its WhatsApp id: with it the citizen can write to it at once."""


class EmailAddress(Body):
    email: Annotated[str, Words(254), Form(r"[^\s@]+@[^\s@]+", "must be an e-mail address")]
    type: Where = spared()


class WebPage(Body):
    url: Link
    type: Where = spared()


class PostalAddress(Body):
    street: Annotated[Short | None, SPARED] = spared()
    zip: Annotated[Short | None, SPARED] = spared()
    city: Annotated[Short | None, SPARED] = spared()
    state: Annotated[Short | None, SPARED] = spared()
    country: Annotated[Short | None, SPARED] = spared()
    country_code: Annotated[
        str | None, Form(r"[A-Za-z]{2}", "must be a country of two letters, as nl"), SPARED
    ] = spared()
    type: Where = spared()


class Organisation(Body):
    company: Annotated[Short | None, SPARED] = spared()
    department: Annotated[Short | None, SPARED] = spared()
    title: Annotated[Short | None, SPARED] = spared()


class ContactCard(Body):
    name: PersonName
    phones: Annotated[tuple[PhoneNumber, ...] | None, SEVERAL, SPARED] = spared()
    emails: Annotated[tuple[EmailAddress, ...] | None, SEVERAL, SPARED] = spared()
    urls: Annotated[tuple[WebPage, ...] | None, SEVERAL, SPARED] = spared()
    addresses: Annotated[tuple[PostalAddress, ...] | None, SEVERAL, SPARED] = spared()
    org: Annotated[Organisation | None, SPARED] = spared()
    birthday: Annotated[Day | None, SPARED] = spared()
