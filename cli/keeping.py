"""`postkamer archive rotate`: new keys above old ones."""

import os

import click

from archiver.record import rotating
from archiver.record.keys import Keys
from cli.acting import Operation, operator, write
from cli.opening import Progress, on_archive
from cli.tables import Refused, fail, say
from services.database import Pool


@click.command()
@click.option(
    "--master", is_flag=True, help="Lay all under the first key of POSTKAMER_ARCHIVE_KEY."
)
@click.option("--municipality", help="Give this one a new key of its own.")
@click.option("--json", "as_json", is_flag=True)
def rotate(master: bool, municipality: str | None, as_json: bool) -> None:
    """Put a new key above others: what they open is not written anew. While everything runs; cut
    off, it goes on where it was when it is asked again."""
    if master == bool(municipality):
        fail("expected one of --master and --municipality", 2)
    shows = Progress("keys")

    async def work(pool: Pool, keys: Keys) -> int:
        if municipality is None:
            done = await rotating.master(pool, keys)
        else:
            if (of := await rotating.under(pool, municipality)) == 0:
                raise Refused(f"no municipality {municipality!r} has anything in the record")
            done = await rotating.municipality(
                pool, keys, municipality, lambda count: shows(count, of)
            )
        operation = Operation(
            what="archive rotate",
            about=municipality or "master",
            tenant=municipality or "",
            data={"count": done},
        )
        async with pool.acquire() as connection:
            await write(connection, operation, operator(os.environ))
        return done

    done = on_archive("rotate", work)
    what = "keys of conversations" if municipality else "keys of municipalities"
    say({"count": done}, [f"{done:,} {what} lie under a new one"], as_json=as_json)


COMMANDS = (rotate,)
