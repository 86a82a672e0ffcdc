"""Operations of the privacy officer's API, for its OpenAPI document."""

from collections.abc import Sequence
from typing import Any

from archiver.api.access_log import INVALID_HEADERS
from archiver.api.examples import CONVERSATION_ID as CONVERSATION_EXAMPLE
from archiver.api.viewer import EMPLOYEE, EMPLOYEE_MISSING, EMPLOYEE_NEEDED, REASON, REASON_NEEDED
from archiver.privacy import examples
from archiver.privacy.annotation_routes import NO_MESSAGE
from archiver.privacy.exposure_routes import MOST
from archiver.privacy.orders import (
    ANNOTATE,
    DECIDE,
    EXPOSURE_SEARCH,
    EXTEND,
    OPEN,
    REPORT,
    VALUE,
    VIEW_SEARCH,
)
from archiver.privacy.report_routes import NOT_ALL
from archiver.privacy.request_routes import INVALID_STATE, NO_REQUEST, ROLE, STATES, TOO_LONG
from archiver.privacy.responses import (
    ConversationValue,
    ExposureFound,
    FullRequest,
    MadeReport,
    MessageAnnotated,
    PrivacyRequest,
    PrivacyRequests,
    RecordViews,
)
from archiver.privacy.valuation_routes import NO_CONVERSATION
from archiver.privacy.valuation_routes import ROLES as VALUATION_ROLES
from services import ids
from services.api.json_body import UNREAD_REFUSALS
from services.api.operations import AWAY, Answer, Content, Operation, ProblemExample
from services.api.turns import BUSY

Json = dict[str, Any]
TAGS = {
    "requests": "Requests of citizens about their data (AVG, articles 15 to 21).",
    "people": "Everything about one person.",
    "views": "Who viewed the record, when, what and why.",
    "exposures": "Whose data was seen or received, to report a data breach (AVG, article 33).",
    "annotations": "Corrections beside messages (AVG, article 16).",
    "retention": "How long the record is kept, by the selection list.",
}
REQUEST_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the request.",
    "schema": {"type": "string", "pattern": "^AVG-[0-9]{4}-[0-9]{4,9}$"},
    "example": examples.REQUEST_ID,
}
STATE: Json = {
    "name": "state",
    "in": "query",
    "description": "open: only undecided requests. overdue: only those of them that are late.",
    "schema": {"type": "string", "enum": list(STATES)},
}
NEEDED: dict[str, Json] = {
    EMPLOYEE: {
        "description": "Employee who asks, by the id of your system; recorded. Required, but with a"
        " token of an identity provider: then it is the person of the token, or left out."
    },
    REASON: {"required": True, "description": "Reason, which is recorded. Printable UTF-8."},
}
CONVERSATION_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the conversation.",
    "schema": {"type": "string", "pattern": f"^(?:{ids.CONVERSATION.pattern})$"},
    "example": CONVERSATION_EXAMPLE,
}
NO_SUCH_CONVERSATION = ProblemExample(
    NO_CONVERSATION, "It does not exist, or a part of it is not for this token."
)
CROWDED = ProblemExample(BUSY, "Others are being answered: try again.")
NO_SUCH_REQUEST = ProblemExample(NO_REQUEST, "It does not exist, or is another municipality's.")
INVALID_QUERY = ProblemExample(
    "the query is not what it should be",
    "`state` is invalid.",
    {"errors": [{"pointer": "", "detail": INVALID_STATE, "parameter": "state"}]},
)
INVALID_BODY = ProblemExample(
    "the body is not what it should be",
    "The body is invalid; `errors` lists every fault.",
    {"errors": [{"pointer": "/receivedOn", "detail": "is yet to come"}]},
)
NO_EMPLOYEE = ProblemExample(
    INVALID_HEADERS,
    "The employee is missing, or a header is invalid.",
    {
        "code": EMPLOYEE_MISSING,
        "errors": [{"pointer": "", "detail": EMPLOYEE_NEEDED, "parameter": EMPLOYEE}],
    },
)
NO_REASON = ProblemExample(
    INVALID_HEADERS,
    "The employee or the reason is missing, or a header is invalid.",
    {"errors": [{"pointer": "", "detail": REASON_NEEDED, "parameter": REASON}]},
)
NO_SUCH_MESSAGE = ProblemExample(
    NO_MESSAGE, "It does not exist, was destroyed, or is not of the token's departments."
)
DECIDED = ProblemExample(
    "AVG-2026-0042 was decided already: granted",
    "`decided`: it was decided, and is not changed any more.",
    {"code": "decided"},
)
TOO_BROAD = ProblemExample(TOO_LONG, "`too_broad`: there is too much.", {"code": "too_broad"})
NOT_WHOLE = ProblemExample(
    NOT_ALL, "The token does not reach every department: the report is only right as a whole."
)
NO_ROLE = ProblemExample("this token has not the role {role}", "The token has not the role.")
UNPRINTABLE = ProblemExample(
    "pdf_too_large: dit is te veel voor een PDF (hoogstens 5000 berichten en 4 MB tekst);"
    " maak er een voor elke periode, of gebruik de JSON",
    "The PDF cannot be made; the JSON can.",
    {"code": "pdf_too_large"},
)
UNREAD: dict[int, Sequence[ProblemExample]] = {503: [AWAY, CROWDED], **UNREAD_REFUSALS}


