"""Tokens as the operations on the record make, change and end them. Pure.

The state is what one archiver remembers, and keeps outside the database. It names the operations
that it was made of, so that one which is gone from the record is missed, and counts all the same.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from contextlib import suppress
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

ADOPTION = UUID("00000000-0000-7000-8000-746f6b656e73")
"""Id of the entry that names the tokens of before. There is one for ever, because an id stands once
in the log: tokens that are put into the table later are not adopted."""
ADOPT = "token adopt"
ADD, CONFIRM, NARROW, REVOKE = "token add", "token confirm", "token narrow", "token revoke"

Why = Literal["unrecorded", "altered", "revoked"]


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


class TokenState(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as they are kept outside the database."""

    tokens: dict[str, RecordedToken | None]
    applied: frozenset[UUID]
    lost: frozenset[UUID] = frozenset()
    is_adopted: bool = False


class RecordedTokens:
    """Tokens as the operations that were applied have made them."""

    def __init__(self) -> None:
        self._made: dict[str, RecordedToken | None] = {}
        """Name -> token; None once it was revoked, which is for ever."""
        self.applied: set[UUID] = set()
        """Ids of the operations on tokens that were applied."""
        self.lost: set[UUID] = set()
        """Those of them that are gone from the record, which was told."""
        self._others = set[UUID]()
        """Those that were applied in any state that was kept."""
        self.is_adopted = False

    @property
    def state(self) -> TokenState:
        return TokenState(
            tokens=dict(self._made),
            applied=frozenset(self.applied),
            lost=frozenset(self.lost),
            is_adopted=self.is_adopted,
        )

    def load(self, states: Sequence[TokenState]) -> None:
        """Begin with what was kept outside, the newest last. Of older states only revocations
        count: another archiver may have seen one that the newest did not."""
        if not states:
            return
        self._made, self.applied = dict(states[-1].tokens), set(states[-1].applied)
        for state in states:
            self._others |= state.applied
            self.lost |= state.lost
            self.is_adopted |= state.is_adopted
            self._made |= {name: None for name, token in state.tokens.items() if token is None}

    def apply(self, id: UUID, tenant: str, data: bytes) -> None:
        """Apply the next operation of the record. One that is not about a token changes nothing,
        nor does one that was applied before."""
        operation = msgspec.json.decode(data, type=_Operation)
        if _is_about_token(id, operation) and id not in self.applied:
            self._change(operation, tenant, data)
            self.applied.add(id)

    def _change(self, operation: _Operation, tenant: str, data: bytes) -> None:
        name, known = operation.about, self._made.get(operation.about)
        if operation.what == ADOPT:
            self.is_adopted = True
            self._adopt(operation.tokens)
        elif operation.what in (ADD, CONFIRM):
            token = msgspec.json.decode(data, type=RecordedToken)
            token = msgspec.structs.replace(token, tenant=tenant or token.tenant)
            if operation.what == ADD:  # no name is given out again
                self._made.setdefault(name, token)
            elif known or name not in self._made:
                self._made[name] = token
        elif operation.what == NARROW and known and operation.after:
            reach = {field: getattr(operation.after, field) for field in Reach.__struct_fields__}
            self._made[name] = msgspec.structs.replace(known, **reach)
        elif operation.what == REVOKE:
            self._made[name] = None

    def _adopt(self, tokens: Iterable[_NamedToken]) -> None:
        for token in tokens:
            if self._made.get(token.name, token) is not None:
                fields = {each: getattr(token, each) for each in RecordedToken.__struct_fields__}
                self._made[token.name] = RecordedToken(**fields)

    def lose(self, found: Set[UUID]) -> int:
        """Note the operations that are not among those found on the record, and return how many of
        them were not missed before."""
        self.applied |= self._others
        missed = self.applied - found - self.lost
        self.lost |= missed
        return len(missed)

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


def is_about_token(id: UUID, data: bytes) -> bool:
    """Return True for an operation that makes, changes or ends tokens."""
    with suppress(msgspec.DecodeError):
        return _is_about_token(id, msgspec.json.decode(data, type=_Operation))
    return False


def _is_about_token(id: UUID, operation: _Operation) -> bool:
    is_adoption = operation.what == ADOPT and id == ADOPTION
    return is_adoption or operation.what in (ADD, CONFIRM, NARROW, REVOKE)


def token_of_row(row: Mapping[str, Any]) -> RecordedToken:
    """Return a token as its row has it."""
    fields = {name: row[name] for name in RecordedToken.__struct_fields__}
    sets = {name: frozenset(row[name]) for name in ("roles", "departments", "destinations")}
    return RecordedToken(**fields | sets | {"hash": row["hash"].hex()})
