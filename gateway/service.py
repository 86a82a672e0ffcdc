"""The gateway process: a broker connection, a database pool for the API, and two ports."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from typing import NamedTuple

from gateway.api.access_routes import AccessRoutes
from gateway.api.command_store import CommandStore
from gateway.api.message_routes import MessageRoutes
from gateway.api.template_routes import TemplateRoutes
from gateway.api.template_store import TemplateStore
from gateway.api_docs.document import document
from gateway.destinations.routes import DestinationRoutes
from gateway.ended_rows import CLEARINGS
from gateway.intake import Intake, run_intake
from gateway.media.routes import MediaRoutes
from gateway.media.upload_store import UploadStore
from gateway.memory import give_back_memory
from gateway.stops import StoppedNumbers, watch_stops
from gateway.webhook.endpoints import WebhookEndpoint, build_endpoints
from gateway.webhook.handler import PATH, ClientCertificate, Webhook
from services import clock, metrics
from services.amqp.connection import BrokerConnection, broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.api import docs_page
from services.clearing import clear_periodically
from services.config.loader import LoadedConfig, load_without_rules
from services.config.model import Configuration
from services.config.reload import ActiveVersion, watch_config
from services.config.secret_files import LiveSettings, amqp_url, server_settings
from services.config.settings import GatewaySettings
from services.files.object_store import ObjectStore
from services.http.application import Route, api_app, operations_app
from services.http.connection_counts import REFUSALS, UnprovenBounds
from services.http.server import POST_HANDLERS, PUBLIC_CONNECTIONS, ServerLimits, serve
from services.http.token_store import TokenStore, environment_tokens, run_token_store
from services.keys.working_keys import sealing_pool
from services.lifecycle import first_failure
from services.postgres.database import Pool
from services.postgres.taken_version import is_taken
from services.published_batches import published_batch_reports
from services.restoration.waiting_room import wait_until_compared
from services.sealing.key_ring import RING
from services.second_person.gate import VersionGate
from services.servers.certificate_watch import watch_servers
from services.tasks import background_task

NO_KEYS = "there is no working key to seal with: the database has not answered for too long"
JOIN_SECONDS = 3.0
"""Longest wait for the broker before the door opens: until then another gateway on this port takes
what comes. Without a broker each webhook is answered 503, which is told at once."""
POOL_SIZE = 8
"""Connections to PostgreSQL, for /v1/ and for what this process tells the others."""


def load_endpoints(
    settings: GatewaySettings, config: Configuration, environ: Mapping[str, str]
) -> dict[str, WebhookEndpoint]:
    """Build the webhook endpoints; SettingsError lists every secret that is missing."""
    secrets = [secret.get_secret_value() for secret in settings.meta_app_secrets]
    return build_endpoints(config, secrets, settings.meta_verify_token.get_secret_value(), environ)


@asynccontextmanager
async def gateway(
    live: LiveSettings[GatewaySettings],
    loaded: LoadedConfig,
    endpoints: Mapping[str, WebhookEndpoint],
) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the gateway while the context is open; the future ends only when a part fails."""
    settings, config = live.current, loaded.config
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        pool, keys = await enter(sealing_pool(live, "gateway", POOL_SIZE, config.partitions))
        await wait_until_compared(pool, settings.bind, settings.gateway_ops_port, keys)
        link = await enter(broker_connection(amqp_url(live), "gateway"))
        publisher = PartitionPublisher(link, clock.new_id(), config.partitions)
        report = await enter(published_batch_reports(pool, [publisher]))
        intake = await enter(run_intake(link, publisher))
        client = ClientCertificate(settings.meta_client_name_header, settings.meta_client_name)
        stopped, version = StoppedNumbers(), ActiveVersion(loaded)
        stops = await enter(watch_stops(pool, stopped, partial(_numbers, version)))
        webhook = Webhook(intake, endpoints, config, client, stopped)
        api = await enter(run_api(settings, config, pool, intake, stopped))
        follow = await enter(follow_config(live, version, webhook, api, pool))

        async def obstacles() -> list[str]:
            return link.obstacles() + ([] if RING.ready.is_set() else [NO_KEYS])

        operations = operations_app(obstacles, lambda: version.status)
        await enter(serve(operations, settings.bind, settings.gateway_ops_port))
        app = api_app(all_routes(webhook, api.routes))
        app[POST_HANDLERS] = {PATH: webhook.receive}
        # The operations port opens first and is not shared, so a second gateway that was started by
        # mistake fails there.
        address = settings.bind, settings.gateway_port
        limits = door_limits(settings)
        await wait_for_broker(link)
        await enter(serve(app, *address, limits=limits, shared=True))
        memory = await enter(background_task(give_back_memory()))
        watch = await enter(background_task(watch_servers(server_settings(live), live.environ)))
        own = link.task, keys, report, memory, stops, watch, live.task, follow
        yield first_failure(*own, *api.tasks, *intake.tasks)


