"""Route by which managers read the month's figures of their municipality."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import date

from aiohttp import web

from router.api.routes import NOT_YET
from router.figures.month import MONTH, month_bounds, month_json
from router.figures.tally import day_of
from router.model.work import RoutingContext
from router.store.figures import find_first_day, load_figures
from services import clock
from services.api.json_body import FieldError
from services.http.bearer_auth import require_token
from services.http.problems import json_response, problem_response, service_unavailable
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import with_timeout

FIGURE_ROLES: tuple[Role, ...] = ("kcc", "rules")
"""The contact centre, and the owner of the rules. The role is enough: the figures are of the
municipality as a whole, and of no citizen, employee or conversation."""
WRONG_MONTH = "must be a month that has begun, as in 2026-11"
WRONG_QUERY = "the query is not what it should be"


class FigureRoutes:
    """`context` waits for the version in force."""

    def __init__(
        self,
        pool: Pool,
        context: Callable[[], Awaitable[RoutingContext]],
        keyring: TokenStore,
    ) -> None:
        self._pool, self._context, self._keyring = pool, context, keyring

    def routes(self) -> list[web.RouteDef]:
        read = require_token(self.read_figures, self._keyring, *FIGURE_ROLES)
        return [web.get("/v1/figures", read, allow_head=False)]

    async def read_figures(self, request: web.Request, rights: Rights) -> web.Response:
        """GET /v1/figures?month=: counts of a month by department, and their sum."""
        today = day_of(clock.now())
        month = chosen_month(request.query.getall("month", []), today)
        if month is None:
            fault = FieldError("", WRONG_MONTH, "month")
            return problem_response(400, "Bad Request", WRONG_QUERY, errors=[fault])
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                config = (await self._context()).config
        except TimeoutError:
            return service_unavailable(NOT_YET)
        first, end = month_bounds(month)
        loaded = load_figures(self._pool, rights.tenant, first, end)
        rows = await with_timeout(ANSWER_SECONDS, loaded)
        counted = find_first_day(self._pool, rights.tenant)
        since = await with_timeout(ANSWER_SECONDS, counted)
        names = [
            (each.id, each.name) for each in config.departments if each.tenant == rights.tenant
        ]
        about = {"month": month, "isOver": end <= today, "countedSince": since}
        return json_response(await asyncio.to_thread(month_json, rows, names, **about))


def chosen_month(given: list[str], today: date) -> str | None:
    """Return the month that is asked for, the present one by default; None if it is no month that
    has begun. Pure."""
    if not given:
        return f"{today:%Y-%m}"
    is_month = len(given) == 1 and MONTH.fullmatch(given[0])
    return given[0] if is_month and month_bounds(given[0])[0] <= today else None
