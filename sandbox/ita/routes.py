"""Routes of the page that shows tasks as ITA does, on the Open Klant of the sandbox."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping

import aiohttp
import msgspec
from aiohttp import web

from sandbox.ita import rules
from sandbox.ita.client import ApiError
from sandbox.ita.desk import Ita, LogEntry
from sandbox.ita.objects import Objects
from sandbox.ita.rules import Employee, Refused, Registration, Task, Unit
from sandbox.openklant.error_responses import BASE
from sandbox.organisation import Department
from services.http.problems import json_response, problem_response

LOG_LINES = 1_000
"""Most lines of the logbook that are kept, a few hundred bytes each."""
LISTED = 50
"""Most tasks that the page lists."""
KINDS = {"afdeling": "afd", "groep": "grp"}
USER = ("r.devries@voorbeeldstad.example", "Robin de Vries")


class Forwarding(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    unit: str
    """Name of the department or group."""
    note: str = ""


class Reopening(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    reason: str


class ItaRoutes:
    def __init__(
        self, http: aiohttp.ClientSession, token: str, departments: tuple[Department, ...]
    ) -> None:
        self._http, self._token = http, token
        self._units = {unit.name: unit for unit in map(unit_of, departments)}
        self._log: deque[LogEntry] = deque(maxlen=LOG_LINES)
        self._actions: Mapping[str, Callable[[Ita, Task, bytes], Awaitable[object]]] = {
            "take": self._take,
            "forward": self._forward,
            "register": self._register,
            "reopen": self._reopen,
        }

    def routes(self) -> list[web.RouteDef]:
        objects = Objects(self._token, self._units.values(), self._log)
        return [
            *objects.routes(),
            web.get("/ita/units", self._list_units),
            web.get("/ita/tasks", self._list_tasks),
            web.get("/ita/tasks/{number:[0-9]+}", self._show),
            web.post("/ita/tasks/{number:[0-9]+}/{action}", self._act),
        ]

    async def _list_units(self, _: web.Request) -> web.Response:
        return json_response({"units": [*self._units], "channels": rules.CHANNELS})

    async def _list_tasks(self, request: web.Request) -> web.Response:
        async def tasks(ita: Ita) -> object:
            status = request.query.get("status", "te_verwerken")
            shown: list[rules.View] = []
            async for found in ita.department_tasks(request.query.get("unit", ""), status):
                shown.append(rules.show_task(found))
                if len(shown) == LISTED:
                    break
            return shown

        return await self._answer(request, tasks)

    async def _show(self, request: web.Request) -> web.Response:
        async def task(ita: Ita) -> object:
            found = await ita.open_task(request.match_info["number"])
            log = [line for line in self._log if line.task == found.uuid]
            return {"task": rules.show_task(found), "log": log}

        return await self._answer(request, task)

    async def _act(self, request: web.Request) -> web.Response:
        action = self._actions.get(request.match_info["action"])
        if action is None:
            raise web.HTTPNotFound
        body = await request.read()

        async def act(ita: Ita) -> object:
            try:
                await action(ita, await ita.open_task(request.match_info["number"]), body)
            finally:
                self._log.extend(ita.log)
            return {"mails": len(ita.mails)}

        return await self._answer(request, act)

    async def _answer(
        self, request: web.Request, ask: Callable[[Ita], Awaitable[object]]
    ) -> web.Response:
        """Do it as the user whom the request names, and pass on the reason of a refusal."""
        query = request.query
        units, is_manager = (query.get("unit", ""),), query.get("manager") == "true"
        employee = Employee(*USER, units, is_manager)
        ita = Ita(self._http, f"{request.url.origin()}{BASE}", self._token, employee)
        try:
            return json_response(await ask(ita))
        except Refused as refused:
            return problem_response(refused.refusal.status, refused.refusal.text)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            return problem_response(400, "Dit is niet te lezen", str(error))
        except (ApiError, aiohttp.ClientError, TimeoutError) as error:
            return problem_response(502, f"Open Klant antwoordt niet goed: {error}")

    async def _take(self, ita: Ita, task: Task, _: bytes) -> None:
        await ita.take(task)

    async def _forward(self, ita: Ita, task: Task, body: bytes) -> None:
        form = msgspec.json.decode(body, type=Forwarding)
        unit = self._units.get(form.unit)
        if unit is None:
            raise Refused(rules.UNKNOWN_UNIT)
        await ita.forward(task, unit, note=form.note)

    async def _register(self, ita: Ita, task: Task, body: bytes) -> None:
        await ita.register(task, msgspec.json.decode(body, type=Registration))

    async def _reopen(self, ita: Ita, task: Task, body: bytes) -> None:
        await ita.reopen(task, msgspec.json.decode(body, type=Reopening).reason)


def unit_of(department: Department) -> Unit:
    return Unit(
        KINDS[department.register_kind],
        department.register_id or department.id,
        department.register_name or department.name,
    )
