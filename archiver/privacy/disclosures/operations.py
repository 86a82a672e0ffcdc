"""Operations of disclosures, for the OpenAPI document."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from archiver.api.examples import MESSAGE_ID as MESSAGE_EXAMPLE
from archiver.api.viewer import EMPLOYEE
from archiver.disclosure.disclosure import PERSONS
from archiver.disclosure.handling import CHANGED_TEXT, WAS_DESTROYED
from archiver.disclosure.redactor import PICTURE_TYPE
from archiver.media.routes import BUSY as PICTURES_BUSY
from archiver.privacy.disclosures import examples
from archiver.privacy.disclosures.admission import NO_DISCLOSURE, NO_DOCUMENT, NOT_ALL, ROLE
from archiver.privacy.disclosures.document_routes import NO_PICTURE
from archiver.privacy.disclosures.orders import DECIDE, DRAW, REDACT, STEP
from archiver.privacy.disclosures.responses import (
    Disclosures,
    FullDisclosure,
    FullDisclosureDocument,
)
from archiver.privacy.disclosures.routes import FORMS
from archiver.privacy.operations import (
    CROWDED,
    NEEDED,
    NO_EMPLOYEE,
    NO_REASON,
    NO_ROLE,
    TOO_BROAD,
    UNREAD,
)
from archiver.transcript.routes import NOT_ACCEPTABLE
from services.api.operations import AWAY, Answer, Content, Operation, ProblemExample

Json = dict[str, Any]
TAG: Json = {
    "disclosures": "What is made public (Woo) or shown to who asked for access: redacted, decided,"
    " approved by another person, and handed over."
}
DISCLOSURE_ID: Json = {
    "name": "id",
    "in": "path",
    "required": True,
    "description": "Id of the disclosure.",
    "schema": {"type": "string", "pattern": "^WOO-[0-9]{4}-[0-9]{4,9}$"},
    "example": examples.DISCLOSURE_ID,
}
NUMBER: Json = {
    "name": "number",
    "in": "path",
    "required": True,
    "description": "Number of the document.",
    "schema": {"type": "integer", "minimum": 1},
    "example": 1,
}
MESSAGE: Json = {
    "name": "message",
    "in": "path",
    "required": True,
    "description": "Id of the message with the picture.",
    "schema": {"type": "string", "format": "uuid"},
    "example": MESSAGE_EXAMPLE,
}
NOT_WHOLE = ProblemExample(
    NOT_ALL, "The token does not reach every department: a disclosure may have any of them."
)
FORBIDDEN = [NO_ROLE, NOT_WHOLE]
NO_SUCH_DISCLOSURE = ProblemExample(
    NO_DISCLOSURE, "It does not exist, or is another municipality's."
)
NO_SUCH_DOCUMENT = ProblemExample(NO_DOCUMENT, "The disclosure has fewer documents.")
NO_SUCH_PICTURE = ProblemExample(NO_PICTURE, "It does not exist, or no scanner checked it.")
INVALID_BODY = ProblemExample(
    "the body is not what it should be",
    "The body is invalid; `errors` lists every fault.",
    {"errors": [{"pointer": "/reviewOn", "detail": "must be a day to come"}]},
)
WRONG_STATE = ProblemExample(
    "WOO-2026-0001 is approved: this needs one that is drawn",
    "`wrong_state`: another step goes before.",
    {"code": "wrong_state"},
)
UNDECIDED = ProblemExample(
    "some documents are not decided", "`refused`: the rules forbid it.", {"code": "refused"}
)
SAME_PERSON = ProblemExample(
    PERSONS["disclosure_decider_does_not_approve"],
    f"{', '.join(f'`{each}`' for each in PERSONS)}: another person must do it.",
    {"code": "disclosure_decider_does_not_approve"},
)
LIFTED = ProblemExample(
    "BW-2026-0007 was lifted: it selects nothing any more",
    "`lifted`: its hold was lifted. `too_many`: the selection is too large.",
    {"code": "lifted"},
)
WRONG_DECISION = ProblemExample(
    "open: something of it is left out (5.1.2e): partly",
    "`left_out`, `nothing_left_out`, `ground_needed`, `no_ground`: it does not agree with what is"
    " shown.",
    {"code": "left_out"},
)
GONE = ProblemExample(
    WAS_DESTROYED.format(number=1),
    "`gone`: its conversation was destroyed, and its redactions with it.",
    {"code": "gone"},
)
CHANGED = ProblemExample(
    CHANGED_TEXT.format(number=1),
    "`changed`: the record has another text than the one that was redacted. `not_of_it`: a place is"
    " not in the document.",
    {"code": "changed"},
)
NO_FORM = ProblemExample(NOT_ACCEPTABLE, "`Accept` has neither `text/html` nor `application/pdf`.")
UNMADE = ProblemExample(PICTURES_BUSY, "Try again after Retry-After.")
FULL = Answer(description="The disclosure.", model=FullDisclosure, example=examples.FULL_DISCLOSURE)
FULL_DOCUMENT = Answer(
    description="The document.", model=FullDisclosureDocument, example=examples.FULL_DOCUMENT
)
SERVED: Mapping[int, Sequence[ProblemExample]] = {503: [AWAY, CROWDED]}


def disclosure_operations(viewer: Sequence[Json]) -> Iterator[Operation]:
    """Yield the operations. `viewer` are the headers by which a viewer identifies."""
    needed = [each | NEEDED.get(each["name"], {}) for each in viewer]
    by_employee = [each for each in needed if each["name"] == EMPLOYEE]
    yield LIST
    yield _draw(by_employee)
    yield READ
    yield _refresh(by_employee)
    yield _decide(by_employee)
    for end, text in STEP_TEXTS.items():
        yield _step(end, text, by_employee)
    yield from map(_inventory, FORMS)
    yield _export(needed)
    yield _read_document(needed)
    yield _redact(needed)
    yield _read_picture(needed)
    yield _preview(needed)


def _operation(**given: Any) -> Operation:
    return Operation(tag="disclosures", roles=[ROLE], **given)


LIST = _operation(
    method="get",
    path="/disclosures",
    id="listDisclosures",
    summary="List the disclosures",
    description="The newest first; at most 500. No citizen is named, so it is no view. It takes a"
    " token that reaches every department, as all of these operations do.",
    answers={
        200: Answer(description="The disclosures.", model=Disclosures, example=examples.DISCLOSURES)
    },
    refusals={403: FORBIDDEN, 503: [AWAY, CROWDED]},
)
READ = _operation(
    method="get",
    path="/disclosures/{id}",
    id="readDisclosure",
    summary="Read a disclosure with its documents and steps",
    description="Conversations stand in it by their id alone, so it is no view.",
    parameters=[DISCLOSURE_ID],
    answers={200: FULL},
    refusals={403: FORBIDDEN, 404: [NO_SUCH_DISCLOSURE], 503: [AWAY, CROWDED]},
)


def _draw(headers: Sequence[Json]) -> Operation:
    return _operation(
        method="post",
        path="/disclosures",
        id="drawDisclosure",
        summary="Draw a disclosure, with the hold that selects its documents",
        description="The same once more is the same: it is answered, and none is added.",
        parameters=headers,
        content=Content(model=DRAW, examples=examples.DRAW),
        answers={
            201: Answer(
                description="The disclosure.",
                model=FullDisclosure,
                headers=["Location"],
                example=examples.FULL_DISCLOSURE,
            )
        },
        refusals=UNREAD
        | {400: [INVALID_BODY, TOO_BROAD, NO_EMPLOYEE], 403: FORBIDDEN, 409: [LIFTED]},
    )


def _refresh(headers: Sequence[Json]) -> Operation:
    return _operation(
        method="post",
        path="/disclosures/{id}/_refresh",
        id="refreshDisclosure",
        summary="Add what its hold covers since the last time",
        description="A document that goes on further is decided anew.",
        parameters=[DISCLOSURE_ID, *headers],
        answers={200: FULL},
        refusals={
            400: [NO_EMPLOYEE],
            403: FORBIDDEN,
            404: [NO_SUCH_DISCLOSURE],
            409: [WRONG_STATE, LIFTED],
            503: [AWAY, CROWDED],
        },
    )


def _decide(headers: Sequence[Json]) -> Operation:
    return _operation(
        method="post",
        path="/disclosures/{id}/_decide",
        id="decideDocuments",
        summary="Decide about documents",
        description="`partly` gets the grounds of what is left out; `closed` gets those of the"
        " body. `open` is refused while something is left out.",
        parameters=[DISCLOSURE_ID, *headers],
        content=Content(model=DECIDE, examples=examples.DECIDE),
        answers={200: FULL},
        refusals=UNREAD
        | {
            400: [INVALID_BODY, NO_EMPLOYEE],
            403: FORBIDDEN,
            404: [NO_SUCH_DISCLOSURE, NO_SUCH_DOCUMENT],
            409: [WRONG_STATE, WRONG_DECISION, GONE],
        },
    )


class _Step(NamedTuple):
    id: str
    summary: str
    description: str


STEP_TEXTS = {
    "_review": _Step(
        "reviewDisclosure",
        "Say that everything is decided",
        "Nothing is redacted or decided after it, unless the disclosure is returned.",
    ),
    "_return": _Step(
        "returnDisclosure", "Return a disclosure, to change it", "Its review is undone."
    ),
    "_approve": _Step(
        "approveDisclosure",
        "Approve a disclosure",
        "By somebody who drew, redacted, decided and reviewed nothing of it. It is not changed any"
        " more.",
    ),
}


def _step(end: str, text: _Step, headers: Sequence[Json]) -> Operation:
    return _operation(
        method="post",
        path=f"/disclosures/{{id}}/{end}",
        id=text.id,
        summary=text.summary,
        description=text.description,
        parameters=[DISCLOSURE_ID, *headers],
        content=Content(model=STEP, examples=examples.STEP),
        answers={200: FULL},
        refusals=UNREAD
        | {
            400: [INVALID_BODY, NO_EMPLOYEE],
            403: FORBIDDEN,
            404: [NO_SUCH_DISCLOSURE],
            409: [WRONG_STATE, UNDECIDED, SAME_PERSON],
        },
    )


def _inventory(form: str) -> Operation:
    return _operation(
        method="get",
        path=f"/disclosures/{{id}}/inventory/{form}",
        id=f"readInventory{form.capitalize()}",
        summary=f"Read the inventory as {form.upper()}",
        description="Every document with its decision, and the grounds by their article. It names"
        " nobody, so it is no view.",
        parameters=[DISCLOSURE_ID],
        answers={
            200: Answer(
                description="The inventory.",
                files=[FORMS[form].partition(";")[0]],
                headers=["Content-Disposition"],
            )
        },
        refusals={403: FORBIDDEN, 404: [NO_SUCH_DISCLOSURE], 503: [AWAY, CROWDED]},
    )


def _export(headers: Sequence[Json]) -> Operation:
    return _operation(
        method="post",
        path="/disclosures/{id}/_export",
        id="exportDisclosure",
        summary="Read the result: the inventory, and each document of which something is shown",
        description="Before the approval every name begins with `concept-`. The answer is made"
        " while it is read; if something goes wrong it ends before its end: ask again. Each"
        " document in it is a view on the record.",
        parameters=[DISCLOSURE_ID, *headers],
        answers={
            200: Answer(
                description="A ZIP archive: the same disclosure gives the same bytes.",
                files=["application/zip"],
                headers=["Content-Disposition"],
            )
        },
        refusals={
            400: [NO_REASON],
            403: FORBIDDEN,
            404: [NO_SUCH_DISCLOSURE],
            409: [WRONG_DECISION, CHANGED],
            503: [AWAY, CROWDED],
        },
    )


def _of_document(**given: Any) -> Operation:
    refusals: dict[int, Sequence[ProblemExample]] = {
        400: [NO_REASON],
        403: FORBIDDEN,
        404: [NO_SUCH_DISCLOSURE, NO_SUCH_DOCUMENT],
        409: [GONE, CHANGED],
        503: [AWAY, CROWDED],
    }
    return _operation(**given | {"refusals": refusals | given.get("refusals", {})})


def _read_document(headers: Sequence[Json]) -> Operation:
    return _of_document(
        method="get",
        path="/disclosures/{id}/documents/{number}",
        id="readDisclosureDocument",
        summary="Read a document with all its texts, and what is left out of them",
        description="It is a view on the record, of all messages up to the last refresh.",
        parameters=[DISCLOSURE_ID, NUMBER, *headers],
        answers={200: FULL_DOCUMENT},
    )


def _redact(headers: Sequence[Json]) -> Operation:
    return _of_document(
        method="post",
        path="/disclosures/{id}/documents/{number}/_redact",
        id="redactDocument",
        summary="Leave parts of a document out, or take that back",
        description="The record itself is not changed. The document is decided anew. What is the"
        " same as before adds no step.",
        parameters=[DISCLOSURE_ID, NUMBER, *headers],
        content=Content(model=REDACT, examples=examples.REDACT),
        answers={200: FULL_DOCUMENT},
        refusals=UNREAD | {400: [INVALID_BODY, NO_REASON], 409: [WRONG_STATE, GONE, CHANGED]},
    )


def _read_picture(headers: Sequence[Json]) -> Operation:
    return _of_document(
        method="get",
        path="/disclosures/{id}/documents/{number}/pictures/{message}",
        id="readDocumentPicture",
        summary="Read a picture as boxes are measured on it",
        description="A JPEG, upright, made smaller, without boxes. It is a view on the record.",
        parameters=[DISCLOSURE_ID, NUMBER, MESSAGE, *headers],
        answers={200: Answer(description="The picture.", files=[PICTURE_TYPE])},
        refusals={
            404: [NO_SUCH_DISCLOSURE, NO_SUCH_DOCUMENT, NO_SUCH_PICTURE],
            503: [AWAY, CROWDED, UNMADE],
        },
    )


def _preview(headers: Sequence[Json]) -> Operation:
    return _of_document(
        method="get",
        path="/disclosures/{id}/documents/{number}/preview",
        id="previewDocument",
        summary="Read a document as it would leave now, as a page or a PDF",
        description="By `Accept`. It is made from data that lacks what is left out. It is a view on"
        " the record.",
        parameters=[DISCLOSURE_ID, NUMBER, *headers],
        answers={
            200: Answer(
                description="The file.",
                files=["text/html", "application/pdf"],
                headers=["Content-Disposition"],
            )
        },
        refusals={406: [NO_FORM], 503: [AWAY, CROWDED, UNMADE]},
    )
