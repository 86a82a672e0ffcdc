"""`postkamer archive terms`: how long conversations are kept, and what goes to the depot."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from pathlib import Path

import click
import msgspec

from archiver.retention.dossier_store import (
    DossierCount,
    PermanentDossier,
    count_dossiers,
    list_permanent,
    list_unset,
)
from archiver.retention.valuation import STATES
from cli.support.configuration import load_config
from cli.support.database import with_database
from cli.support.options import config_option, json_option
from cli.support.output import (
    MAX_LISTED,
    TO_FETCH,
    format_table,
    print_list,
    print_note,
    print_result,
)
from cli.support.person import narrow_tenant
from services.config.model import Configuration
from services.config.organisation import Retention
from services.postgres.database import Pool
from services.retention.term import Term, last_day


class Overview(msgspec.Struct, frozen=True, rename="camel"):
    counts: Sequence[DossierCount]
    unset: Sequence[str]
    """Ids of closed conversations without a result."""


class Transfer(msgspec.Struct, frozen=True, rename="camel"):
    """A permanent conversation, and the day by which it goes to the archival depot."""

    conversation: str
    tenant: str
    department: str
    code: str
    closed_on: date
    transfer_by: date


@click.command("terms")
@click.option("--permanent", is_flag=True, help="List what goes to the archival depot.")
@config_option
@json_option
def command(permanent: bool, path: Path | None, as_json: bool) -> None:
    """Count conversations by how long they are kept.

    Closed ones without a result of the selection list are named by their ids. It follows the record
    within seconds.
    """
    if permanent:
        _print_permanent(load_config(path), as_json=as_json)
        return
    overview = with_database("archive", _load_overview)
    listed = msgspec.structs.replace(overview, unset=overview.unset[:MAX_LISTED])
    print_result(
        listed, format_overview(listed), as_json=as_json, empty="no conversation is on the record"
    )
    if len(overview.unset) > MAX_LISTED:
        note = f"these are the first {MAX_LISTED:,} without a result; there are more"
        print_note(note, as_json=as_json)


async def _load_overview(pool: Pool) -> Overview:
    tenant = await narrow_tenant(pool, None)
    return Overview(await count_dossiers(pool, tenant), await list_unset(pool, tenant, TO_FETCH))


def format_overview(overview: Overview) -> Iterator[str]:
    """Yield the table of departments, then the conversations without a result."""
    rows: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for each in overview.counts:
        rows[each.tenant, each.department][each.state] = each.conversations
    if not rows:
        return
    head = ["municipality", "department", *STATES]
    lines = [
        [*place, *(f"{counts.get(state, 0):,}" for state in STATES)]
        for place, counts in sorted(rows.items())
    ]
    yield from format_table([head, *lines], 2)
    for id in overview.unset:
        yield f"no result: {id}"


def _print_permanent(config: Configuration, *, as_json: bool) -> None:
    async def work(pool: Pool) -> list[PermanentDossier]:
        return await list_permanent(pool, await narrow_tenant(pool, None), TO_FETCH)

    transfers = [plan_transfer(each, config) for each in with_database("archive", work)]
    print_list(transfers, format_transfers, as_json=as_json, empty="nothing is permanent")


def plan_transfer(dossier: PermanentDossier, config: Configuration) -> Transfer:
    """Return by when a conversation goes to the depot. A municipality that is not configured any
    more has the term of the law."""
    tenant = config.tenant(dossier.tenant)
    years = (tenant.retention if tenant else Retention()).transfer_years
    by = last_day(dossier.closed_on, Term(years=years))
    return Transfer(**msgspec.structs.asdict(dossier), transfer_by=by)


def format_transfers(transfers: Sequence[Transfer]) -> Iterator[str]:
    for each in transfers:
        department = f"{each.tenant}/{each.department}"
        yield f"{each.transfer_by}  {each.code:<8}  {department}  {each.conversation}"
