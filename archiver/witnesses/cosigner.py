"""Have the newest checkpoint co-signed by a witness, and store that in a table and outside."""

import asyncio
from functools import partial

import structlog

from archiver.log.consistency_proof import consistency_path, root_of
from archiver.log.inclusion_proof import NotProvable
from archiver.witnesses.answers import Answer, Outcome
from archiver.witnesses.client import WitnessClient
from services import clock, metrics
from services.files import object_store
from services.files.object_store import ObjectExists, ObjectStore, StoreUnavailable
from services.postgres.database import Pool, retry_while_unavailable
from services.transparency.consistency import is_consistent
from services.transparency.cosignature import Witness, verify_cosignature
from services.transparency.signed_note import InvalidNote, read_head

LOOK_SECONDS = 15.0
"""Interval between two looks for a checkpoint that is not co-signed."""
RETRY_SECONDS = 60.0
"""Interval after a witness that was away or refused."""
MAX_SUBMISSIONS = 3
"""Requests in one round: one tells the size to prove from; another archiver may ask meanwhile."""

log = structlog.get_logger()


class Cosigner:
    """Has the log co-signed by one witness."""

    def __init__(
        self, pool: Pool, store: ObjectStore, client: WitnessClient, witness: Witness
    ) -> None:
        self._pool, self._store = pool, store
        self._client, self._witness = client, witness
        self._copied = -1
        """Size up to which co-signatures are known to be outside."""

    async def run(self) -> None:
        """Have each new checkpoint co-signed for as long as the service runs."""
        while True:
            outcome = await retry_while_unavailable(self.cosign_newest, "cosignature")
            is_done = outcome in (None, Outcome.COSIGNED)
            await asyncio.sleep(LOOK_SECONDS if is_done else RETRY_SECONDS)

    async def cosign_newest(self) -> Outcome | None:
        """Have the newest checkpoint co-signed; return None if it is."""
        outcome = await self._ask_for_newest()
        if outcome:
            metrics.archive_witness_answers.labels(self._witness.name, outcome).inc()
        await self._measure()
        try:
            await self._copy_outside()
        except StoreUnavailable as error:
            log.error("cosignature.not_outside", reason=str(error))
        return outcome

    async def _ask_for_newest(self) -> Outcome | None:
        row = await self._pool.fetchrow(_NEWEST, self._witness.verifier)
        if row is None or row["size"] == row["cosigned"]:
            return None
        answer = await self._submit(row["size"], row["note"], row["cosigned"] or 0)
        if answer.outcome is Outcome.COSIGNED:
            values = (row["size"], self._witness.verifier, answer.at, answer.line)
            await self._pool.execute(_ADD, *values)
        elif answer.outcome is not Outcome.BEHIND:
            what = f"{self._witness.name}: {answer.outcome}"
            log.error("cosignature.missing", what=what, size=row["size"])
        return answer.outcome

    async def _submit(self, size: int, note: str, old_size: int) -> Answer:
        """Ask the witness, with a proof from the size that it co-signed last."""
        answer = Answer(Outcome.BEHIND, old_size)
        for _ in range(MAX_SUBMISSIONS):
            if answer.outcome is not Outcome.BEHIND:
                break
            if answer.size > size:
                is_ours = await self._pool.fetchval(_IS_SIGNED, answer.size)
                return answer if is_ours else Answer(Outcome.REFUSED)
            path = await self._prove(answer.size, size, note)
            if path is None:
                return Answer(Outcome.UNPROVABLE)
            answer = await self._client.submit(self._witness, answer.size, path, note)
        return answer

    async def _prove(self, first: int, second: int, note: str) -> tuple[bytes, ...] | None:
        """Return a proof that leads to this checkpoint; None if there is none."""
        try:
            head = read_head(note)
            async with self._pool.acquire() as connection:
                path = await consistency_path(connection, first, second)
                old = (first, await root_of(connection, first))
        except (NotProvable, InvalidNote):
            return None
        return path if is_consistent(old, (head.size, head.root), path) else None

    async def _measure(self) -> None:
        """Set the age of the oldest checkpoint that this witness has not co-signed."""
        since = await self._pool.fetchval(_MISSING_SINCE, self._witness.verifier)
        seconds = (clock.now() - since).total_seconds() if since else 0.0
        metrics.archive_witness_behind.labels(self._witness.name).set(max(seconds, 0.0))

    async def _copy_outside(self) -> None:
        """Copy the newest co-signed checkpoints outside, back to the first that is there. Raises
        StoreUnavailable."""
        newest = before = await self._pool.fetchval(_BEFORE, self._witness.verifier, _ALL)
        make_key = partial(object_store.cosignature_key, key=self._witness.key.id.hex())
        while before is not None and before > self._copied:
            if await self._store.exists(make_key(before)):
                break
            await self._copy(before, make_key(before))
            before = await self._pool.fetchval(_BEFORE, self._witness.verifier, before)
        self._copied = self._copied if newest is None else newest

    async def _copy(self, size: int, key: str) -> None:
        """Copy one, if it is what the witness co-signed: `archive verify` names a forged row."""
        note = await self._pool.fetchval(_COSIGNED, size, self._witness.verifier)
        try:
            verify_cosignature(note or "", self._witness.key)
            await self._store.create(key, note.encode())
        except InvalidNote as error:
            log.error("cosignature.forged", size=size, reason=str(error))
        except ObjectExists:
            return  # another archiver did


_ALL = 2**63 - 1
_NEWEST = """
select size, note, (select max(size) from archiver.cosignature where witness = $1) as cosigned
from archiver.checkpoint order by size desc limit 1
"""
_IS_SIGNED = "select true from archiver.checkpoint where size = $1"
_ADD = """
insert into archiver.cosignature (size, witness, at, line) values ($1, $2, $3, $4)
on conflict do nothing
"""
_MISSING_SINCE = """
select at from archiver.checkpoint
where size > (select coalesce(max(size), -1) from archiver.cosignature where witness = $1)
order by size limit 1
"""
_BEFORE = "select max(size) from archiver.cosignature where witness = $1 and size < $2"
_COSIGNED = """
select note || line from archiver.cosignature join archiver.checkpoint using (size)
where size = $1 and witness = $2
"""
