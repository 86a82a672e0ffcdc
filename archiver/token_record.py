"""Tokens of the APIs, held against the record: one whose making is not on it is refused.

A keyed hash keeps out rows of somebody who has the database alone. Somebody who has the working key
too can make that hash, and cannot write an entry into the record. The record is read once, at the
start, and followed from then on; what it says is remembered here and not in the database.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import structlog

from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.key_store import KeyStore
from services import clock
from services.contract import Record
from services.http.token_mac import is_genuine
from services.http.token_store import Standing
from services.postgres.database import Pool
from services.sealing.key_ring import RING

ADOPTION = UUID("00000000-0000-7000-8000-746f6b656e73")
"""Id of the entry that names the tokens of before. There is one for ever, because an id stands once
in the log: tokens that are put into the table later are not adopted."""
ADOPT = "token adopt"
OWN_NAME = "archiver"
"""Name under which the archiver itself is in the record."""
AT_ONCE = 500
"""Operations in memory, some 1 KB each."""
SECOND_LOOK_SECONDS = 1.0
"""Time after which a refusal is told: a token may be changed between the looks at table and
record."""
WAITING_SECONDS = 60.0
"""The same while an entry about the token is on its way; it takes a second."""

Why = Literal["unrecorded", "altered", "revoked"]
AddRecords = Callable[[Sequence[Record]], Awaitable[object]]

log = structlog.get_logger()


class Reach(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Departments of a token, as the record has them after it was narrowed."""

    departments: frozenset[str] = frozenset()
    all_departments: bool = False
    confidential: bool = False


class RecordedToken(Reach, frozen=True, kw_only=True, rename="camel"):
    """Token as the record or a row of the table has it."""

    tenant: str = ""
    roles: frozenset[str] = frozenset()
    destinations: frozenset[str] = frozenset()
    people: bool = False
    test: bool = False
    per_second: int = 0
    burst: int = 0
    expires_at: datetime | None = None
    hash: str = ""
    """Hash of the token in hex; '' in entries of versions that did not write it."""


class _NamedToken(RecordedToken, frozen=True, kw_only=True, rename="camel"):
    name: str


class _Operation(msgspec.Struct, frozen=True, kw_only=True):
    """Part of an operation's record."""

    what: str = ""
    about: str = ""
    after: Reach | None = None
    tokens: tuple[_NamedToken, ...] = ()


class Tokens:
    """Tokens as the operations on the record make, change and end them. Pure."""

    def __init__(self) -> None:
        self._made: dict[str, RecordedToken | None] = {}
        """Name -> token; None once it was revoked, which is for ever."""
        self.is_adopted = False

    def apply(self, id: UUID, tenant: str, data: bytes) -> None:
        """Apply the next operation of the record. What is not about a token changes nothing."""
        operation = msgspec.json.decode(data, type=_Operation)
        name, known = operation.about, self._made.get(operation.about)
        if id == ADOPTION and operation.what == ADOPT:
            self.is_adopted = True
            self._adopt(operation.tokens)
        elif operation.what in ("token add", "token confirm"):
            token = msgspec.json.decode(data, type=RecordedToken)
            token = msgspec.structs.replace(token, tenant=tenant or token.tenant)
            if operation.what == "token add":  # no name is given out again
                self._made.setdefault(name, token)
            elif known or name not in self._made:
                self._made[name] = token
        elif operation.what == "token narrow" and known and operation.after:
            reach = {field: getattr(operation.after, field) for field in Reach.__struct_fields__}
            self._made[name] = msgspec.structs.replace(known, **reach)
        elif operation.what == "token revoke":
            self._made[name] = None

    def _adopt(self, tokens: Iterable[_NamedToken]) -> None:
        for token in tokens:
            if self._made.get(token.name, token) is not None:
                fields = {each: getattr(token, each) for each in RecordedToken.__struct_fields__}
                self._made[token.name] = RecordedToken(**fields)

    def is_on_record(self, name: str) -> bool:
        return name in self._made

    def fault_of(self, row: Mapping[str, Any]) -> Why | None:
        """Return why the record does not know a token as its row has it; None if it does."""
        if row["name"] not in self._made:
            return "unrecorded"
        made = self._made[row["name"]]
        if made is None:
            return "revoked"
        found = token_of_row(row)
        if not made.hash:
            found = msgspec.structs.replace(found, hash="")
        return None if made == found else "altered"


