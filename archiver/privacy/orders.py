"""Bodies of requests to the API of the privacy officer. Pure."""

import re
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, TypeAdapter, ValidationInfo, field_validator

from archiver.search.request import CitizenFilter
from archiver.subject_access.report import MADE_BY
from archiver.subject_access.requests.legal_grounds import Kind
from archiver.subject_access.requests.request import LONGEST_TEXT, Outcome
from services.api.field_types import (
    SPARED,
    Body,
    BoundedText,
    Conversation,
    Id,
    Moment,
    PatternText,
    RetentionCode,
    optional_not_null,
    validation_error,
)

MAX_IDENTITIES = 10
"""Identities by which one person is asked for: a number and some ids at Meta."""
VIEWS, LARGEST_VIEWS = 100, 500
"""Views in one answer, some 400 bytes each: default and maximum."""
DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def _read_day(text: object) -> object:
    try:
        assert isinstance(text, str) and DAY.fullmatch(text)
        return date.fromisoformat(text)
    except (AssertionError, ValueError):
        raise validation_error("must be a day, as 2026-12-01") from None


Day = Annotated[
    date,
    BeforeValidator(_read_day),
    Field(json_schema_extra={"type": "string", "format": "date"}),
]
Ground = Annotated[str, PatternText(r"[a-z-]{1,40}", "must be the code of a ground")]
RequestId = Annotated[
    str, PatternText(r"AVG-[0-9]{4}-[0-9]{4,9}", "must be the id of a request, as AVG-2026-0001")
]
AddedText = Annotated[str, BoundedText(LONGEST_TEXT)]
EmployeeName = Annotated[str, BoundedText(200)]
TokenName = Annotated[str, BoundedText(200)]
Identities = Annotated[tuple[CitizenFilter, ...], Field(max_length=MAX_IDENTITIES)]


class OpenRequest(Body):
    """Request of a citizen about their data."""

    kind: Kind
    """Right that the citizen uses (AVG, articles 15 to 18 and 21)."""
    received_on: Day
    """Day on which it came: its term begins then."""
    identities: Annotated[tuple[CitizenFilter, ...], Field(min_length=1, max_length=MAX_IDENTITIES)]
    """Identities by which the citizen is known; all that are linked to them are found too."""


class ExtendRequest(Body):
    """Longer term, of at most two further months. The citizen must be told within the first."""

    until: Day
    ground: Ground
    """Code of one of the `extensionGrounds` of the request."""


class DecideRequest(Body):
    """Decision, which can be made once."""

    decision: Outcome
    ground: Annotated[Ground | None, SPARED] = optional_not_null()
    """Code of one of the `refusalGrounds` of the request, unless it is wholly granted."""
    text: Annotated[AddedText | None, SPARED] = optional_not_null()
    """Text for the citizen, beside that of the ground."""
    hold_review_on: Annotated[Day | None, SPARED] = optional_not_null()
    """Places a hold on the citizen, whom it then keeps from destruction, and says when somebody
    must look again, within two years. Only for an objection or a restriction that is granted,
    wholly or partly. `GET /v1/holds` lists it, with the id of the request as its text."""


class ValueConversation(Body):
    """Result of the selection list by which a conversation is kept. It takes the place of any given
    before."""

    code: RetentionCode
    """Result of the selection list 2020, such as `6.1.3`."""
    source: Literal["person", "zaak"]
    """`zaak`: it is the result of the zaak of the conversation, which counts above all others."""
    starts_on: Annotated[Day | None, SPARED] = optional_not_null()
    """Day on which the term begins. Required with `zaak`: the day on which that ended. For a result
    whose term does not begin at the closing, the conversation waits until it is given."""
    reason: Annotated[str, BoundedText(500)]
    """Reason, for the record."""


