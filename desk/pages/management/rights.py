"""For who owns the rules and for the privacy officer: who has which role, and who is logged in."""

import re

import structlog
from aiohttp import web

from desk.login.sessions import Session, SessionStore
from desk.pages.conversation_view import session_of
from desk.pages.forms import read_form
from desk.postkamer.client import Refused
from desk.postkamer.grants import GrantsReader
from desk.web.gate import Gate
from desk.web.site import Site, Visit
from desk.web.words import keys_under

PATH = "/rights"
ROLES = frozenset({"rules", "privacy"})
SESSION = re.compile("[0-9a-f]{64}")

log = structlog.get_logger()


class RightPages:
    def __init__(
        self, gate: Gate, site: Site, reader: GrantsReader, sessions: SessionStore
    ) -> None:
        self._gate, self._site, self._reader, self._sessions = gate, site, reader, sessions

    def routes(self) -> list[web.RouteDef]:
        require = self._gate.require
        return [
            web.get(PATH, require(self._show), allow_head=False),
            web.post(f"{PATH}/sessions/end", require(self._end)),
        ]

    async def _show(self, request: web.Request, visit: Visit) -> web.Response:
        """GET /rights: groups, tokens, and people at the desk."""
        session = _managers(visit)
        access = session.access
        return self._site.page(
            visit,
            "rights.html",
            grants=await self._reader.grants(session.tokens.access_token),
            people=await self._sessions.list_of(access.tenant.id, visit.now),
            own=access.person,
            known_roles=keys_under("role"),
        )

    async def _end(self, request: web.Request, visit: Visit) -> web.Response:
        """POST /rights/sessions/end: end all sessions of somebody of the same municipality. They
        may log in again, unless the provider refuses them."""
        session = _managers(visit)
        given = (await read_form(request)).text("session")
        if SESSION.fullmatch(given):
            ended = await self._sessions.end_in(session.access.tenant.id, bytes.fromhex(given))
            log.info("desk.session_ended", reason="a manager ended it", count=ended)
        return web.Response(status=303, headers={"Location": PATH})


def _managers(visit: Visit) -> Session:
    """Return the session of who may see this. Raises Refused."""
    session = session_of(visit)
    if ROLES.isdisjoint(session.access.roles):
        raise Refused(403, "", {})
    return session
