"""Roles, reasons and refusals that the pages of the archive share."""

import re
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from aiohttp import web

from desk.conversation.reasons import reason_text
from desk.pages.conversation_view import session_of
from desk.pages.forms import Form
from desk.postkamer.client import Refused
from desk.web.site import Visit
from desk.web.times import local_time

RECORDS, ARCHIVIST, PRIVACY, READ = "records", "archivist", "privacy", "read"
HOLDERS = (RECORDS, ARCHIVIST, PRIVACY)
"""Roles of which one is needed for holds."""
ID = re.compile(r"(?:AVG|VL|BW|WOO)-[0-9]{4}-[0-9]{4,9}")
"""Id of a request, a list, a hold or a disclosure."""
TROUBLES = {
    "/words": "archive.words",
    "/request": "archive.of_another",
    "/identities": "archive.person",
    "/until": "archive.until",
    "/receivedOn": "archive.received",
    "/ground": "archive.ground",
    "/conversation": "archive.conversation",
    "/selection": "archive.words",
    "/reviewOn": "holds.wrong_day",
    "/holdReviewOn": "holds.wrong_day",
    "/text": "holds.no_text",
}
"""Pointer of a fault, without the rest of its path -> key of the words that explain it."""


def token_of(visit: Visit, *roles: str) -> str:
    """Return the token of an employee who has all of these roles. Raises Refused for others: to
    them there is no such page."""
    session = session_of(visit)
    if not session.access.roles.issuperset(roles):
        raise Refused(HTTPStatus.FORBIDDEN, "", {})
    return session.tokens.access_token


def token_of_any(visit: Visit, *roles: str) -> str:
    """Return the token of an employee who has one of these roles. Raises Refused for others."""
    session = session_of(visit)
    if session.access.roles.isdisjoint(roles):
        raise Refused(HTTPStatus.FORBIDDEN, "", {})
    return session.tokens.access_token


def id_of(request: web.Request) -> str:
    """Return the id in the path of a request, a list or a hold. Raises Refused, as the record does
    if there is none, for what is no id: a page would show any words as its own."""
    id = request.match_info["id"]
    if not ID.fullmatch(id):
        raise Refused(HTTPStatus.NOT_FOUND, "", {})
    return id


def read_reason(form: Form) -> str:
    """Return the reason as a header takes it; '' if none is given."""
    return reason_text("", form.text("reason"))


def trouble_of(refused: Refused) -> str:
    """Return the key of the words that explain a refusal. Raises it again if it says that this is
    not for the employee, or that their token has ended."""
    if refused.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND):
        raise refused
    if refused.status == HTTPStatus.FORBIDDEN:
        return "archive.not_whole"
    if refused.code in ("too_broad", "decided", "lifted") or refused.code.startswith("pdf_"):
        return f"archive.{refused.code.partition('_')[0]}"
    return next(filter(None, map(TROUBLES.get, _pointers(refused.body))), "archive.refused")


def _pointers(problem: Any) -> list[str]:
    errors = problem.get("errors") if isinstance(problem, dict) else None
    listed = errors if isinstance(errors, list) else []
    pointers = [str(each.get("pointer", "")) for each in listed if isinstance(each, dict)]
    return ["/" + each[1:].partition("/")[0] for each in pointers]


def identities_of(form: Form) -> list[dict[str, str]]:
    """Return the identities of a citizen that a form names: a telephone number, and an id of
    Meta."""
    phone = "".join(each for each in form.text("phone") if each not in " ()-.\u00a0")
    named = {"phone": phone, "bsuid": form.text("bsuid").strip()}
    return [{"kind": kind, "value": value} for kind, value in named.items() if value]


def period_of(form: Form) -> dict[str, datetime]:
    """Return the first moment of the days that a form gives, and the first one after them."""
    since, until = local_time(form.text("since")), local_time(form.text("until"))
    period = {"from": since} if since else {}
    return period | ({"until": until + timedelta(days=1)} if until else {})


def days_of(form: Form) -> dict[str, str]:
    """Return the days of a form as they are, for what is asked by day."""
    named = {"from": form.text("since").strip(), "until": form.text("until").strip()}
    return {name: value for name, value in named.items() if value}
