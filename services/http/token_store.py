"""The hashed tokens of the APIs, from the environment and from a table of the database.

The table is read every REFRESH_SECONDS, so a revoked token is refused within that time plus one
read. While the table cannot be read, all of its tokens are refused after TRUST_SECONDS.
"""

import asyncio
import hashlib
import hmac
from collections.abc import (
    AsyncIterator,
    Iterable,
    Iterator,
    Mapping,
    Set,
)
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, cast

import msgspec
import structlog

from services import metrics
from services.config.model import Configuration
from services.config.settings import SettingsError, TokenSettings
from services.http.access_tokens import is_access_token
from services.http.grants import Grant, Label, Reach, parse_label, rights_of
from services.http.person_tokens import PersonTokens, TokenProof
from services.http.rate_limit import SECOND, RateLimitState, limit
from services.http.rights import ROLES, Rights, Role
from services.http.table_judge import Judge, TableJudge
from services.http.token_mac import COLUMNS
from services.postgres.database import ANSWER_SECONDS, Pool
from services.tasks import background_task, with_timeout

REFRESH_SECONDS = 2.0
"""Interval between reads of the table: one small query per process."""
TRUST_SECONDS = 10.0
"""Time since the start of the last successful read in which the table is trusted. A fail-over of
the database mostly takes less, and a leaked token must not stay valid because the database is
unavailable."""
MAX_TOKENS = 1000
"""Largest number of valid tokens in the table: a token per CRM and department is some dozens."""
CLOCK_SLACK_SECONDS = 60
"""Limit beyond a whole burst. A budget that is further ahead was stored before the clock was set
back, and starts again."""
ENVIRONMENT_ROLES: frozenset[Role] = frozenset(("send", "read", "kcc", "care"))
"""Roles of a token from the environment: all that a CRM or a terminal needs at first. A token in
the table can have fewer."""
REAL_ROLES: frozenset[Role] = frozenset(("kcc",))
"""Roles that a test token cannot have: a notice of a number is sent to every citizen."""
MADE_BY_HAND = "no command of this installation made these rows as they are"
MOST_NAMED = 10
"""Tokens that are named in a line of the log: each has at most 63 characters."""
API_TOKENS, TEST_TOKENS = "POSTKAMER_API_TOKENS", "POSTKAMER_TEST_TOKENS"

log = structlog.get_logger()


class TokensUnavailable(Exception):
    """The validity of a token is unknown: the table has not been read for too long."""


class TokenHash(msgspec.Struct, frozen=True):
    """The hash of a token, with what was given to it."""

    hash: bytes
    grant: Grant
    expires_at: datetime | None = None


