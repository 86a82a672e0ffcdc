"""Table of the operations of the owner of a destination in the OpenAPI document."""

from typing import Any

import msgspec

from gateway.api_docs import destination_examples as examples
from gateway.api_docs.destination_responses import (
    Deliveries,
    OwnedDestinations,
    ResendOrder,
    SecretAdded,
    SecretEnded,
    Secrets,
)
from gateway.api_docs.error_responses import COMMAND_REFUSALS, KEY_USED
from gateway.api_docs.parameters import KEY
from gateway.destinations.delivery_query import CURSOR, LARGEST_PAGE, PAGE, STATES
from gateway.requests import destinations as requests
from services.api.operations import Answer, Content, Operation, ProblemExample

Json = dict[str, Any]

DESTINATION: Json = {
    "name": "destination",
    "in": "path",
    "required": True,
    "description": "Id of the destination, as the operator calls it.",
    "schema": {"type": "string", "pattern": "^[a-z0-9][a-z0-9-]{0,62}$"},
    "example": "crm",
}
MOMENT: Json = {"type": "string", "format": "date-time"}
QUERY: tuple[Json, ...] = (
    {
        "name": "state",
        "in": "query",
        "description": "`parked`: refused, and set aside. `delivered`: accepted, and still kept.",
        "schema": {"type": "string", "enum": [*STATES], "default": STATES[0]},
    },
    {"name": "since", "in": "query", "description": "Time from which.", "schema": MOMENT},
    {"name": "until", "in": "query", "description": "Time before which.", "schema": MOMENT},
    {
        "name": "after",
        "in": "query",
        "description": "`next` of the previous page.",
        "schema": {"type": "string", "pattern": f"^{CURSOR.pattern}$"},
    },
    {
        "name": "limit",
        "in": "query",
        "description": "Deliveries on a page.",
        "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
    },
)


def _id(example: str, description: str) -> Json:
    return {
        "name": "id",
        "in": "path",
        "required": True,
        "description": description,
        "schema": {"type": "string", "format": "uuid"},
        "example": example,
    }


def _conflict(code: str, detail: str, when: str) -> ProblemExample:
    return ProblemExample(detail, f"`{code}`: {when}", {"code": code})


NO_DESTINATION = ProblemExample(
    "there is no such destination",
    "There is no such destination, or this token is not its owner.",
)
NO_ORDER = ProblemExample("there is no such order", "There is no such order.")
NO_SECRET = ProblemExample("there is no such secret in force", "No such secret is in force.")
WRONG_QUERY = ProblemExample(
    "the query is not what it should be",
    "The query is not valid; `errors` has all faults.",
    {"errors": [{"pointer": "", "detail": "must be parked or delivered", "parameter": "state"}]},
)
ENDED = ProblemExample(
    "it has ended: what was delivered is kept for 7 days",
    "`ended`: what is from before `keptSince`, or all that is named, is not kept any more.",
    {"code": "ended", "keptSince": "2026-11-22T08:00:00Z"},
)
RUNNING = _conflict(
    "resend_running",
    "another order for this destination is still running",
    "another order for this destination is still running.",
)
TOO_MANY = _conflict(
    "too_many_secrets", "4 secrets are in force: end one first", "four secrets are in force."
)
UNSIGNED = _conflict(
    "unsigned",
    "events for this destination are not signed",
    "the destination is no `cloudevents`, so nothing is signed for it.",
)
LAST = _conflict(
    "last_secret",
    "no other secret stays in force: add one first",
    "no other secret stays in force.",
)


def _of_owner(operation: Operation) -> Operation:
    """Return an operation with what all of the owner's have."""
    return msgspec.structs.replace(
        operation,
        path=f"/destinations/{{destination}}/{operation.path}",
        roles=["send"],
        parameters=[DESTINATION, *operation.parameters],
        refusals={404: [NO_DESTINATION]} | dict(operation.refusals),
    )


