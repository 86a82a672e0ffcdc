"""The matrix of access: each operation of all APIs against each kind of token. Pure.

An operation without an entry fails a test, so whoever describes one decides here who may call it.
"""

from datetime import timedelta
from typing import Any, Literal

import msgspec

from services import clock
from services.http.rights import Role
from services.http.token_store import ENVIRONMENT_ROLES
from tests.support.api_operations import Operation

Scope = Literal["department", "municipality", "whole", "sender", "owner", "own", "open"]
"""Extent of an operation. department: conversations of the token's departments. municipality: all
of it. whole: all of its departments, or nothing. sender: what this token sent. owner: destinations
that the token names. own: it names nothing of others. open: it needs no token."""
Subject = Literal["ordinary", "confidential"]
"""Conversation of a department, and of a confidential one. A third one does not exist."""
BOTH: frozenset[Subject] = frozenset(("ordinary", "confidential"))
ORDINARY: frozenset[Subject] = frozenset(("ordinary",))
CONFIDENTIAL: frozenset[Subject] = frozenset(("confidential",))
NONE: frozenset[Subject] = frozenset()
KEEPERS: tuple[Role, ...] = ("records", "archivist", "privacy")
"""Roles of those who keep the record."""
RECORDS: tuple[Role, ...] = ("records",)


class Entry(msgspec.Struct, frozen=True):
    """Answers of an operation to a token that may, and to one that may not know of its subject."""

    roles: tuple[Role, ...]
    """Roles of which a token needs one; none where every valid token will do."""
    scope: Scope
    admitted: int
    hidden: int = 404
    confidential: int = 0
    """Answer to a token that may, where the department is confidential; 0 if it is the same."""
    test: int = 0
    """Answer to a test token that may, if it is another: its effect would be real."""
    person: int = 0
    """Answer to a person's token that may, if it is another: it is for persons only."""


