"""`postkamer tenant export`: everything of one municipality, for another installation."""

import asyncio
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from archiver.encryption.key_store import KeyStore
from cli.support.archive_access import (
    Progress,
    load_object_store,
    load_signer,
    require_folder,
    with_archive,
)
from cli.support.audit import Operation, parse_reason, record_access
from cli.support.configuration import load_config
from cli.support.options import config_option, json_option, reason_option
from cli.support.output import CommandRefused, count, fail, print_result
from cli.support.person import require_town
from cli.support.working_keys import load_working_keys
from cli.tenant.drain import Stages, read_drain, stages_of
from cli.tenant.package import Manifest, Package, PackageRefused
from cli.tenant.packer import Packer, Place
from cli.tenant.stop import wait_until_refused
from cli.tenant.transport_key import BadKeyFile, ensure_key
from services.config.model import Configuration
from services.config.settings import ArchiveSettings, derive_key, load
from services.postgres.database import LOCKED, Pool
from services.sealing import hash_keys

POLL_SECONDS = 1.0
"""Pause between two looks at what is under way."""
WAIT_SECONDS = 300
"""Longest wait for what is under way: queues are seen empty every few seconds, and a destination
that answers takes what it has within minutes."""
STEP_SECONDS = 30
"""Longest wait for a step that was begun: the longest draws a list, within seconds."""
STEPS = "a request, hold, list or disclosure is being written for too long: run this again"
NOT_STOPPED = "{tenant}: is not stopped: run postkamer tenant stop {tenant} first"
NEXT = "stop the municipality (postkamer tenant stop {tenant}), then run this again with --final"
LAST = "load it there (postkamer tenant import), then change the callback at Meta"


@click.command("export")
@click.argument("municipality")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--key-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the transport key; made if it is not there. Carry it apart from the folder.",
)
@click.option("--final", "is_final", is_flag=True, help="Once it is stopped: also all the rest.")
@click.option(
    "--wait",
    type=click.IntRange(0, 86_400),
    default=WAIT_SECONDS,
    show_default=True,
    help="Seconds to wait until nothing is under way.",
)
@reason_option
@config_option
@json_option
def command(path: Path | None, reason: str, as_json: bool, **values: Any) -> None:
    """Write everything of MUNICIPALITY, to be loaded elsewhere.

    The services go on meanwhile. Run again, it adds what came since; --final adds all the rest,
    once the municipality is stopped. Another installation loads the folder with `postkamer tenant
    import`. Nothing in it can be read without the transport key.

    Also needs POSTKAMER_OBJECT_STORE, and POSTKAMER_WORKING_KEY with --final.
    """
    config = load_config(path)
    place, why = place_of(config, values["municipality"]), parse_reason(reason)
    folder, is_final = values["folder"], values["is_final"]
    require_folder()
    try:
        package = Package(folder, ensure_key(values["key_file"]))
    except BadKeyFile as error:
        fail(f"--key-file: {error}", 2)
    progress = Progress("entries of the log")

    async def work(pool: Pool, keys: KeyStore) -> Manifest:
        await require_town(pool, place.tenant)
        data = {"why": why, "final": is_final}
        await record_access(pool, Operation(what="tenant export", tenant=place.tenant, data=data))
        if is_final:
            await load_working_keys(pool)
            await require_refused(pool, place, as_json=as_json)
            await note_left(pool, place.numbers)
            await wait_until_done(pool, place, config.partitions, values["wait"])
        router_key = derive_key(load(ArchiveSettings, os.environ).archive_key, hash_keys.PURPOSE)
        packer = Packer(pool, keys, load_object_store(), package, place, router_key)
        return await packer.run(load_signer(), is_final=is_final, progress=progress)

    async def refused(pool: Pool, keys: KeyStore) -> Manifest:
        try:
            return await work(pool, keys)
        except PackageRefused as error:
            raise CommandRefused(str(error)) from None

    _print(with_archive("tenant export", refused), folder, as_json=as_json)


