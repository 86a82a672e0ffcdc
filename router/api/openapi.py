"""OpenAPI document of the router's API: a table of operations."""

from typing import Any

from router.api import examples
from router.api.figure_routes import (
    FIGURE_ROLES,
    NOT_ACCEPTABLE,
    NOT_COUNTED,
    NOT_SETTLED,
    WRONG_MONTH,
    WRONG_QUERY,
)
from router.api.requests import EXPLAIN
from router.api.responses import Approval, Explanation, FullVersion, MonthFigures, Versions
from router.api.routes import (
    BUSY,
    CHANGED,
    EXPLAIN_ROLES,
    NO_NUMBER,
    NO_PERSON,
    NO_VERSION,
    NOT_YET,
    READ_ROLE,
)
from services.api.json_body import UNREAD_REFUSALS
from services.api.openapi import build_document
from services.api.operations import AWAY, DOCUMENT, Answer, Api, Content, Operation, ProblemExample
from services.api.turns import BUSY as ONE_AT_A_TIME
from services.http.problems import VERSION
from services.printing.typesetter import TOO_LARGE

Json = dict[str, Any]

VERSION_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the version.",
    "schema": {"type": "string", "pattern": "^[0-9a-f]{12}$"},
    "example": examples.VERSION_ID,
}
UNREADY = ProblemExample(NOT_YET, "The router has just started: try again.")
REPORTS_BUSY = ProblemExample(ONE_AT_A_TIME, "Another report is being made: try again.")
CROWDED = ProblemExample(BUSY, "Others are being answered: try again.")
INVALID_QUESTION = ProblemExample(
    "the body is not what it should be",
    "The body is invalid; `errors` lists every fault.",
    {"errors": [{"pointer": "/number", "detail": NO_NUMBER}]},
)

