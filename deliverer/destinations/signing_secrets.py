"""Secrets with which the events of one destination are signed: those of its configuration, and
those that its owner set by the API."""

import asyncio
from collections.abc import Callable, Mapping, Sequence, Set
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from deliverer.crm.destination_kind import Keys
from services import clock
from services.http.webhook_signature import key_of
from services.postgres.database import Pool, retry_while_unavailable
from services.postgres.shut_rows import ShutRows
from services.sealing.columns import SECRET, bind
from services.sealing.key_ring import RING, Unsealable

REFRESH_SECONDS = 2.0
EARLIEST = datetime.min.replace(tzinfo=UTC)
LATEST = datetime.max.replace(tzinfo=UTC)


class StoredSecret(NamedTuple):
    """A secret as the table has it. Never print it."""

    id: UUID
    key: bytes
    """b'' for a secret of the configuration."""
    ends_at: datetime | None


class SigningSecrets:
    """Keys of one destination."""

    def __init__(self, pool: Pool, destination: str, configured: Callable[[], Keys]) -> None:
        """`configured` returns the keys of the configuration, as their files have them now."""
        self._pool, self._destination, self._read_configured = pool, destination, configured
        self._configured: dict[UUID, bytes] = {}
        self._registered: Set[UUID] = frozenset()
        self._stored: Sequence[StoredSecret] = ()
        self._shut = ShutRows("deliverer.secret")
        self._in_force: Keys = ()
        self._until = EARLIEST
        """Time until which these are the keys that sign."""

    def keys(self) -> Keys:
        """Return the keys that sign now."""
        self._take_configured()
        now = clock.now()
        if now >= self._until:
            ends = (each.ends_at for each in self._stored if each.ends_at and each.ends_at > now)
            self._until = min(ends, default=LATEST)
            self._in_force = keys_in_force(self._configured, self._stored, now)
        return self._in_force

    async def register(self) -> None:
        """Write the secrets of the configuration, so that they can be ended; then read all."""
        self._take_configured()
        ids = list(self._configured)
        await self._pool.execute(_REGISTER, self._destination, ids)
        await self._pool.execute(_FORGET, self._destination, ids)
        self._registered = set(ids)
        await self.refresh()

    async def follow(self) -> None:
        """Read all secrets; write those of the configuration before, if they were exchanged."""
        self._take_configured()
        is_known = self._configured.keys() == self._registered
        await (self.refresh() if is_known else self.register())

    def _take_configured(self) -> None:
        """Sign with what the configuration has now, from this moment on."""
        if (keys := self._read_configured()) != tuple(self._configured.values()):
            self._configured = {configured_id(self._destination, key): key for key in keys}
            self._until = EARLIEST

    async def refresh(self) -> None:
        """Read the secrets, erase those that have ended, and note that somebody knows them."""
        await self._pool.execute(_UPDATE, self._destination)
        rows = await self._pool.fetch(_SELECT, self._destination)
        self._stored = await self._shut.open_others(rows, self._read)
        self._until = EARLIEST

    def _read(self, row: Any) -> StoredSecret:
        id, sealed = row["id"], row["sealed"]
        if sealed is None:
            return StoredSecret(id, b"", row["ends_at"])
        secret = RING.unseal(sealed, SECRET, bind(id, self._destination)).decode()
        try:
            return StoredSecret(id, key_of(secret), row["ends_at"])
        except ValueError:
            raise Unsealable("a secret was altered: it has no key") from None

    async def refresh_forever(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            await retry_while_unavailable(self.follow, "secrets")


def configured_id(destination: str, key: bytes) -> UUID:
    """Return the id of a secret of the configuration: a keyed hash, which says nothing of it."""
    return UUID(bytes=RING.hash(destination.encode() + b"\n" + key, SECRET)[:16])


def keys_in_force(
    configured: Mapping[UUID, bytes], stored: Sequence[StoredSecret], now: datetime
) -> Keys:
    """Return the keys that sign at `now`, those of the configuration first. Pure.

    One that ended never signs again, since it may have been ended because it leaked. If no other
    opens, there is none, and nothing is sent.
    """
    ended = {each.id for each in stored if each.ends_at is not None and each.ends_at <= now}
    keys = [key for id, key in configured.items() if id not in ended]
    keys += [each.key for each in stored if each.key and each.id not in ended]
    return tuple(dict.fromkeys(keys))


_REGISTER = """
insert into deliverer.secret (id, destination, source)
select id, $1, 'configuration' from unnest($2::uuid[]) id on conflict do nothing
"""
# One that was ended stays, so that it does not revive when it comes back into the configuration.
_FORGET = """
delete from deliverer.secret
where destination = $1 and source = 'configuration' and id <> all($2::uuid[]) and ends_at is null
"""
_UPDATE = """
update deliverer.secret
set sealed = case when ends_at <= now() then null else sealed end, known_at = now()
where destination = $1
    and (sealed is not null and ends_at <= now() or known_at < now() - interval '1 hour')
"""
_SELECT = """
select id, ends_at, sealed from deliverer.secret
where destination = $1 and (source = 'configuration' or sealed is not null)
order by added_at, id
"""
