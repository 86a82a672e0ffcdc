"""OpenAPI document of the archiver's API: a table of operations."""

from collections.abc import Sequence
from typing import Any

from archiver.api import examples
from archiver.api.access_log import INVALID_HEADERS, NOT_RECORDED
from archiver.api.destructions import DESTROYED as DESTROYED_CODE
from archiver.api.destructions import WAS_DESTROYED
from archiver.api.responses import Conversation, Message, Messages, Page
from archiver.api.routes import LARGEST_PAGE, MAX_SEQUENCE, ORDERS, PAGE
from archiver.api.viewer import (
    EMPLOYEE,
    EMPLOYEE_MISSING,
    EMPLOYEE_REQUIRED,
    MAX_CHARACTERS,
    OPENING,
    REASON,
    REASON_MISSING,
    REASON_REQUIRED,
    TRACE,
)
from archiver.media.routes import BUSY, WITHOUT_THUMBNAIL
from archiver.media.routes import NO_THUMBNAIL as NO_THUMBNAIL_CODE
from archiver.media.thumbnail_maker import THUMBNAIL_TYPE
from archiver.privacy.disclosures.operations import TAG as DISCLOSURES_TAG
from archiver.privacy.disclosures.operations import disclosure_operations
from archiver.privacy.holds.operations import TAG as HOLDS_TAG
from archiver.privacy.holds.operations import hold_operations
from archiver.privacy.lists.operations import TAGS as LIST_TAGS
from archiver.privacy.lists.operations import list_operations
from archiver.privacy.operations import TAGS, operations
from archiver.search.request import SEARCH
from archiver.search.routes import SEARCH_ROLES
from archiver.transcript.contents import ORIGINALS_BYTES, TOO_LARGE
from archiver.transcript.maker import MAX_ENTRIES, TOO_LONG
from archiver.transcript.pdf import REASONS
from archiver.transcript.routes import NOT_ACCEPTABLE, ONLY_PDF, ORIGINALS
from services import ids
from services.api.json_body import UNREAD_REFUSALS
from services.api.openapi import build_document
from services.api.operations import AWAY, DOCUMENT, Answer, Api, Content, Operation, ProblemExample
from services.api.turns import BUSY as TRANSCRIPTS_BUSY
from services.files.file_signatures import SIGNATURES
from services.http.problems import VERSION

Json = dict[str, Any]

CONVERSATION_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the conversation.",
    "schema": {"type": "string", "pattern": f"^(?:{ids.CONVERSATION.pattern})$"},
    "example": examples.CONVERSATION_ID,
}
MESSAGE_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the message.",
    "schema": {"type": "string", "format": "uuid"},
    "example": examples.MESSAGE_ID,
}
ORDER: Json = {
    "name": "order",
    "in": "query",
    "description": "First message of the first page: `newest` reads the conversation backwards.",
    "schema": {"type": "string", "enum": list(ORDERS), "default": ORDERS[0]},
}
AFTER: Json = {
    "name": "after",
    "in": "query",
    "description": "`next` of the previous page, which must have the same order. Left out for the"
    " first page. It is a sequence number: the page begins after it, and in the order `newest`"
    " before it.",
    "schema": {"type": "integer", "minimum": 0, "maximum": MAX_SEQUENCE},
}
LIMIT: Json = {
    "name": "limit",
    "in": "query",
    "description": "Messages on a page.",
    "schema": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE},
}
PRINTABLE = (
    r"^[^\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u1680\u180e"
    r"\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb]*$"
)
"""Texts without control characters, invisible characters and spaces of other kinds. The archiver
also refuses unassigned characters and invisible ones beyond U+FFFF, for which a pattern without the
flag `u` has no words."""
VIEWER_HEADERS: tuple[Json, ...] = (
    {
        "name": EMPLOYEE,
        "in": "header",
        "description": "Employee who views, by the id of your system; recorded. Required if people"
        " read with the token. With a token of an identity provider it is the person of the token,"
        " or left out: anything else is answered 400.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_CHARACTERS[EMPLOYEE],
            "pattern": PRINTABLE,
        },
        "example": "m.devries",
    },
    {
        "name": REASON,
        "in": "header",
        "description": "Reason of the view; recorded. Printable UTF-8, like the employee. Required"
        " for content of a department that asks for it (`asksReason`).",
        "schema": {
            "type": "string",
            "maxLength": MAX_CHARACTERS[REASON],
            "pattern": PRINTABLE,
        },
        "example": "klacht 2026-118",
    },
    {
        "name": OPENING,
        "in": "header",
        "description": "Id of one opening of a page by the employee, new for each. What is on the"
        " record as shown in it is no new view for an hour: a page may fetch again what it shows.",
        "schema": {"type": "string", "format": "uuid"},
        "example": "018fe5a4-7f20-7c11-9a52-3d0c8b6e1f47",
    },
    {
        "name": TRACE,
        "in": "header",
        "description": "W3C Trace Context: the processing log lists the view under your trace.",
        "schema": {"type": "string"},
        "example": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    },
)
"""Headers of every operation that shows content; each view is on the record."""

