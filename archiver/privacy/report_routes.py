"""Routes of the report of everything about one person, as JSON and as PDF."""

import asyncio
from collections.abc import Iterable
from typing import Any

from aiohttp import web

from archiver.api.access_log import AccessLog
from archiver.api.viewer import BOTH_NEEDED, ShownRange
from archiver.index.record_fields import Identity
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.orders import REPORT, ReportBody
from archiver.privacy.printer import print_report
from archiver.privacy.request_routes import NO_REQUEST, ROLE, answered, read_order
from archiver.subject_access.person_finder import find_subject
from archiver.subject_access.report import Period, Report, encode_report
from archiver.subject_access.report_maker import (
    MadeReport,
    ReportOrder,
    ReportRefused,
    make_report,
)
from archiver.subject_access.requests.details import person_of
from archiver.subject_access.requests.store import RequestStore
from services import clock
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.api.turns import turn
from services.http.bearer_auth import Handler, require_token
from services.http.problems import problem_response
from services.http.rights import Rights
from services.http.token_store import TokenStore
from services.postgres.database import Connection
from services.printing.typesetter import Unprintable

PATH, PRINT = "/v1/people/_report", "/v1/people/_print"
NOT_ALL = "this token has not the role 'privacy' for every department, confidential ones too"
NO_PERSON = "must be given: the request does not say any more whose it is"
NOT_THEIRS = "is no request of this person"
DISPOSITION = 'attachment; filename="inzage.pdf"'
"""Header of the PDF: a name that says nothing of the person."""


class ReportRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens
        self._reports, self._printer = asyncio.Semaphore(1), asyncio.Semaphore(1)
        """One at a time: a report takes 60 MB at most, and its PDF half a GiB."""

    def routes(self) -> list[web.RouteDef]:
        def admit(handler: Handler) -> Any:
            identified = self._views.identified(answered(handler), lambda rights: BOTH_NEEDED)
            return require_token(identified, self._tokens, ROLE)

        return [web.post(PATH, admit(self.report)), web.post(PRINT, admit(self.print))]

    async def report(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/people/_report."""
        made = await self._make(request, rights)
        body = b'{"report":' + encode_report(made.report) + b',"others":%d}' % made.others
        return web.Response(body=body, headers={"Content-Type": "application/json"})

    async def print(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/people/_print with the same report as a PDF."""
        made = await self._make(request, rights)
        try:
            async with turn(self._printer):
                printed = await print_report(made.report)
        except Unprintable as error:
            code = str(error).partition(":")[0]
            return problem_response(409, "Conflict", str(error), code=code)
        headers = {"Content-Type": "application/pdf", "Content-Disposition": DISPOSITION}
        return web.Response(body=printed, headers=headers)

    async def _make(self, request: web.Request, rights: Rights) -> MadeReport:
        """Return the report, once it is on the record. Raises Refused."""
        body: ReportBody = await read_order(request, REPORT)
        if not self._archive.reaches_all(rights):
            raise Refused(problem_response(403, "Forbidden", NOT_ALL))
        try:
            async with turn(self._reports), self._archive.transaction() as connection:
                made = await self._collect(connection, body, rights.tenant)
        except ReportRefused as error:
            if error.is_of_request:
                raise Refused(bad_request([FieldError("/request", NOT_THEIRS)])) from None
            problem = problem_response(400, "Bad Request", str(error), code="too_broad")
            raise Refused(problem) from None
        if ranges := list(shown_conversations(made.report)):
            await self._views.record_ranges(request, "report", ranges)
        else:
            await self._views.record_count(request, "report", 0)
        return made

    async def _collect(self, connection: Connection, body: ReportBody, tenant: str) -> MadeReport:
        keys, config = self._archive.keys, self._archive.config
        names = [each.identity for each in body.identities]
        names = names or await self._names_of_request(connection, str(body.request), tenant)
        match = await find_subject(connection, keys, tenant, names)
        order = ReportOrder(
            tenant=tenant,
            request=body.request or "",
            period=Period(since=body.since, until=body.until),
            made_by=body.made_by,
            now=clock.now(),
        )
        return await make_report(connection, keys, config, match, order, lambda done, of: None)

    async def _names_of_request(
        self, connection: Connection, id: str, tenant: str
    ) -> list[Identity]:
        """Return the identities with which a request was opened. Raises Refused."""
        store = RequestStore(connection, self._archive.keys)
        request = await store.lock_request(id)
        if request is None or request.tenant != tenant:
            raise Refused(bad_request([FieldError("/request", NO_REQUEST)]))
        names = person_of(event for _, event in await store.steps(request))
        if not names:
            raise Refused(bad_request([FieldError("/identities", NO_PERSON)]))
        return list(names)


def shown_conversations(report: Report) -> Iterable[ShownRange]:
    """Yield the conversations of a report, of all departments that had a part in them. Pure."""
    for each in report.conversations:
        if each.id:
            count = len(each.messages) + len(each.notes)
            yield ShownRange(conversation=each.id, department="", count=count, first=0, last=0)
