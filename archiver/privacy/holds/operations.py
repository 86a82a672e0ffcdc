"""Operations of holds, for the OpenAPI document."""

from collections.abc import Sequence
from typing import Any

from archiver.api.viewer import EMPLOYEE
from archiver.privacy.holds import examples
from archiver.privacy.holds.orders import LIFT, PLACE, REVIEW
from archiver.privacy.holds.responses import FullHold, Holds, HoldSummary, PlacedHold
from archiver.privacy.holds.routes import INVALID_STATE, NO_HOLD, NOT_ALL, ROLES, STATES
from archiver.privacy.operations import (
    CROWDED,
    NEEDED,
    NO_EMPLOYEE,
    NO_REASON,
    NO_ROLE,
    TOO_BROAD,
    UNREAD,
)
from services.api.operations import AWAY, Answer, Content, Operation, ProblemExample

Json = dict[str, Any]
TAG: Json = {"holds": "What may not be destroyed, why, and until when somebody must look again."}
HOLD_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the hold.",
    "schema": {"type": "string", "pattern": "^BW-[0-9]{4}-[0-9]{4,9}$"},
    "example": examples.HOLD_ID,
}
STATE: Json = {
    "name": "state",
    "in": "query",
    "description": "standing: those that hold now. overdue: only those of them that somebody should"
    " have reviewed. lifted: those that hold no more.",
    "schema": {"type": "string", "enum": list(STATES)},
}
INVALID_QUERY = ProblemExample(
    "the query is not what it should be",
    "`state` is invalid.",
    {"errors": [{"pointer": "", "detail": INVALID_STATE, "parameter": "state"}]},
)
INVALID_BODY = ProblemExample(
    "the body is not what it should be",
    "The body is invalid; `errors` lists every fault.",
    {"errors": [{"pointer": "/reviewOn", "detail": "must be a day to come"}]},
)
NOT_WHOLE = ProblemExample(
    NOT_ALL, "The token does not reach every department: how much a hold covers tells of all."
)
FORBIDDEN = [NO_ROLE, NOT_WHOLE]
NO_SUCH_HOLD = ProblemExample(NO_HOLD, "It does not exist, or is another municipality's.")
LIFTED = ProblemExample(
    "BW-2026-0007 was lifted already",
    "`lifted`: it was lifted, and is not changed any more.",
    {"code": "lifted"},
)


def hold_operations(viewer: Sequence[Json]) -> tuple[Operation, ...]:
    """Return the operations. `viewer` are the headers by which a viewer identifies."""
    needed = [each | NEEDED.get(each["name"], {}) for each in viewer]
    by_employee = [each for each in needed if each["name"] == EMPLOYEE]
    return LIST_HOLDS, _place(by_employee), _read(needed), _review(by_employee), _lift(by_employee)


LIST_HOLDS = Operation(
    method="get",
    path="/holds",
    id="listHolds",
    tag="holds",
    summary="List the holds",
    description="Those that stand come first, the earliest due for review first; at most 1,000. No"
    " citizen is named, so it is no view. It takes a token that reaches every department, as all of"
    " these operations do.",
    roles=ROLES,
    parameters=[STATE],
    answers={200: Answer(description="The holds.", model=Holds, example=examples.HOLDS)},
    refusals={400: [INVALID_QUERY], 403: FORBIDDEN, 503: [AWAY, CROWDED]},
)


def _place(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/holds",
        id="placeHold",
        tag="holds",
        summary="Place a hold",
        description="What it covers is not destroyed until it is lifted, also what comes later. A"
        " standing hold that is the same in everything is answered, and none is added.",
        roles=ROLES,
        parameters=headers,
        content=Content(model=PLACE, examples=examples.PLACE),
        answers={
            201: Answer(
                description="The hold.",
                model=PlacedHold,
                headers=["Location"],
                example=examples.PLACED,
            )
        },
        refusals=UNREAD | {400: [INVALID_BODY, TOO_BROAD, NO_EMPLOYEE], 403: FORBIDDEN},
    )


def _read(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="get",
        path="/holds/{id}",
        id="readHold",
        tag="holds",
        summary="Read a hold with its steps and how many conversations it covers",
        description="It is a view, since the words of a selection may name a citizen. The person of"
        " a hold is not shown.",
        roles=ROLES,
        parameters=[HOLD_ID, *headers],
        answers={200: Answer(description="The hold.", model=FullHold, example=examples.FULL_HOLD)},
        refusals={
            400: [NO_REASON],
            403: FORBIDDEN,
            404: [NO_SUCH_HOLD],
            503: [AWAY, CROWDED],
        },
    )


def _review(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/holds/{id}/_review",
        id="reviewHold",
        tag="holds",
        summary="Note that a hold is still needed",
        roles=ROLES,
        parameters=[HOLD_ID, *headers],
        content=Content(model=REVIEW, examples=examples.REVIEW),
        answers={200: Answer(description="The hold.", model=HoldSummary, example=examples.HOLD)},
        refusals=_CHANGE,
    )


def _lift(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/holds/{id}/_lift",
        id="liftHold",
        tag="holds",
        summary="Lift a hold",
        description="It destroys nothing. It says no more whose it was.",
        roles=ROLES,
        parameters=[HOLD_ID, *headers],
        content=Content(model=LIFT, examples=examples.LIFT),
        answers={200: Answer(description="The hold.", model=HoldSummary, example=examples.LIFTED)},
        refusals=_CHANGE,
    )


_CHANGE: dict[int, Sequence[ProblemExample]] = UNREAD | {
    400: [INVALID_BODY, NO_EMPLOYEE],
    403: FORBIDDEN,
    404: [NO_SUCH_HOLD],
    409: [LIFTED],
}
