"""A stand-in for the `postkamer` command: logs in where it is sent and answers that it is ready.

    migrate | topology declare | sandbox | desk | archiver | deliverer | router | gateway

It is started often, and imports little. GET /end makes a service end by itself, as a crash would.
"""

import asyncio
import os
import signal
import sys

import aiormq
import asyncpg

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
    ready = "/" if name == "sandbox" else "/health/ready"

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode()
        if path == "/end":
            print("the last words of", name, flush=True)
            os._exit(7)
        status = "200 OK" if path == ready else "404 Not Found"
        writer.write(f"HTTP/1.0 {status}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", int(os.environ[PORTS[name]]))
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    await stop.wait()
    server.close()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["migrate"]:
            asyncio.run(migrate())
        case ["topology", "declare"]:
            print("declared", flush=True)
        case [name]:
            asyncio.run(serve(name))
