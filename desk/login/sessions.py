"""Sessions of people who are logged in, in PostgreSQL. The browser has a random value, the table
its hash; what the session can do elsewhere lies sealed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import blake2b, sha256
from typing import Any

import msgspec

from desk.access import Access
from desk.login.id_token import Identity
from desk.login.provider import Tokens
from services.postgres.database import ANSWER_SECONDS, Pool
from services.postgres.shut_rows import SHUT, open_rows
from services.sealing.columns import DESK_SESSION, bind
from services.sealing.key_ring import RING
from services.tasks import with_timeout

LIFETIME = timedelta(hours=12)
"""Longest session: a working day, after which one logs in again."""
IDLE = timedelta(hours=1)
"""Time without a request after which a session ends. An open page asks nothing by itself that
counts; the computer is locked by its own screen."""
RENEWAL = timedelta(seconds=20)
"""Time in which one process renews the tokens of a session while the others use the old ones."""
SHORTEST = timedelta(seconds=5)
MAX_LISTED = 500
"""People in a list: more than a town hall has at its desk."""

_tokens = msgspec.msgpack.Decoder(Tokens)
_access = msgspec.json.Decoder(Access)
_encode = msgspec.msgpack.Encoder().encode


class Session(msgspec.Struct, frozen=True):
    id: bytes
    """Hash of the value in the cookie."""
    access: Access
    tokens: Tokens
    refresh_at: datetime
    used_at: datetime

    @property
    def person_key(self) -> bytes:
        """Hash under which the drafts of this employee are."""
        return person_key(self.access)


class LoggedIn(msgspec.Struct, frozen=True):
    """Somebody who is logged in, as a manager of the same municipality sees it."""

    id: bytes
    """Hash of the value in the cookie; with it nobody can log in."""
    access: Access
    began_at: datetime
    used_at: datetime


def person_key(access: Access) -> bytes:
    name = f"{access.tenant.id}\0{access.person}".encode()
    return blake2b(name, digest_size=16, person=b"desk person").digest()


def session_id(cookie: str) -> bytes:
    return sha256(cookie.encode()).digest()


def hash_of(issuer: str, value: str) -> bytes:
    """Return the hash of a `sub` or `sid`, which are personal data; empty for an empty one."""
    return sha256(f"{issuer}\0{value}".encode()).digest() if value else b""


def refresh_time(tokens: Tokens, now: datetime) -> datetime:
    """Return when to renew: halfway, so that whoever loses the race to renew has a token that
    works."""
    return now + max(SHORTEST, timedelta(seconds=tokens.expires_in / 2))


def timed(tokens: Tokens, now: datetime) -> Tokens:
    """Return tokens that were given now, with the time at which the access token ends."""
    ends_at = now + max(SHORTEST, timedelta(seconds=tokens.expires_in))
    return msgspec.structs.replace(tokens, ends_at=ends_at)


class SessionStore:
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def begin(
        self, cookie: str, issuer: str, who: Identity, access: Access, tokens: Tokens, now: datetime
    ) -> None:
        """Store a new session. Its id is new at each login, so that none can be laid ready."""
        id = session_id(cookie)
        await self._run(
            _INSERT,
            id,
            issuer,
            hash_of(issuer, who.subject),
            hash_of(issuer, who.session),
            RING.seal_text(access.person, DESK_SESSION, bind(id)),
            msgspec.json.encode(_without_person(access)).decode(),
            RING.seal(_encode(timed(tokens, now)), DESK_SESSION, bind(id)),
            now,
            refresh_time(tokens, now),
            now + LIFETIME,
        )

    async def find(self, cookie: str, now: datetime) -> Session | None:
        """Return a session that has not ended. One that does not open has ended: its employee logs
        in again."""
        id = session_id(cookie)
        row = await with_timeout(ANSWER_SECONDS, self._pool.fetchrow(_FIND, id, now, now - IDLE))
        try:
            return _read(dict(row)) if row else None
        except SHUT:
            return None

    async def touch(self, session: Session, now: datetime) -> None:
        await self._run("update desk.session set used_at = $2 where id = $1", session.id, now)

    async def claim_renewal(self, session: Session, now: datetime) -> bool:
        """Return True if this process is to renew the tokens, for RENEWAL from now."""
        claimed = self._pool.fetchval(_CLAIM, session.id, session.refresh_at, now + RENEWAL)
        return bool(await with_timeout(ANSWER_SECONDS, claimed))

    async def renew(self, session: Session, access: Access, tokens: Tokens, now: datetime) -> None:
        await self._run(
            _RENEW,
            session.id,
            RING.seal_text(access.person, DESK_SESSION, bind(session.id)),
            msgspec.json.encode(_without_person(access)).decode(),
            RING.seal(_encode(tokens), DESK_SESSION, bind(session.id)),
            refresh_time(tokens, now),
        )

    async def end(self, id: bytes) -> None:
        await self._run("delete from desk.session where id = $1", id)

    async def list_of(self, tenant: str, now: datetime) -> list[LoggedIn]:
        """Return who of a municipality is logged in, each with their last session, whoever was seen
        last first; MAX_LISTED of them at most. A session that does not open has ended."""
        query = self._pool.fetch(_LIST, tenant, now, now - IDLE, MAX_LISTED)
        rows: Any = await with_timeout(ANSWER_SECONDS, query)
        opened, _ = await open_rows(rows, _read_person)
        return opened

    async def end_in(self, tenant: str, id: bytes) -> int:
        """End all sessions of the person with this one, and return how many that were."""
        count = self._pool.fetchval(_END_IN, tenant, id)
        return int(await with_timeout(ANSWER_SECONDS, count))

    async def end_of(self, issuer: str, who: Identity) -> int:
        """End the sessions of a subject, or the one of the provider's session if it is named."""
        hashes = hash_of(issuer, who.subject), hash_of(issuer, who.session)
        count = self._pool.fetchval(_END_OF, issuer, *hashes)
        return int(await with_timeout(ANSWER_SECONDS, count))

    async def _run(self, sql: str, *parameters: object) -> None:
        await with_timeout(ANSWER_SECONDS, self._pool.execute(sql, *parameters))


