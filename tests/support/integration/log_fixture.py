"""A log with some entries in it, signed twice; and what a person with all rights may do to it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from archiver.audit import log
from archiver.audit.checkpoints import Trust
from archiver.audit.log import VerifyOptions
from archiver.audit.log_walk import Finding
from archiver.encryption.key_store import KeyStore
from archiver.log.checkpoint_signer import Signer, sign_checkpoint
from archiver.log.erasure import Eraser
from archiver.log.writer import Writer
from services import clock
from services.contract import Record
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of

NUMBER = "106540352242922"
SEED = bytes(range(32))
ENTRIES, FIRST_SIGNED = 700, 300
"""Two tiles and a bit; a checkpoint in the middle of the second."""


def conversation(n: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return f"{NUMBER}-{letters[n // 26 % 26]}{letters[n % 26] * 25}"


def message(n: int, tenant: str = "almelo", **more: object) -> Record:
    data = {
        "direction": "in",
        "type": "text",
        "text": f"bericht {n}",
        "department": "balie" if n % 3 else "jeugd",
        "decision": {"rule": "", "reason": ""},
        "from": {"identities": [{"kind": "phone", "value": f"3161{n:07}"}], "name": "Fatima"},
        "receivedAt": clock.now(),
    }
    return Record(
        id=clock.new_id(),
        kind="message",
        at=clock.now(),
        data=msgspec.json.encode(data | more),
        tenant=tenant,
        conversation=conversation(n // 5),
        message=clock.new_id(),
        sequence=n,
        raw=b'{"id":"wamid.%d"}' % n,
    )


class Log:
    """A log, and what is signed of it."""

    def __init__(self, pool: Pool, keys: KeyStore, outside: ObjectStore) -> None:
        self.pool, self.outside = pool, outside
        self.writer, self.destroyer = Writer(pool, keys), Eraser(pool, keys)
        self.signer = Signer("test/log", SEED)
        self.records: list[Record] = []

    async def grow(self, count: int) -> None:
        made = [message(len(self.records) + n) for n in range(count)]
        self.records += made
        await self.writer.add(made)

    async def sign(self) -> int:
        return (await sign_checkpoint(self.pool, self.signer, self.outside)).size

    async def findings(self, *, outside: bool = True, **asked: object) -> list[Finding]:
        trust = Trust(self.signer.origin, self.signer.public_key)
        store = self.outside if outside else None
        async with self.pool.acquire() as connection, connection.transaction(
            isolation="repeatable_read", readonly=True
        ):  # fmt: skip
            wanted = VerifyOptions(trust=trust, outside=store, **asked)  # type: ignore[arg-type]
            found = log.verify_log(connection, wanted, lambda seen, of: None)
            return [one async for one in found]


@asynccontextmanager
async def logged(pool: Pool, folder: Path) -> AsyncIterator[Log]:
    log = Log(pool, await keys_of(pool), ObjectStore((folder / "outside").as_uri()))
    await log.grow(FIRST_SIGNED)
    await log.sign()
    await log.grow(ENTRIES - FIRST_SIGNED)
    await log.sign()
    yield log
