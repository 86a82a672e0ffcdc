"""Vocabulary to describe an API: operations, their bodies, answers and refusals. Pure."""

import datetime
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, TypeAdapter
from pydantic.alias_generators import to_camel

Json = dict[str, Any]
Model = type[BaseModel] | TypeAdapter[Any]

TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    406: "Not Acceptable",
    408: "Request Timeout",
    409: "Conflict",
    410: "Gone",
    413: "Content Too Large",
    415: "Unsupported Media Type",
    422: "Unprocessable Content",
    429: "Too Many Requests",
    431: "Request Header Fields Too Large",
    451: "Unavailable For Legal Reasons",
    500: "Internal Server Error",
    503: "Service Unavailable",
}


class Shown(BaseModel):
    """Base of every object in an answer. Later versions may add members."""

    model_config = ConfigDict(
        alias_generator=to_camel, frozen=True, strict=True, use_attribute_docstrings=True
    )


class RequestFault(Shown):
    """One thing wrong with a request."""

    pointer: str
    """JSON pointer (RFC 6901) to it in the body; empty for the body as a whole. `*` in it stands
    for the name of a member that may itself be personal data."""
    detail: str
    parameter: str = ""
    """Name of the header or of the member of the query that is wrong; the pointer is then empty."""


class Problem(Shown):
    """Refusal of a request (RFC 9457)."""

    status: int
    title: str
    detail: str
    """A sentence, never with what was sent."""
    errors: tuple[RequestFault, ...] = ()
    """Everything that is wrong with the request, at once."""
    code: str = ""
    """Tells refusals of one status apart."""
    last: str | None = None
    """With `answered_meanwhile`: the id of the last answer, null for none. Left out if that answer
    is from a department for which this token may not act."""
    kept_since: datetime.datetime | None = None
    """With `ended`: time from which delivered events are kept."""


class ProblemExample(msgspec.Struct, frozen=True):
    """Example of a refusal, one for each reason. `detail` is the sentence in the answer, `when` its
    description; without it `detail` is the description."""

    detail: str
    when: str = ""
    more: Json = {}
    """Extra members of the example."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to a request that succeeds."""

    description: str
    model: Model | None = None
    content_type: str = "application/json"
    headers: Sequence[str] = ()
    """Names in HEADERS, in addition to those of every answer."""
    files: Sequence[str] = ()
    """Content types of a body of raw bytes."""
    example: Any = None


class Content(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a request: a model with examples by name, or files of some content types."""

    model: Model | None = None
    name: str = ""
    """Name of the schema of the model, if the model is not a class."""
    examples: Mapping[str, Any] = {}
    files: Sequence[str] = ()
    description: str = ""
    required: bool = True


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    method: Literal["get", "post", "put", "delete"]
    path: str
    """Path below `/v1`, or below `/` with `at_root`."""
    id: str
    tag: str
    summary: str
    description: str = ""
    roles: Sequence[str] = ()
    """Roles of which a token needs one. Without any, no token is needed unless `any_token`, and
    `security` describes what is."""
    any_token: bool = False
    """True if every valid token may call it, whatever its roles."""
    security: Sequence[Mapping[str, Sequence[str]]] = ()
    parameters: Sequence[Json] = ()
    content: Content | None = None
    answers: Mapping[int, Answer]
    refusals: Mapping[int, Sequence[ProblemExample]] = {}
    at_root: bool = False

    @property
    def needs_token(self) -> bool:
        return self.any_token or bool(self.roles)


class Api(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    version: str
    summary: str
    description: str
    tags: Mapping[str, str]
    security_schemes: Mapping[str, Json] = {}


BEARER = {
    "type": "http",
    "scheme": "bearer",
    "description": "A token of one municipality, with roles and departments: one that the operator"
    " gave out with `postkamer token add`, or an access token (RFC 9068) of its OpenID"
    " Connect provider. The latter proves a person, who is then the author of what is sent and the"
    " employee to whom something is shown.",
}
HEADERS: dict[str, Json] = {
    "API-Version": {
        "description": "Version of the API that answered (semver).",
        "schema": {"type": "string"},
        "example": "0.1.0",
    },
    "RateLimit-Policy": {
        "description": "How often this token may ask: `q` requests in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"default";q=100;w=2',
    },
    "RateLimit": {
        "description": "What is left now: the next `r` requests are granted; in `t` seconds more.",
        "schema": {"type": "string"},
        "example": '"default";r=99;t=1',
    },
    "Retry-After": {
        "description": "Seconds to wait before trying again.",
        "schema": {"type": "integer", "minimum": 0},
        "example": 7,
    },
    "Location": {
        "description": "Where to read what became of it.",
        "schema": {"type": "string", "format": "uri-reference"},
        "example": "/v1/messages/018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11",
    },
    "WWW-Authenticate": {
        "description": "The way to prove who asks.",
        "schema": {"type": "string"},
        "example": "Bearer",
    },
    "Content-Disposition": {
        "description": "Name of the file, to save it under (RFC 6266).",
        "schema": {"type": "string"},
        "example": "attachment; filename*=UTF-8''container.jpg",
    },
    "ETag": {
        "description": "Version of the document, for `If-None-Match`.",
        "schema": {"type": "string"},
        "example": '"3f2a"',
    },
}
RATES = ("RateLimit-Policy", "RateLimit")
UNREADABLE = ProblemExample("the request cannot be read as HTTP", "It is no HTTP that can be read.")
TOO_LONG = ProblemExample(
    "a line of the request is too long, or there are too many",
    "The address or a header is too long, or there are too many headers.",
)
PORT_REFUSALS: dict[int, Sequence[ProblemExample]] = {400: [UNREADABLE], 431: [TOO_LONG]}
"""Refusals of every operation, from the port itself."""
AWAY = ProblemExample(
    "the database does not answer",
    "Nothing is wrong with the request: try again after Retry-After, an order with the same key.",
)
ROLE_REFUSALS: dict[int, Sequence[ProblemExample]] = {
    403: [ProblemExample("this token has not the role {role}", "The token has not the role.")]
}
"""Refusals of every operation that needs a role."""
TOKEN_REFUSALS: dict[int, Sequence[ProblemExample]] = {
    401: [
        ProblemExample(
            "a bearer token is needed", "Without a token, or with one that is not valid."
        )
    ],
    429: [
        ProblemExample("this token asks more often than it may", "Too many requests of this token.")
    ],
    503: [AWAY],
}
"""Refusals of every operation that needs a token."""
HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


DOCUMENT = Operation(
    method="get",
    path="/openapi.json",
    id="readDocument",
    tag="documentation",
    summary="Read this document",
    description="For everybody, from any web page; as a page to read at `/v1/openapi.html`.",
    answers={
        200: Answer(description="The document.", headers=["ETag"], example={"openapi": "3.1.0"}),
        304: Answer(description="It is the one of your `If-None-Match`.", headers=["ETag"]),
    },
)
"""Operation of every API that reads its document."""
