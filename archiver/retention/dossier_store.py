"""Dossiers in PostgreSQL: reading and writing them, and lists of them."""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

import msgspec

from archiver.retention.dossier import Dossier, Place
from archiver.retention.valuation import Valuation
from services.postgres.database import Connection, Pool


async def load_dossiers(connection: Connection, places: Sequence[Place]) -> dict[Place, Dossier]:
    """Return the dossiers of these conversations that there are."""
    tenants, conversations = [each[0] for each in places], [each[1] for each in places]
    rows = await connection.fetch(_LOAD, tenants, conversations)
    return {(row["tenant"], row["conversation"]): read_dossier(row) for row in rows}


def read_dossier(row: Any) -> Dossier:
    """Return the dossier of a row of COLUMNS."""
    fields = dict(row)
    fields["departments"] = tuple(fields["departments"])
    valuation = [fields.pop(name) for name in ("state", "valued_code", "kept_until")]
    return Dossier(**fields, valuation=Valuation(*valuation))


async def save_dossiers(connection: Connection, dossiers: Iterable[Dossier]) -> None:
    """Write dossiers, but no new one of a conversation whose key was destroyed: it would be due for
    ever."""
    lines = [
        (
            each.tenant,
            each.conversation,
            " ".join(each.departments),
            each.number,
            each.opened_at,
            each.closed_at,
            each.has_zaak,
            each.code,
            each.source,
            each.starts_on,
            each.sequence,
            each.position,
            each.valuation.state,
            each.valuation.code,
            each.valuation.kept_until,
            each.terms,
        )
        for each in dossiers
    ]
    if lines:
        await connection.execute(_SAVE, *map(list, zip(*lines, strict=True)))


class DossierCount(msgspec.Struct, frozen=True):
    tenant: str
    department: str
    """Department that had it last."""
    state: str
    conversations: int


class PermanentDossier(msgspec.Struct, frozen=True):
    conversation: str
    tenant: str
    department: str
    code: str
    closed_on: date


async def count_dossiers(pool: Pool, tenant: str) -> list[DossierCount]:
    """Count dossiers by department and state, of a municipality or of all."""
    return [DossierCount(*row) for row in await pool.fetch(_COUNT, tenant)]


async def list_unset(pool: Pool, tenant: str, most: int) -> list[str]:
    """Return closed conversations without a result, at most so many."""
    return [row["conversation"] for row in await pool.fetch(_UNSET, tenant, most)]


async def list_permanent(pool: Pool, tenant: str, most: int) -> list[PermanentDossier]:
    """Return permanent conversations, at most so many, the longest closed first."""
    return [PermanentDossier(*row) for row in await pool.fetch(_PERMANENT, tenant, most)]


async def start_anew(connection: Connection) -> None:
    """Forget all dossiers, in a transaction, so that the archiver makes them from the log again.
    Until that is done less is due, and never more."""
    for sql in (LOCK, _WAIT_FOR_TURN, "delete from archiver.dossier"):
        await connection.execute(sql)
    await connection.execute(ADVANCE, 0)


LOCK = "lock table archiver.hold in row exclusive mode"
"""Lock order: the holds, then the progress. `archiver.destroy_conversations` locks the holds
too."""
ADVANCE = "update archiver.dossier_progress set position = $1"
_WAIT_FOR_TURN = "select position from archiver.dossier_progress for update"
_COUNT = """
select tenant, coalesce(departments[array_upper(departments, 1)], ''), state, count(*)
from archiver.dossier where $1 = '' or tenant = $1 group by 1, 2, 3 order by 1, 2, 3
"""
_UNSET = """
select conversation from archiver.dossier
where state = 'unset' and ($1 = '' or tenant = $1) order by closed_at, conversation limit $2
"""
_PERMANENT = """
select conversation, tenant, coalesce(departments[array_upper(departments, 1)], ''), valued_code,
    (closed_at at time zone 'Europe/Amsterdam')::date
from archiver.dossier
where state = 'permanent' and ($1 = '' or tenant = $1) order by closed_at, conversation limit $2
"""
COLUMNS = """tenant, conversation, departments, number, opened_at, closed_at, has_zaak, code,
    source, starts_on, sequence, position, state, valued_code, kept_until, terms"""
_LOAD = f"""
select {COLUMNS} from archiver.dossier
where (tenant, conversation) in (select * from unnest($1::text[], $2::text[]))
"""
_SAVE = f"""
insert into archiver.dossier ({COLUMNS})
select g.tenant, g.conversation, string_to_array(g.departments, ' '), g.number, g.opened_at,
    g.closed_at, g.has_zaak, g.code, g.source, g.starts_on, g.sequence, g.position, g.state,
    g.valued_code, g.kept_until, g.terms
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::boolean[], $8::text[], $9::text[], $10::date[], $11::bigint[],
    $12::bigint[], $13::text[], $14::text[], $15::date[], $16::bytea[])
    as g ({COLUMNS})
where exists (select from archiver.conversation_key k
        where k.tenant = g.tenant and k.conversation = g.conversation)
    or exists (select from archiver.dossier d
        where d.tenant = g.tenant and d.conversation = g.conversation)
on conflict (tenant, conversation) do update set
    departments = excluded.departments, number = excluded.number, opened_at = excluded.opened_at,
    closed_at = excluded.closed_at, has_zaak = excluded.has_zaak, code = excluded.code,
    source = excluded.source, starts_on = excluded.starts_on, sequence = excluded.sequence,
    position = excluded.position, state = excluded.state, valued_code = excluded.valued_code,
    kept_until = excluded.kept_until, terms = excluded.terms
"""
