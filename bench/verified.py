"""Going over the whole record as `postkamer archive verify` does, in a process whose memory is its
own; `tampered`: after some changes, which are taken back.
"""

import asyncio
import os
import sys
from collections import Counter
from collections.abc import Awaitable, Callable

import msgspec

from archiver.record.checkpoints import Trust
from archiver.record.entry import Open, hash_of
from archiver.record.notes import read_verifier
from archiver.record.verifying import Asked, findings
from bench.growing import TENTHS, Verified
from bench.usage import peak
from cli.opening import Progress
from services import settings
from services.database import Connection, connected
from services.objects import Objects


async def _altered(connection: Connection, at: int) -> None:
    sql = "update archiver.entry set sealed = sealed || 'x'::bytea where position = $1"
    await connection.execute(sql, at)


async def _salt(connection: Connection, at: int) -> None:
    sql = "update archiver.entry set salt = decode(md5('x'), 'hex') where position = $1"
    await connection.execute(sql, at)


async def _tile(connection: Connection, at: int) -> None:
    """Changed together with its leaf."""
    row = await connection.fetchrow("select * from archiver.entry where position = $1", at)
    assert row is not None
    own = {name: row[name] for name in Open.__struct_fields__} | {"department": "elsewhere"}
    sql = "update archiver.entry set department = $2, leaf = $3 where position = $1"
    await connection.execute(sql, at, "elsewhere", hash_of(Open(**own), row["sealed"]))


async def _key(connection: Connection, at: int) -> None:
    await connection.execute(_KEY, at)


async def _missing(connection: Connection, at: int) -> None:
    await connection.execute("delete from archiver.entry where position = $1", at)


Change = Callable[[Connection, int], Awaitable[None]]
TAMPERED: dict[str, tuple[Change, float]] = {
    "altered": (_altered, 0.15),
    "salt": (_salt, 0.35),
    "tile": (_tile, 0.55),
    "key": (_key, 0.75),
    "missing": (_missing, 0.95),
}
"""What is found -> what is done, and where in the log."""


async def main(verifier: str, *, tampered: bool) -> Verified:
    given = settings.load(settings.ArchiveSettings, os.environ)
    outside = Objects(os.environ["POSTKAMER_OBJECT_STORE"])
    asked = Asked(Trust(*read_verifier(verifier)), None, outside)
    url = given.database_url.get_secret_value()
    async with connected(url, "bench", 1) as pool, pool.acquire() as connection:
        change = connection.transaction(isolation="repeatable_read")
        await change.start()
        try:
            if tampered:
                await _tamper(connection)
            return await _over(connection, asked)
        finally:
            await change.rollback()


async def _tamper(connection: Connection) -> None:
    size = await connection.fetchval("select size from archiver.head")
    for do, share in TAMPERED.values():
        await do(connection, int(size * share))


async def _over(connection: Connection, asked: Asked) -> Verified:
    """From the first entry to the last."""
    shows, early = Progress("entries"), list[float]()

    def progress(done: int, of: int) -> None:
        shows(done, of)
        if not early and done * TENTHS >= of:
            early.append(peak(os.getpid()))

    found = Counter([one.what async for one in findings(connection, asked, progress)])
    return Verified(shows.done, shows.seconds, early[0], peak(os.getpid()), dict(found))


_KEY = """
delete from archiver.conversation_key k using archiver.entry e
where e.position = (select min(position) from archiver.entry
    where position >= $1 and conversation <> '')
and (k.tenant, k.conversation) = (e.tenant, e.conversation)
"""


if __name__ == "__main__":
    done = asyncio.run(main(sys.argv[1], tampered="tampered" in sys.argv[2:]))
    print(msgspec.json.encode(done).decode())
