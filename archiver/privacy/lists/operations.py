"""Operations of the API about destruction lists, for its OpenAPI document."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple, get_args

from archiver.api.viewer import EMPLOYEE
from archiver.destruction.destruction_list import PERSONS, ItemState
from archiver.destruction.handling import NOTHING_DUE, NOTHING_LEFT
from archiver.privacy.lists import examples
from archiver.privacy.lists.orders import DRAW, SPARE, STEP
from archiver.privacy.lists.responses import (
    DestructionLists,
    DestructionListSummary,
    FullDestructionList,
    ListedConversations,
    MadeDeclaration,
)
from archiver.privacy.lists.routes import (
    INVALID_STATE,
    NO_DECLARATION,
    NO_LIST,
    NOT_ALL,
    OPEN,
    READERS,
    STEPS,
)
from archiver.privacy.operations import (
    CROWDED,
    INVALID_BODY,
    NEEDED,
    NO_EMPLOYEE,
    NO_ROLE,
    NO_SUCH_REQUEST,
    REQUEST_ID,
    UNPRINTABLE,
    UNREAD,
)
from services.api.operations import AWAY, Answer, Content, Operation, ProblemExample

Json = dict[str, Any]
TAGS = {
    "lists": "Destruction lists: what is due is drawn, reviewed, approved, destroyed, declared."
}
LIST_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the list.",
    "schema": {"type": "string", "pattern": "^VL-[0-9]{4}-[0-9]{4,9}$"},
    "example": examples.LIST_ID,
}
STATE: Json = {
    "name": "state",
    "in": "query",
    "description": "open: neither destroyed nor withdrawn.",
    "schema": {"type": "string", "enum": [OPEN]},
}
AFTER: Json = {
    "name": "after",
    "in": "query",
    "description": "`next` of the previous page.",
    "schema": {"type": "string", "maxLength": 64},
}
CHOSEN: tuple[Json, ...] = (
    {
        "name": "department",
        "in": "query",
        "description": "Only conversations of this department.",
        "schema": {"type": "string", "maxLength": 100},
    },
    {
        "name": "code",
        "in": "query",
        "description": "Only conversations with this result of the selection list.",
        "schema": {"type": "string", "maxLength": 20},
    },
    {
        "name": "state",
        "in": "query",
        "description": "Only conversations in this state.",
        "schema": {"type": "string", "enum": list(get_args(ItemState))},
    },
)
NO_SUCH_LIST = ProblemExample(
    NO_LIST, "It does not exist, or has conversations that this token does not reach."
)
UNDECLARED = ProblemExample(NO_DECLARATION, "The list was not destroyed.")
NOT_WHOLE = ProblemExample(NOT_ALL, "A list is of all departments.")
INVALID_QUERY = ProblemExample(
    "the query is not what it should be",
    "A member of the query is invalid.",
    {"errors": [{"pointer": "", "detail": INVALID_STATE, "parameter": "state"}]},
)
NOTHING = ProblemExample(NOTHING_DUE, "`nothing`: nothing is due.", {"code": "nothing"})
NOBODY = ProblemExample(NOTHING_LEFT, "`nothing`: nothing is left.", {"code": "nothing"})
WRONG_STATE = ProblemExample(
    "the list is drawn: it cannot become approved",
    "`wrong_state`: the list is not so far, or further.",
    {"code": "wrong_state"},
)
SAME_PERSON = ProblemExample(
    PERSONS["drawer_does_not_approve"],
    f"{', '.join(f'`{each}`' for each in PERSONS)}: another person must do it.",
    {"code": "drawer_does_not_approve"},
)
NOT_LISTED = ProblemExample(
    "it is not on the list", "`refused`: it is not on the list any more.", {"code": "refused"}
)


class _Step(NamedTuple):
    id: str
    summary: str
    description: str


STEP_TEXTS = {
    "_review": _Step(
        "reviewList",
        "Say that a list was looked through",
        "By the owner of the process, who did not draw it unless the municipality joined these"
        " roles. Nothing is spared any more after it, unless the list is returned.",
    ),
    "_return": _Step(
        "returnList", "Return a list, so that it is looked through again", "Its review is undone."
    ),
    "_approve": _Step(
        "approveList",
        "Approve a list",
        "By the archivist, who neither drew nor reviewed it. What is on it is destroyed once the"
        " waiting time is over.",
    ),
    "_withdraw": _Step(
        "withdrawList",
        "Withdraw a list",
        "Nothing more of it is destroyed; what is left of it may be on another list.",
    ),
}


def list_operations(viewer: Sequence[Json]) -> Iterator[Operation]:
    """Yield the operations. `viewer` are the headers by which a viewer identifies."""
    headers = [each | NEEDED[EMPLOYEE] for each in viewer if each["name"] == EMPLOYEE]
    yield from READ_OPERATIONS
    yield _draw(headers)
    for end, text in STEP_TEXTS.items():
        yield _step(end, text, headers)
    yield _spare(headers)
    yield _erase(headers)


def _read(path: str, id: str, summary: str, **more: Any) -> Operation:
    refusals = {404: [NO_SUCH_LIST], 503: [AWAY, CROWDED]} | more.pop("refusals", {})
    given = {"parameters": [LIST_ID], "refusals": refusals} | more
    return Operation(
        method="get", path=path, id=id, tag="lists", summary=summary, roles=READERS, **given
    )


READ_OPERATIONS = (
    Operation(
        method="get",
        path="/destruction-lists",
        id="listLists",
        tag="lists",
        summary="List the destruction lists",
        description="The newest first; at most 500. Those of which the token reaches every"
        " department. No citizen is named, so it is no view.",
        roles=READERS,
        parameters=[STATE],
        answers={
            200: Answer(description="The lists.", model=DestructionLists, example=examples.LISTS)
        },
        refusals={400: [INVALID_QUERY], 503: [AWAY, CROWDED]},
    ),
    _read(
        "/destruction-lists/{id}",
        "readList",
        "Read a list with its steps, and what is on it by department and result",
        answers={
            200: Answer(
                description="The list.", model=FullDestructionList, example=examples.FULL_LIST
            )
        },
    ),
    _read(
        "/destruction-lists/{id}/items",
        "readListItems",
        "Read the conversations on a list",
        parameters=[LIST_ID, AFTER, *CHOSEN],
        answers={
            200: Answer(
                description="A page, by the id of the conversation.",
                model=ListedConversations,
                example=examples.ITEMS,
            )
        },
        refusals={400: [INVALID_QUERY]},
    ),
    _read(
        "/destruction-lists/{id}/declaration",
        "readDeclaration",
        "Read the declaration of what was destroyed",
        answers={
            200: Answer(
                description="The declaration.", model=MadeDeclaration, example=examples.DECLARATION
            )
        },
        refusals={404: [NO_SUCH_LIST, UNDECLARED]},
    ),
    _read(
        "/destruction-lists/{id}/declaration/pdf",
        "printDeclaration",
        "Read the declaration as a PDF",
        description="In plain Dutch, to be kept for ever (PDF/A-2b).",
        answers={
            200: Answer(
                description="The PDF.",
                files=["application/pdf"],
                headers=["Content-Disposition"],
            )
        },
        refusals={404: [NO_SUCH_LIST, UNDECLARED], 409: [UNPRINTABLE]},
    ),
)
LISTED = Answer(description="The list.", model=DestructionListSummary, example=examples.LIST)
DRAWN = Answer(
    description="The list.",
    model=DestructionListSummary,
    headers=["Location"],
    example=examples.ERASURE,
)


def _draw(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/destruction-lists",
        id="drawList",
        tag="lists",
        summary="Draw a list of what is due",
        description="At most 100,000 conversations, the longest due first; what is held, or on"
        " another list, is not on it. It takes a token that reaches every department.",
        roles=["records"],
        parameters=headers,
        content=Content(model=DRAW, examples=examples.DRAW),
        answers={201: DRAWN},
        refusals=UNREAD
        | {400: [INVALID_BODY, NO_EMPLOYEE], 403: [NO_ROLE, NOT_WHOLE], 409: [NOTHING]},
    )


def _step(end: str, text: _Step, headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path=f"/destruction-lists/{{id}}/{end}",
        id=text.id,
        tag="lists",
        summary=text.summary,
        description=text.description,
        roles=STEPS[end][1],
        parameters=[LIST_ID, *headers],
        content=Content(model=STEP, examples=examples.STEP),
        answers={200: LISTED},
        refusals=UNREAD
        | {
            400: [INVALID_BODY, NO_EMPLOYEE],
            404: [NO_SUCH_LIST],
            409: [WRONG_STATE, SAME_PERSON],
        },
    )


def _spare(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/destruction-lists/{id}/_spare",
        id="spareListItems",
        tag="lists",
        summary="Take conversations off a list, or put them off until a day",
        description="Before its review. All of them, or none.",
        roles=["records"],
        parameters=[LIST_ID, *headers],
        content=Content(model=SPARE, examples=examples.SPARE),
        answers={200: LISTED},
        refusals=UNREAD
        | {400: [INVALID_BODY, NO_EMPLOYEE], 404: [NO_SUCH_LIST], 409: [NOT_LISTED]},
    )


def _erase(headers: Sequence[Json]) -> Operation:
    return Operation(
        method="post",
        path="/requests/{id}/_erase",
        id="eraseRequest",
        tag="requests",
        summary="Draw the list of an erasure that was granted",
        description="What the request found of the person and is left of it. The list is reviewed"
        " and approved by other persons, as every list is.",
        roles=["privacy"],
        parameters=[REQUEST_ID, *headers],
        answers={201: DRAWN},
        refusals={
            400: [NO_EMPLOYEE],
            404: [NO_SUCH_REQUEST],
            409: [NOBODY],
            503: [AWAY, CROWDED],
        },
    )
