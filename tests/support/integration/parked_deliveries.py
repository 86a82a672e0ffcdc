"""Parked deliveries on a real PostgreSQL, and the command line beside them."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from click.testing import Result

from deliverer.crm.settlements import Settlement, Settlements, make_settlement, park_settlement
from services.contract import Delivery
from services.ids import uuid7
from services.postgres.database import Pool, connection_pool
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY
from tests.support.installation import EXAMPLE

T = TypeVar("T")
Command = Callable[..., Result]
Work = Callable[[Pool], Coroutine[Any, Any, T]]
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ANSWER = b'{"detail":[{"loc":["data","text"],"input":"over mijn paspoort"}]}'
"""Refusal of FastAPI, which quotes the input."""


def delivery(n: int, conversation: str = "c") -> Delivery:
    at = NOON + timedelta(minutes=n)
    return Delivery(
        id=uuid7(at, n.to_bytes(10, "big")),
        type="nl.postkamer.message-received.v1",
        tenant="almelo" if n % 2 else "borne",
        conversation=f"{conversation}{n}",
        department="kcc",
        sequence=n,
        time=at,
        received_at=at,
        data=b'{"text":"over mijn paspoort"}',
        message=UUID(int=n),
    )


def refused(n: int, destination: str = "crm", status: int = 422) -> Settlement:
    one = delivery(n)
    at = NOON + timedelta(minutes=n)
    reason = f"the destination refused this message: {status}"
    return park_settlement(make_settlement(one, destination, 1, status, at), one, reason, ANSWER)


def on(url: str, work: Work[T]) -> T:
    async def done() -> T:
        async with connection_pool(url, "test", 1) as pool:
            return await work(pool)

    return asyncio.run(done())


async def write(pool: Pool, *settled: Settlement) -> None:
    settlements: Any = Settlements(pool, None)  # type: ignore[arg-type]
    settlements.publish = lambda _: asyncio.sleep(0)
    await settlements.write(list(settled))


def filled(url: str) -> str:
    """Six parked, one unreadable and one settled; the same address."""
    unread = Settlement(
        destination="crm", event=UUID(int=99), conversation="", state="parked", attempts=0,
        status=0, at=NOON, reason="an envelope that cannot be read", body=b"\xc1",
    )  # fmt: skip
    done = make_settlement(delivery(50), "crm", 1, 200, NOON)
    parked = [*(refused(n) for n in range(1, 6)), refused(6, "crm2", 400)]
    on(url, lambda pool: write(pool, *parked, unread, done))
    return url


def commands(table: str) -> Command:
    """The command line on these tables."""
    env = {"POSTKAMER_CONFIG": str(EXAMPLE), "POSTKAMER_DATABASE_URL": table}
    env["POSTKAMER_WORKING_KEY"] = KEY

    def run(*arguments: str) -> Result:
        return postkamer(*arguments, env=env)

    return run


def events(done: Result) -> list[str]:
    assert done.exit_code == 0, done.output
    return [one["event"] for one in json.loads(done.stdout)]


def ids(*numbers: int) -> list[str]:
    return [str(delivery(n).id) for n in numbers]