def place_of(config: Configuration, tenant: str) -> Place:
    """Return what a municipality has in the configuration; print a fault and exit."""
    if (own := config.tenant(tenant)) is None:
        fail(f"MUNICIPALITY: {tenant!r} is not in the configuration", 2)
    departments = [each for each in config.departments if each.tenant == tenant]
    used = {each.destination for each in departments}
    shared = {each.destination for each in config.departments if each.tenant != tenant}
    return Place(
        tenant=tenant,
        numbers=tuple(sorted(each.id for each in config.numbers if each.tenant == tenant)),
        departments=tuple(sorted(each.id for each in departments)),
        destinations=tuple(sorted(used)),
        own_destinations=tuple(sorted(used - shared)),
        hands_over=bool(own.handover),
    )


async def require_refused(pool: Pool, place: Place, *, as_json: bool) -> None:
    """Refuse a municipality that is not stopped, or that a living gateway does not refuse: what it
    lets in would stay behind."""
    if not await pool.fetchval(_STOPPED, list(place.numbers)):
        raise CommandRefused(NOT_STOPPED.format(tenant=place.tenant))
    await wait_until_refused(pool, place.numbers, as_json=as_json)


async def note_left(pool: Pool, numbers: Sequence[str]) -> None:
    """Bar from now on any step that would stay behind, and return once those that began before
    have ended."""
    await pool.execute(_NOTE_LEFT, list(numbers))
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(f"set local lock_timeout = '{STEP_SECONDS}s'")
        try:
            await connection.execute(_WAIT_FOR_STEPS)
        except LOCKED:
            raise CommandRefused(STEPS) from None


async def wait_until_done(pool: Pool, place: Place, partitions: int, seconds: int) -> None:
    """Return once nothing of the municipality is under way. Raises CommandRefused if that takes too
    long, with what is."""
    stages = Stages(stages_of(place.numbers, place.destinations, partitions))
    end, shown = time.monotonic() + seconds, list[str]()
    while True:
        async with pool.acquire() as connection:
            drain = await read_drain(connection, place)
        if drain is None:
            raise CommandRefused(NOT_STOPPED.format(tenant=place.tenant))
        waiting = stages.obstacles(drain)
        if not waiting:
            return
        if time.monotonic() > end:
            raise CommandRefused("\n".join(["still under way:", *waiting]))
        if waiting != shown:
            click.echo("\n".join(waiting), err=True)
            shown = waiting
        await asyncio.sleep(POLL_SECONDS)


def _print(manifest: Manifest, folder: Path, *, as_json: bool) -> None:
    entries = sum(chunk.file.lines for chunk in manifest.chunks)
    rows = sum(file.lines for name, file in manifest.files.items() if name.startswith("rows/"))
    result = {
        "tenant": manifest.tenant,
        "entries": entries,
        "logSize": manifest.size,
        "files": manifest.objects,
        "missingFiles": manifest.missing,
        "rows": rows,
        "final": manifest.is_final,
        "logKey": manifest.verifier,
    }
    lines = [
        f"{count(entries, 'entry|entries')} of {manifest.size:,} in the log,"
        f" {count(manifest.objects, 'file|files')}, {count(rows, 'row|rows')}: {folder}",
        f"published key of this log: {manifest.verifier}",
    ]
    if manifest.missing:
        lines.append(f"{count(manifest.missing, 'file|files')} not in the object store any more")
    after = LAST if manifest.is_final else NEXT.format(tenant=manifest.tenant)
    print_result(result, [*lines, f"next: {after}"], as_json=as_json)


_STOPPED = """
select count(*) = cardinality($1::text[]) from sharing.stopped_number where number = any($1)
"""
# From now on no destruction list is begun, and whoever starts it must say that the move is off.
_NOTE_LEFT = "update sharing.stopped_number set left_at = now() where number = any($1)"
# A step that looked before the time was noted holds its table until it is committed.
_WAIT_FOR_STEPS = """
lock table archiver.request, archiver.hold, archiver.destruction_list, archiver.disclosure,
    archiver.disclosure_document in share mode
"""
