"""A signed log with a witness on another address."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from archiver.audit.cosignatures import WitnessOptions
from archiver.audit.log_walk import Finding
from archiver.witnesses.answers import Outcome
from archiver.witnesses.client import WitnessClient, witness_client
from archiver.witnesses.cosigner import Cosigner
from cli.archive.demanded_witnesses import ask_witnesses
from services.transparency.cosignature import Witness
from tests.support.archiver.signed_log import Log
from tests.support.transparency import witness_of


class WitnessedLog:
    """A log whose archiver asks one witness."""

    def __init__(self, log: Log, client: WitnessClient, witness: Witness) -> None:
        self.log, self.client, self.witness = log, client, witness

    def cosigner(self, witness: Witness | None = None) -> Cosigner:
        """A cosigner that has just started."""
        return Cosigner(self.log.pool, self.log.outside, self.client, witness or self.witness)

    async def cosign(self, witness: Witness | None = None) -> Outcome | None:
        return await self.cosigner(witness).cosign_newest()

    async def grow(self, count: int = 20) -> Outcome | None:
        """Entries, their checkpoint, and its co-signature."""
        await self.log.grow(count)
        await self.log.sign()
        return await self.cosign()

    async def make_older(self) -> None:
        """Let everything have been signed an hour ago, in what is not signed."""
        await self.log.pool.execute(
            "update archiver.entry set written_at = written_at - interval '1 hour'"
        )

    async def findings(
        self, *others: Witness, quorum: int = 0, asks: bool = True, **options: object
    ) -> list[Finding]:
        demanded = (self.witness, *others)
        given = await ask_witnesses(
            WitnessOptions(demanded, quorum), self.log.outside, self.log.signer.origin
        )
        witnesses = given.options if asks else msgspec.structs.replace(given.options, seen=())
        found = await self.log.findings(witnesses=witnesses, **options)  # type: ignore[arg-type]
        return [one for one in found if one.what != "written"]  # `make_older` bends that time


@asynccontextmanager
async def witnessed(log: Log, folder: Path) -> AsyncIterator[WitnessedLog]:
    async with witness_client() as client, witness_of(folder, log.signer.verifier) as witness:
        yield WitnessedLog(log, client, witness)
