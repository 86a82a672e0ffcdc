"""ITA's logbook of a task, in the Objecten API: who forwarded or reopened it, and why.

Open Klant shows neither. ITA writes an entry some time after the change, so the newest one may be
about an earlier change: it counts only if it names the actors that the task has now.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Annotated, NamedTuple
from urllib.parse import urlencode
from uuid import UUID

import msgspec
import structlog

from deliverer.destinations.citizen_text import clean, shorten
from deliverer.destinations.openklant.client import Json, Sender

ASSIGNMENTS = frozenset({"doorsturen", "toegewezen"})
"""Types of entries that give a task to other actors."""
CLOSING = "verwerkt"
REOPENINGS = frozenset({"heropend", CLOSING})
"""Types of entries about the status of a task. A newest one that is a closing says nothing about
the reopening that we found."""
MAX_AUTHOR, MAX_NOTE = 255, 1000
"""Longest author that the API takes for a command, and longest note; ITA limits neither."""
COORDINATES = {"Accept-Crs": "EPSG:4326"}
"""Coordinate system of places, which the Objecten API may want to be told."""
TWO = "2"
"""Logbooks that are asked for: with a second one it is not known which of them ITA means."""

log = structlog.get_logger()


class ObjectsApi(NamedTuple):
    """The Objecten API of a destination, and the token that may read its logbooks there."""

    sender: Sender
    url: str
    token: Callable[[], str]
    """Returns the token of now."""


class LogEntry(NamedTuple):
    """Author of an entry, and the note; '' if not known."""

    author: str = ""
    note: str = ""


UNKNOWN = LogEntry()


class Identifier(msgspec.Struct, frozen=True, rename="camel"):
    object_id: str


class EntryActor(msgspec.Struct, frozen=True):
    actoridentificator: Identifier


class Activity(msgspec.Struct, frozen=True, rename="camel"):
    """Entry of a logbook as ITA writes it; `heeft_betrekking_op` has the new actors."""

    datum: Annotated[datetime, msgspec.Meta(tz=True)]
    type: str
    actor: EntryActor | None = None
    heeft_betrekking_op: list[Identifier] | None = None
    notitie: str | None = None


class LogbookData(msgspec.Struct, frozen=True, rename="camel"):
    heeft_betrekking_op: Identifier
    activiteiten: list[Activity]


class Record(msgspec.Struct, frozen=True):
    data: LogbookData


class FoundObject(msgspec.Struct, frozen=True):
    record: Record


class Page(msgspec.Struct, frozen=True):
    results: list[FoundObject]


class Logbook:
    """Reader of the logbooks of one round. Without an API, nothing is known."""

    def __init__(self, destination: str, api: ObjectsApi | None) -> None:
        self._destination, self._api = destination, api
        self._is_logged = False

    async def find_entry(
        self, task: UUID, types: Collection[str], actors: Collection[str] = ()
    ) -> LogEntry:
        """Return the entry of the change that was just found. An API that does not answer is not
        asked again in this round: it would delay each change by its time-out."""
        if self._api is None:
            return UNKNOWN
        sender, url, token = self._api
        filters = {"data_attr": f"heeftBetrekkingOp__objectId__exact__{task}", "pageSize": TWO}
        headers = {"Authorization": f"Token {token()}", "Accept": "application/json"} | COORDINATES
        address = f"{url.rstrip('/')}/objects?{urlencode(filters)}"
        answer = await sender.request("GET", address, b"", headers)
        if answer.status != 200:
            self._api = None
            return self._on_failure(answer.status)
        activities = read_logbook(answer.body, task)
        if activities is None:
            return self._on_failure(answer.status)
        return pick_entry(activities, types, actors)

    def _on_failure(self, status: int) -> LogEntry:
        if not self._is_logged:
            log.warning("openklant.logbook", destination=self._destination, status=status)
        self._is_logged = True
        return UNKNOWN


def read_logbook(body: bytes, task: UUID) -> list[Activity] | None:
    """Return the entries of the logbook of a task; None unless there is exactly one."""
    try:
        found = msgspec.json.decode(body, type=Page).results
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if len(found) != 1 or found[0].record.data.heeft_betrekking_op.object_id != str(task):
        return None
    return found[0].record.data.activiteiten


def pick_entry(
    activities: Iterable[Activity], types: Collection[str], actors: Collection[str]
) -> LogEntry:
    """Return the newest entry of these types, if it is about these actors."""
    chosen = sorted((one for one in activities if one.type in types), key=lambda one: one.datum)
    if not chosen or chosen[-1].type == CLOSING:
        return UNKNOWN
    newest = chosen[-1]
    if not {one.object_id for one in newest.heeft_betrekking_op or ()} <= set(actors):
        return UNKNOWN
    author = clean(newest.actor.actoridentificator.object_id) if newest.actor else ""
    is_usable = len(author) <= MAX_AUTHOR
    return LogEntry(author if is_usable else "", shorten(clean(newest.notitie or ""), MAX_NOTE))


def actor_names(actors: Iterable[Json]) -> frozenset[str]:
    """Return the ids by which an entry names these actors: ITA gives the one in Open Klant for an
    employee who takes a task, and the one in the register for whom it is forwarded to."""
    ids: set[str] = set()
    for actor in actors:
        identifier = actor.get("actoridentificator") or {}
        ids |= {str(actor.get("uuid") or ""), str(identifier.get("objectId") or "")}
    return frozenset(ids)
