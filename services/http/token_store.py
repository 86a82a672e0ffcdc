"""The tokens that open the APIs, hashed: those of the environment, and those of the table.

The table is read every REFRESH_SECONDS. A token that is revoked is refused within that and one
read; where the table cannot be read, within TRUST_SECONDS at most, when all of its tokens are.
"""

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import msgspec
import structlog

from services.config.model import Configuration
from services.config.settings import SettingsError, TokenSettings
from services.http.rate_limit import SECOND, RateLimitState, limit
from services.http.rights import ROLES, Rights, Role
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import background_task, with_timeout

REFRESH_SECONDS = 2.0
"""Between two looks at the table: one small query per process."""
TRUST_SECONDS = 10.0
"""Since the start of the last read that was answered: a fail-over of the database mostly takes
less, and a leaked token is not to live on because the database is away."""
LARGEST = 1000
"""Tokens of the table that are valid at once: a token per CRM and department is some dozens."""
BACKWARDS_SECONDS = 60
"""A budget that lies further ahead than a whole burst and this was kept by a clock that has since
been set back: it begins anew."""
OF_THE_ENVIRONMENT: frozenset[Role] = frozenset(("send", "read", "kcc", "care"))
"""What a CRM or a terminal needs on its first day; the table gives less where less is due."""

log = structlog.get_logger()


class Unreadable(Exception):
    """It cannot be said whether a token is valid: the table was not read for too long."""


class TokenHash(msgspec.Struct, frozen=True):
    """A token by its hash, and what it opens."""

    hash: bytes
    rights: Rights
    expires_at: datetime | None = None


def digest(token: str) -> bytes:
    """As tokens are kept. One SHA-256: there is nothing to guess in 32 random bytes."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def of_environment(given: TokenSettings, config: Configuration) -> list[TokenHash]:
    """The tokens of POSTKAMER_API_TOKENS, `name` or `name@municipality` each with its token.

    SettingsError for one that has not exactly one municipality, and for one name in two.
    """
    known = [tenant.id for tenant in config.tenants]
    keys: list[TokenHash] = []
    faults: list[str] = []
    for whose, token in given.api_tokens:
        name, at, tenant = whose.partition("@")
        tenant = tenant if at or len(known) > 1 else known[0]
        moved = any(k.rights.name == name and k.rights.tenant != tenant for k in keys)
        if fault := _fault(name, tenant, known, moved=moved):
            faults.append(fault)
        rights = Rights(name=name, tenant=tenant, roles=OF_THE_ENVIRONMENT)
        keys.append(TokenHash(digest(token.get_secret_value()), rights))
    if faults:
        raise SettingsError([f"POSTKAMER_API_TOKENS: {fault}" for fault in faults])
    return keys


def _fault(name: str, tenant: str, known: Sequence[str], *, moved: bool) -> str:
    if not name:
        return "a token has no name"
    if not tenant:
        return f"{name} needs its municipality, as in {name}@{known[0]}:token"
    if tenant not in known:
        return f"{name}: there is no municipality {tenant!r}"
    return f"{name} stands for two municipalities" if moved else ""


class TokenStore:
    task: "asyncio.Task[Any]"

    def __init__(self, pool: Pool, environment: Iterable[TokenHash]) -> None:
        self._pool = pool
        self._environment = {key.hash: key for key in environment}
        self._table: Mapping[bytes, TokenHash] = {}
        self._read_at: float | None = None
        self._refused: dict[str, float] = {}

    def find(self, token: str, now: datetime) -> Rights | None:
        """What `token` may do; None when it is none of ours, was revoked or has expired.

        Found by its hash, whose bytes nobody can choose; so what the look-up takes tells nothing.
        """
        hash = digest(token)
        key = self._environment.get(hash)
        if key is None:
            if not self._is_fresh():
                raise Unreadable
            key = self._table.get(hash)
        if key is None or not hmac.compare_digest(key.hash, hash):
            return None
        return key.rights if key.expires_at is None or now < key.expires_at else None

    def _is_fresh(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._read_at is not None and now - self._read_at <= TRUST_SECONDS

    async def refresh(self) -> None:
        """Read the table; what is found replaces what was known."""
        started = asyncio.get_running_loop().time()
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_TOKENS, LARGEST + 1))
        if len(rows) > LARGEST:
            log.error("tokens.too_many", count=LARGEST, reason="the newest are refused")
        names = {key.rights.name for key in self._environment.values()}
        keys = [_key(dict(row)) for row in rows[:LARGEST] if row["name"] not in names]
        if len(keys) < min(len(rows), LARGEST):
            log.error("tokens.taken", reason="a name of the environment stands in the table too")
        self._table, self._read_at = {key.hash: key for key in keys}, started

    async def keep(self) -> None:
        """Until cancelled. No fault of the table ends it: the webhooks' door stays open."""
        while True:
            try:
                await self.refresh()
            except Exception as error:
                log.warning("tokens.unread", exc_info=error)
            await asyncio.sleep(REFRESH_SECONDS)

    async def consume_rate(self, rights: Rights) -> RateLimitState:
        """Take one request from the budget of a token, which all processes share.

        A refusal is remembered until it ends, so that who goes on asking costs the database
        nothing.
        """
        allowed, loop = limit(rights), asyncio.get_running_loop()
        asked = loop.time()
        if (rest := self._refused.get(rights.name, asked) - asked) > 0:
            return RateLimitState(False, allowed.slack + round(rest * SECOND) + 1)
        row = await with_timeout(
            ANSWER_SECONDS,
            self._pool.fetchrow(
                _SPEND,
                rights.name,
                allowed.interval,
                allowed.slack,
                allowed.burst * allowed.interval + BACKWARDS_SECONDS * SECOND,
            ),
        )
        assert row is not None  # it is inserted, or updated
        standing = RateLimitState(row["granted"], row["arrival"] - row["asked"])
        if not standing.granted:
            self._refused[rights.name] = asked + (standing.ahead - allowed.slack) / SECOND
        return standing


def _key(row: Mapping[str, Any]) -> TokenHash:
    """A role of a newer version opens nothing here."""
    roles = cast(frozenset[Role], frozenset(row["roles"]) & frozenset(ROLES))
    rights = Rights(
        name=row["name"],
        tenant=row["tenant"],
        roles=roles,
        departments=frozenset(row["departments"]),
        people=row["people"],
        per_second=row["per_second"],
        burst=row["burst"],
    )
    return TokenHash(row["hash"], rights, row["expires_at"])


@asynccontextmanager
async def keyring(pool: Pool, environment: Iterable[TokenHash]) -> AsyncIterator[TokenStore]:
    """A keyring that reads the table beside its owner, who watches its `task`."""
    ring = TokenStore(pool, environment)
    async with background_task(ring.keep()) as ring.task:
        yield ring


_TOKENS = """
select name, hash, tenant, roles, departments, people, per_second, burst, expires_at
from access.token where revoked_at is null and (expires_at is null or expires_at > now())
order by created_at, name limit $1
"""

_SPEND = """
insert into access.budget as b (name, arrival, asked, granted)
select $1, now + $2, now, true
from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as now) clock
on conflict (name) do update set (arrival, asked, granted) = (
    select case when due - asked <= $3 then due + $2 else due end, asked, due - asked <= $3
    from (select asked, case when b.arrival between asked and asked + $4
            then b.arrival else asked end as due
        from (select (extract(epoch from clock_timestamp()) * 1000000)::bigint as asked) now
    ) held
)
returning arrival, asked, granted
"""
"""One statement, so that no two processes grant the same request; of two at once the second waits
for the first one's row, and counts from when it was asked."""
