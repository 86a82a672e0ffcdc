"""The witness process. It needs its folder and a list of logs, and nothing else of ours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from services.http.application import api_app, operations_app
from services.http.server import serve
from services.lifecycle import first_failure
from witness.key_file import load_key
from witness.known_logs import load_logs
from witness.routes import WitnessRoutes
from witness.signed_state import SignedState, locked


class WitnessOptions(msgspec.Struct, frozen=True):
    folder: Path
    logs: Path
    bind: str
    port: int
    ops_port: int


@asynccontextmanager
async def witness(options: WitnessOptions) -> AsyncIterator["asyncio.Future[object]"]:
    """Run the witness until the context is left; nothing of it ends by itself. Raises KeyUnusable
    or LogsUnusable."""
    async with run_witness(options):
        yield first_failure()


@asynccontextmanager
async def run_witness(options: WitnessOptions) -> AsyncIterator[int]:
    """Run the witness and yield its port. Raises KeyUnusable or LogsUnusable."""
    key, logs = load_key(options.folder), load_logs(options.logs)
    async with AsyncExitStack() as stack:
        stack.enter_context(locked(options.folder))
        state = SignedState(options.folder, key, logs)
        ops = operations_app(_find_obstacles)
        await stack.enter_async_context(serve(ops, options.bind, options.ops_port))
        app = api_app(WitnessRoutes(logs, state).routes())
        yield await stack.enter_async_context(serve(app, options.bind, options.port))


async def _find_obstacles() -> list[str]:
    """Return nothing: one that has started is ready."""
    return []
