"""The archiver's API as its document describes it: a table of operations."""

from collections.abc import Sequence
from typing import Any

from archiver.api import examples
from archiver.api.access_log import NOT_WRITTEN
from archiver.api.access_log import WRONG as WRONG_HEADERS
from archiver.api.responses import Conversation, Message, Messages, Page
from archiver.api.routes import LARGEST_PAGE, PAGE
from archiver.api.viewer import EMPLOYEE, LONGEST, MUST, REASON, TRACE
from archiver.api.viewer import MISSING as NAME_MISSING
from archiver.search.request import SEARCH
from services import ids
from services.api.json_body import UNREAD_REFUSALS
from services.api.openapi import build_document
from services.api.operations import AWAY, DOCUMENT, Answer, Api, Content, Operation, Refusal
from services.http.problems import VERSION

Json = dict[str, Any]

CONVERSATION: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the conversation.",
    "schema": {"type": "string", "pattern": f"^(?:{ids.CONVERSATION.pattern})$"},
    "example": examples.CONVERSATION_ID,
}
MESSAGE: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the message.",
    "schema": {"type": "string", "format": "uuid"},
    "example": examples.MESSAGE_ID,
}
AFTER: Json = {
    "name": "after",
    "in": "query",
    "description": "`next` of the page before.",
    "schema": {"type": "integer", "minimum": 0, "maximum": 2**63 - 1, "default": 0},
}
LIMIT: Json = {
    "name": "limit",
    "in": "query",
    "description": "Messages on a page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
}
LOOKING: tuple[Json, ...] = (
    {
        "name": EMPLOYEE,
        "in": "header",
        "description": "Who looks, as you call them; on the record. Needed where people read with"
        " the token.",
        "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST[EMPLOYEE]},
        "example": "m.devries",
    },
    {
        "name": REASON,
        "in": "header",
        "description": "Why; on the record. Printable, in UTF-8, as the one before.",
        "schema": {"type": "string", "maxLength": LONGEST[REASON]},
        "example": "klacht 2026-118",
    },
    {
        "name": TRACE,
        "in": "header",
        "description": "W3C Trace Context: the processing log has this look under your trace.",
        "schema": {"type": "string"},
        "example": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
)
"""Of whatever shows something: each look is on the record."""

NAMELESS = Refusal(
    WRONG_HEADERS,
    "Without a name where people read with the token, or a header is not what it should be.",
    {"code": NAME_MISSING, "errors": [{"pointer": "", "detail": MUST, "parameter": EMPLOYEE}]},
)
UNSEEN = Refusal(NOT_WRITTEN, "That you look could not be written down, so nothing is shown.")
SHOWING: dict[int, Sequence[Refusal]] = {400: [NAMELESS], 503: [AWAY, UNSEEN]}

NO_CONVERSATION = Refusal(
    "there is no such conversation", "There is none, or this token may not see it."
)
NO_MESSAGE = Refusal("there is no such message", "There is none, or this token may not see it.")
NO_FILE = Refusal("there is no such file", "There is none, or this token may not see it.")
GONE = Refusal(
    "this file is not there: media_expired: Meta bewaart bestanden 7 dagen, en dit is ouder",
    "It could not be got while Meta had it.",
)
KEPT = Refusal(
    "this file is kept from everybody: media_malware: de virusscanner vond Eicar-Test-Signature",
    "It is quarantined, and why.",
)
MISSING = Refusal("this file is not where it should be", "The operator must look.")
DAMAGED = Refusal(
    "this file is not what was kept",
    "What lies there was altered: the operator must look. Where that shows half-way, the answer"
    " ends before its Content-Length.",
)
WRONG = Refusal(
    "the query is not what it should be",
    "after or limit is not what it should be; `errors` has both at once.",
    {
        "errors": [
            {
                "pointer": "",
                "detail": f"must be a whole number from 1 to {LARGEST_PAGE}",
                "parameter": "limit",
            }
        ]
    },
)

READ_CONVERSATION = Operation(
    method="get",
    path="/conversations/{id}",
    id="readConversation",
    tag="conversations",
    summary="Read what happened to a conversation and was noted of it",
    roles=["read"],
    parameters=[CONVERSATION, *LOOKING],
    answers={
        200: Answer(
            description="The conversation.", model=Conversation, example=examples.CONVERSATION
        )
    },
    refusals=SHOWING | {404: [NO_CONVERSATION]},
)
READ_MESSAGES = Operation(
    method="get",
    path="/conversations/{id}/messages",
    id="readMessages",
    tag="conversations",
    summary="Read the messages of a conversation",
    description="Oldest first, a page at a time.",
    roles=["read"],
    parameters=[CONVERSATION, AFTER, LIMIT, *LOOKING],
    answers={200: Answer(description="A page.", model=Messages, example=examples.MESSAGES)},
    refusals=SHOWING
    | {
        400: [WRONG, NAMELESS],
        404: [NO_CONVERSATION],
    },
)
READ_MESSAGE = Operation(
    method="get",
    path="/messages/{id}",
    id="readMessage",
    tag="messages",
    summary="Read a message",
    roles=["read"],
    parameters=[MESSAGE, *LOOKING],
    answers={200: Answer(description="The message.", model=Message, example=examples.MESSAGE)},
    refusals=SHOWING | {404: [NO_MESSAGE]},
)
READ_MEDIA = Operation(
    method="get",
    path="/media/{id}",
    id="readMedia",
    tag="messages",
    summary="Read the file that came with a message",
    description="The bytes as the citizen sent them, to be saved: not to be shown as a page.",
    roles=["read"],
    parameters=[MESSAGE, *LOOKING],
    answers={
        200: Answer(
            description="The file.",
            content_type="application/octet-stream",
            headers=["ETag"],
            binary=True,
        ),
        202: Answer(
            description="It is on its way: try again after Retry-After.",
            headers=["Retry-After"],
            example={"state": "waiting", "reason": ""},
        ),
    },
    refusals=SHOWING
    | {
        404: [NO_FILE],
        410: [GONE],
        451: [KEPT],
        500: [MISSING, DAMAGED],
    },
)
UNFIT = Refusal(
    "the body is not what it should be",
    "The body is not what it should be; `errors` has every fault at once.",
    {"errors": [{"pointer": "/until", "detail": "must be later than from"}]},
)
TOO_BROAD = Refusal(
    "it takes too long to count: ask for a shorter time, or count bounded",
    "`too_broad`: finding takes over 3 seconds, or counting exactly over 10.",
    {"code": "too_broad"},
)
SEARCH_MESSAGES = Operation(
    method="post",
    path="/messages/_search",
    id="searchMessages",
    tag="messages",
    summary="Find messages and notes",
    description="By their words, who wrote them, when, and who handled them. Words"
    " are found in any form (`fiets`, `fietsen`), never in the middle of another. An answer says"
    " as of which place in the log it is: with that `asOf` the same question finds the same"
    " later, but for what was destroyed meanwhile.",
    roles=["read"],
    parameters=[*LOOKING],
    content=Content(model=SEARCH, examples=examples.SEARCHES),
    answers={200: Answer(description="A page.", model=Page, example=examples.PAGE)},
    refusals=SHOWING | {400: [UNFIT, TOO_BROAD, NAMELESS]} | UNREAD_REFUSALS,
)
API = Api(
    title="Postkamer: the record",
    version=VERSION,
    summary="What was said, decided and delivered, for whoever may read it",
    description="The record of a municipality's conversations on WhatsApp. A token sees its own"
    " municipality, and of that what its departments handled. Each look is on the record before"
    " its answer leaves: who, when, at what and why. Times are in UTC. Expect new members in an"
    " answer.",
    tags={
        "conversations": "What belongs together.",
        "messages": "What was said.",
        "documentation": "This document.",
    },
)
OPERATIONS = (READ_CONVERSATION, READ_MESSAGES, SEARCH_MESSAGES, READ_MESSAGE, READ_MEDIA, DOCUMENT)

document: Json = build_document(API, OPERATIONS)
"""Answered at /v1/openapi.json; see `services.manual.routes`."""
