"""Part of an Objecten API: the departments that ITA reads there, and the logbooks that it keeps."""

from collections.abc import Iterable
from itertools import chain, groupby
from operator import attrgetter
from typing import Any

from aiohttp import web

from sandbox.ita.desk import LogEntry, mailbox_of_each
from sandbox.ita.rules import LOGGED_IN, Unit, identifier
from services.http.problems import json_response, problem_response

Json = dict[str, Any]
BASE = "/objecten/api/v2"
TASK = ("internetaak", "openklant", "uuid")


class Objects:
    """`log` may grow meanwhile."""

    def __init__(self, token: str, units: Iterable[Unit], log: Iterable[LogEntry]) -> None:
        self._token, self._log = token, log
        self._units = [unit_data(unit) for unit in units]

    def routes(self) -> list[web.RouteDef]:
        return [web.get(f"{BASE}/objects", self._list)]

    async def _list(self, request: web.Request) -> web.Response:
        """List the objects that meet each `data_attr`, as with a token that may read all."""
        if request.headers.get("Authorization") != f"Token {self._token}":
            return problem_response(401, "Ongeldige token.")
        conditions = [each.rsplit("__", 2) for each in request.query.getall("data_attr", [])]
        if any(len(each) != 3 or each[1] != "exact" for each in conditions):
            return problem_response(400, "Only key__exact__value is known here")
        objects = chain(self._units, logbooks(self._log))
        found = [each for each in objects if all(meets(each, *one) for one in conditions)]
        results = [{"record": {"data": each}} for each in found]
        return json_response({"count": len(found), "next": None, "results": results})


def meets(data: Json, key: str, _: str, value: str) -> bool:
    found: Any = data
    for part in key.split("__"):
        found = found.get(part) if isinstance(found, dict) else None
    return bool(found == value)


def unit_data(unit: Unit) -> Json:
    [email] = mailbox_of_each(unit.kind, unit.id)
    return {"identificatie": unit.id, "naam": unit.name, "email": email}


def logbooks(log: Iterable[LogEntry]) -> Iterable[Json]:
    """Yield a logbook for each task."""
    for task, entries in groupby(sorted(log, key=attrgetter("task")), attrgetter("task")):
        activities = [activity(each) for each in entries]
        yield {"heeftBetrekkingOp": identifier(TASK, task), "activiteiten": activities}


def activity(entry: LogEntry) -> Json:
    employee = entry.employee
    actor = {"naam": employee.name, "actoridentificator": identifier(LOGGED_IN, employee.email)}
    return {
        "datum": entry.at.isoformat(),
        "type": entry.type,
        "omschrijving": entry.type,
        "actor": actor,
        "heeftBetrekkingOp": [identifier(*each) for each in entry.about],
        "notitie": entry.note,
    }
