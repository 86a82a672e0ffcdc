"""A log with entries that is signed twice, and its check."""

from pathlib import Path

import msgspec

from archiver.audit import log
from archiver.audit.checkpoints import Trust, list_outside
from archiver.audit.log import VerifyOptions
from archiver.audit.log_walk import Finding
from archiver.encryption.key_store import KeyStore
from archiver.log.checkpoint_signer import sign_checkpoint
from archiver.log.known_head import KnownHead
from archiver.log.writer import Writer
from archiver.signing.signer import NoteSigner, Signer
from services import clock
from services.contract import Record
from services.files.object_store import ObjectStore
from services.postgres.database import Pool
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import NUMBER, message

ENTRIES, FIRST_SIGNED = 700, 300
"""Two tiles and a bit; a checkpoint in the middle of the second."""
Place = tuple[str, int | None]
"""Kind and position of a finding."""


def conversation(n: int) -> str:
    letters = "abcdefghijklmnopqrstuvwxyz"
    return f"{NUMBER}-{letters[n // 26 % 26]}{letters[n % 26] * 25}"


def entry(n: int, **more: object) -> Record:
    """The n-th message; five in a row are of one conversation."""
    given = {
        "text": f"bericht {n}", "department": "balie" if n % 3 else "jeugd", "at": clock.now(),
        "phone": f"3161{n:07}", "conversation": conversation(n // 5), "sequence": n,
        "raw": b'{"id":"wamid.%d"}' % n,
    }  # fmt: skip
    return message(**given | more)  # type: ignore[arg-type]


def entry_like(one: Record) -> Record:
    """Another message with the same content, written now."""
    return msgspec.structs.replace(one, id=clock.new_id(), message=clock.new_id())


class Log:
    """A log, its writer, eraser and signer, and its checkpoints in a folder outside."""

    def __init__(self, pool: Pool, keys: KeyStore, folder: Path, records: list[Record]) -> None:
        self.pool, self.keys, self.records = pool, keys, records
        self.outside = ObjectStore(folder.as_uri())
        self.writer, self.eraser = Writer(pool, keys), eraser_of(pool, keys, folder)
        self.signer: NoteSigner = Signer("test/log", bytes(range(32)))

    async def grow(self, count: int) -> None:
        made = [entry(len(self.records) + n) for n in range(count)]
        self.records += made
        await self.writer.add(made)

    async def sign(self, known: KnownHead | None = None) -> int:
        return (await sign_checkpoint(self.pool, self.signer, self.outside, known)).size

    async def erase(self, nth: int) -> None:
        await self.eraser.erase_conversation("almelo", conversation(nth), "test")

    async def findings(
        self, *, outside: bool = True, with_keys: bool = False, **options: object
    ) -> list[Finding]:
        given = VerifyOptions(
            trust=Trust(self.signer.origin, self.signer.public_key, self.signer.earlier),
            outside=await list_outside(self.outside) if outside else None,
            keys=self.keys if with_keys else None,
            **options,  # type: ignore[arg-type]
        )
        async with (
            self.pool.acquire() as connection,
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            return [one async for one in log.verify_log(connection, given, lambda *_: None)]

    async def found(self, **options: object) -> list[Place]:
        findings = await self.findings(**options)  # type: ignore[arg-type]
        return [(one.what, one.position) for one in findings]

    async def kinds(self, **options: object) -> list[str]:
        return [kind for kind, _ in await self.found(**options)]


async def fill_log(pool: Pool, keys: KeyStore, folder: Path) -> list[Record]:
    log = Log(pool, keys, folder, [])
    for count in (FIRST_SIGNED, ENTRIES - FIRST_SIGNED):
        await log.grow(count)
        await log.sign()
    return log.records
