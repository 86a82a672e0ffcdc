"""`postkamer archive verify` over the whole record and the tables beside it, in a process with
memory of its own.

With the argument `tampered` it verifies after each manipulation, and rolls that back.
"""

import asyncio
import os
import sys
from collections.abc import Sequence

import msgspec

from archiver.audit.checkpoints import Trust, list_outside
from archiver.audit.log import VerifyOptions, verify_log
from archiver.audit.log_walk import Finding
from archiver.audit.rows.rows_beside import Unseen, verify_rows
from bench.reports.log_report import TENTHS, Verification
from bench.usage import peak_memory
from bench.workloads.tampering import COMBINED, SINGLE, Deed, tamper
from cli.support.archive_access import Progress
from services.config import settings
from services.files.object_store import ObjectStore
from services.postgres.database import Connection, connection_pool
from services.transparency.signed_note import read_verifier


async def main(verifier: str, *, tampered: bool) -> Verification:
    loaded = settings.load(settings.ArchiveSettings, os.environ)
    outside = await list_outside(ObjectStore(os.environ["POSTKAMER_OBJECT_STORE"]))
    options = VerifyOptions(Trust(*read_verifier(verifier)), None, outside)
    url = loaded.database_url.get_secret_value()
    async with connection_pool(url, "bench", 1) as pool, pool.acquire() as connection:
        if not tampered:
            return (await _verify_after(connection, options, ()))[0]
        missed: list[str] = []
        for deeds in (COMBINED, *((deed,) for deed in SINGLE)):
            verification, reported = await _verify_after(connection, options, deeds)
            missed += [
                deed.name for deed in deeds if not deed.is_found(verification.entries, reported)
            ]
        return msgspec.structs.replace(verification, missed=missed)


async def _verify_after(
    connection: Connection, options: VerifyOptions, deeds: Sequence[Deed]
) -> tuple[Verification, list[Finding]]:
    """Verify from the first entry to the last, after these manipulations; roll them back."""
    change = connection.transaction(isolation="repeatable_read")
    await change.start()
    try:
        size = await connection.fetchval("select size from archiver.head")
        for deed in deeds:
            await tamper(connection, deed, size)
        return await _verify(connection, options, size)
    finally:
        await change.rollback()


async def _verify(
    connection: Connection, options: VerifyOptions, size: int
) -> tuple[Verification, list[Finding]]:
    shows, early = Progress("entries"), list[float]()

    def progress(verification: int, of: int) -> None:
        shows(verification, of)
        if not early and verification * TENTHS >= of:
            early.append(peak_memory(os.getpid()))

    reported = [one async for one in verify_log(connection, options, progress)]
    reported += [one async for one in verify_rows(connection, None, Unseen())]
    verification = Verification(
        size, shows.seconds, early[0], peak_memory(os.getpid()), len(reported)
    )
    return verification, reported


if __name__ == "__main__":
    verification = asyncio.run(main(sys.argv[1], tampered="tampered" in sys.argv[2:]))
    print(msgspec.json.encode(verification).decode())
