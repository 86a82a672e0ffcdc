"""Going over the whole record as `postkamer archive verify` does, in a process whose memory is its
own; `tampered`: after what somebody may do to it, which is taken back.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import msgspec

from archiver.audit.checkpoints import Trust
from archiver.audit.log import VerifyOptions, findings
from archiver.audit.log_walk import Finding
from archiver.encryption.signed_note import read_verifier
from bench.log_report import TENTHS, Verification
from bench.tampering import ALONE, TOGETHER, Deed, tamper
from bench.usage import peak_memory
from cli.support.archive_access import Progress
from services.config import settings
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, connection_pool


async def main(verifier: str, *, tampered: bool) -> Verification:
    given = settings.load(settings.ArchiveSettings, os.environ)
    outside = ObjectStore(os.environ["POSTKAMER_OBJECT_STORE"])
    asked = VerifyOptions(Trust(*read_verifier(verifier)), None, outside)
    url = given.database_url.get_secret_value()
    async with connection_pool(url, "bench", 1) as pool, pool.acquire() as connection:
        if not tampered:
            return (await _over(connection, asked, ()))[0]
        missed: list[str] = []
        for deeds in (TOGETHER, *((deed,) for deed in ALONE)):
            done, found = await _over(connection, asked, deeds)
            missed += [deed.name for deed in deeds if not deed.is_found(done.entries, found)]
        return msgspec.structs.replace(done, missed=missed)


async def _over(
    connection: Connection, asked: VerifyOptions, deeds: Sequence[Deed]
) -> tuple[Verification, list[Finding]]:
    """From the first entry to the last, after these, which are taken back."""
    change = connection.transaction(isolation="repeatable_read")
    await change.start()
    try:
        size = await connection.fetchval("select size from archiver.head")
        for deed in deeds:
            await tamper(connection, deed, size)
        return await _seen(connection, asked, size)
    finally:
        await change.rollback()


async def _seen(
    connection: Connection, asked: VerifyOptions, size: int
) -> tuple[Verification, list[Finding]]:
    shows, early = Progress("entries"), list[float]()

    def progress(done: int, of: int) -> None:
        shows(done, of)
        if not early and done * TENTHS >= of:
            early.append(peak_memory(os.getpid()))

    found = [one async for one in findings(connection, asked, progress)]
    made = Verification(size, shows.seconds, early[0], peak_memory(os.getpid()), len(found))
    return made, found


if __name__ == "__main__":
    done = asyncio.run(main(sys.argv[1], tampered="tampered" in sys.argv[2:]))
    print(msgspec.json.encode(done).decode())