def token_of_row(row: Mapping[str, Any]) -> RecordedToken:
    """Return a token as its row has it. Pure."""
    fields = {name: row[name] for name in RecordedToken.__struct_fields__}
    sets = {name: frozenset(row[name]) for name in ("roles", "departments", "destinations")}
    return RecordedToken(**fields | sets | {"hash": row["hash"].hex()})


class TokenRecord:
    """Follows the record, and tells the other services which tokens it does not know."""

    def __init__(self, pool: Pool, keys: KeyStore, add: AddRecords) -> None:
        self._pool, self._keys, self._add = pool, keys, add
        self._tokens, self._position = Tokens(), 0
        self._since: dict[str, float] = {}
        """Name of a token that is refused -> when that was seen first, by the loop's clock."""

    async def judge(self, rows: Sequence[Mapping[str, Any]]) -> Standing:
        """Return which of these tokens are refused. What is told comes a look later: the table may
        have changed after it was read."""
        waiting = {row["about"] for row in await self._pool.fetch(_WAITING)}
        await self._follow()
        genuine = [row for row in rows if is_genuine(row, RING)]
        if not self._tokens.is_adopted:
            await self._adopt(genuine)
        found = {row["name"]: self._tokens.fault_of(row) for row in genuine}
        faults = {name: why for name, why in found.items() if why}
        told = self._told(faults, waiting)
        await self._tell({name: faults[name] for name in told})
        by_hand = {row["name"] for row in rows} - set(found)
        return Standing(by_hand | set(faults), by_hand | told)

    async def _follow(self) -> None:
        """Read the operations that are new in the log."""
        while rows := await self._pool.fetch(_OPERATIONS, self._position, AT_ONCE):
            for row in decrypt_rows(rows, self._keys):
                with suppress(msgspec.DecodeError):
                    self._tokens.apply(row["id"], row["tenant"], row["data"])
            self._position = rows[-1]["position"] + 1

    async def _adopt(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Put the tokens of before on the record, once: versions before this one wrote no hash
        there, and an update must shut nobody out. A revoked one stays revoked."""
        tokens = [msgspec.to_builtins(token_of_row(row)) | {"name": row["name"]} for row in rows]
        missing = [r["name"] for r in rows if not self._tokens.is_on_record(r["name"])]
        fields = {"what": ADOPT, "about": "", "by": OWN_NAME, "identified": "stated"}
        data = msgspec.json.encode(fields | {"tokens": tokens, "unrecorded": missing})
        await self._add([Record(id=ADOPTION, kind="operation", at=clock.now(), data=data)])
        if missing:
            log.warning("tokens.adopted", count=len(missing), reason="not on the record before")
        await self._follow()

    def _told(self, faults: Mapping[str, Why], waiting: Set[str]) -> set[str]:
        now = asyncio.get_running_loop().time()
        self._since = {name: self._since.get(name, now) for name in faults}
        limits = {n: WAITING_SECONDS if n in waiting else SECOND_LOOK_SECONDS for n in faults}
        return {name for name, since in self._since.items() if now - since >= limits[name]}

    async def _tell(self, told: Mapping[str, Why]) -> None:
        """Say it in the database, for the gateway, and again if somebody took it away. This process
        refuses the tokens whether or not that works."""
        try:
            rows = await self._pool.fetch("select name, why from access.refused_token")
            if {row["name"]: row["why"] for row in rows} != told:
                await self._pool.execute(_TELL, list(told), list(told.values()))
        except Exception as error:
            log.error("tokens.untold", exc_info=error)


_WAITING = "select about from access.operation where what like 'token %'"
# The index for this has operations alone.
_OPERATIONS = f"""
{RECORDS} where e.kind = 'operation' and e.position >= $1 order by e.position limit $2
"""
_TELL = """
with gone as (delete from access.refused_token where name <> all($1::text[]))
insert into access.refused_token (name, why) select * from unnest($1::text[], $2::text[])
on conflict (name) do update set why = excluded.why
"""
