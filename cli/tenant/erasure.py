"""`postkamer tenant forget`: what a municipality leaves behind, once all of it is elsewhere."""

from pathlib import Path
from typing import Any

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.log.erasure import Eraser
from archiver.orders.order_keeper import OrderKeeper, OutsideAhead
from cli.support.archive_access import (
    load_book,
    load_object_store,
    require_folder,
    with_archive,
)
from cli.support.audit import Operation, parse_reason, record_access
from cli.support.configuration import load_config
from cli.support.options import config_option, json_option, reason_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import require_town
from cli.tenant.citizens_files import delete_unnamed_files
from cli.tenant.export import place_of
from cli.tenant.package import OBJECTS, Manifest, Package, PackageRefused
from cli.tenant.packer import Place
from cli.tenant.rows import ALL_GIVEN, OWNERS_QUESTION, STATEMENT_SECONDS, WORK
from cli.tenant.transport_key import BadKeyFile, TransportKey, read_key
from services.files.object_store import ObjectStore, sealed_key, thumbnail_key, upload_key
from services.postgres.database import Pool
from services.restoration.waiting_room import REPLAY

GROUND = "it moved to another installation"
NOT_THERE = (
    "{folder}: does not say that all of it arrived: bring it back from there after the last"
    " postkamer tenant import"
)
NO_PACKAGE = "{folder}: is no package"
NOT_COMING = "{tenant}: did not come here from another installation, or has started here"
STARTED = "{tenant}: its numbers are not stopped, or its package was not final"
GROWN = (
    "{tenant}: {entries} since the last package: run postkamer tenant export --final again, and"
    " load it there"
)


class ForgetResult(msgspec.Struct, frozen=True, rename="camel"):
    """Rows with which the services worked, and files, that are gone."""

    tenant: str
    rows: int
    files: int


@click.command("forget")
@click.argument("municipality")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the transport key.",
)
@click.option("--called-off", is_flag=True, help="It was to come here, and does not.")
@reason_option
@config_option
@json_option
def command(path: Path | None, reason: str, as_json: bool, **values: Any) -> None:
    """Destroy what MUNICIPALITY leaves behind here.

    FOLDER is its package, as the other installation returned it: it says there that all of it
    arrived. The keys are destroyed, and with them every copy; the log keeps the hashes of its
    entries, and the record of this. It cannot be undone. A back-up keeps its term. With
    --called-off it destroys what came out of FOLDER, of one that never started here.

    Also needs POSTKAMER_OBJECT_STORE.
    """
    place, why = place_of(load_config(path), values["municipality"]), parse_reason(reason)
    folder, key_file = values["folder"], values["key_file"]
    if not values["called_off"] and key_file is None:
        fail("--key-file: is missing", 2)
    require_folder()

    async def work(pool: Pool, keys: KeyStore) -> ForgetResult:
        await pool.execute(OWNERS_QUESTION)
        await require_town(pool, place.tenant)
        if not (folder / OBJECTS).is_dir():
            raise CommandRefused(NO_PACKAGE.format(folder=folder))
        if values["called_off"]:
            await _require_coming(pool, place)
            data = {"why": why, "calledOff": True}
        else:
            manifest = _read_arrived(Package(folder, read_transport_key(key_file)), place)
            await _require_left(pool, place, manifest)
            data = {"why": why, "size": manifest.size}
        await record_access(pool, Operation(what="tenant forget", tenant=place.tenant, data=data))
        return await _forget(pool, keys, place, folder)

    result = with_archive("tenant forget", work)
    lines = [
        f"{result.tenant}: the keys are destroyed; {count(result.rows, 'row|rows')} and"
        f" {count(result.files, 'file|files')} are gone",
        "next: take its tables out of the configuration",
    ]
    print_result(result, lines, as_json=as_json)