EXPLAIN_MESSAGE = Operation(
    method="post",
    path="/rules/_explain",
    id="explainMessage",
    tag="rules",
    summary="Ask where a message would go, and why",
    description="The decision of the router, by the rules in force, about words with which a"
    " citizen begins a conversation. Nothing is sent, and nothing of it is stored or logged. It is"
    " what `postkamer route explain --json` says. The words are in the body, where no access log"
    " of a proxy has them.",
    roles=EXPLAIN_ROLES,
    content=Content(model=EXPLAIN, examples=examples.QUESTIONS),
    answers={
        200: Answer(description="The decision.", model=Explanation, example=examples.EXPLANATION)
    },
    refusals={400: [INVALID_QUESTION], 503: [AWAY, UNREADY, CROWDED]} | UNREAD_REFUSALS,
)
LIST_VERSIONS = Operation(
    method="get",
    path="/rules/versions",
    id="listRulesVersions",
    tag="rules",
    summary="List the versions of rules and texts",
    description="The version in force and those before it, with the persons who stand for each.",
    roles=[READ_ROLE],
    answers={200: Answer(description="The versions.", model=Versions, example=examples.VERSIONS)},
    refusals={503: [AWAY, UNREADY]},
)
READ_VERSION = Operation(
    method="get",
    path="/rules/versions/{id}",
    id="readRulesVersion",
    tag="rules",
    summary="Read a version, and how it changed the one before",
    description="The files as they were, with a unified diff for each that differs from the version"
    " before. Where several municipalities share a configuration the token reads the entries of its"
    " own and of all.",
    roles=[READ_ROLE],
    parameters=[VERSION_ID],
    answers={
        200: Answer(description="The version.", model=FullVersion, example=examples.FULL_VERSION)
    },
    refusals={
        404: [ProblemExample(NO_VERSION, "No such version decided anything.")],
        500: [ProblemExample(CHANGED, "The stored files were altered: the operator must inspect.")],
        503: [AWAY, UNREADY, CROWDED],
    },
)
APPROVE_VERSION = Operation(
    method="post",
    path="/rules/versions/{id}/_approve",
    id="approveRulesVersion",
    tag="rules",
    summary="Stand for a version",
    description="The person of the token stands for this version, as by `postkamer rules approve`."
    " Where the configuration asks for a second person, a version counts when two stand for it. Who"
    " does already changes nothing. It counts within seconds, once the archiver has recorded it.",
    roles=[READ_ROLE],
    parameters=[VERSION_ID],
    answers={200: Answer(description="The approval.", model=Approval, example=examples.APPROVAL)},
    refusals={
        403: [ProblemExample(NO_PERSON, "Use the token that a provider gave to a person.")],
        404: [ProblemExample(NO_VERSION, "No such version decided anything or waits.")],
        503: [AWAY, UNREADY],
    },
)
MONTH: Json = {
    "name": "month",
    "in": "query",
    "description": "A month that has begun; default: the present one, in the Netherlands.",
    "schema": {"type": "string", "pattern": "^20[0-9]{2}-(0[1-9]|1[0-2])$"},
    "example": "2026-11",
}
NO_MONTH = ProblemExample(
    WRONG_QUERY,
    "The query is not valid; `errors` has all faults.",
    {"errors": [{"pointer": "", "detail": WRONG_MONTH, "parameter": "month"}]},
)
READ_FIGURES = Operation(
    method="get",
    path="/figures",
    id="readFigures",
    tag="figures",
    summary="Read the figures of a month",
    description="Counts by department: conversations, messages, the wait for the first answer of a"
    " person, transfers, ends, costs, and 24 hours that were missed; by rule and version, what the"
    " rules chose right at once. A text that the system sent by itself is no answer. Nothing in it"
    " is of one citizen, employee or conversation. Small counts stay, except of danger: do not"
    " publish these, but the report. What waits now is in no figure: a CRM knows that from its"
    " events.",
    roles=FIGURE_ROLES,
    parameters=[MONTH],
    answers={
        200: Answer(description="The figures.", model=MonthFigures, example=examples.MONTH_FIGURES)
    },
    refusals={400: [NO_MONTH], 503: [AWAY, UNREADY]},
)
READ_REPORT = Operation(
    method="get",
    path="/figures/report",
    id="readFiguresReport",
    tag="figures",
    summary="Read the report of a month",
    description="The figures that may leave the house, in Dutch, as tagged PDF/A or as CSV, by"
    " `Accept`. Small counts are left out as in the open data, so that none follows from another,"
    " and so are confidential departments. The same month gives the same report, unless the"
    " configuration of the municipality changed.",
    roles=FIGURE_ROLES,
    parameters=[MONTH],
    answers={
        200: Answer(
            description="The report.",
            files=["application/pdf", "text/csv"],
            headers=["Content-Disposition"],
        )
    },
    refusals={
        400: [NO_MONTH],
        406: [ProblemExample(NOT_ACCEPTABLE, "`Accept` has neither PDF nor CSV.")],
        409: [
            ProblemExample(NOT_SETTLED, "The month may still grow.", {"code": "not_settled"}),
            ProblemExample(NOT_COUNTED, "Counting began later.", {"code": "not_counted"}),
            ProblemExample(TOO_LARGE, "The PDF cannot be made.", {"code": "pdf_too_large"}),
        ],
        503: [AWAY, UNREADY, REPORTS_BUSY],
    },
)
API = Api(
    title="Postkamer: the rules",
    version=VERSION,
    summary="Try a sentence, read the versions of the rules, and the month's figures",
    description="For functional managers and the contact centre. A token sees the rules of its own"
    " municipality. Times are in UTC. Expect new members in answers.",
    tags={
        "rules": "Rules and texts by which messages are decided.",
        "figures": "What came, went and was answered, counted.",
        "documentation": "This document.",
    },
)
OPERATIONS = (
    *(EXPLAIN_MESSAGE, LIST_VERSIONS, READ_VERSION, APPROVE_VERSION),
    *(READ_FIGURES, READ_REPORT, DOCUMENT),
)

document: Json = build_document(API, OPERATIONS)
"""Document served at /v1/openapi.json; see `services.api.docs_page.routes`."""
