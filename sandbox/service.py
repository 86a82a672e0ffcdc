"""The sandbox as a service: Meta, CRMs, telephones and desks behind one address."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from random import Random

import aiohttp
import msgspec
from aiohttp import web

from sandbox import organisation, page_server
from sandbox.crm.contact_centre import Centre
from sandbox.crm.dataref_fetcher import Contents
from sandbox.crm.desk import Desk
from sandbox.crm.postkamer_client import Asking
from sandbox.crm.receiver import Crm
from sandbox.event_stream import Stream
from sandbox.meta import webhook_sender
from sandbox.meta.graph_api import Graph
from sandbox.meta.handsets import Handsets
from sandbox.meta.media_routes import Attachments
from sandbox.meta.media_store import Media
from sandbox.meta.number_directory import Numbers
from sandbox.meta.number_move_routes import Carriers
from sandbox.meta.webhook_sender import Meta
from sandbox.meta.world import World
from sandbox.openklant.control import Control
from sandbox.organisation import Carrier, Town
from sandbox.phone.routes import Phone
from sandbox.settings import SandboxSettings
from services import clock
from services.config import loader
from services.http.application import api_app
from services.http.problems import problem_response
from services.http.server import PUBLIC_CONNECTIONS, serve
from services.lifecycle import first_failure
from services.tasks import background_task


class Running(msgspec.Struct, frozen=True):
    url: str
    broken: "asyncio.Future[object]"
    """Ends only when a part breaks."""


@asynccontextmanager
async def sandbox(settings: SandboxSettings) -> AsyncIterator["asyncio.Future[object]"]:
    """The sandbox as `lifecycle.run` wants it."""
    async with running(settings) as started:
        yield started.broken


@asynccontextmanager
async def running(settings: SandboxSettings) -> AsyncIterator[Running]:
    """The sandbox, and where it listens; ConfigError for a postkamer.toml with faults."""
    shown = (
        organisation.of(loader.load(settings.config).config)
        if settings.config
        else organisation.EXAMPLE
    )
    async with webhook_sender.session() as http:
        world = make(settings, shown, http)
        asking = Asking(settings, http)
        contents = Contents(asking, stream=world.stream)
        crm = Crm(settings.crm_secret, stream=world.stream, contents=contents)
        desk = Desk(asking, stream=world.stream)
        graph = Graph(world)
        desks = [*desk.routes(), *Centre(asking).routes()]
        register = Control(settings.openklant_token)
        crms = [*crm.routes(), *register.routes()]
        routes = [*graph.routes(), *crms, *desks, *others(world)]
        app = api_app(routes)
        app.middlewares.append(own_pages_only)
        async with (
            serve(app, settings.bind, settings.port, connections=PUBLIC_CONNECTIONS) as port,
            background_task(world.meta.run()) as telling,
            background_task(desk.watch()) as watching,
            background_task(contents.fetch()) as fetching,
        ):
            broken = first_failure(telling, watching, fetching)
            try:
                yield Running(f"http://{settings.bind}:{port}", broken)
            finally:
                graph.close()
                crm.close()
                register.close()
                world.stream.close()


def make(settings: SandboxSettings, shown: Town, http: aiohttp.ClientSession) -> World:
    url = settings.gateway_url + "/webhooks/whatsapp"
    secrets: dict[Carrier, str] = {
        "meta": settings.app_secret,
        "360dialog": settings.platform_secret,
    }
    chance = Random(settings.seed)
    return World(
        settings=settings,
        town=shown,
        numbers=Numbers(shown),
        meta=Meta(http, url=url, secrets=secrets),
        stream=Stream(clock.new_id().hex[-12:]),
        handsets=Handsets(),
        media=Media(chance),
        chance=chance,
    )


def others(world: World) -> list[web.RouteDef]:
    """The phones, their files at Meta's, the page and the stream."""
    found = page_server.files()
    return [
        *Attachments(world).routes(),
        *Carriers(world).routes(),
        *Phone(world, page_server.samples(found)).routes(),
        *page_server.routes(world.town, found),
        web.get("/stream", world.stream.listen),
    ]


@web.middleware
async def own_pages_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """No other site may use the sandbox through somebody's browser."""
    if request.headers.get("Sec-Fetch-Site", "none") not in {"none", "same-origin"}:
        return problem_response(403, "only the sandbox's own page may ask this")
    return await handler(request)