def _read_arrived(package: Package, place: Place) -> Manifest:
    """Return the manifest of a package that arrived whole. Raises CommandRefused."""
    try:
        manifest = package.read_arrived()
    except PackageRefused as error:
        raise CommandRefused(str(error)) from None
    if manifest is None or manifest.tenant != place.tenant:
        raise CommandRefused(NOT_THERE.format(folder=package.folder))
    return manifest


def read_transport_key(path: Path) -> TransportKey:
    """Return the transport key. Raises CommandRefused."""
    try:
        return read_key(path)
    except BadKeyFile as error:
        raise CommandRefused(str(error)) from None


async def _require_coming(pool: Pool, place: Place) -> None:
    """Refuse a municipality that works here, or did not come from elsewhere."""
    if not await pool.fetchval(_COMING, place.tenant, list(place.numbers)):
        raise CommandRefused(NOT_COMING.format(tenant=place.tenant))


async def _require_left(pool: Pool, place: Place, manifest: Manifest) -> None:
    """Refuse a municipality that may still work here, or of which the package lacks something."""
    if not await pool.fetchval(_LEFT, list(place.numbers)):
        raise CommandRefused(STARTED.format(tenant=place.tenant))
    if new := await pool.fetchval(_NEW, place.tenant, manifest.size):
        entries = count(new, "entry came|entries came")
        raise CommandRefused(GROWN.format(tenant=place.tenant, entries=entries))


async def _forget(pool: Pool, keys: KeyStore, place: Place, folder: Path) -> ForgetResult:
    store = load_object_store()
    files = await _delete_files(pool, store, place.tenant)
    files += await delete_unnamed_files(pool, store, folder)
    rows = 0
    async with pool.acquire() as connection, connection.transaction():
        values = place.tenant, list(place.numbers), list(place.own_destinations)
        for table in reversed(WORK):
            sql = f"delete from {table.name} t where {table.where} and {ALL_GIVEN}"
            done = await connection.execute(sql, *values, timeout=STATEMENT_SECONDS)
            rows += int(done.rpartition(" ")[2])
        subjects = [*place.numbers, *place.own_destinations]
        await connection.execute(_FORGET_BALANCE, subjects, timeout=STATEMENT_SECONDS)
    try:
        eraser = Eraser(pool, keys, OrderKeeper(load_book(store)))
        await eraser.erase_municipality(place.tenant, GROUND)
    except OutsideAhead:
        raise CommandRefused(f"this database was restored: see {REPLAY}") from None
    return ForgetResult(place.tenant, rows, files)


async def _delete_files(pool: Pool, store: ObjectStore, tenant: str) -> int:
    """Delete the files of CRMs, which lie under a key of the installation that stays, and those of
    citizens."""
    uploads = await pool.fetch("select object from gateway.media where tenant = $1", tenant)
    files = await pool.fetch(_FILES, tenant)
    for row in uploads:
        await store.delete(upload_key(row["object"]))
    for row in files:
        await store.delete(sealed_key(row["ciphertext_sha256"]))
        await store.delete(thumbnail_key(row["id"]))
    await pool.execute(_REMOVED, tenant, timeout=STATEMENT_SECONDS)
    return len(uploads) + len(files)


_COMING = """
select exists (select from archiver.former_log where tenant = $1)
    and (select count(*) from sharing.stopped_number
        where number = any($2) and by like 'comes from %') = cardinality($2::text[])
"""
_FILES = """
select id, ciphertext_sha256 from archiver.media
where tenant = $1 and ciphertext_sha256 <> '' and removed_at is null
"""
_REMOVED = """
update archiver.media set removed_at = now(), remove_at = coalesce(remove_at, now())
where tenant = $1 and removed_at is null
"""
# Its ends are known where it went.
_FORGET_BALANCE = "delete from balance.open where subject = any($1)"
_LEFT = """
select count(*) = cardinality($1::text[]) from sharing.stopped_number
where number = any($1) and left_at is not null
"""
# Steps of this installation itself, such as this command, are no part of what moves.
_NEW = """
select count(*) from archiver.entry
where tenant = $1 and position >= $2 and kind not in ('operation', 'view')
"""
