"""POST /v1/exposures/_search: whose data a token or an employee saw, or a destination received.

For the report of a data breach (AVG, article 33). It says how to reach these citizens, so each of
their conversations that it lists is a view on the record.
"""

import asyncio
from typing import Any

from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.viewer import BOTH_NEEDED, ShownRange
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.exposure import Exposure, ExposureFilter, find_exposure
from archiver.privacy.exposure_totals import Person, TooManyConversations
from archiver.privacy.orders import EXPOSURE_SEARCH, ExposureSearch
from archiver.privacy.report_routes import NOT_ALL
from archiver.privacy.request_routes import ROLE, TOO_LONG, answered, read_order
from archiver.privacy.views import BEGINNING
from services import clock
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.api.turns import turn
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore

PATH = "/v1/exposures/_search"
MOST = 5_000
"""Conversations in one answer, some 1 KB each, and views that it adds to the record: as many as one
transaction of the archiver has. The command takes more."""
NOT_PAST = "must lie in the past"


class ExposureRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens
        self._turns = asyncio.Semaphore(1)
        """One at a time: it may read all views of a long period."""

    def routes(self) -> list[web.RouteDef]:
        identified = self._views.identified(answered(self.search), lambda rights: BOTH_NEEDED)
        return [web.post(PATH, require_token(identified, self._tokens, ROLE))]

    async def search(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer with all of it, or refuse what is too much for one answer."""
        search: ExposureSearch = await read_order(request, EXPOSURE_SEARCH)
        if not self._archive.reaches_all(rights):
            raise Refused(problem_response(403, "Forbidden", NOT_ALL))
        exposure = await self._find(search, rights.tenant)
        if ranges := [_shown(each) for each in exposure.persons]:
            await self._views.record_ranges(request, "exposure", ranges)
        else:
            await self._views.record_count(request, "exposure", 0)
        return json_response(exposure_json(exposure))

    async def _find(self, search: ExposureSearch, tenant: str) -> Exposure:
        now = clock.now()
        if search.since >= now:
            raise Refused(bad_request([FieldError("/from", NOT_PAST)]))
        criteria = ExposureFilter(
            since=max(search.since, BEGINNING),
            until=min(search.until, now),
            token=search.token or "",
            employee=search.employee or "",
            destination=search.destination or "",
            tenant=tenant,
        )
        try:
            async with turn(self._turns), self._archive.transaction() as connection:
                return await find_exposure(connection, self._archive.keys, criteria, MOST)
        except TooManyConversations as error:
            raise Refused(_too_broad(str(error))) from None
        except TimeoutError:
            raise Refused(_too_broad(TOO_LONG)) from None


def _too_broad(detail: str) -> web.Response:
    return problem_response(400, "Bad Request", detail, code="too_broad")


def _shown(person: Person) -> ShownRange:
    """Return the view of a conversation, of all departments that had a part in it."""
    return ShownRange(
        conversation=person.conversation, department="", count=person.messages, first=0, last=0
    )


def exposure_json(exposure: Exposure) -> dict[str, Any]:
    """Return an exposure of one municipality. Pure."""
    return {
        "since": exposure.since,
        "until": exposure.until,
        "firstAt": exposure.first_at,
        "conversations": exposure.conversations,
        "messages": exposure.messages,
        "times": exposure.times,
        "destroyed": exposure.destroyed,
        "persons": [_person_json(each) for each in exposure.persons],
    }


def _person_json(person: Person) -> dict[str, Any]:
    return {
        "conversation": person.conversation,
        "departments": person.departments,
        "kinds": person.kinds,
        "messages": person.messages,
        "times": person.times,
        "firstAt": person.first_at,
        "lastAt": person.last_at,
        "identifiers": [{"kind": kind, "value": value} for kind, value in person.identifiers],
    }