INVALID_VIEWER = ProblemExample(
    INVALID_HEADERS,
    "The employee is missing while people read with the token, or a header is invalid.",
    {
        "code": EMPLOYEE_MISSING,
        "errors": [{"pointer": "", "detail": EMPLOYEE_REQUIRED, "parameter": EMPLOYEE}],
    },
)
REASONLESS = ProblemExample(
    INVALID_HEADERS,
    "`reason_missing`: a department of this content asks why it is read. Ask the employee, and"
    " repeat the request with their reason.",
    {
        "code": REASON_MISSING,
        "errors": [{"pointer": "", "detail": REASON_REQUIRED, "parameter": REASON}],
    },
)
UNRECORDED = ProblemExample(NOT_RECORDED, "The view could not be recorded, so nothing is shown.")
VIEW_REFUSALS: dict[int, Sequence[ProblemExample]] = {
    400: [INVALID_VIEWER, REASONLESS],
    503: [AWAY, UNRECORDED],
}

NO_CONVERSATION = ProblemExample(
    "there is no such conversation", "It does not exist, or the token may not see it."
)
NO_MESSAGE = ProblemExample(
    "there is no such message", "It does not exist, or the token may not see it."
)
PAST_DESTRUCTION: Json = {
    "code": DESTROYED_CODE,
    "destroyedAt": "2026-11-20T12:00:00Z",
    "ground": "term",
    "list": "VL-2026-0001",
    "approvedBy": None,
}
DESTROYED = ProblemExample(
    WAS_DESTROYED,
    "`destroyed`: it was destroyed because its term was over (`term`), at the citizen's request"
    " (`request`), or otherwise (`other`). `list` is the destruction list, if there was one."
    " `approvedBy` is who approved it, for a token with the role `archivist` or `privacy`.",
    PAST_DESTRUCTION,
)
NO_FILE = ProblemExample("there is no such file", "It does not exist, or the token may not see it.")
FILE_LOST = ProblemExample(
    "this file is not there: media_expired: Meta bewaart bestanden 7 dagen, en dit is ouder",
    "The file could not be fetched while Meta had it, or while its upload was there.",
)
FILE_DESTROYED = ProblemExample(
    "this file is not there: its message was destroyed",
    "The message was destroyed, because its term was over or at the citizen's request.",
    PAST_DESTRUCTION,
)
FILE_QUARANTINED = ProblemExample(
    "this file is kept from everybody: media_malware: de virusscanner vond Eicar-Test-Signature",
    "The file is quarantined; the detail says why.",
)
FILE_MISSING = ProblemExample(
    "this file is not where it should be",
    "The file is missing from the store: the operator must inspect it.",
)
FILE_DAMAGED = ProblemExample(
    "this file is not what was kept",
    "The stored file was altered: the operator must inspect it. If this shows halfway, the answer"
    " ends before its Content-Length.",
)
INVALID_QUERY = ProblemExample(
    "the query is not what it should be",
    "`order`, `after` or `limit` is invalid; `errors` lists every fault.",
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
    summary="Read the history and the notes of a conversation",
    roles=["read"],
    parameters=[CONVERSATION_ID, *VIEWER_HEADERS],
    answers={
        200: Answer(
            description="The conversation.", model=Conversation, example=examples.CONVERSATION
        )
    },
    refusals=VIEW_REFUSALS | {404: [NO_CONVERSATION], 410: [DESTROYED]},
)
READ_MESSAGES = Operation(
    method="get",
    path="/conversations/{id}/messages",
    id="readMessages",
    tag="conversations",
    summary="Read the messages of a conversation",
    description="A page at a time, the oldest messages first unless `order` is `newest`. A message"
    " that was destroyed leaves its place on a page empty: only `next` says which page is the"
    " last.",
    roles=["read"],
    parameters=[CONVERSATION_ID, ORDER, AFTER, LIMIT, *VIEWER_HEADERS],
    answers={
        200: Answer(description="A page of messages.", model=Messages, example=examples.MESSAGES)
    },
    refusals=VIEW_REFUSALS
    | {
        400: [INVALID_QUERY, INVALID_VIEWER, REASONLESS],
        404: [NO_CONVERSATION],
        410: [DESTROYED],
    },
)
READ_MESSAGE = Operation(
    method="get",
    path="/messages/{id}",
    id="readMessage",
    tag="messages",
    summary="Read a message",
    roles=["read"],
    parameters=[MESSAGE_ID, *VIEWER_HEADERS],
    answers={200: Answer(description="The message.", model=Message, example=examples.MESSAGE)},
    refusals=VIEW_REFUSALS | {404: [NO_MESSAGE], 410: [DESTROYED]},
)
FILE_RANGES = sorted({f"{each.partition('/')[0]}/*" for each in SIGNATURES})
"""Content types of files, as ranges, like those of uploads."""
READ_MEDIA = Operation(
    method="get",
    path="/media/{id}",
    id="readMedia",
    tag="messages",
    summary="Read the file of a message",
    description="The bytes as the citizen sent them, or as they were sent to the citizen. Save"
    " them; do not display them as a web page.",
    roles=["read"],
    parameters=[MESSAGE_ID, *VIEWER_HEADERS],
    answers={
        200: Answer(
            description="The file, with its type if it is one that WhatsApp supports.",
            files=["application/octet-stream", *FILE_RANGES],
            headers=["Content-Disposition", "ETag"],
        ),
        202: Answer(
            description="The file is still being fetched: try again after Retry-After.",
            headers=["Retry-After"],
            example={"state": "waiting", "reason": ""},
        ),
    },
    refusals=VIEW_REFUSALS
    | {
        404: [NO_FILE],
        410: [FILE_LOST, FILE_DESTROYED],
        451: [FILE_QUARANTINED],
        500: [FILE_MISSING, FILE_DAMAGED],
    },
)
NO_THUMBNAIL = ProblemExample(
    WITHOUT_THUMBNAIL,
    "It is no JPEG, PNG or WebP, or one that is too large or damaged: show its name or its kind.",
    {"code": NO_THUMBNAIL_CODE},
)
THUMBNAILS_BUSY = ProblemExample(BUSY, "Try again after Retry-After.")
READ_THUMBNAIL = Operation(
    method="get",
    path="/media/{id}/thumbnail",
    id="readThumbnail",
    tag="messages",
    summary="Read a small copy of a picture",
    description="A JPEG with sides of at most 320 pixels, upright, of the first frame if the"
    " picture moves. It has no place, time or name in it. The view is on the record, as one of the"
    " file is.",
    roles=["read"],
    parameters=[MESSAGE_ID, *VIEWER_HEADERS],
    answers={
        200: Answer(description="The thumbnail.", files=[THUMBNAIL_TYPE]),
        202: READ_MEDIA.answers[202],
    },
    refusals={
        **READ_MEDIA.refusals,
        404: [NO_FILE, NO_THUMBNAIL],
        503: [AWAY, UNRECORDED, THUMBNAILS_BUSY],
    },
)
NOT_A_FORM = ProblemExample(
    NOT_ACCEPTABLE, "`Accept` has neither `text/html` nor `application/pdf`."
)
INVALID_ORIGINALS = ProblemExample(
    INVALID_QUERY.detail,
    "`originals` is neither `true` nor `false`, or is asked for a page.",
    {"errors": [{"pointer": "", "detail": ONLY_PDF, "parameter": ORIGINALS}]},
)
TRANSCRIPT_BUSY = ProblemExample(TRANSCRIPTS_BUSY, "Another is being made: try again.")
TRANSCRIPT_TOO_LONG = ProblemExample(
    TOO_LONG.format(MAX_ENTRIES),
    "`too_long`: there is more than one transcript holds. Read the messages by page.",
    {"code": "too_long"},
)
ORIGINALS_TOO_LARGE = ProblemExample(
    TOO_LARGE.format(ORIGINALS_BYTES // 1024**2),
    "`too_large`: leave the originals out, and fetch each file by itself.",
    {"code": "too_large"},
)
UNPRINTABLE_TRANSCRIPT = ProblemExample(
    REASONS["pdf_too_large"],
    "The PDF cannot be made; the page can.",
    {"code": "pdf_too_large"},
)
WITH_ORIGINALS: Json = {
    "name": ORIGINALS,
    "in": "query",
    "description": "`true` attaches the original of each file to the PDF, which is PDF/A-3 then.",
    "schema": {"type": "boolean", "default": False},
}
READ_TRANSCRIPT = Operation(
    method="get",
    path="/conversations/{id}/transcript",
    id="readTranscript",
    tag="conversations",
    summary="Read a whole conversation as a page or a PDF",
    description="One HTML page that needs nothing else, or a tagged PDF/A, in Dutch, by `Accept`:"
    " messages, statuses, decisions, pictures, places, edits, withdrawals, corrections, notes and"
    " steps, in order of time. It says so where parts of other departments are left out. The same"
    " record gives the same bytes. The view is on the record, of all messages in it.",
    roles=["read"],
    parameters=[CONVERSATION_ID, WITH_ORIGINALS, *VIEWER_HEADERS],
    answers={
        200: Answer(
            description="The transcript.",
            files=["text/html", "application/pdf"],
            headers=["Content-Disposition"],
        )
    },
    refusals={
        400: [INVALID_ORIGINALS, INVALID_VIEWER, REASONLESS],
        404: [NO_CONVERSATION],
        406: [NOT_A_FORM],
        409: [UNPRINTABLE_TRANSCRIPT],
        422: [TRANSCRIPT_TOO_LONG, ORIGINALS_TOO_LARGE],
        503: [AWAY, UNRECORDED, TRANSCRIPT_BUSY],
    },
)
INVALID_SEARCH = ProblemExample(
    "the body is not what it should be",
    "The body is invalid; `errors` lists every fault.",
    {"errors": [{"pointer": "/until", "detail": "must be later than from"}]},
)
TOO_BROAD = ProblemExample(
    "it takes too long to count: ask for a shorter time, or count bounded",
    "`too_broad`: the search takes over 3 seconds, or an exact count over 10 seconds.",
    {"code": "too_broad"},
)
SEARCH_MESSAGES = Operation(
    method="post",
    path="/messages/_search",
    id="searchMessages",
    tag="messages",
    summary="Find messages and notes",
    description="Search by words, author, time and department. A word matches in all its forms"
    " (`fiets`, `fietsen`), but not inside another word. The answer contains its position in the"
    " log: the same search with that `asOf` gives the same hits later, without what was destroyed"
    " since. A token without the role `read` needs the employee and a reason.",
    roles=SEARCH_ROLES,
    parameters=[*VIEWER_HEADERS],
    content=Content(model=SEARCH, examples=examples.SEARCHES),
    answers={200: Answer(description="A page of hits.", model=Page, example=examples.PAGE)},
    refusals=VIEW_REFUSALS
    | {400: [INVALID_SEARCH, TOO_BROAD, INVALID_VIEWER, REASONLESS]}
    | UNREAD_REFUSALS,
)
API = Api(
    title="Postkamer: the record",
    version=VERSION,
    summary="Messages, decisions and deliveries, for authorised readers",
    description="The record of a municipality's conversations on WhatsApp. A token sees its own"
    " municipality, and within it what its departments handled. Each view is recorded before its"
    " answer leaves: who viewed what, when and why. Times are in UTC. Expect new members in"
    " answers.",
    tags={
        "conversations": "Conversations with their history and notes.",
        "messages": "Messages, and the files in them.",
        **TAGS,
        **HOLDS_TAG,
        **DISCLOSURES_TAG,
        **LIST_TAGS,
        "documentation": "This document.",
    },
)
OPERATIONS = (
    READ_CONVERSATION,
    READ_MESSAGES,
    READ_TRANSCRIPT,
    SEARCH_MESSAGES,
    READ_MESSAGE,
    READ_MEDIA,
    READ_THUMBNAIL,
    *operations(VIEWER_HEADERS, MESSAGE_ID),
    *hold_operations(VIEWER_HEADERS),
    *list_operations(VIEWER_HEADERS),
    *disclosure_operations(VIEWER_HEADERS),
    DOCUMENT,
)

document: Json = build_document(API, OPERATIONS)
"""Document served at /v1/openapi.json; see `services.api.docs_page.routes`."""
