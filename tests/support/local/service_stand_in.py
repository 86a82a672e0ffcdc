"""A stand-in for the `postkamer` command: logs in where it is sent and answers that it is ready.

    migrate | topology declare | sandbox | desk | archiver | deliverer | router | gateway

GET /end makes a service end by itself, as a crash would.
"""

import asyncio
import os
import signal
import sys

import aiormq
import asyncpg
from aiohttp import web

ROLES = ("gateway", "router", "deliverer", "archiver", "desk")
PORTS = {name: f"POSTKAMER_{name.upper()}_OPS_PORT" for name in ROLES} | {
    "sandbox": "POSTKAMER_SANDBOX_PORT"
}


async def migrate() -> None:
    connection = await asyncpg.connect(os.environ["POSTKAMER_DATABASE_URL"])
    known = {row["rolname"] for row in await connection.fetch("select rolname from pg_roles")}
    for role in (f"postkamer_{name}" for name in ROLES):
        if role not in known:
            await connection.execute(f"create role {role} nologin")
    await connection.close()


async def log_in(name: str) -> None:
    connection = await asyncpg.connect(os.environ["POSTKAMER_DATABASE_URL"])
    if name != "desk":  # a CRM, which knows no broker
        broker = await aiormq.connect(os.environ["POSTKAMER_AMQP_URL"])
        await broker.close()
    print("logged in as", await connection.fetchval("select current_user"), flush=True)
    await connection.close()


async def serve(name: str) -> None:
    if name != "sandbox":
        await log_in(name)

    async def ready(_: web.Request) -> web.Response:
        return web.Response(text="ready")

    async def end(_: web.Request) -> web.Response:
        print("the last words of", name, flush=True)
        os._exit(7)

    app = web.Application()
    app.router.add_get("/" if name == "sandbox" else "/health/ready", ready)
    app.router.add_get("/end", end)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", int(os.environ[PORTS[name]])).start()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    await runner.cleanup()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["migrate"]:
            asyncio.run(migrate())
        case ["topology", "declare"]:
            print("declared", flush=True)
        case [name]:
            asyncio.run(serve(name))
