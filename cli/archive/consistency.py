"""`postkamer archive consistency`: proof that a checkpoint continues an earlier one."""

import click
import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.log.consistency_proof import ConsistencyProof, prove_consistency
from archiver.log.inclusion_proof import NotProvable
from cli.support.archive_access import load_signer, with_archive
from cli.support.output import CommandRefused
from services.postgres.database import Pool

size_type = click.IntRange(min=0)


@click.command("consistency")
@click.argument("first", metavar="FROM", type=size_type)
@click.argument("second", metavar="TO", type=size_type)
def command(first: int, second: int) -> None:
    """Prove that the archive only grew.

    FROM and TO are numbers of entries that were signed. The proof, in JSON, has both checkpoints
    with the lines of their witnesses. It was checked, and reveals nothing of the content; anyone
    can check it again with docs/municipality/archive.md.
    """

    async def work(pool: Pool, _: KeyStore) -> ConsistencyProof:
        async with pool.acquire() as connection, connection.transaction():
            try:
                return await prove_consistency(connection, first, second, load_signer().verifier)
            except NotProvable as error:
                raise CommandRefused(str(error)) from None

    proof = with_archive("consistency", work)
    click.echo(msgspec.json.format(msgspec.json.encode(proof)))
