"""Two installations between which a municipality goes, and the runs of its package."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.log.writer import Writer
from archiver.signing.signer import Signer
from cli.tenant.loader import Loader, Result
from cli.tenant.package import Manifest, Package
from cli.tenant.packer import Packer, Place
from cli.tenant.transport_key import TransportKey
from services import clock
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from services.sealing.key_ring import RING, KeyRing, WorkingKey
from tests.support.archiver.records import NUMBER
from tests.support.archiver.signed_log import entry
from tests.support.working_keys import install_test_keys, shared_keys

SIGNER = Signer("old/log", bytes(range(32)))
PLACE = Place("almelo", (NUMBER,), ("balie", "jeugd"), ("crm-almelo",), ("crm-almelo",))
TRANSPORT = TransportKey(b"t" * 32)


class Side:
    """An installation: its database, keys and store."""

    def __init__(self, pool: Pool, folder: Path, master: bytes) -> None:
        self.pool, self.folder = pool, folder
        self.keys = KeyStore(pool, [master])
        self.store = ObjectStore(folder.as_uri())
        self.writer = Writer(pool, self.keys)

    async def contents(self, tenant: str) -> dict[Any, tuple[bytes, bytes, bytes]]:
        """Id -> what each entry of a municipality says, with the bodies in which it came."""
        rows = await self.pool.fetch(f"{RECORDS} where e.tenant = $1", tenant)
        return {
            row["id"]: (row["data"], row["raw"], row["contact"])
            for row in decrypt_rows(rows, self.keys)
        }


def other_ring() -> None:
    """Seal from now on under the keys of the other installation."""
    vars(RING).update(vars(KeyRing()))
    today = clock.now().date()
    RING.install(
        [
            WorkingKey(b"o" + each.id[1:], each.kind, each.day, b"o" * 32)
            for each in shared_keys(today)
        ],
        today,
    )


def quiet(done: int, of: int) -> None:
    """Show no progress."""


async def packed(
    old: Side,
    folder: Path,
    *,
    is_final: bool = True,
    progress: Callable[[int, int], None] = quiet,
) -> Manifest:
    install_test_keys()
    each = Packer(old.pool, old.keys, old.store, Package(folder, TRANSPORT), PLACE, b"r" * 32)
    return await each.run(SIGNER, is_final=is_final, progress=progress)


async def loaded(new: Side, folder: Path) -> Result:
    other_ring()
    package = Package(folder, TRANSPORT)
    manifest = package.read_manifest()
    assert manifest
    loader = Loader(new.pool, new.keys, new.store, package, manifest)
    return await loader.run(SIGNER.verifier, quiet)


async def write(side: Side, count: int, tenant: str = "almelo", first: int = 0) -> None:
    records = [entry(first + n) for n in range(count)]
    await side.writer.add([msgspec.structs.replace(each, tenant=tenant) for each in records])