def digest(token: str) -> bytes:
    """Return the hash of a token. One SHA-256 is enough: 32 random bytes cannot be guessed."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()


def environment_tokens(settings: TokenSettings, config: Configuration) -> list[TokenHash]:
    """Return the tokens of POSTKAMER_API_TOKENS and POSTKAMER_TEST_TOKENS. Each label is as
    `parse_label` reads it.

    Raises SettingsError for a token without exactly one municipality, for a name in two, and for
    departments that do not exist.
    """
    tenants = [tenant.id for tenant in config.tenants]
    keys: list[TokenHash] = []
    faults: list[str] = []
    given = [(*each, False) for each in settings.api_tokens]
    given += [(*each, True) for each in settings.test_tokens]
    for text, token, is_test in given:
        label = parse_label(text)
        if not label.tenant and "@" not in text and len(tenants) == 1:
            label = msgspec.structs.replace(label, tenant=tenants[0])
        namesakes = [key.grant for key in keys if key.grant.name == label.name]
        if is_test and any(not each.test for each in namesakes):
            faults.append(f"{TEST_TOKENS}: {label.name} is no test token in {API_TOKENS}")
        is_ambiguous = any(each.tenant != label.tenant for each in namesakes)
        setting = TEST_TOKENS if is_test else API_TOKENS
        faults += [
            f"{setting}: {each}" for each in _faults(label, config, is_ambiguous=is_ambiguous)
        ]
        keys.append(TokenHash(digest(token.get_secret_value()), _grant(label, is_test=is_test)))
    if faults:
        raise SettingsError(faults)
    return keys


def _grant(label: Label, *, is_test: bool) -> Grant:
    roles = ENVIRONMENT_ROLES - REAL_ROLES if is_test else ENVIRONMENT_ROLES
    return Grant(name=label.name, tenant=label.tenant, roles=roles, reach=label.reach, test=is_test)


def _faults(label: Label, config: Configuration, *, is_ambiguous: bool) -> Iterator[str]:
    name, tenant = label.name, label.tenant
    if not name:
        yield "a token has no name"
    elif not tenant:
        yield f"{name} needs its municipality, as in {name}@{config.tenants[0].id}:token"
    elif config.tenant(tenant) is None:
        yield f"{name}: there is no municipality {tenant!r}"
    else:
        if is_ambiguous:
            yield f"{name} stands for two municipalities"
        for department in sorted(label.reach.departments):
            if config.department(tenant, department) is None:
                yield f"{name}: {tenant} has no department {department!r}"


class TokenStore:
    task: "asyncio.Task[Any]"

    def __init__(
        self,
        pool: Pool,
        environment: Iterable[TokenHash],
        config: Configuration | None = None,
        judge: Judge | None = None,
        *,
        keys_ahead: bool = True,
    ) -> None:
        """Without a configuration, a token for all departments has those that it names. Without a
        judge, the archiver is believed about tokens of the table. Without `keys_ahead`, an identity
        provider is asked only when somebody comes with a token of it."""
        self._pool, self._config, self._keys_ahead = pool, config, keys_ahead
        self._judge = judge or TableJudge(pool).judge
        self._persons = PersonTokens(config, keys_ahead=keys_ahead) if config else None
        self.use_environment(environment)
        self._table: Mapping[bytes, TokenHash] = {}
        self._read_at: float | None = None
        self._refused: Set[str] = frozenset()
        """Names of tokens of the table that are refused, because no command of ours made them."""
        self._refused_until: dict[str, float] = {}

    def use_environment(self, tokens: Iterable[TokenHash]) -> None:
        """Use these tokens of the environment, from the next request on."""
        self._environment = {key.hash: key for key in tokens}

    def reload(self, config: Configuration) -> None:
        """Use this configuration from the next request on."""
        self._config = config
        if self._persons:
            self._persons.reload(config)

    async def has_key(self, proof: TokenProof) -> bool:
        """Return True if an identity provider of the configuration has this key."""
        return self._persons is not None and await self._persons.has_key(proof)

    async def find_proof(self, token: str) -> TokenProof | None:
        """Return the proof of a person's token that is valid. Raises KeysUnavailable."""
        return await self._persons.find_proof(token) if self._persons else None

    def is_confidential(self, tenant: str, department: str) -> bool:
        """Return True if the configuration calls this department confidential now."""
        return self._config is not None and self._config.confidential(tenant, [department])

    def asking_departments(self, tenant: str) -> Set[str]:
        """Return the departments of a municipality that ask why their content is read."""
        return self._config.asking_departments(tenant) if self._config else frozenset()

    async def authenticate(self, token: str, now: datetime) -> Rights | None:
        """Return the rights of a token of ours, or of an identity provider; None if it is not
        valid. Raises TokensUnavailable or KeysUnavailable if that is unknown."""
        is_own = digest(token) in self._environment
        if self._persons and self._persons.has_providers and is_access_token(token) and not is_own:
            return await self._persons.find(token, now)
        return self.find(token, now)

    def find(self, token: str, now: datetime) -> Rights | None:
        """Return the rights of an API token; None if it is unknown, revoked or expired.

        The look-up uses the hash. A caller cannot choose the bytes of a hash, so the duration of
        the look-up reveals nothing.
        """
        hash = digest(token)
        key = self._environment.get(hash)
        if key is None:
            if not self._is_fresh():
                raise TokensUnavailable
            key = self._table.get(hash)
        if key is None or not hmac.compare_digest(key.hash, hash):
            return None
        if key.expires_at is not None and now >= key.expires_at:
            return None
        tenant, config = key.grant.tenant, self._config
        return rights_of(key.grant, config.ordinary_departments(tenant) if config else frozenset())

    def list_tokens(self, tenant: str, now: datetime) -> list[TokenHash]:
        """Return the valid tokens of a municipality by name. Raises TokensUnavailable."""
        if not self._is_fresh():
            raise TokensUnavailable
        known = [*self._environment.values(), *self._table.values()]
        own = [each for each in known if each.grant.tenant == tenant]
        valid = [each for each in own if each.expires_at is None or now < each.expires_at]
        return sorted(valid, key=lambda each: each.grant.name)

    def _is_fresh(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._read_at is not None and now - self._read_at <= TRUST_SECONDS

    async def refresh(self) -> None:
        """Read the table and replace the known tokens."""
        started = asyncio.get_running_loop().time()
        rows = await with_timeout(ANSWER_SECONDS, self._pool.fetch(_TOKENS, MAX_TOKENS + 1))
        if len(rows) > MAX_TOKENS:
            log.error("tokens.too_many", count=MAX_TOKENS, reason="the newest are refused")
        names = {key.grant.name for key in self._environment.values()}
        own = [dict(row) for row in rows[:MAX_TOKENS] if row["name"] not in names]
        if len(own) < min(len(rows), MAX_TOKENS):
            log.error("tokens.taken", reason="a name of the environment stands in the table too")
        standing = await self._judge(own)
        keys = [_key(row) for row in own if row["name"] not in standing.refused]
        self._report_refused(standing.told)
        self._table, self._read_at = {key.hash: key for key in keys}, started

    def _report_refused(self, names: Set[str]) -> None:
        if names - self._refused:
            first = ", ".join(sorted(names)[:MOST_NAMED])
            log.error("tokens.refused", count=len(names), what=first, reason=MADE_BY_HAND)
        self._refused = names
        metrics.tokens_refused.set(len(names))

    async def refresh_forever(self) -> None:
        """Refresh until cancelled. No fault of the table ends this, so that webhooks stay
        accepted."""
        while True:
            try:
                await self.refresh()
            except Exception as error:
                log.warning("tokens.unread", exc_info=error)
            await asyncio.sleep(REFRESH_SECONDS)

    async def refresh_key_sets_forever(self) -> None:
        """Fetch the keys of identity providers before they are needed, until cancelled."""
        if self._persons and self._keys_ahead:
            await self._persons.refresh_forever()

    async def consume_rate(self, rights: Rights) -> RateLimitState:
        """Take one request from the budget of a token, which all processes share.

        A refusal is remembered until it ends, so that repeated calls cost the database nothing.
        """
        allowed, loop = limit(rights), asyncio.get_running_loop()
        now = loop.time()
        if (rest := self._refused_until.get(rights.name, now) - now) > 0:
            return RateLimitState(False, allowed.max_ahead + round(rest * SECOND) + 1)
        row = await with_timeout(
            ANSWER_SECONDS,
            self._pool.fetchrow(
                _CONSUME,
                rights.name,
                allowed.interval,
                allowed.max_ahead,
                allowed.burst * allowed.interval + CLOCK_SLACK_SECONDS * SECOND,
            ),
        )
        assert row is not None  # the statement inserts or updates it
        state = RateLimitState(row["granted"], row["arrival"] - row["asked"])
        if not state.granted:
            self._refused_until[rights.name] = now + (state.ahead - allowed.max_ahead) / SECOND
        return state


def _key(row: Mapping[str, Any]) -> TokenHash:
    """Make a token of a row. A role that only a newer version knows gives no rights here."""
    roles = cast(frozenset[Role], frozenset(row["roles"]) & frozenset(ROLES))
    reach = Reach(
        departments=frozenset(row["departments"]),
        all_departments=row["all_departments"],
        confidential=row["confidential"],
    )
    grant = Grant(
        name=row["name"],
        tenant=row["tenant"],
        roles=roles,
        reach=reach,
        destinations=frozenset(row["destinations"]),
        people=row["people"],
        test=row["test"],
        per_second=row["per_second"],
        burst=row["burst"],
    )
    return TokenHash(row["hash"], grant, row["expires_at"])


@asynccontextmanager
async def run_token_store(
    pool: Pool,
    environment: Iterable[TokenHash],
    config: Configuration | None = None,
    judge: Judge | None = None,
    *,
    keys_ahead: bool = True,
) -> AsyncIterator[TokenStore]:
    """Run a token store that refreshes in the background; the owner watches its `task`."""
    store = TokenStore(pool, environment, config, judge, keys_ahead=keys_ahead)

    async def refresh_all() -> None:
        await asyncio.gather(store.refresh_forever(), store.refresh_key_sets_forever())

    async with background_task(refresh_all()) as store.task:
        yield store


_TOKENS = f"""
select {COLUMNS}, exists (
    select from access.refused_token r where r.name = token.name) as is_refused
from access.token
where revoked_at is null and (expires_at is null or expires_at > now())
order by created_at, name limit $1
"""

_CONSUME = """
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
"""One statement, so that no two processes grant the same request. Of two concurrent requests the
second waits for the row of the first, and counts from the moment of its own request."""
