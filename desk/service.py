"""The desk process: pages for employees, events from Postkamer, and a stream of changes."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import aiohttp
from aiohttp import web

from desk.conversation.answers import AnswerStore
from desk.conversation.reader import ConversationReader
from desk.conversation.reasons import ReasonStore
from desk.conversation.standard_answers import StandardAnswerStore
from desk.ended_rows import CLEARINGS, DAYS
from desk.inbox.alarms import AlarmStore
from desk.inbox.changed import CHANNEL
from desk.inbox.receiver import PATH as EVENTS_PATH
from desk.inbox.receiver import EventReceiver
from desk.inbox.store import ConversationStore
from desk.login.cookies import Cookies
from desk.login.provider import Client, Provider
from desk.login.sessions import SessionStore
from desk.pages.alarms import AlarmPages
from desk.pages.answers import AnswerPages
from desk.pages.archive.annotations import AnnotationPages
from desk.pages.archive.disclosures import DisclosurePages
from desk.pages.archive.documents import DocumentPages
from desk.pages.archive.exposures import ExposurePages
from desk.pages.archive.holds import HoldPages
from desk.pages.archive.lists import ListPages
from desk.pages.archive.people import PeoplePages
from desk.pages.archive.requests import RequestPages
from desk.pages.archive.search import SearchPages
from desk.pages.archive.views import ViewPages
from desk.pages.changes import ChangePages
from desk.pages.conversation import ConversationPages
from desk.pages.conversation_view import ConversationViews, Stores
from desk.pages.files import FilePages
from desk.pages.inbox import InboxPages
from desk.pages.language import LanguagePages
from desk.pages.login import ENDED_PATH, LoginRoutes
from desk.pages.management.destinations import DestinationPages
from desk.pages.management.figures import FigurePages
from desk.pages.management.rights import RightPages
from desk.pages.numbers import NumberPages
from desk.pages.rules import RulePages
from desk.pages.standard_answers import StandardAnswerPages
from desk.pages.templates import TemplatePages
from desk.pages.transcript import TranscriptPages
from desk.postkamer.archive import Archive
from desk.postkamer.client import PostkamerClient, client_session
from desk.postkamer.destinations import Destinations
from desk.postkamer.destruction import DestructionLists
from desk.postkamer.disclosures import DisclosureOffice
from desk.postkamer.figure_reader import FigureReader
from desk.postkamer.gateway import Gateway
from desk.postkamer.grants import GrantsReader
from desk.postkamer.holds import HoldOffice
from desk.postkamer.privacy import PrivacyOffice
from desk.postkamer.rules import Rules
from desk.web.assets import FOLDER, Assets
from desk.web.gate import Gate
from desk.web.journal import Journal
from desk.web.security import origin_of, page_headers, same_origin_only
from desk.web.site import Site
from desk.web.stream import Stream
from services import clock
from services.clearing import clear_periodically
from services.config.secret_files import LiveSettings, database_url, server_settings
from services.config.settings import DeskSettings, SettingsError
from services.http.application import operations_app, refuse_while
from services.http.server import ServerLimits, serve
from services.http.webhook_signature import key_of
from services.instance import session_name
from services.keys.working_keys import working_keys, working_masters
from services.lifecycle import first_failure
from services.postgres.channel import listen
from services.postgres.database import (
    SERVICE_SETTINGS,
    Pool,
    connection_pool,
    is_available,
)
from services.restoration.guard import RestorationGuard
from services.restoration.waiting_room import wait_until_compared
from services.sealing.key_ring import RING
from services.servers.certificate_watch import watch_servers
from services.tasks import background_task

POOL_SIZE = 10
"""PostgreSQL connections: a page takes three short questions, so that ten carry hundreds a second.
"""
CONNECTIONS = 1024
"""Connections open at once: a browser has six, and one more for each open page's stream."""
FORM_BYTES = 256 * 1024
"""Largest form: an answer of 4,096 characters, each of up to nine bytes in a form's writing."""
NO_DATABASE = "the database does not answer"
NO_KEYS = "there is no working key to seal with: the database has not answered for too long"


class Desk(NamedTuple):
    """The desk's application, the stream that must end before its server stops, and what uses
    secrets."""

    app: web.Application
    stream: Stream
    guard: RestorationGuard
    provider: Provider
    events: EventReceiver