_OPERATIONS = (
    Operation(
        method="get",
        path="deliveries",
        id="listDeliveries",
        tag="destinations",
        summary="List what was sent to a destination, without its content",
        description="What is parked stays until it is sent again or an operator drops it. What was"
        " delivered is kept for some days, 7 unless the configuration says otherwise.",
        parameters=QUERY,
        answers={200: Answer(description="A page.", model=Deliveries, example=examples.DELIVERIES)},
        refusals={400: [WRONG_QUERY]},
    ),
    Operation(
        method="post",
        path="_resend",
        id="resendDeliveries",
        tag="destinations",
        summary="Send events again",
        description="The same events, under the same ids, each with its `sequence`, in the order of"
        " each conversation. They go between new events, at the rate of the destination: later"
        " events of a conversation may have come before them, so order by `sequence` and drop an"
        " `id` that you have. One order at a time runs for a destination.",
        parameters=[KEY],
        content=Content(model=requests.RESEND, examples=examples.RESENDS),
        answers={
            202: Answer(
                description="The order is stored, and its progress is at `Location`.",
                model=ResendOrder,
                headers=["Location"],
                example=examples.RESEND,
            )
        },
        refusals=COMMAND_REFUSALS | {409: [RUNNING, KEY_USED], 410: [ENDED]},
    ),
    Operation(
        method="get",
        path="resends/{id}",
        id="readResend",
        tag="destinations",
        summary="Read an order to send again, and its progress",
        parameters=[_id(examples.ORDER, "Id of the order.")],
        answers={200: Answer(description="The order.", model=ResendOrder, example=examples.RESEND)},
        refusals={404: [NO_DESTINATION, NO_ORDER]},
    ),
    Operation(
        method="get",
        path="secrets",
        id="listSecrets",
        tag="destinations",
        summary="List the secrets that sign events, without their values",
        answers={200: Answer(description="The secrets.", model=Secrets, example=examples.SECRETS)},
    ),
    Operation(
        method="post",
        path="secrets",
        id="addSecret",
        tag="destinations",
        summary="Add a secret",
        description="Events are signed with every secret in force within some seconds. A secret"
        " that you leave out is drawn, and is shown in this answer alone. If the answer is lost,"
        " end that secret and add another.",
        content=Content(model=requests.NEW_SECRET, examples=examples.NEW_SECRETS),
        answers={
            201: Answer(
                description="The secret is stored.",
                model=SecretAdded,
                example=examples.SECRET_ADDED,
            )
        },
        refusals=COMMAND_REFUSALS | {409: [TOO_MANY, UNSIGNED]},
    ),
    Operation(
        method="post",
        path="secrets/{id}/_end",
        id="endSecret",
        tag="destinations",
        summary="End a secret, now or at a time",
        description="An ended secret is erased. One secret without an end is always left, so that"
        " events are never unsigned.",
        parameters=[_id(examples.SECRET_ID, "Id of the secret.")],
        content=Content(model=requests.END_SECRET, examples=examples.END_SECRETS),
        answers={
            200: Answer(
                description="The secret has its end.",
                model=SecretEnded,
                example=examples.SECRET_ENDED,
            )
        },
        refusals=COMMAND_REFUSALS | {404: [NO_DESTINATION, NO_SECRET], 409: [LAST]},
    ),
)
LIST_DESTINATIONS = Operation(
    method="get",
    path="/destinations",
    id="listDestinations",
    tag="destinations",
    summary="List your destinations, and what does not arrive there",
    description="The destinations of which the token is an owner, each with why it takes nothing"
    " now, how much is parked for which reason, and how much was put aside unread. Without content,"
    " conversations or people.",
    roles=["send"],
    answers={
        200: Answer(
            description="The destinations.",
            model=OwnedDestinations,
            example=examples.DESTINATIONS,
        )
    },
)
DESTINATIONS = (LIST_DESTINATIONS, *map(_of_owner, _OPERATIONS))
