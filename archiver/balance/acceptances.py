"""Losses that a person accepted, held against the operations on the record that accepted them.

Whoever can write the tables of the balance could silence it by accepting a loss there. So each row
names its operation, and that has a hash of all its rows. Rows that no operation accepted are given
back to the balance, which misses them again.
"""

from collections.abc import Mapping, Set
from contextlib import suppress
from hashlib import sha256
from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec
import structlog

from archiver.balance.turn import try_turn
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services.postgres.database import Connection, Pool

ACCEPT = "balance accept"
"""Operation of the command that accepts losses."""
AT_ONCE = 1000
"""Rows in memory, some 200 bytes each: after a restore a person accepts all that is missing."""
Counts: TypeAlias = Mapping[UUID | None, int]
"""Number of rows by the operation that they name; None for rows that name none."""

log = structlog.get_logger()


class Comparison(NamedTuple):
    """Operations that did not accept the rows which name them, and those that are not on the record
    yet, which takes a second."""

    forged: Set[UUID | None]
    waiting: Set[UUID | None]


class _Acceptance(msgspec.Struct, frozen=True):
    """Part of an operation's record."""

    what: str = ""
    digest: str = ""


async def digest_of(connection: Connection, operation: UUID) -> str:
    """Return the hash of the rows that name this operation. Run in a transaction."""
    digest = sha256()
    cursor = await connection.cursor(_ROWS, operation)
    while rows := await cursor.fetch(AT_ONCE):
        for row in rows:
            digest.update(msgspec.json.encode([*row.values()]) + b"\n")
    return digest.hexdigest()


async def count_accepted(connection: Connection) -> Counts:
    """Return how many rows each operation accepted, as the tables say."""
    return {row["operation"]: row["count"] for row in await connection.fetch(_COUNTS)}


async def compare(connection: Connection, keys: KeyStore, counts: Counts) -> Comparison:
    """Hold the rows of these operations against the record. Run in a transaction."""
    named = [operation for operation in counts if operation]
    waiting = {row["id"] for row in await connection.fetch(_WAITING, named, ACCEPT)}
    digests = dict[UUID, str]()
    for row in decrypt_rows(await connection.fetch(_RECORDED, named), keys):
        with suppress(msgspec.DecodeError):
            acceptance = msgspec.json.decode(row["data"], type=_Acceptance)
            if acceptance.what == ACCEPT:
                digests[row["id"]] = acceptance.digest
    altered = {each for each in digests if digests[each] != await digest_of(connection, each)}
    unknown = set(counts) - set(digests)
    return Comparison(altered | (unknown - waiting), unknown & waiting)


class Acceptances:
    """Accepted losses, as this process compared them with the record."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys
        self._compared: Counts = {}
        """Number of rows of the operations that accepted them."""

    async def compare(self, pool: Pool) -> int:
        """Give back what no operation accepted, and return how much that is. Rows that were
        compared are compared again when their number changes."""
        async with pool.acquire() as connection, connection.transaction():
            counts = await count_accepted(connection)
            if counts == self._compared or not await try_turn(connection):
                return 0
            forged, waiting = await compare(connection, self._keys, counts)
            for operation in forged:
                await connection.execute(_GIVE_BACK, operation)
                await connection.execute(_GIVE_BACK_ENTRIES, operation)
        settled = set(counts) - forged - waiting
        self._compared = {each: counts[each] for each in settled}
        given_back = sum(counts[each] for each in forged)
        if given_back:
            log.error("balance.forged", count=given_back, reason=GIVEN_BACK)
        return given_back


GIVEN_BACK = "no operation on the record accepted these losses, so they are missing again"

_ROWS = """
select equation, id, subject from (
    select equation, id::text as id, subject from balance.accepted where operation = $1
    union all
    select 'entry', position::text, '' from balance.lost_entry
    where operation = $1 and accepted_at is not null
) accepted order by equation collate "C", id collate "C", subject collate "C"
"""
_COUNTS = """
select operation, count(*) as count from (
    select operation from balance.accepted
    union all
    select operation from balance.lost_entry where accepted_at is not null
) accepted group by operation
"""
_WAITING = "select id from access.operation where id = any($1::uuid[]) and what = $2"
_RECORDED = f"{RECORDS} where e.id = any($1::uuid[]) and e.kind = 'operation'"
# The sums have them as accepted, which is an end.
_GIVE_BACK = """
with forged as (
    delete from balance.accepted where operation is not distinct from $1
    returning equation, id, subject
)
insert into balance.open (equation, id, subject, part, is_gone)
select equation, id, subject, 'missing', true from forged on conflict do nothing
"""
_GIVE_BACK_ENTRIES = """
update balance.lost_entry set accepted_at = null, operation = null
where accepted_at is not null and operation is not distinct from $1
"""