async def wait_for_broker(link: BrokerConnection) -> None:
    """Wait for the first connection to the broker, but no longer than JOIN_SECONDS."""
    with suppress(TimeoutError):
        async with asyncio.timeout(JOIN_SECONDS):
            await link.connection()


def door_limits(settings: GatewaySettings) -> ServerLimits:
    """Return the bounds of the shared port, and show that none of them refused anything yet: to
    Prometheus a first refusal is no increase otherwise."""
    for bound in REFUSALS:
        metrics.door_refused.labels(bound=bound)
    strangers = UnprovenBounds(trusted=settings.trusted_proxies)
    return ServerLimits(connections=PUBLIC_CONNECTIONS, unproven=strangers)


def all_routes(webhook: Webhook, api: Sequence[Route]) -> list[Route]:
    """Return all that the gateway serves; the document describes each."""
    return [*webhook.routes(), *api, *docs_page.routes(document)]


def api_routes(
    access: AccessRoutes,
    messages: MessageRoutes,
    templates: TemplateRoutes,
    media: MediaRoutes,
    owners: DestinationRoutes,
    tokens: TokenStore,
) -> list[Route]:
    """Return what CRMs call."""
    return [
        *access.routes(),
        *messages.routes(),
        *templates.routes(),
        *media.routes(tokens),
        *owners.routes(),
    ]


def _numbers(version: ActiveVersion) -> list[str]:
    return [each.id for each in version.loaded.config.numbers]


class Api(NamedTuple):
    """The API that CRMs call, while it runs."""

    routes: list[Route]
    ring: TokenStore
    tasks: list["asyncio.Task[None]"]
    reload: Callable[[Configuration], None]
    """Has the routes and the tokens use a configuration from the next request on."""


@asynccontextmanager
async def run_api(
    settings: GatewaySettings,
    config: Configuration,
    pool: Pool,
    intake: Intake,
    stopped: StoppedNumbers,
) -> AsyncIterator[Api]:
    """Yield the API of CRMs, with the background tasks that it needs."""
    uploads = UploadStore(pool)
    media = MediaRoutes(uploads, ObjectStore(settings.object_store), stopped)
    async with (
        run_token_store(pool, environment_tokens(settings, config), config) as ring,
        background_task(media.sweep()) as sweep,
        background_task(clear_periodically(pool, CLEARINGS, config.terms.model_dump())) as clear,
    ):
        access = AccessRoutes(config, ring)
        api = MessageRoutes(intake, CommandStore(pool), uploads, config, ring, stopped)
        templates = TemplateRoutes(TemplateStore(pool), config, ring)
        owners = DestinationRoutes(pool, config, ring, stopped)

        def reload(new: Configuration) -> None:
            for each in (access, api, templates, owners, ring):
                each.reload(new)

        routes = api_routes(access, api, templates, media, owners, ring)
        yield Api(routes, ring, [ring.task, sweep, clear], reload)


@asynccontextmanager
async def follow_config(
    live: LiveSettings[GatewaySettings],
    version: ActiveVersion,
    webhook: Webhook,
    api: Api,
    pool: Pool,
) -> AsyncIterator["asyncio.Task[None]"]:
    """Follow the configuration and the files of secrets; yield the task of the former. A version
    counts for webhooks and for the API at once."""
    prepare = partial(prepare_secrets, live.environ, version, webhook, api.ring)
    live.use(prepare)

    async def activate(new: LoadedConfig) -> None:
        settings, config = live.current, new.config
        endpoints = await asyncio.to_thread(load_endpoints, settings, config, live.environ)
        webhook.reload(config, endpoints)
        api.reload(config)
        live.use(partial(prepare))  # secrets that are being read now are for the former version

    watch = watch_config(
        live.current.config,
        load_without_rules,
        activate,
        VersionGate(pool, version),
        may_take=partial(is_taken, pool),
    )
    async with background_task(watch) as task:
        yield task


def prepare_secrets(
    environ: Mapping[str, str],
    version: ActiveVersion,
    webhook: Webhook,
    ring: TokenStore,
    settings: GatewaySettings,
) -> Callable[[], None]:
    """Prepare what changed secrets open: webhooks, Meta's handshake and the API."""
    config = version.loaded.config
    endpoints = load_endpoints(settings, config, environ)
    tokens = environment_tokens(settings, config)

    def apply() -> None:
        webhook.use_endpoints(endpoints)
        ring.use_environment(tokens)

    return apply