class ReportBody(Body):
    """Person of whom everything is reported: `identities`, or else the person of the request."""

    identities: Identities = ()
    """Identities by which the person is known; all that are linked to them are found too."""
    request: Annotated[RequestId | None, SPARED] = optional_not_null()
    """Request that the report answers. With `identities` it must be of the same person."""
    since: Annotated[Day | None, SPARED, Field(alias="from")] = optional_not_null()
    """First day of the report."""
    until: Annotated[Day | None, SPARED] = optional_not_null()
    """Last day of the report."""
    made_by: Annotated[str, BoundedText(100)] = MADE_BY
    """Department or role that answers: no name of an employee."""

    @field_validator("request")
    @classmethod
    def _check_request(cls, request: str | None, info: ValidationInfo) -> str | None:
        if request is None and info.data.get("identities") == ():
            raise validation_error("must be given, or identities")
        return request

    @field_validator("until")
    @classmethod
    def _check_until(cls, until: date | None, info: ValidationInfo) -> date | None:
        since = info.data.get("since")
        if since and until and until < since:
            raise validation_error("must be from or a later day")
        return until


class ViewSearch(Body):
    """Search in the views of the record: of a conversation, by an employee, or both."""

    conversation: Annotated[Conversation | None, SPARED] = optional_not_null()
    employee: Annotated[EmployeeName | None, SPARED] = optional_not_null()
    """Employee, as the system that they viewed with names them."""
    since: Annotated[Moment | None, SPARED, Field(alias="from")] = optional_not_null()
    """Viewed at this time or later."""
    until: Annotated[Moment | None, SPARED] = optional_not_null()
    """Viewed before this time."""
    after: Annotated[Id | None, SPARED] = optional_not_null()
    """`next` of the previous page."""
    limit: Annotated[int, Field(ge=1, le=LARGEST_VIEWS)] = VIEWS
    """Views on a page."""

    @field_validator("employee")
    @classmethod
    def _check_employee(cls, employee: str | None, info: ValidationInfo) -> str | None:
        if employee is None and info.data.get("conversation", "") is None:
            raise validation_error("must be given, or conversation")
        return employee


class ExposureSearch(Body):
    """Search for the people whose data a token or an employee saw, or a destination received."""

    token: Annotated[TokenName | None, SPARED] = optional_not_null()
    """Name of a token; of a person's, as a view has it."""
    employee: Annotated[EmployeeName | None, SPARED] = optional_not_null()
    """Employee, as the system that they viewed with names them."""
    destination: Annotated[TokenName | None, SPARED] = optional_not_null()
    """Id of a destination."""
    since: Annotated[Moment, Field(alias="from")]
    """Seen or received at this time or later."""
    until: Moment
    """Seen or received before this time."""

    @field_validator("destination")
    @classmethod
    def _check_subject(cls, destination: str | None, info: ValidationInfo) -> str | None:
        names = ("token", "employee")
        if not info.data.keys() >= set(names):
            return destination  # one of them is invalid, which is reported already
        given = [info.data[name] for name in names] + [destination]
        if sum(each is not None for each in given) != 1:
            raise validation_error("must be given, or token, or employee: one of the three")
        return destination

    @field_validator("until")
    @classmethod
    def _check_until(cls, until: datetime, info: ValidationInfo) -> datetime:
        since = info.data.get("since")
        if since and until <= since:
            raise validation_error("must be later than from")
        return until


class AnnotateMessage(Body):
    """Correction beside a message, which does not change."""

    text: AddedText
    request: Annotated[RequestId | None, SPARED] = optional_not_null()
    """Request that asked for it, of the person of the message."""


OPEN, EXTEND, DECIDE = (
    TypeAdapter(OpenRequest),
    TypeAdapter(ExtendRequest),
    TypeAdapter(DecideRequest),
)
VALUE = TypeAdapter(ValueConversation)
REPORT, VIEW_SEARCH = TypeAdapter(ReportBody), TypeAdapter(ViewSearch)
EXPOSURE_SEARCH, ANNOTATE = TypeAdapter(ExposureSearch), TypeAdapter(AnnotateMessage)