@asynccontextmanager
async def desk(live: LiveSettings[DeskSettings]) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the desk until the context is left. The future ends only when a part fails."""
    settings, url = live.current, database_url(live)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        await enter(live.following())
        pool = await enter(connection_pool(url, session_name("desk"), POOL_SIZE, SERVICE_SETTINGS))
        keys = await enter(working_keys(pool, working_masters(settings)))
        await wait_until_compared(pool, settings.bind, settings.desk_ops_port, keys)
        http = await enter(client_session())
        built = build(settings, pool, http)

        async def obstacles() -> list[str]:
            missing = [] if await is_available(pool) else [NO_DATABASE]
            missing += [] if RING.ready.is_set() else [NO_KEYS]
            return missing + await built.guard.problems()

        live.use(partial(prepare_secrets, built))
        clear = await enter(background_task(clear_periodically(pool, CLEARINGS, DAYS)))
        channel = listen(
            url,
            CHANNEL,
            SERVICE_SETTINGS | {"application_name": session_name("desk hears")},
            on_notice=built.stream.hear,
            on_gap=built.stream.hear_gap,
        )
        hearing = await enter(background_task(channel))
        await enter(serve(operations_app(obstacles), settings.bind, settings.desk_ops_port))
        limits = ServerLimits(connections=CONNECTIONS)
        await enter(serve(built.app, settings.bind, settings.desk_port, limits=limits, shared=True))
        stack.callback(built.stream.close)
        shown = await enter(background_task(watch_servers(server_settings(live), live.environ)))
        yield first_failure(keys, live.task, clear, hearing, shown)


def build(settings: DeskSettings, pool: Pool, http: aiohttp.ClientSession) -> Desk:
    """Put the desk together."""
    own = settings.desk_url.rstrip("/")
    assets = Assets([FOLDER, *([Path(settings.desk_design)] if settings.desk_design else [])])
    site, cookies, sessions = Site(assets), Cookies(own), SessionStore(pool)
    secret = settings.desk_client_secret.get_secret_value()
    client = Client(settings.desk_client_id, secret, f"{own}/login/callback", settings.desk_scope)
    provider = Provider(http, settings.desk_issuer, client)
    front = PostkamerClient(http, "gateway", settings.gateway_url)
    gateway = Gateway(front)
    archiver = PostkamerClient(http, "archiver", settings.archiver_url)
    router = PostkamerClient(http, "router", settings.router_url)
    archive, store, alarms = Archive(archiver), ConversationStore(pool), AlarmStore(pool)
    journal = Journal(clock.new_id())
    gate = Gate(sessions, cookies, provider, gateway, site, journal)
    stream = Stream(gate, journal)
    standard = StandardAnswerStore(pool)
    stores = Stores(store, AnswerStore(pool), standard, ReasonStore(pool))
    views = ConversationViews(site, stores, ConversationReader(archive), gateway)
    answers = AnswerPages(gate, views, gateway)
    events = EventReceiver(store, signing_keys(settings))
    routes = [
        *LoginRoutes(gate, site, cookies, sessions, provider, gateway).routes(),
        *InboxPages(gate, site, store, alarms, gateway).routes(),
        *AlarmPages(gate, site, alarms, gateway).routes(),
        *ConversationPages(gate, views).routes(),
        *answers.routes(),
        *TemplatePages(gate, site, views, gateway, answers).routes(),
        *ChangePages(gate, views, gateway).routes(),
        *StandardAnswerPages(gate, site, standard).routes(),
        *RulePages(gate, site, Rules(router)).routes(),
        *FigurePages(gate, site, FigureReader(router), store).routes(),
        *RightPages(gate, site, GrantsReader(front), sessions).routes(),
        *DestinationPages(gate, site, Destinations(front)).routes(),
        *NumberPages(gate, site, gateway).routes(),
        *archive_routes(gate, site, archiver, archive, stores.reasons),
        *FilePages(gate, archiver, stores.reasons).routes(),
        *TranscriptPages(gate, site, archiver, stores.reasons).routes(),
        *LanguagePages(own).routes(),
        *stream.routes(),
        *assets.routes(),
        *events.routes(),
    ]
    guard = RestorationGuard(pool)
    return Desk(_application(settings, routes, gate, guard), stream, guard, provider, events)


def archive_routes(
    gate: Gate, site: Site, archiver: PostkamerClient, archive: Archive, reasons: ReasonStore
) -> list[web.RouteDef]:
    """Return the pages of the archivist and the privacy officer."""
    office, lists = PrivacyOffice(archiver), DestructionLists(archiver)
    holds, disclosures = HoldOffice(archiver), DisclosureOffice(archiver)
    return [
        *SearchPages(gate, site, archive, reasons).routes(),
        *PeoplePages(gate, site, office).routes(),
        *RequestPages(gate, site, office, lists).routes(),
        *ListPages(gate, site, lists).routes(),
        *ViewPages(gate, site, office).routes(),
        *ExposurePages(gate, site, office).routes(),
        *AnnotationPages(gate, site, office).routes(),
        *HoldPages(gate, site, holds).routes(),
        *DisclosurePages(gate, site, disclosures, archiver, reasons).routes(),
        *DocumentPages(gate, site, disclosures, archiver, reasons).routes(),
    ]


def _application(
    settings: DeskSettings, routes: list[web.RouteDef], gate: Gate, guard: RestorationGuard
) -> web.Application:
    headers = page_headers(settings.desk_issuer)
    exempt = frozenset({EVENTS_PATH, ENDED_PATH})

    async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
        for name, value in headers.items():
            response.headers.setdefault(name, value)

    app = web.Application(
        client_max_size=FORM_BYTES,
        middlewares=[
            refuse_while(guard.problems, gate.refuse),
            same_origin_only(origin_of(settings.desk_url), exempt),
            gate.middleware(),
        ],
    )
    app.on_response_prepare.append(add_headers)
    app.router.add_routes(routes)
    return app


def prepare_secrets(built: Desk, settings: DeskSettings) -> Callable[[], None]:
    """Prepare the keys that sign events, and the secret that the provider is shown."""
    keys, secret = signing_keys(settings), settings.desk_client_secret.get_secret_value()

    def apply() -> None:
        built.events.use_keys(keys)
        built.provider.use_secret(secret)

    return apply


def signing_keys(settings: DeskSettings) -> list[bytes]:
    """Return the keys that sign events. Raises SettingsError."""
    try:
        return [key_of(each.get_secret_value()) for each in settings.desk_secret]
    except ValueError as error:
        raise SettingsError([f"POSTKAMER_DESK_SECRET: {error}"]) from None
