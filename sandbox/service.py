"""The sandbox as a service: Meta, CRMs, phones, desks and an identity provider, at one address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import msgspec
from aiohttp import web

from sandbox import organisation, page_server
from sandbox.crm.contact_centre import ContactCentre
from sandbox.crm.dataref_fetcher import DatarefFetcher
from sandbox.crm.desk import Desk
from sandbox.crm.postkamer_client import PostkamerClient
from sandbox.crm.receiver import CrmReceiver
from sandbox.event_stream import EventStream
from sandbox.identity.client import Client
from sandbox.identity.routes import ENTRANCES, IdentityRoutes
from sandbox.ita.routes import ItaRoutes
from sandbox.meta import webhook_sender
from sandbox.meta.graph_api import GraphApi
from sandbox.meta.handsets import Handsets
from sandbox.meta.health_routes import HealthRoutes
from sandbox.meta.media_routes import MediaRoutes
from sandbox.meta.media_store import MediaStore
from sandbox.meta.message_templates import TemplatesOfAll
from sandbox.meta.number_directory import NumberDirectory
from sandbox.meta.number_health import HealthOfAll
from sandbox.meta.number_move_routes import NumberMoveRoutes
from sandbox.meta.template_routes import TemplateRoutes
from sandbox.meta.webhook_sender import WebhookSender
from sandbox.meta.world import World
from sandbox.openklant.control import Control
from sandbox.organisation import Carrier, Town
from sandbox.phone.routes import Phone
from sandbox.rules_watch import RulesWatch
from sandbox.settings import SandboxSettings
from services import clock
from services.config import loader
from services.http.application import api_app
from services.http.problems import problem_response
from services.http.server import PUBLIC_CONNECTIONS, ServerLimits, serve
from services.lifecycle import first_failure
from services.tasks import background_task


class RunningSandbox(msgspec.Struct, frozen=True):
    url: str
    broken: "asyncio.Future[object]"
    """Done only when a part fails."""


@asynccontextmanager
async def sandbox(settings: SandboxSettings) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the sandbox in the form that `lifecycle.run` expects."""
    async with run_sandbox(settings) as started:
        yield started.broken


@asynccontextmanager
async def run_sandbox(settings: SandboxSettings) -> AsyncIterator[RunningSandbox]:
    """Run the sandbox and yield its address; ConfigError for a postkamer.toml with faults."""
    town = (
        organisation.from_config(loader.load(settings.config).config, settings.desk_url)
        if settings.config
        else organisation.EXAMPLE
    )
    async with webhook_sender.session() as http:
        world = make_world(settings, town, http)
        client = PostkamerClient(settings, http)
        fetcher = DatarefFetcher(client, stream=world.stream)
        crm = CrmReceiver(settings.crm_secret, stream=world.stream, fetcher=fetcher)
        desk = Desk(client, stream=world.stream)
        graph = GraphApi(world)
        desks = [*desk.routes(), *ContactCentre(client).routes()]
        ita = ItaRoutes(http, settings.openklant_token, town.departments)
        openklant = Control(settings.openklant_token, settings.openklant_version)
        crms = [*crm.routes(), *openklant.routes(), *ita.routes()]
        addresses = [address for _, address in settings.ops_urls]
        rules = RulesWatch(http, addresses, settings.config, world.stream)
        people = make_identity(settings, http).routes()
        routes = [*graph.routes(), *crms, *desks, *people, *other_routes(world)]
        app = api_app(routes)
        app.middlewares.append(own_pages_only)
        async with (
            serve(
                app,
                settings.bind,
                settings.port,
                limits=ServerLimits(connections=PUBLIC_CONNECTIONS),
            ) as port,
            background_task(desk.watch()) as desk_task,
            background_task(fetcher.run()) as fetch_task,
            background_task(rules.run()) as rules_task,
        ):
            broken = first_failure(desk_task, fetch_task, rules_task)
            try:
                yield RunningSandbox(f"http://{settings.bind}:{port}", broken)
            finally:
                graph.close()
                crm.failures.release()
                openklant.failures.release()
                world.stream.close()
                world.webhooks.close()


def make_world(settings: SandboxSettings, town: Town, http: aiohttp.ClientSession) -> World:
    url = settings.gateway_url + "/webhooks/whatsapp"
    secrets: dict[Carrier, str] = {
        "meta": settings.app_secret,
        "360dialog": settings.platform_secret,
    }
    chance = Random(settings.seed)
    return World(
        settings=settings,
        town=town,
        numbers=NumberDirectory(town),
        webhooks=WebhookSender(http, url=url, secrets=secrets),
        stream=EventStream(clock.new_id().hex[-12:]),
        handsets=Handsets(),
        media=MediaStore(chance),
        health=HealthOfAll(),
        templates=TemplatesOfAll(),
        chance=chance,
    )


def make_identity(settings: SandboxSettings, http: aiohttp.ClientSession) -> IdentityRoutes:
    desk = Client(settings.desk_client_id, settings.desk_client_secret, settings.desk_url)
    return IdentityRoutes(http, desk, settings.token_seconds)


def other_routes(world: World) -> list[web.RouteDef]:
    """Return the routes of the phones, the files at Meta, the page and the stream."""
    files = page_server.load_files()
    media = MediaRoutes(world)
    return [
        *HealthRoutes(world, media.describe).routes(),  # before the files, whose ids are any word
        *TemplateRoutes(world).routes(),
        *media.routes(),
        *NumberMoveRoutes(world).routes(),
        *Phone(world, page_server.list_samples(files)).routes(),
        *page_server.routes(world.town, files),
        web.get("/stream", world.stream.listen),
    ]


@web.middleware
async def own_pages_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refuse requests that another site makes through the user's browser."""
    is_foreign = request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}
    if is_foreign and not enters(request):
        return problem_response(403, "only the sandbox's own page may ask this")
    return await handler(request)


def enters(request: web.Request) -> bool:
    """Return True if a browser goes to the identity provider as a whole, as a client sends it."""
    asked = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    is_navigation = request.method == "GET" and asked == ("navigate", "document")
    return is_navigation and request.path in ENTRANCES
