"""Routes of destruction lists. A token sees the lists of which it reaches every department."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, get_args

import msgspec
from aiohttp import web

from archiver.api.access_log import VIEWER, AccessLog
from archiver.api.viewer import EMPLOYEE
from archiver.destruction.declaration_store import find_declaration
from archiver.destruction.destruction_list import (
    DestructionList,
    ItemState,
    ListEvent,
    ListItem,
    ListRefused,
    Step,
)
from archiver.destruction.handling import (
    MEMBERS,
    draw_due,
    draw_erasure,
    spare,
    term_rules,
    zero_day_rules,
)
from archiver.destruction.list_store import ItemFilter, ListStore, Sparing
from archiver.privacy.archive import PrivacyArchive
from archiver.privacy.lists.orders import DRAW, SPARE, STEP, DrawList, SpareItems, TakeStep
from archiver.privacy.printer import print_declaration
from archiver.privacy.request_routes import (
    NO_REQUEST,
    answered,
    invalid_parameter,
    read_order,
)
from archiver.subject_access.requests.store import RequestStore
from services import clock
from services.api.json_body import FieldError
from services.api.request_body import Refused, bad_request
from services.calendar.opening_hours import day_of
from services.http.bearer_auth import Handler, require_token
from services.http.problems import json_response, problem_response
from services.http.rights import Rights, Role
from services.http.token_store import TokenStore
from services.ids import CONVERSATION
from services.postgres.database import Connection
from services.printing.typesetter import Unprintable

PATH = "/v1/destruction-lists"
ONE = f"{PATH}/{{id}}"
ERASE = "/v1/requests/{id}/_erase"
READERS: tuple[Role, ...] = ("records", "archivist")
STEPS: dict[str, tuple[Step, tuple[Role, ...]]] = {
    "_review": ("reviewed", ("records",)),
    "_return": ("drawn", READERS),
    "_approve": ("approved", ("archivist",)),
    "_withdraw": ("withdrawn", READERS),
}
"""End of a path -> its step, and the roles of which a token needs one."""
OPEN = "open"
STEP_EVENTS = ("drawn", "reviewed", "returned", "approved", "withdrawn", "begun", "destroyed")
"""Events that are shown as steps of a list; those of one conversation are with that."""
PAGE = 100
"""Conversations on a page, which a person looks through."""
FILTERS = ("department", "code", "state")
NO_LIST = "there is no such list"
NO_DECLARATION = "there is no declaration: nothing of the list was destroyed yet"
NOT_ALL = "this token has not the role 'records' for every department, confidential ones too"
INVALID_STATE = f"must be {OPEN}"
INVALID_AFTER = "must be the `next` of a page"
INVALID_ITEM_STATE = f"must be one of {', '.join(get_args(ItemState))}"
Read = Callable[[str], Awaitable[DestructionList | None]]
DISPOSITION = 'attachment; filename="{}.pdf"'


class ListRoutes:
    def __init__(self, archive: PrivacyArchive, views: AccessLog, tokens: TokenStore) -> None:
        self._archive, self._views, self._tokens = archive, views, tokens

    def routes(self) -> list[web.RouteDef]:
        def read(path: str, handler: Handler) -> web.RouteDef:
            admitted = require_token(_refusing(handler), self._tokens, *READERS)
            return web.get(path, admitted, allow_head=False)

        def change(path: str, handler: Handler, *roles: Role) -> web.RouteDef:
            needed = frozenset({EMPLOYEE})
            identified = self._views.identified(_refusing(handler), lambda rights: needed)
            return web.post(path, require_token(identified, self._tokens, *roles))

        return [
            read(PATH, self.list_lists),
            change(PATH, self.draw, "records"),
            read(ONE, self.show),
            read(f"{ONE}/items", self.items),
            *(
                change(f"{ONE}/{end}", self._taking(step), *roles)
                for end, (step, roles) in STEPS.items()
            ),
            change(f"{ONE}/_spare", self.spare, "records"),
            read(f"{ONE}/declaration", self.declaration),
            read(f"{ONE}/declaration/pdf", self.print),
            change(ERASE, self.erase, "privacy"),
        ]

    async def list_lists(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/destruction-lists?state=."""
        states = request.query.getall("state", [])
        if states not in ([], [OPEN]):
            return invalid_parameter("state", INVALID_STATE)
        async with self._archive.transaction() as connection:
            store = ListStore(connection, self._archive.keys)
            lists = await store.lists(rights.tenant, only_open=bool(states))
            lists = await self._reached(store, lists, rights)
            counts = await store.counts_of([each.id for each in lists])
        return json_response({"lists": [_summary(each, counts[each.id]) for each in lists]})

    async def draw(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/destruction-lists with a list of what is due."""
        order: DrawList = await read_order(request, DRAW)
        if not self._archive.reaches_all(rights):
            return problem_response(403, "Forbidden", NOT_ALL)
        now, by = clock.now(), request[VIEWER].employee
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            config, up_to = self._archive.config, order.up_to or day_of(now)
            rules = (zero_day_rules if order.zero_days else term_rules)(config, rights.tenant)
            drawn = await draw_due(store, rules, rights.tenant, by, up_to, now)
            return await self._created(store, drawn)

    async def erase(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/requests/{id}/_erase with a list of what is left of the person."""
        now, by = clock.now(), request[VIEWER].employee
        async with self._archive.transaction() as connection:
            requests = RequestStore(connection, self._archive.keys)
            asked = await requests.lock_request(request.match_info["id"])
            if asked is None or asked.tenant != rights.tenant:
                return problem_response(404, "Not Found", NO_REQUEST)
            store = self._store(connection, rights)
            drawn = await draw_erasure(store, self._archive.config, asked, by, now)
            return await self._created(store, drawn)

    async def show(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/destruction-lists/{id}."""
        async with self._archive.transaction() as connection:
            store = ListStore(connection, self._archive.keys)
            found = await self._find(store.find, store, request, rights)
            body = _summary(found, await store.counts(found.id)) | {
                "steps": [_step(at, each) for at, each in _steps(await store.events(found))],
                "groups": await store.groups(found.id),
            }
        return json_response(body)

    async def items(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/destruction-lists/{id}/items with a page."""
        after, chosen = request.query.get("after", ""), _filter(request.query)
        if after and not CONVERSATION.fullmatch(after):
            return invalid_parameter("after", INVALID_AFTER)
        if chosen is None:
            return invalid_parameter("state", INVALID_ITEM_STATE)
        async with self._archive.transaction() as connection:
            store = ListStore(connection, self._archive.keys)
            found = await self._find(store.find, store, request, rights)
            items = await store.items(found.id, after, PAGE + 1, chosen)
        page, has_more = items[:PAGE], len(items) > PAGE
        last = page[-1].conversation if has_more else None
        return json_response({"items": [_item(each) for each in page], "next": last})

    def _taking(self, step: Step) -> Handler:
        async def take(request: web.Request, rights: Rights) -> web.Response:
            order: TakeStep = await read_order(request, STEP)
            by, text = request[VIEWER].employee, order.text or ""
            async with self._archive.transaction() as connection:
                store = self._store(connection, rights)
                found = await self._find(store.lock, store, request, rights)
                changed = await store.step(found, step, by, text, clock.now())
                counts = await store.counts(found.id)
            return json_response(_summary(changed, counts))

        return take

    async def spare(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer POST /v1/destruction-lists/{id}/_spare."""
        order: SpareItems = await read_order(request, SPARE)
        sparing = Sparing(order.reason, order.text or "", order.until)
        by, now = request[VIEWER].employee, clock.now()
        async with self._archive.transaction() as connection:
            store = self._store(connection, rights)
            found = await self._find(store.lock, store, request, rights)
            await spare(store, found, order.conversations, sparing, by, now)
            counts = await store.counts(found.id)
        return json_response(_summary(found, counts))

    async def declaration(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/destruction-lists/{id}/declaration."""
        async with self._archive.transaction() as connection:
            entry, document = await self._declaration(connection, request, rights)
        return json_response({"entry": entry, "declaration": msgspec.Raw(document.encode())})

    async def print(self, request: web.Request, rights: Rights) -> web.Response:
        """Answer GET /v1/destruction-lists/{id}/declaration/pdf."""
        async with self._archive.transaction() as connection:
            entry, document = await self._declaration(connection, request, rights)
        try:
            printed = await print_declaration(document, entry)
        except Unprintable as error:
            code = str(error).partition(":")[0]
            return problem_response(409, "Conflict", str(error), code=code)
        disposition = DISPOSITION.format(request.match_info["id"])
        headers = {"Content-Type": "application/pdf", "Content-Disposition": disposition}
        return web.Response(body=printed, headers=headers)

    async def _declaration(
        self, connection: Connection, request: web.Request, rights: Rights
    ) -> tuple[str, str]:
        store = ListStore(connection, self._archive.keys)
        found = await self._find(store.find, store, request, rights)
        declared = await find_declaration(connection, found.id)
        if declared is None:
            raise Refused(problem_response(404, "Not Found", NO_DECLARATION))
        return str(declared.entry), declared.document

    async def _created(self, store: ListStore, drawn: DestructionList) -> web.Response:
        body = _summary(drawn, await store.counts(drawn.id))
        return json_response(body, HTTPStatus.CREATED, {"Location": f"{PATH}/{drawn.id}"})

    def _store(self, connection: Connection, rights: Rights) -> ListStore:
        return ListStore(connection, self._archive.keys, rights.identified)

    async def _find(
        self, read: Read, store: ListStore, request: web.Request, rights: Rights
    ) -> DestructionList:
        found = await read(request.match_info["id"])
        if found is None or not await self._reached(store, [found], rights):
            raise Refused(problem_response(404, "Not Found", NO_LIST))
        return found

    async def _reached(
        self, store: ListStore, lists: Sequence[DestructionList], rights: Rights
    ) -> list[DestructionList]:
        """Return the lists of which the token reaches every department."""
        departments = await store.departments([each.id for each in lists])
        is_whole = self._archive.reaches_all(rights)
        return [
            each
            for each in lists
            if each.tenant == rights.tenant
            and (is_whole or all(map(rights.handles, departments[each.id])))
        ]


def _refusing(handler: Handler) -> Handler:
    """Wrap a handler, so that a refused step is an answer."""

    async def answer(request: web.Request, rights: Rights) -> web.StreamResponse:
        try:
            return await handler(request, rights)
        except ListRefused as refused:
            if refused.code in MEMBERS:
                return bad_request([FieldError(f"/{refused.code}", str(refused))])
            return problem_response(409, "Conflict", str(refused), code=refused.code)

    return answered(answer)


def _filter(query: Mapping[str, str]) -> ItemFilter | None:
    """Return the criteria in a query; None if a state is none. Pure."""
    try:
        return msgspec.convert({name: query.get(name) for name in FILTERS}, ItemFilter)
    except msgspec.ValidationError:
        return None


def _summary(found: DestructionList, counts: Mapping[str, int]) -> dict[str, Any]:
    members = msgspec.structs.asdict(found)
    waiting = members.pop("waiting")
    del members["tenant"], members["is_joined"]
    return {_camel(name): value for name, value in members.items()} | {
        "waitingDays": waiting.total_seconds() / 86_400,
        "destroyedFrom": found.destroyed_from,
        "counts": counts,
    }


def _steps(events: Iterable[tuple[Any, ListEvent]]) -> Iterable[tuple[Any, ListEvent]]:
    return (each for each in events if each[1].event in STEP_EVENTS)


def _step(at: Any, event: ListEvent) -> dict[str, Any]:
    names = ("event", "by", "identified", "conversations", "text")
    return {"at": at} | {name: getattr(event, name) for name in names}


def _item(item: ListItem) -> dict[str, Any]:
    return {_camel(name): value for name, value in msgspec.structs.asdict(item).items()}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
