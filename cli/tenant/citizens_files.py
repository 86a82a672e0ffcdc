"""Files of citizens that come in a package: into the object store, and out of it if their message
was destroyed meanwhile."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from cli.tenant.package import OBJECTS, File, Package
from cli.tenant.package_reader import batches, read_pieces
from services import clock
from services.files.object_store import ObjectStore, media_key, sealed_key
from services.postgres.database import Pool

AT_ONCE = 500
"""Names in one question to the database, of 64 bytes each."""


async def load_files(store: ObjectStore, package: Package) -> int:
    """Put the files into the object store, each under the hash of its bytes, and return how many
    are new there. Raises PackageRefused for one that has another hash."""
    new = 0
    for path in _files(package.folder):
        if await store.exists(sealed_key(path.name)):
            continue
        package.verify(f"{OBJECTS}/{path.name}", File(0, path.name))
        arriving = media_key(clock.new_id())
        await store.put(arriving, read_pieces(path))
        await store.make_permanent(arriving, sealed_key(path.name))
        new += 1
    return new


async def delete_unnamed_files(pool: Pool, store: ObjectStore, folder: Path) -> int:
    """Delete from the object store those files of a package that no message has here, and return
    their number: a package keeps what earlier runs put into it."""
    deleted = 0
    async for name in _unnamed(pool, folder):
        if await store.exists(sealed_key(name)):
            await store.delete(sealed_key(name))
            deleted += 1
    return deleted


async def _unnamed(pool: Pool, folder: Path) -> AsyncIterator[str]:
    for batch in batches((path.name for path in _files(folder)), AT_ONCE):
        named = {row["ciphertext_sha256"] for row in await pool.fetch(_NAMED, batch)}
        for name in batch:
            if name not in named:
                yield name


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files, without one that was being written."""
    return (path for path in sorted((folder / OBJECTS).iterdir()) if not path.suffix)


# A row whose file is removed gives no file a name: it was destroyed here after it came.
_NAMED = """
select ciphertext_sha256 from archiver.media
where ciphertext_sha256 = any($1::text[]) and removed_at is null
"""
