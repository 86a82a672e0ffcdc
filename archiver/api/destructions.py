"""Answers about what was destroyed: when, on which ground and by which list."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from archiver.log.past_destruction import PastDestruction
from services.http.problems import problem_response
from services.http.rights import Rights, Role

DESTROYED = "destroyed"
"""Code of the refusal."""
WAS_DESTROYED = "this was destroyed"
KEEPERS: tuple[Role, ...] = ("archivist", "privacy")
"""Roles that see who approved a destruction."""


def destroyed_response(past: PastDestruction, rights: Rights) -> web.Response:
    """Return the 410 for what was destroyed."""
    return problem_response(410, "Gone", WAS_DESTROYED, **destroyed_members(past, rights))


def destroyed_members(past: PastDestruction, rights: Rights) -> dict[str, Any]:
    """Return the members of a refusal: what a token may know of a destruction."""
    return {"code": DESTROYED} | _facts(past, rights)


def destroyed_json(destroyed: Mapping[str, PastDestruction], rights: Rights) -> list[Any]:
    """Return the destructions of these conversations."""
    return [
        {"conversationId": conversation} | _facts(past, rights)
        for conversation, past in destroyed.items()
    ]


def _facts(past: PastDestruction, rights: Rights) -> dict[str, Any]:
    """Return the facts of a destruction. Who approved it is for those who keep the record."""
    return {
        "destroyedAt": past.at,
        "ground": past.ground,
        "list": past.list or None,
        "approvedBy": past.by or None if rights.may(*KEEPERS) else None,
    }
