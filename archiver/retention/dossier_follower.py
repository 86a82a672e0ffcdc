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
    apply_change,
    begin_dossier,
    read_changes,
    value_dossier,
)
from archiver.retention.dossier_store import (
    ADVANCE,
    COLUMNS,
    LOCK,
    load_dossiers,
    read_dossier,
    save_dossiers,
)
from archiver.retention.selection import TenantTerms, build_terms, terms_of
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
                await connection.execute(ADVANCE, rows[-1]["position"] + 1)
        return len(rows)

    async def revalue_batch(self) -> int:
        """Work out the next dossiers that are of former terms, and return their number."""
        terms = terms_of(self._config())
        async with self._pool.acquire() as connection, connection.transaction():
            if await self._take_turn(connection) is None:
                return 0
            known = [each.digest for each in terms.values()]
            rows = await connection.fetch(_OF_FORMER_TERMS, known, list(terms), BATCH)
            found = [read_dossier(row) for row in rows]
            await save_dossiers(
                connection, (value_dossier(each, terms[each.tenant]) for each in found)
            )
        return len(rows)

    async def _take_turn(self, connection: Connection) -> int | None:
        """Return the position of the next record; None while another archiver follows. Nothing is
        destroyed meanwhile: else a dossier could outlive its conversation."""
        await connection.execute(LOCK)
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
        dossiers = await load_dossiers(connection, places)
        terms = terms_of(self._config())
        for change in changes:
            dossier = dossiers.get(change.place) or begin_dossier(change)
            dossiers[change.place] = apply_change(dossier, change)
        await save_dossiers(
            connection,
            (value_dossier(each, _terms_for(each.tenant, terms)) for each in dossiers.values()),
        )


def _terms_for(tenant: str, terms: Mapping[str, TenantTerms]) -> TenantTerms:
    """Return the terms of a municipality; one that is not configured has no defaults."""
    return terms.get(tenant) or build_terms(tenant, "", {})


_TAKE_TURN = "select position from archiver.dossier_progress for update skip locked"
_NEXT = f"""
with e as materialized (
    select * from archiver.entry
    where kind in ('conversation', 'valuation') and position >= $1 order by position limit $2
)
{SELECT_COLUMNS} from e {JOIN_KEYS} order by e.position
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
select {COLUMNS} from archiver.dossier
where terms in (select terms from former) and tenant = any($2::text[]) limit $3
"""