MATRIX = {
    "gateway POST /v1/messages": Entry(("send",), "department", 202, 400),
    "gateway GET /v1/messages/{id}": Entry(("send", "care", "kcc"), "sender", 200),
    "gateway POST /v1/consents": Entry(("send",), "municipality", 202, 400, test=422),
    "gateway POST /v1/consents/_end": Entry(("send",), "municipality", 202, 400, test=422),
    "gateway POST /v1/conversations/{id}/_transfer": Entry(("send",), "department", 202),
    "gateway POST /v1/conversations/{id}/_note": Entry(("send",), "department", 202),
    "gateway POST /v1/conversations/{id}/_link": Entry(("send",), "department", 202),
    "gateway POST /v1/conversations/{id}/_read": Entry(
        ("send",), "department", 202, confidential=409
    ),
    "gateway POST /v1/conversations/{id}/_confirm": Entry(("care", "send"), "municipality", 202),
    "gateway POST /v1/conversations/{id}/_release": Entry(("kcc",), "department", 202),
    # The conversation that it names as the other one does not exist.
    "gateway POST /v1/conversations/{id}/_merge": Entry(("kcc",), "department", 400),
    "gateway POST /v1/conversations/{id}/_settle": Entry(("send", "kcc"), "department", 202),
    "gateway POST /v1/conversations/{id}/_close": Entry(("send",), "department", 202),
    "gateway POST /v1/conversations/{id}/_reopen": Entry(("send",), "department", 202),
    "gateway GET /v1/access": Entry((), "own", 200),
    # Groups and tokens, and no person.
    "gateway GET /v1/grants": Entry(("rules", "privacy"), "own", 200),
    # All of the municipality, confidential ones too: a conversation can be transferred to each.
    "gateway GET /v1/departments": Entry(("send",), "own", 200),
    "gateway GET /v1/numbers": Entry(("kcc",), "own", 200),
    "gateway GET /v1/numbers/{id}/templates": Entry(("send",), "municipality", 200),
    "gateway PUT /v1/numbers/{id}/notice": Entry(("kcc",), "municipality", 202),
    "gateway DELETE /v1/numbers/{id}/notice": Entry(("kcc",), "municipality", 202),
    "gateway PUT /v1/numbers/{id}/state": Entry(("kcc",), "municipality", 202),
    "gateway POST /v1/media": Entry(("send",), "own", 201),
    # A token that owns none gets an empty list.
    "gateway GET /v1/destinations": Entry(("send",), "own", 200),
    "gateway GET /v1/destinations/{destination}/deliveries": Entry(("send",), "owner", 200),
    # They name an event, an order and a secret that do not exist, and a secret that is none.
    "gateway POST /v1/destinations/{destination}/_resend": Entry(("send",), "owner", 410),
    "gateway GET /v1/destinations/{destination}/resends/{id}": Entry(("send",), "owner", 404),
    "gateway GET /v1/destinations/{destination}/secrets": Entry(("send",), "owner", 200),
    "gateway POST /v1/destinations/{destination}/secrets": Entry(("send",), "owner", 400),
    "gateway POST /v1/destinations/{destination}/secrets/{id}/_end": Entry(("send",), "owner", 404),
    "gateway GET /webhooks/whatsapp": Entry((), "open", 403),
    "gateway POST /webhooks/whatsapp": Entry((), "open", 401),
    "gateway GET /v1/openapi.json": Entry((), "open", 200),
    # It names a number of the municipality.
    "router POST /v1/rules/_explain": Entry(("rules", "kcc"), "municipality", 200, 400),
    "router GET /v1/rules/versions": Entry(("rules",), "own", 200),
    "router GET /v1/rules/versions/{id}": Entry(("rules",), "own", 200),
    "router POST /v1/rules/versions/{id}/_approve": Entry(("rules",), "own", 403, person=200),
    # Counts of the municipality: no person, no message, no conversation.
    "router GET /v1/figures": Entry(("kcc", "rules"), "own", 200),
    # The present month has no report yet.
    "router GET /v1/figures/report": Entry(("kcc", "rules"), "own", 409),
    "router GET /v1/openapi.json": Entry((), "open", 200),
    "archiver GET /v1/conversations/{id}": Entry(("read",), "department", 200),
    "archiver GET /v1/conversations/{id}/messages": Entry(("read",), "department", 200),
    "archiver GET /v1/conversations/{id}/transcript": Entry(("read",), "department", 200),
    # It finds nothing, as in a conversation that does not exist.
    "archiver POST /v1/messages/_search": Entry(("read", "records"), "department", 200, 200),
    "archiver GET /v1/messages/{id}": Entry(("read",), "department", 200),
    "archiver GET /v1/media/{id}": Entry(("read",), "department", 200),
    # The file that it names is no picture.
    "archiver GET /v1/media/{id}/thumbnail": Entry(("read",), "department", 404),
    "archiver GET /v1/requests": Entry(("privacy",), "own", 200),
    # It is of no kind of request. The others name a request that does not exist.
    "archiver POST /v1/requests": Entry(("privacy",), "own", 400),
    "archiver GET /v1/requests/{id}": Entry(("privacy",), "own", 404),
    "archiver POST /v1/requests/{id}/_extend": Entry(("privacy",), "own", 404),
    "archiver POST /v1/requests/{id}/_decide": Entry(("privacy",), "own", 404),
    "archiver POST /v1/conversations/{id}/_value": Entry(
        ("records", "archivist"), "department", 200
    ),
    # They name a list that does not exist, but for the drawing, of all departments, of nothing.
    "archiver POST /v1/requests/{id}/_erase": Entry(("privacy",), "own", 404),
    "archiver GET /v1/destruction-lists": Entry(("records", "archivist"), "own", 200),
    "archiver POST /v1/destruction-lists": Entry(("records",), "whole", 409, 403),
    "archiver GET /v1/destruction-lists/{id}": Entry(("records", "archivist"), "own", 404),
    "archiver GET /v1/destruction-lists/{id}/items": Entry(("records", "archivist"), "own", 404),
    "archiver POST /v1/destruction-lists/{id}/_review": Entry(("records",), "own", 404),
    "archiver POST /v1/destruction-lists/{id}/_return": Entry(("records", "archivist"), "own", 404),
    "archiver POST /v1/destruction-lists/{id}/_approve": Entry(("archivist",), "own", 404),
    "archiver POST /v1/destruction-lists/{id}/_withdraw": Entry(
        ("records", "archivist"), "own", 404
    ),
    "archiver POST /v1/destruction-lists/{id}/_spare": Entry(("records",), "own", 404),
    "archiver GET /v1/destruction-lists/{id}/declaration": Entry(
        ("records", "archivist"), "own", 404
    ),
    "archiver GET /v1/destruction-lists/{id}/declaration/pdf": Entry(
        ("records", "archivist"), "own", 404
    ),
    "archiver POST /v1/people/_report": Entry(("privacy",), "whole", 200, 403),
    "archiver POST /v1/people/_print": Entry(("privacy",), "whole", 200, 403),
    # Views of other departments are left out.
    "archiver POST /v1/views/_search": Entry(("privacy",), "own", 200),
    "archiver POST /v1/exposures/_search": Entry(("privacy",), "whole", 200, 403),
    # It names a request that does not exist.
    "archiver POST /v1/messages/{id}/_annotate": Entry(("privacy",), "department", 400),
    # Each tells of all departments. The order is of no ground, the others of no hold.
    "archiver GET /v1/holds": Entry(KEEPERS, "whole", 200, 403),
    "archiver POST /v1/holds": Entry(KEEPERS, "whole", 400, 403),
    "archiver GET /v1/holds/{id}": Entry(KEEPERS, "whole", 404, 403),
    "archiver POST /v1/holds/{id}/_review": Entry(KEEPERS, "whole", 404, 403),
    "archiver POST /v1/holds/{id}/_lift": Entry(KEEPERS, "whole", 404, 403),
    # Each is of all departments. The orders are of no kind, the others of no disclosure.
    "archiver GET /v1/disclosures": Entry(RECORDS, "whole", 200, 403),
    "archiver POST /v1/disclosures": Entry(RECORDS, "whole", 400, 403),
    "archiver GET /v1/disclosures/{id}": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/_refresh": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/_decide": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/_review": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/_return": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/_approve": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/_export": Entry(RECORDS, "whole", 404, 403),
    "archiver GET /v1/disclosures/{id}/inventory/csv": Entry(RECORDS, "whole", 404, 403),
    "archiver GET /v1/disclosures/{id}/inventory/ods": Entry(RECORDS, "whole", 404, 403),
    "archiver GET /v1/disclosures/{id}/documents/{number}": Entry(RECORDS, "whole", 404, 403),
    "archiver POST /v1/disclosures/{id}/documents/{number}/_redact": Entry(
        RECORDS, "whole", 404, 403
    ),
    "archiver GET /v1/disclosures/{id}/documents/{number}/preview": Entry(
        RECORDS, "whole", 404, 403
    ),
    "archiver GET /v1/disclosures/{id}/documents/{number}/pictures/{message}": Entry(
        RECORDS, "whole", 404, 403
    ),
    "archiver GET /v1/openapi.json": Entry((), "open", 200),
}
"""In this order they leave a conversation open for those that need it open."""


