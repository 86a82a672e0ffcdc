"""Routes by which managers read the month's figures of their municipality, and its report."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, Literal, NamedTuple, get_args

from aiohttp import web

from router.api.routes import NOT_YET
from router.figures.month import (
    MONTH,
    Beside,
    MonthCounts,
    month_bounds,
    month_json,
    settled_on,
)
from router.figures.tally import day_of
from router.model.work import RoutingContext
from router.month_report.contents import Report, build_report
from router.month_report.printer import print_month
from router.month_report.spreadsheet import report_csv
from router.store.figures import find_first_day, find_first_month, load_beside, load_counts
from services import clock
from services.api.accepted_form import negotiate
from services.api.json_body import FieldError
from services.api.turns import BUSY, Busy, turn
from services.config.model import Configuration
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.postgres.database import ANSWER_SECONDS, Pool
from services.printing.typesetter import Unprintable
from services.tasks import with_timeout

FIGURE_ROLES: tuple[Role, ...] = ("kcc", "rules")
"""The contact centre, and the owner of the rules. The role is enough: the figures are of the
municipality as a whole, and of no citizen, employee or conversation."""
Form = Literal["application/pdf", "text/csv"]
FORMS: tuple[Form, ...] = get_args(Form)
"""Forms of a report, the one of equals first."""
ENDINGS: dict[Form, str] = {"application/pdf": "pdf", "text/csv": "csv"}
AT_ONCE = 1
"""Reports at a time: the router decides for citizens meanwhile. One takes it three seconds at most,
and its PDF half a second and 170 MB in a process of its own."""
WRONG_MONTH = "must be a month that has begun, as in 2026-11"
WRONG_QUERY = "the query is not what it should be"
NOT_SETTLED = "not_settled: until the eighth day after its end a month may grow"
NOT_COUNTED = "not_counted: nothing was counted in this month"
NOT_ACCEPTABLE = "a report is application/pdf or text/csv"


class LoadedMonth(NamedTuple):
    """All that is known of a month, and the configuration of now."""

    config: Configuration
    counts: MonthCounts
    beside: Beside


class FigureRoutes:
    """`context` waits for the version in force."""

    def __init__(
        self,
        pool: Pool,
        context: Callable[[], Awaitable[RoutingContext]],
        keyring: TokenStore,
    ) -> None:
        self._pool, self._context, self._keyring = pool, context, keyring
        self._turns = asyncio.Semaphore(AT_ONCE)

    def routes(self) -> list[web.RouteDef]:
        read = require_token(self.read_figures, self._keyring, *FIGURE_ROLES)
        report = require_token(self.read_report, self._keyring, *FIGURE_ROLES)
        return [
            web.get("/v1/figures", read, allow_head=False),
            web.get("/v1/figures/report", report, allow_head=False),
        ]

    async def read_figures(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/figures?month=: figures of a month by department, and their sum."""
        today = day_of(clock.now())
        month = chosen_month(request.query.getall("month", []), today)
        if month is None:
            return _wrong_month()
        loaded = await self._load(month, rights.tenant)
        if loaded is None:
            return service_unavailable(NOT_YET)
        counted = find_first_day(self._pool, rights.tenant)
        about: dict[str, Any] = {
            "month": month,
            "isOver": month_bounds(month)[1] <= today,
            "countedSince": await with_timeout(ANSWER_SECONDS, counted),
            "reportFrom": settled_on(month),
        }
        config, counts, beside = loaded
        made = asyncio.to_thread(month_json, counts, config, rights.tenant, beside, **about)
        return json_response(await made)

    async def read_report(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/figures/report?month=: what of a month may leave the house."""
        form = negotiate(request.headers.getall("Accept", []), FORMS)
        if form is None:
            return problem_response(406, "Not Acceptable", NOT_ACCEPTABLE)
        today = day_of(clock.now())
        month = chosen_month(request.query.getall("month", []), today)
        if month is None:
            return _wrong_month()
        first = await with_timeout(ANSWER_SECONDS, find_first_month(self._pool, rights.tenant))
        if fault := report_fault(month, first, today):
            return _conflict(fault)
        try:
            async with turn(self._turns):
                return await self._report(month, rights.tenant, form)
        except Busy:
            return service_unavailable(BUSY)
        except Unprintable as error:
            return _conflict(str(error))

    async def _report(self, month: str, tenant: str, form: Form) -> web.Response:
        loaded = await self._load(month, tenant)
        of_tenant = loaded.config.tenant(tenant) if loaded else None
        if loaded is None or of_tenant is None:
            return service_unavailable(NOT_YET)
        config, counts, beside = loaded
        report = await asyncio.to_thread(build_report, counts, config, of_tenant, beside)
        name = f"whatsapp-{month}.{ENDINGS[form]}"
        headers = {
            "Content-Type": form if form == "application/pdf" else f"{form}; charset=utf-8",
            "Content-Disposition": f'attachment; filename="{name}"',
            "Vary": "Accept",
        }
        return web.Response(body=await _render(report, form), headers=headers)

    async def _load(self, month: str, tenant: str) -> LoadedMonth | None:
        """Return a month; None while the rules are not on record."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                config = (await self._context()).config
        except TimeoutError:
            return None
        first, _ = month_bounds(month)
        counts = await with_timeout(ANSWER_SECONDS, load_counts(self._pool, tenant, first))
        beside = load_beside(self._pool, counts, config, tenant)
        return LoadedMonth(config, counts, await with_timeout(ANSWER_SECONDS, beside))


def report_fault(month: str, first: date | None, today: date) -> str:
    """Return why there is no report of a month, of which `first` was the first that was counted; ''
    if there is one. Pure."""
    if today < settled_on(month):
        return NOT_SETTLED
    return NOT_COUNTED if first is None or month_bounds(month)[0] < first else ""


async def _render(report: Report, form: Form) -> bytes:
    if form == "application/pdf":
        return await print_month(report)
    return report_csv(report)


def _wrong_month() -> web.Response:
    fault = FieldError("", WRONG_MONTH, "month")
    return problem_response(400, "Bad Request", WRONG_QUERY, errors=[fault])


def _conflict(reason: str) -> web.Response:
    return problem_response(409, "Conflict", reason, code=reason.partition(":")[0])


def chosen_month(given: list[str], today: date) -> str | None:
    """Return the month that is asked for, the present one by default; None if it is no month that
    has begun. Pure."""
    if not given:
        return f"{today:%Y-%m}"
    is_month = len(given) == 1 and MONTH.fullmatch(given[0])
    return given[0] if is_month and month_bounds(given[0])[0] <= today else None
