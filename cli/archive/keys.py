"""`postkamer archive rotate` and `reindex`: rotate keys, and repair the search index."""

import click

from archiver.audit import search_index, subject_rows
from archiver.destruction.hash_renewal import HashRenewer
from archiver.encryption import key_rotation
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import SealedBeforeErasure
from archiver.retention.dossier_store import start_anew
from cli.support.archive_access import Progress, with_archive
from cli.support.archive_rows import require_tenant
from cli.support.audit import Operation, record_access, write_operation
from cli.support.options import json_option, renamed_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import require_town
from services.postgres.database import Connection, Pool, snapshot


@click.command()
@click.option(
    "--master", is_flag=True, help="Encrypt all keys with the first key of POSTKAMER_ARCHIVE_KEY."
)
@renamed_option("--tenant", former="--municipality", help="Give this municipality a new key.")
@click.option(
    "--hashes", is_flag=True, help="With --tenant: hash its words and persons anew, with a new key."
)
@json_option
def rotate(master: bool, tenant: str | None, hashes: bool, as_json: bool) -> None:
    """Encrypt keys with a new key. The data that they decrypt is not rewritten.

    With --hashes, do now what the archiver does after a destruction: when it is done, no copy of
    the search index from before confirms a guess.

    The services can keep running. If the command is interrupted, run it again: it continues where
    it was.
    """
    if master == bool(tenant) or (hashes and not tenant):
        fail("expected one of --master and --tenant", 2)
    if hashes:
        _hash_anew(tenant or "", as_json=as_json)
        return
    progress = Progress("keys")

    async def work(pool: Pool, keys: KeyStore) -> int:
        await require_town(pool, tenant or "")
        if tenant is None:
            rotated = await key_rotation.rewrap_municipality_keys(pool, keys)
        else:
            async with pool.acquire() as connection:
                await require_tenant(connection, tenant)
            total = await key_rotation.count_conversation_keys(pool, tenant)
            rotated = await key_rotation.rotate_municipality_key(
                pool, keys, tenant, lambda done: progress(done, total)
            )
        operation = Operation(
            what="archive rotate",
            about=tenant or "master",
            tenant=tenant or "",
            data={"count": rotated},
        )
        await record_access(pool, operation)
        return rotated

    rotated = with_archive("rotate", work)
    owners = "conversations" if tenant else "municipalities"
    line = f"{count(rotated, 'key|keys')} of {owners} encrypted with a new one"
    print_result({"count": rotated}, [line], as_json=as_json)


def _hash_anew(tenant: str, *, as_json: bool) -> None:
    progress = Progress("entries")

    async def work(pool: Pool, keys: KeyStore) -> None:
        await require_town(pool, tenant)
        async with pool.acquire() as connection:
            await require_tenant(connection, tenant)
        await HashRenewer(pool, keys).renew(tenant, progress)
        operation = Operation(
            what="archive rotate", about=tenant, tenant=tenant, data={"hashes": True}
        )
        await record_access(pool, operation)

    with_archive("rotate", work)
    lines = [f"the words and persons of {tenant} are hashed anew; the key of before is gone"]
    print_result({"hashes": True}, lines, as_json=as_json)


@click.command()
@click.option("--terms", is_flag=True, help="Make the dossiers with the terms anew instead.")
@json_option
def reindex(terms: bool, as_json: bool) -> None:
    """Rebuild the search index where it is missing or wrong.

    `archive verify --index` shows if there are any. The services can keep running. If the command
    is interrupted, run it again.
    """
    if terms:
        with_archive("reindex", _forget_dossiers)
        lines = ["the archiver makes the dossiers anew from the record; until then less is due"]
        print_result({"terms": True}, lines, as_json=as_json)
        return
    progress = Progress("entries")

    async def work(pool: Pool, keys: KeyStore) -> dict[str, int]:
        await require_town(pool)
        counts = {"laid": await _rebuild_index(pool, keys, progress)}
        extra = await _remove_extra_subjects(pool, keys)
        async with pool.acquire() as connection, connection.transaction():
            counts["taken"] = extra + await search_index.delete_orphans(connection)
            operation = Operation(what="archive reindex", data=counts)
            await write_operation(connection, operation)
        return counts

    counts = with_archive("reindex", work)
    lines = [f"{count(counts['laid'], 'row|rows')} added, {counts['taken']:,} removed"]
    print_result(counts, lines, as_json=as_json)


async def _forget_dossiers(pool: Pool, _: KeyStore) -> None:
    await require_town(pool)
    async with pool.acquire() as connection, connection.transaction():
        await start_anew(connection)
        operation = Operation(what="archive reindex", data={"terms": True})
        await write_operation(connection, operation)


async def _rebuild_index(pool: Pool, keys: KeyStore, progress: Progress) -> int:
    rebuilt = 0
    async with snapshot(pool) as reading, pool.acquire() as writing:
        log = await search_index.load_log_state(reading)
        async for missing in search_index.find_missing_rows(reading, keys):
            if missing.words or missing.subjects:
                async with writing.transaction():
                    rebuilt += await _rebuild_entries(writing, missing, log.destructions)
            progress(missing.seen, log.size)
    return rebuilt


async def _remove_extra_subjects(pool: Pool, keys: KeyStore) -> int:
    removed = 0
    async with snapshot(pool) as reading, pool.acquire() as writing:
        async for extra in subject_rows.find_extra_subjects(reading, keys):
            removed += await subject_rows.remove_extra(writing, extra)
    return removed


async def _rebuild_entries(
    writing: Connection, missing: search_index.MissingRows, destructions: int
) -> int:
    try:
        return await search_index.rebuild(writing, missing, destructions)
    except SealedBeforeErasure:
        raise CommandRefused("something was destroyed meanwhile: ask again") from None