def operations(viewer: Sequence[Json], message: Json) -> tuple[Operation, ...]:
    """Return the operations. `viewer` are the headers by which a viewer identifies, `message` is
    the parameter of a message."""
    needed = [each | NEEDED.get(each["name"], {}) for each in viewer]
    by_employee = [each for each in needed if each["name"] == EMPLOYEE]
    return (
        LIST_REQUESTS,
        _open_request(by_employee),
        _read_request(needed),
        _extend_request(by_employee),
        _decide_request(by_employee),
        _report(needed),
        _print(needed),
        _search_views(needed),
        _search_exposures(needed),
        _annotate([message, *needed]),
        _value(by_employee),
    )


LIST_REQUESTS = Operation(
    method="get",
    path="/requests",
    id="listRequests",
    tag="requests",
    summary="List the requests of citizens about their data",
    description="Undecided requests come first, the earliest due first; at most 1,000. No citizen"
    " is named, so it is no view.",
    roles=[ROLE],
    parameters=[STATE],
    answers={
        200: Answer(description="The requests.", model=PrivacyRequests, example=examples.REQUESTS)
    },
    refusals={400: [INVALID_QUERY], 503: [AWAY, CROWDED]},
)


def _open_request(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/requests",
        id="openRequest",
        tag="requests",
        summary="Register a request",
        description="It is due one month after it was received. An undecided request of the same"
        " person, kind and day is the same: it is answered, and none is added.",
        roles=[ROLE],
        parameters=headers,
        content=Content(model=OPEN, examples=examples.OPEN),
        answers={
            201: Answer(
                description="The request.",
                model=PrivacyRequest,
                headers=["Location"],
                example=examples.REQUEST,
            )
        },
        refusals=UNREAD | {400: [INVALID_BODY, TOO_BROAD, NO_EMPLOYEE]},
    )


def _read_request(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="get",
        path="/requests/{id}",
        id="readRequest",
        tag="requests",
        summary="Read a request with its steps and the letter to the citizen",
        roles=[ROLE],
        parameters=[REQUEST_ID, *headers],
        answers={
            200: Answer(
                description="The request.", model=FullRequest, example=examples.FULL_REQUEST
            )
        },
        refusals={400: [NO_REASON], 404: [NO_SUCH_REQUEST], 503: [AWAY, CROWDED]},
    )


def _extend_request(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/requests/{id}/_extend",
        id="extendRequest",
        tag="requests",
        summary="Extend the term of a request",
        roles=[ROLE],
        parameters=[REQUEST_ID, *headers],
        content=Content(model=EXTEND, examples=examples.EXTEND),
        answers={
            200: Answer(description="The request.", model=PrivacyRequest, example=examples.REQUEST)
        },
        refusals=UNREAD
        | {400: [INVALID_BODY, NO_EMPLOYEE], 404: [NO_SUCH_REQUEST], 409: [DECIDED]},
    )


def _decide_request(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/requests/{id}/_decide",
        id="decideRequest",
        tag="requests",
        summary="Decide a request",
        description="It is made once. It restricts nothing: people see to that. An erasure that is"
        " granted is carried out by a destruction list: `_erase` draws it."
        " With `holdReviewOn` it also places a hold.",
        roles=[ROLE],
        parameters=[REQUEST_ID, *headers],
        content=Content(model=DECIDE, examples=examples.DECIDE),
        answers={
            200: Answer(
                description="The request.",
                model=PrivacyRequest,
                example=examples.REQUEST | {"state": "decided", "decision": "granted"},
            )
        },
        refusals=UNREAD
        | {400: [INVALID_BODY, NO_EMPLOYEE], 404: [NO_SUCH_REQUEST], 409: [DECIDED]},
    )


