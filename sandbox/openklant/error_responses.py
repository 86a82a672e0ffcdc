"""Error responses of the server: problem details, but as application/json, in Dutch. Pure."""

from typing import Any

import msgspec

from sandbox.openklant.validation import Fault

BASE = "/openklant/klantinteracties/api/v1"


class Refusal(msgspec.Struct, frozen=True):
    """A refusal. Clients decide on its code and those of the faults, never on the texts."""

    status: int
    code: str
    title: str
    kind: str
    """Name of the kind of error, at the end of `type`."""
    faults: tuple[Fault, ...] = ()
    headers: dict[str, str] = {}


TOKEN = {"WWW-Authenticate": "Token"}
NOT_AUTHENTICATED = Refusal(
    401, "not_authenticated", "Geen authenticatiegegevens.", "NotAuthenticated", headers=TOKEN
)
AUTHENTICATION_FAILED = Refusal(
    401, "authentication_failed", "Ongeldige token.", "AuthenticationFailed", headers=TOKEN
)
FORBIDDEN = Refusal(403, "permission_denied", "Geen toestemming.", "PermissionDenied")
NOT_FOUND = Refusal(404, "not_found", "Niet gevonden.", "NotFound")
NO_SUCH_PAGE = Refusal(404, "not_found", "Ongeldige pagina.", "NotFound")
NOT_ACCEPTABLE = Refusal(
    406, "not_acceptable", "Kan niet voldoen aan de opgegeven Accept header.", "NotAcceptable"
)
EXHAUSTED = Refusal(
    409, "conflict", "Er kon niet automatisch een opvolgend nummer worden gegenereerd.", "Conflict"
)
TOO_MANY = Refusal(429, "throttled", "Aanvraag werd verstikt.", "Throttled")
BROKEN = Refusal(500, "error", "Er is een serverfout opgetreden.", "APIException")
UNREADABLE = Refusal(400, "parse_error", "JSON parse error", "ParseError")


def invalid(*faults: Fault) -> Refusal:
    return Refusal(400, "invalid", "Ongeldige invoerwaarde.", "ValidationError", tuple(faults))


def not_allowed(method: str, allowed: str) -> Refusal:
    title = f'Methode "{method}" niet toegestaan.'
    return Refusal(405, "method_not_allowed", title, "MethodNotAllowed", headers={"Allow": allowed})


def unsupported(content_type: str) -> Refusal:
    title = f'Ongeldige media type "{content_type}" in aanvraag.'
    return Refusal(415, "unsupported_media_type", title, "UnsupportedMediaType")


def problem_body(refusal: Refusal, origin: str, instance: str) -> dict[str, Any]:
    body: dict[str, Any] = {
        "type": f"{origin}/openklant/ref/fouten/{refusal.kind}/",
        "code": refusal.code,
        "title": refusal.title,
        "status": refusal.status,
        "detail": refusal.title,
        "instance": f"urn:uuid:{instance}",
    }
    if refusal.kind == "ValidationError":
        body["invalidParams"] = refusal.faults
    return body


def accepts_json(accept: str) -> bool:
    """Return True if the client accepts JSON; application/problem+json alone is refused, even for
    errors."""
    kinds = {one.partition(";")[0].strip() for one in accept.split(",")}
    return bool(kinds & {"", "*/*", "application/*", "application/json"})


def authentication_refusal(authorization: str, token: str) -> Refusal | None:
    """Return why the client is not authenticated; None if it is. Another scheme, such as Bearer,
    counts as none."""
    scheme, _, sent_token = authorization.partition(" ")
    if scheme.lower() != "token":
        return NOT_AUTHENTICATED
    return None if sent_token == token else AUTHENTICATION_FAILED