class Kind(msgspec.Struct, frozen=True):
    """Kind of token, by its departments; `sees` are the subjects of these departments."""

    sees: frozenset[Subject]
    departments: tuple[str, ...] = ()
    every: bool = False
    confidential: bool = False
    tenant: str = "almelo"
    is_old: bool = False
    """True for a token without departments, from the time in which that meant all of them."""
    destinations: tuple[str, ...] = ()
    is_for_people: bool = False
    """True for the token of a desk, whose requests name the employee."""
    is_test: bool = False
    is_in_environment: bool = False
    """True for a token of POSTKAMER_API_TOKENS."""
    is_person: bool = False
    """True for the token of a person, issued by the municipality's identity provider."""


KINDS = {
    "named": Kind(ORDINARY, ("burgerzaken",)),
    "confidential": Kind(CONFIDENTIAL, ("belastingen",)),
    "every": Kind(ORDINARY, every=True),
    "every-and-named": Kind(BOTH, ("belastingen",), every=True),
    "every-and-confidential": Kind(BOTH, every=True, confidential=True),
    "old": Kind(BOTH, is_old=True),
    "other-department": Kind(NONE, ("openbare-ruimte",)),
    "owner": Kind(BOTH, every=True, confidential=True, destinations=("crm",)),
    # The events of other departments go to it too.
    "owner-of-a-part": Kind(ORDINARY, ("burgerzaken",), destinations=("crm",)),
    "people": Kind(ORDINARY, ("burgerzaken",), is_for_people=True),
    "test": Kind(ORDINARY, ("burgerzaken",), is_test=True),
    "environment": Kind(BOTH, every=True, confidential=True, is_in_environment=True),
    "person": Kind(ORDINARY, ("burgerzaken",), is_person=True),
    "person-for-all": Kind(BOTH, every=True, confidential=True, is_person=True),
    "person-for-none": Kind(NONE, is_person=True),
    "person-next-door": Kind(NONE, every=True, confidential=True, tenant="hengelo", is_person=True),
    "neighbour": Kind(NONE, every=True, confidential=True, tenant="hengelo"),
}
"""Name -> a token with every role. The last one is made last."""
OWNER = "owner"
SENDER = "named"
"""Kind of the token that sent the message whose status is asked for."""


