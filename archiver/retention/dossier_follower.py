"""Keep the dossiers by following the log, and work them out anew when the terms change.

The place in the log is written with the dossiers, so that a kill loses and repeats nothing. Of
several archivers one follows at a time.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from archiver.encryption.decrypt_rows import JOIN_KEYS, SELECT_COLUMNS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.retention.dossier import (
    Change,
    Dossier,
    Place,
    apply_change,
    begin_dossier,
    read_changes,
    value_dossier,
)
from archiver.retention.selection import TenantTerms, build_terms, terms_of
from archiver.retention.valuation import Valuation
from services.config.model import Configuration
from services.postgres.database import Connection, Pool, retry_while_unavailable

BATCH = 1_000
"""Records, or dossiers, in one transaction: some 0.1 s, in which no hold can be placed."""
POLL_SECONDS = 5.0
"""Pause when everything was read. Terms are of days; people who close a conversation see its day a
moment later."""

log = structlog.get_logger()


class DossierFollower:
    """`config` returns the configuration that holds now."""

    def __init__(self, pool: Pool, keys: KeyStore, config: Callable[[], Configuration]) -> None:
        self._pool, self._keys, self._config = pool, keys, config

    async def run(self) -> None:
        """Follow for as long as the service runs."""
        while True:
            await retry_while_unavailable(self.catch_up, "dossiers")
            await asyncio.sleep(POLL_SECONDS)

    async def catch_up(self) -> None:
        """Read what is new in the log, then work out what is of former terms."""
        while await self.read_batch():
            pass
        while await self.revalue_batch():
            pass

    async def read_batch(self) -> int:
        """Read the next records of the log, and return their number."""
        async with self._pool.acquire() as connection, connection.transaction():
            position = await self._take_turn(connection)
            if position is None:
                return 0
            rows = await connection.fetch(_NEXT, position, BATCH)
            if rows:
                await self._apply(connection, list(self._changes(rows)))
                await connection.execute(_ADVANCE, rows[-1]["position"] + 1)
        return len(rows)

    async def revalue_batch(self) -> int:
        """Work out the next dossiers that are of former terms, and return their number."""
        terms = terms_of(self._config())
        async with self._pool.acquire() as connection, connection.transaction():
            if await self._take_turn(connection) is None:
                return 0
            known = [each.digest for each in terms.values()]
            rows = await connection.fetch(_OF_FORMER_TERMS, known, list(terms), BATCH)
            found = [_read_dossier(row) for row in rows]
            await _save(connection, (value_dossier(each, terms[each.tenant]) for each in found))
        return len(rows)

    async def start_anew(self) -> None:
        """Forget all dossiers, so that they are made from the log again. Until that is done less is
        due, and never more."""
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(_LOCK)
            await connection.execute(_WAIT_FOR_TURN)
            await connection.execute("delete from archiver.dossier")
            await connection.execute(_ADVANCE, 0)

    async def _take_turn(self, connection: Connection) -> int | None:
        """Return the position of the next record; None while another archiver follows. Nothing is
        destroyed meanwhile: else a dossier could outlive its conversation."""
        await connection.execute(_LOCK)
        position: int | None = await connection.fetchval(_TAKE_TURN)
        return position

    def _changes(self, rows: Sequence[Any]) -> Iterable[Change]:
        for row in decrypt_rows(rows, self._keys):
            try:
                yield from read_changes(row)
            except msgspec.DecodeError:
                log.error("dossier.unread", record=row["id"])

    async def _apply(self, connection: Connection, changes: Sequence[Change]) -> None:
        places = list({change.place for change in changes})
        dossiers = await _load(connection, places)
        terms = terms_of(self._config())
        for change in changes:
            dossier = dossiers.get(change.place) or begin_dossier(change)
            dossiers[change.place] = apply_change(dossier, change)
        await _save(
            connection,
            (value_dossier(each, _terms_for(each.tenant, terms)) for each in dossiers.values()),
        )


def _terms_for(tenant: str, terms: Mapping[str, TenantTerms]) -> TenantTerms:
    """Return the terms of a municipality; one that is not configured has no defaults."""
    return terms.get(tenant) or build_terms(tenant, "", {})


async def _load(connection: Connection, places: Sequence[Place]) -> dict[Place, Dossier]:
    tenants, conversations = [each[0] for each in places], [each[1] for each in places]
    rows = await connection.fetch(_LOAD, tenants, conversations)
    return {(row["tenant"], row["conversation"]): _read_dossier(row) for row in rows}


def _read_dossier(row: Any) -> Dossier:
    fields = dict(row)
    fields["departments"] = tuple(fields["departments"])
    valuation = [fields.pop(name) for name in ("state", "valued_code", "kept_until")]
    return Dossier(**fields, valuation=Valuation(*valuation))


async def _save(connection: Connection, dossiers: Iterable[Dossier]) -> None:
    """Write dossiers, but none of a conversation whose key was destroyed: it would be due for
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


_LOCK = "lock table archiver.hold in row exclusive mode"
"""Lock order: the holds, then the progress. `archiver.destroy_conversations` locks the holds
too."""
_TAKE_TURN = "select position from archiver.dossier_progress for update skip locked"
_WAIT_FOR_TURN = "select position from archiver.dossier_progress for update"
_ADVANCE = "update archiver.dossier_progress set position = $1"
_NEXT = f"""
with e as materialized (
    select * from archiver.entry
    where kind in ('conversation', 'valuation') and position >= $1 order by position limit $2
)
{SELECT_COLUMNS} from e {JOIN_KEYS} order by e.position
"""
_COLUMNS = """tenant, conversation, departments, number, opened_at, closed_at, has_zaak, code,
    source, starts_on, sequence, position, state, valued_code, kept_until, terms"""
_LOAD = f"""
select {_COLUMNS} from archiver.dossier
where (tenant, conversation) in (select * from unnest($1::text[], $2::text[]))
"""
# The few hashes that occur are found by jumping from one to the next in their index.
_OF_FORMER_TERMS = f"""
with recursive found (terms) as (
    (select terms from archiver.dossier order by terms limit 1)
    union all
    select (select d.terms from archiver.dossier d where d.terms > found.terms
        order by d.terms limit 1)
    from found where found.terms is not null
), former as materialized (
    select terms from found where terms is not null and terms <> all($1::bytea[])
)
select {_COLUMNS} from archiver.dossier
where terms in (select terms from former) and tenant = any($2::text[]) limit $3
"""
_SAVE = f"""
insert into archiver.dossier ({_COLUMNS})
select g.tenant, g.conversation, string_to_array(g.departments, ' '), g.number, g.opened_at,
    g.closed_at, g.has_zaak, g.code, g.source, g.starts_on, g.sequence, g.position, g.state,
    g.valued_code, g.kept_until, g.terms
from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::timestamptz[],
    $6::timestamptz[], $7::boolean[], $8::text[], $9::text[], $10::date[], $11::bigint[],
    $12::bigint[], $13::text[], $14::text[], $15::date[], $16::bytea[])
    as g ({_COLUMNS})
where exists (select from archiver.conversation_key k
    where k.tenant = g.tenant and k.conversation = g.conversation)
on conflict (tenant, conversation) do update set
    departments = excluded.departments, number = excluded.number, opened_at = excluded.opened_at,
    closed_at = excluded.closed_at, has_zaak = excluded.has_zaak, code = excluded.code,
    source = excluded.source, starts_on = excluded.starts_on, sequence = excluded.sequence,
    position = excluded.position, state = excluded.state, valued_code = excluded.valued_code,
    kept_until = excluded.kept_until, terms = excluded.terms
"""