def _without_person(access: Access) -> Access:
    return msgspec.structs.replace(access, person="")


def _read(row: Mapping[str, Any]) -> Session:
    bound = bind(row["id"])
    person = RING.unseal_text(row["person"], DESK_SESSION, bound)
    access = msgspec.structs.replace(_access.decode(row["access"]), person=person)
    tokens = _tokens.decode(RING.unseal(row["tokens"], DESK_SESSION, bound))
    return Session(row["id"], access, tokens, row["refresh_at"], row["used_at"])


def _read_person(row: Mapping[str, Any]) -> LoggedIn:
    person = RING.unseal_text(row["person"], DESK_SESSION, bind(row["id"]))
    access = msgspec.structs.replace(_access.decode(row["access"]), person=person)
    return LoggedIn(row["id"], access, row["began_at"], row["used_at"])


_INSERT = """
insert into desk.session (id, issuer, subject, provider_session, person, access, tokens,
    began_at, used_at, refresh_at, expires_at)
values ($1, $2, $3, $4, $5, $6::jsonb, $7, $8, $8, $9, $10)
"""

_FIND = """
select id, person, access, tokens, refresh_at, used_at from desk.session
where id = $1 and expires_at > $2 and used_at > $3
"""

_CLAIM = """
update desk.session set refresh_at = $3 where id = $1 and refresh_at = $2 returning true
"""

_RENEW = """
update desk.session set person = $2, access = $3::jsonb, tokens = $4, refresh_at = $5 where id = $1
"""

_LIST = """
select * from (
    select distinct on (issuer, subject) id, person, access, began_at, used_at from desk.session
    where access #>> '{tenant,id}' = $1 and expires_at > $2 and used_at > $3
    order by issuer, subject, used_at desc) person
order by used_at desc, id limit $4
"""

_END_IN = """
with ended as (
    delete from desk.session where access #>> '{tenant,id}' = $1 and (issuer, subject) = (
        select issuer, subject from desk.session where id = $2) returning 1)
select count(*) from ended
"""

_END_OF = """
with ended as (
    delete from desk.session
    where issuer = $1 and case when $3::bytea <> ''
        then provider_session = $3 and $2::bytea in ('', subject) else subject = $2 end
    returning 1)
select count(*) from ended
"""
