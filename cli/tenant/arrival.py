"""`postkamer tenant import`: load a municipality that comes from another installation."""

from collections.abc import Iterator
from pathlib import Path

import click

from archiver.encryption.key_store import KeyStore
from cli.support.archive_access import Progress, load_object_store, require_folder, with_archive
from cli.support.audit import Operation, parse_reason, record_access
from cli.support.configuration import load_config
from cli.support.options import config_option, json_option, reason_option
from cli.support.output import CommandRefused, count, print_result
from cli.support.person import require_town
from cli.support.working_keys import load_working_keys
from cli.tenant.export import place_of
from cli.tenant.loader import Loader, Result
from cli.tenant.package import Manifest, Package, PackageRefused
from cli.tenant.rows import OWNERS_QUESTION
from cli.tenant.transport_key import BadKeyFile, read_key
from services.config.model import Configuration
from services.postgres.database import Pool
from services.sealing.wrapping import CannotDecrypt

MISSING = {
    "number": "the configuration here has no number {id} of {tenant}",
    "department": "the configuration here has no department {id} of {tenant}",
    "destination": "the configuration here has no destination {id}",
}
NEXT = "run the export there again with --final, and this again"
LAST = "change the callback at Meta to this installation, then run postkamer tenant start {tenant}"


@click.command("import")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--key-file",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the transport key.",
)
@click.option("--log-key", required=True, help="The published key of the log that it comes from.")
@reason_option
@config_option
@json_option
def command(
    folder: Path, key_file: Path, log_key: str, reason: str, path: Path | None, as_json: bool
) -> None:
    """Load a municipality that comes from elsewhere.

    The services go on meanwhile; its own numbers are stopped here until `postkamer tenant start`.
    Run again, it loads what was added to the folder since. Every entry is held against the log that
    it comes from, whose published key you have from somewhere else than this folder.

    Also needs POSTKAMER_OBJECT_STORE and POSTKAMER_WORKING_KEY.
    """
    config, why = load_config(path), parse_reason(reason)
    require_folder()

    async def work(pool: Pool, keys: KeyStore) -> tuple[Manifest, Result]:
        await pool.execute(OWNERS_QUESTION)
        try:
            package = Package(folder, read_key(key_file))
            manifest = await _read(pool, package, config)
            await load_working_keys(pool)
            loader = Loader(pool, keys, load_object_store(), package, manifest)
            result = await loader.run(log_key, Progress("entries"))
        except (BadKeyFile, PackageRefused) as error:
            raise CommandRefused(str(error)) from None
        except CannotDecrypt:
            raise CommandRefused(f"{folder}: a line does not open: it was altered") from None
        if result.is_whole:
            package.write_arrived(manifest)
        await record_access(pool, _operation(manifest, result, why))
        return manifest, result

    manifest, result = with_archive("tenant import", work)
    _print(manifest, result, as_json=as_json)


async def _read(pool: Pool, package: Package, config: Configuration) -> Manifest:
    """Return the manifest of a package that can come here. Raises PackageRefused."""
    manifest = package.read_manifest()
    if manifest is None:
        raise PackageRefused(f"{package.folder}: has no manifest")
    await require_town(pool, manifest.tenant)
    if faults := list(missing_places(config, manifest)):
        raise PackageRefused("\n".join(faults))
    alone = place_of(config, manifest.tenant).own_destinations
    manifest.own_destinations = tuple(each for each in manifest.own_destinations if each in alone)
    return manifest


def _operation(manifest: Manifest, result: Result, why: str) -> Operation:
    data = {
        "why": why,
        "from": manifest.origin,
        "logKey": manifest.verifier,
        "size": manifest.size,
        "entries": result.entries,
        "final": manifest.is_final,
    }
    return Operation(what="tenant import", tenant=manifest.tenant, data=data)


def missing_places(config: Configuration, manifest: Manifest) -> Iterator[str]:
    """Yield what the configuration lacks of what the municipality had. Pure."""
    tenant = manifest.tenant
    if config.tenant(tenant) is None:
        yield f"the configuration here has no municipality {tenant}"
    for id in manifest.numbers:
        if (number := config.number(id)) is None or number.tenant != tenant:
            yield MISSING["number"].format(id=id, tenant=tenant)
    for id in manifest.departments:
        if config.department(tenant, id) is None:
            yield MISSING["department"].format(id=id, tenant=tenant)
    for id in manifest.destinations:
        if config.destination(id) is None:
            yield MISSING["destination"].format(id=id)


def _print(manifest: Manifest, result: Result, *, as_json: bool) -> None:
    values = {
        "tenant": manifest.tenant,
        "from": manifest.origin,
        "entries": result.entries,
        "known": result.known,
        "files": result.files,
        "rows": result.rows,
        "whole": result.is_whole,
    }
    after = LAST.format(tenant=manifest.tenant) if result.is_whole else NEXT
    lines = [
        f"{count(result.entries, 'entry|entries')} loaded, {result.known:,} were here;"
        f" {count(result.files, 'file|files')}, {count(result.rows, 'row|rows')}",
        f"next: {after}",
    ]
    print_result(values, lines, as_json=as_json)
