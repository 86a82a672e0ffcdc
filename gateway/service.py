"""The gateway as a process: the broker, the database for its API, two ports."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

from gateway.api.command_store import Store
from gateway.api.message_routes import MessageRoutes
from gateway.api_docs.document import document
from gateway.intake import Intake, intake
from gateway.media.routes import Media
from gateway.media.upload_store import UploadStore
from gateway.webhook.endpoints import WebhookEndpoint, build_endpoints
from gateway.webhook.handler import PATH, ClientCertificate, Webhook
from services import clock
from services.amqp.connection import broker_connection
from services.amqp.partition_publisher import PartitionPublisher
from services.api import docs_page
from services.config.loader import LoadedConfig, load
from services.config.model import Configuration
from services.config.reload import watch_config
from services.config.settings import GatewaySettings
from services.files.object_store import ObjectStore
from services.http.application import Route, api_app, operations_app
from services.http.server import POST_HANDLERS, PUBLIC_CONNECTIONS, serve
from services.http.token_store import environment_tokens, run_token_store
from services.lifecycle import first_failure
from services.postgres.database import Pool, connection_pool
from services.tasks import background_task

POOL_SIZE = 8
"""Connections to PostgreSQL, for /v1/ alone."""


def opened(
    settings: GatewaySettings, config: Configuration, environ: Mapping[str, str]
) -> dict[str, WebhookEndpoint]:
    """The webhook's doors; SettingsError with every secret that is missing."""
    secrets = [secret.get_secret_value() for secret in settings.meta_app_secrets]
    return build_endpoints(config, secrets, settings.meta_verify_token.get_secret_value(), environ)


@asynccontextmanager
async def gateway(
    settings: GatewaySettings, choices: LoadedConfig, opened: Mapping[str, WebhookEndpoint]
) -> AsyncIterator["asyncio.Future[object]"]:
    """Runs until left; the future ends only when a part breaks."""
    config = choices.config
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        url = settings.database_url.get_secret_value()
        pool = await enter(connection_pool(url, "postkamer-gateway", POOL_SIZE))
        link = await enter(broker_connection(settings.amqp_url.get_secret_value(), "gateway"))
        door = await enter(
            intake(link, PartitionPublisher(link, clock.new_id(), config.partitions))
        )
        client = ClientCertificate(settings.meta_client_name_header, settings.meta_client_name)
        webhook = Webhook(door, opened, config, client)
        api, tasks = await enter(_api(settings, choices, pool, door))

        async def obstacles() -> list[str]:
            return link.obstacles()

        await enter(serve(operations_app(obstacles), settings.bind, settings.gateway_ops_port))
        app = api_app([*webhook.routes(), *api, *docs_page.routes(document)])
        app[POST_HANDLERS] = {PATH: webhook.receive}
        # The operations port is opened first, and not shared: a second gateway that was started by
        # mistake ends there.
        where = settings.bind, settings.gateway_port
        await enter(serve(app, *where, connections=PUBLIC_CONNECTIONS, shared=True))
        yield first_failure(link.task, *tasks, *door.tasks)


@asynccontextmanager
async def _api(
    settings: GatewaySettings, choices: LoadedConfig, pool: Pool, door: Intake
) -> AsyncIterator[tuple[list[Route], list["asyncio.Task[None]"]]]:
    """What CRMs may call, and the tasks that stand behind it."""
    uploads = UploadStore(pool)
    media = Media(uploads, ObjectStore(settings.object_store))
    async with (
        run_token_store(pool, environment_tokens(settings, choices.config)) as ring,
        background_task(media.sweep()) as sweep,
    ):
        api = MessageRoutes(door, Store(pool), uploads, choices.config, ring)

        async def take(new: LoadedConfig) -> None:
            api.reload(new.config)

        async with background_task(watch_config(settings.config, choices, load, take)) as followed:
            yield [*api.routes(), *media.routes(ring)], [ring.task, sweep, followed]
