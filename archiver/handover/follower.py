"""Find the closings that are handed over by following the log.

The place in the log is written with the rows, so that a kill loses and repeats nothing. Of several
archivers one follows at a time.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any

import msgspec
import structlog

from archiver.encryption.decrypt_rows import JOIN_KEYS, SELECT_COLUMNS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from archiver.handover.store import NewHandover, add_handover, drop_unbegun, wait_for_zaak
from archiver.handover.targets import targets_of
from archiver.retention.dossier import Change, read_changes
from services.config.model import Configuration
from services.postgres.database import Connection, Pool, retry_while_unavailable

BATCH = 1_000
"""Records in one transaction, some 0.1 s."""
POLL_SECONDS = 5.0
"""Pause when everything was read: a transcript goes minutes after the closing."""

log = structlog.get_logger()


class HandoverFollower:
    """`config` returns the configuration that holds now."""

    def __init__(self, pool: Pool, keys: KeyStore, config: Callable[[], Configuration]) -> None:
        self._pool, self._keys, self._config = pool, keys, config

    async def run(self) -> None:
        """Follow for as long as the service runs."""
        while True:
            await retry_while_unavailable(self.catch_up, "handover")
            await asyncio.sleep(POLL_SECONDS)

    async def catch_up(self) -> None:
        """Read what is new in the log."""
        while await self.read_batch():
            pass

    async def read_batch(self) -> int:
        """Read the next records of the log, and return their number."""
        async with self._pool.acquire() as connection, connection.transaction():
            position = await connection.fetchval(_TAKE_TURN)
            if position is None:  # another archiver follows
                return 0
            rows = await connection.fetch(_NEXT, position, BATCH)
            if rows:
                for change in self._changes(rows):
                    await self._apply(connection, change)
                await connection.execute(_ADVANCE, rows[-1]["position"] + 1)
        return len(rows)

    def _changes(self, rows: Sequence[Any]) -> Iterable[Change]:
        config = self._config()
        handing = {each.id for each in config.tenants if each.handover}
        own = [each for each in rows if each["tenant"] in handing and not each["came"]]
        for row in decrypt_rows(own, self._keys):
            try:
                yield from read_changes(row)
            except msgspec.DecodeError:
                log.error("handover.unread", record=row["id"])

    async def _apply(self, connection: Connection, change: Change) -> None:
        tenant, conversation = change.place
        if change.data.event == "closed":
            await self._add(connection, change)
        elif change.data.event == "reopened":
            await drop_unbegun(connection, tenant, conversation, change.sequence)
        elif change.data.event == "linked":
            settings = self._config().tenant(tenant)
            targets = settings.handover if settings else ()
            linking = [each.id for each in targets if each.zaken_url]
            await wait_for_zaak(connection, tenant, conversation, linking)

    async def _add(self, connection: Connection, change: Change) -> None:
        """Add a row for each target of the department that closed the conversation. The closing of
        one that was merged does not say which had it."""
        tenant, conversation = change.place
        department = change.data.department
        if department is None:
            department = await connection.fetchval(_LAST_DEPARTMENT, tenant, conversation) or ""
        for target in targets_of(self._config(), tenant, department):
            new = NewHandover(
                tenant=tenant,
                target=target.id,
                conversation=conversation,
                sequence=change.sequence,
                closed_at=change.at,
                due_at=change.at + timedelta(minutes=target.after_minutes),
            )
            await add_handover(connection, new)


_TAKE_TURN = "select position from archiver.handover_progress for update skip locked"
_ADVANCE = "update archiver.handover_progress set position = $1"
# What came from another installation was handed over there, or not.
_NEXT = f"""
with e as materialized (
    select * from archiver.entry
    where kind in ('conversation', 'valuation') and position >= $1 order by position limit $2
)
{SELECT_COLUMNS}, exists (select from archiver.former_entry f where f.entry = e.id) as came
from e {JOIN_KEYS} order by e.position
"""
_LAST_DEPARTMENT = """
select department from archiver.entry
where tenant = $1 and conversation = $2 and kind = 'conversation' and department <> ''
order by sequence desc, id desc limit 1
"""