def name_of(operation: Operation) -> str:
    return f"{operation.door} {operation.method} {operation.path}"


def admitted_subjects(entry: Entry, name: str) -> frozenset[Subject]:
    """The subjects of which a token of this kind gets an answer."""
    kind = KINDS[name]
    match entry.scope:
        case "department":
            return kind.sees
        case "municipality":
            return BOTH if kind.tenant == "almelo" else NONE
        case "whole":
            is_named = kind.every and "belastingen" in kind.departments
            return BOTH if kind.is_old or kind.confidential or is_named else NONE
        case "sender":
            return ORDINARY if name == SENDER else NONE
        case "owner":
            return BOTH if name == OWNER else NONE
    return BOTH


def expected_status(entry: Entry, name: str, subject: Subject) -> int:
    if KINDS[name].is_in_environment and entry.roles and not ENVIRONMENT_ROLES & {*entry.roles}:
        return 403
    if subject not in admitted_subjects(entry, name):
        return entry.hidden
    if KINDS[name].is_test and entry.test:
        return entry.test
    if KINDS[name].is_person and entry.person:
        return entry.person
    return (subject == "confidential" and entry.confidential) or entry.admitted


def expected_role_status(entry: Entry, role: Role) -> int:
    """The answer to a token with this role alone, for all departments."""
    if entry.roles and role not in entry.roles:
        return 403
    return entry.hidden if entry.scope in ("sender", "owner") else entry.admitted


PERIOD = {"from": "2026-01-01T00:00:00Z", "until": "2027-01-01T00:00:00Z"}


def sent_body(operation: Operation, subject: Any) -> Any:
    """The body of a request that changes as little as it can; None for the document's example."""
    author = {"kind": "employee", "id": "s.jansen"}
    if operation.path.endswith("_transfer"):  # to where it is
        return {"department": subject.department, "reason": "Blijft hier.", "author": author}
    if operation.path.endswith("exposures/_search"):
        return {"employee": "s.jansen"} | PERIOD
    if operation.path.endswith("_search"):
        return {"conversation": subject.conversation}
    if operation.path.endswith("_resend"):
        return {"events": [subject.messages[-1]]}
    if operation.path.endswith("/secrets") and operation.method == "POST":
        return {"secret": "none"}
    bodies = _privacy_bodies(subject.to) | _hold_bodies()
    return bodies.get(operation.path) or bodies.get(operation.path.rpartition("/")[2])


def _hold_bodies() -> dict[str, Any]:
    soon = clock.now().date() + timedelta(days=30)
    return {
        "/v1/holds": {"ground": "none"},
        "/v1/disclosures": {"kind": "none"},
        "/v1/disclosures/{id}/_decide": {"numbers": [1], "decision": "open"},
        "/v1/disclosures/{id}/documents/{number}/_redact": {"propose": True},
        "/v1/holds/{id}/_review": {"reviewOn": f"{soon}", "text": "Loopt nog."},
    }


def _privacy_bodies(phone: str) -> dict[str, Any]:
    """The bodies of the privacy officer, by the end of the path."""
    person = {"identities": [{"kind": "phone", "value": phone}]}
    extension = {"until": "2027-01-01", "ground": "ingewikkeld"}
    return {
        "requests": {"kind": "none"},
        "_extend": extension,
        "_annotate": {"text": "Huisnummer 12.", "request": "AVG-2026-9999"},
        "_report": person,
        "_print": person,
    }