def _report(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/people/_report",
        id="reportPerson",
        tag="people",
        summary="Report everything about one person",
        description="It takes a token that reaches every department, confidential ones too. Each"
        " conversation in it is a view on the record.",
        roles=[ROLE],
        parameters=headers,
        content=Content(model=REPORT, examples=examples.REPORT),
        answers={
            200: Answer(description="The report.", model=MadeReport, example=examples.MADE_REPORT)
        },
        refusals=UNREAD | {400: [INVALID_BODY, TOO_BROAD, NO_REASON], 403: [NO_ROLE, NOT_WHOLE]},
    )


def _print(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/people/_print",
        id="printPerson",
        tag="people",
        summary="Report everything about one person as a PDF",
        description="The same report, in plain Dutch, to hand to the citizen (PDF/A-2b).",
        roles=[ROLE],
        parameters=headers,
        content=Content(model=REPORT, examples=examples.REPORT),
        answers={
            200: Answer(
                description="The PDF.",
                files=["application/pdf"],
                headers=["Content-Disposition"],
            )
        },
        refusals=UNREAD
        | {
            400: [INVALID_BODY, TOO_BROAD, NO_REASON],
            403: [NO_ROLE, NOT_WHOLE],
            409: [UNPRINTABLE],
        },
    )


def _search_views(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/views/_search",
        id="searchViews",
        tag="views",
        summary="Find who viewed a conversation, or what an employee viewed",
        description="Oldest first. A token finds views of the parts that its departments had; one"
        " that reaches every department finds those of no department too.",
        roles=[ROLE],
        parameters=headers,
        content=Content(model=VIEW_SEARCH, examples=examples.VIEW_SEARCHES),
        answers={
            200: Answer(description="A page of views.", model=RecordViews, example=examples.VIEWS)
        },
        refusals=UNREAD | {400: [INVALID_BODY, TOO_BROAD, NO_REASON]},
    )


def _search_exposures(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/exposures/_search",
        id="searchExposures",
        tag="exposures",
        summary="Find whose data a token or an employee saw, or a destination received",
        description="It takes a token that reaches every department, confidential ones too. Each"
        f" conversation in it is a view on the record. {MOST:,} conversations at most: ask for a"
        " part of the period, or an operator for the command, which takes more.",
        roles=[ROLE],
        parameters=headers,
        content=Content(model=EXPOSURE_SEARCH, examples=examples.EXPOSURE_SEARCHES),
        answers={
            200: Answer(description="The people.", model=ExposureFound, example=examples.EXPOSURE)
        },
        refusals=UNREAD | {400: [INVALID_BODY, TOO_BROAD, NO_REASON], 403: [NO_ROLE, NOT_WHOLE]},
    )


def _annotate(parameters: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/messages/{id}/_annotate",
        id="annotateMessage",
        tag="annotations",
        summary="Add a correction beside a message",
        description="The message does not change. Who reads it reads the correction too, and so"
        " does the citizen in a report, without the name of the employee. The same correction of"
        " the same employee once more adds none.",
        roles=[ROLE],
        parameters=parameters,
        content=Content(model=ANNOTATE, examples=examples.ANNOTATION),
        answers={
            201: Answer(
                description="The correction.",
                model=MessageAnnotated,
                example=examples.ANNOTATED,
            )
        },
        refusals=UNREAD | {400: [INVALID_BODY, NO_REASON], 404: [NO_SUCH_MESSAGE]},
    )


def _value(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/conversations/{id}/_value",
        id="valueConversation",
        tag="retention",
        summary="Give a conversation its result of the selection list",
        description="The result counts instead of one given at the closing and of the defaults of"
        " its departments. The record shows it within seconds. The token reaches every department"
        " that had the conversation.",
        roles=list(VALUATION_ROLES),
        parameters=[CONVERSATION_ID, *headers],
        content=Content(model=VALUE, examples=examples.VALUE),
        answers={
            200: Answer(
                description="Its term from now on.",
                model=ConversationValue,
                example=examples.CONVERSATION_VALUE,
            )
        },
        refusals=UNREAD | {400: [INVALID_BODY, NO_EMPLOYEE], 404: [NO_SUCH_CONVERSATION]},
    )
