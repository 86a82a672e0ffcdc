"""`postkamer archive rotate`, `reindex`: new keys above old ones, and what things are found by."""

import os

import click

from archiver.audit import search_index
from archiver.encryption import key_rotation
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import SealedBeforeErasure
from cli.support.archive_access import Progress, with_archive
from cli.support.audit import Operation, operator, write_operation
from cli.support.database import CommandRefused, fail, print_result
from services.postgres.database import Connection, Pool


@click.command()
@click.option(
    "--master", is_flag=True, help="Lay all under the first key of POSTKAMER_ARCHIVE_KEY."
)
@click.option("--municipality", help="Give this one a new key of its own.")
@click.option("--json", "as_json", is_flag=True)
def rotate(master: bool, municipality: str | None, as_json: bool) -> None:
    """Put a new key above others: what they open is not written anew. While everything runs; cut
    off, it goes on where it was when it is asked again."""
    if master == bool(municipality):
        fail("expected one of --master and --municipality", 2)
    shows = Progress("keys")

    async def work(pool: Pool, keys: KeyStore) -> int:
        if municipality is None:
            done = await key_rotation.master(pool, keys)
        else:
            if (of := await key_rotation.under(pool, municipality)) == 0:
                raise CommandRefused(f"no municipality {municipality!r} has anything in the record")
            done = await key_rotation.municipality(
                pool, keys, municipality, lambda count: shows(count, of)
            )
        operation = Operation(
            what="archive rotate",
            about=municipality or "master",
            tenant=municipality or "",
            data={"count": done},
        )
        async with pool.acquire() as connection:
            await write_operation(connection, operation, operator(os.environ))
        return done

    done = with_archive("rotate", work)
    what = "keys of conversations" if municipality else "keys of municipalities"
    print_result({"count": done}, [f"{done:,} {what} lie under a new one"], as_json=as_json)


@click.command()
@click.option("--json", "as_json", is_flag=True)
def reindex(as_json: bool) -> None:
    """Lay anew what is missing or wrong of that by which messages and people are found.

    `archive verify --index` tells whether anything is. While everything runs; cut off, it is asked
    again.
    """
    shows = Progress("entries")

    async def work(pool: Pool, keys: KeyStore) -> dict[str, int]:
        done = {"laid": await _laid(pool, keys, shows)}
        async with pool.acquire() as connection, connection.transaction():
            done["taken"] = await search_index.delete_orphans(connection)
            operation = Operation(what="archive reindex", data=done)
            await write_operation(connection, operation, operator(os.environ))
        return done

    done = with_archive("reindex", work)
    lines = [f"{done['laid']:,} rows were laid anew, {done['taken']:,} taken away"]
    print_result(done, lines, as_json=as_json)


async def _laid(pool: Pool, keys: KeyStore, shows: Progress) -> int:
    count = 0
    async with (
        pool.acquire() as reading,
        reading.transaction(isolation="repeatable_read", readonly=True),
        pool.acquire() as writing,
    ):
        then = await search_index.log_state(reading)
        async for found in search_index.missing(reading, keys):
            if found.words or found.subjects:
                async with writing.transaction():
                    count += await _lay(writing, found, then.destructions)
            shows(found.seen, then.size)
    return count


async def _lay(writing: Connection, found: search_index.Missing, destroyed: int) -> int:
    try:
        return await search_index.rebuild(writing, found, destroyed)
    except SealedBeforeErasure:
        raise CommandRefused("something was destroyed meanwhile: ask again") from None


COMMANDS = (rotate, reindex)
