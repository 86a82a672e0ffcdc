"""Hold the table of holds against their steps, which are entries of the log.

The steps name no citizen. What a standing hold is about is sealed in its row for that hold alone,
and its hashes must be those of that. Holds are all in memory, 1 KB each: a municipality has some
dozens.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from archiver.audit.log_walk import Finding
from archiver.audit.rows.destruction_records import find_erased, is_shut
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.index_keys import load_index_keys
from archiver.encryption.key_store import KeyStore
from archiver.retention.hold import Hold, HoldEvent, Secret
from archiver.retention.hold_store import (
    HOLDS,
    HashedSecret,
    HoldStore,
    decode_event,
    hash_secret,
    read_hold,
)
from services.postgres.database import Connection
from services.sealing.wrapping import CannotDecrypt

WHAT = "hold"
AT_ONCE = 500
"""Entries in memory, some 2 KB each."""
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class RecordedHold(msgspec.Struct, frozen=True):
    """A hold as its steps say, and the place of its newest step."""

    hold: Hold
    position: int
    entry: UUID
    placed: int
    """Positions of its first step, and of the one that lifted it."""
    lifted: int | None = None

    def finding(self, sentence: str) -> Finding:
        return Finding(WHAT, sentence, self.position, str(self.entry))


class RecordedHolds(msgspec.Struct):
    """The holds on the record, and the municipalities of which steps were destroyed."""

    holds: dict[str, RecordedHold] = {}
    destroyed: set[str] = set()
    wordless: set[str] = set()
    """Standing selections that have no words. Of one that was lifted nothing tells that."""

    def add(self, row: Mapping[str, Any], step: HoldEvent) -> None:
        """Add the next step, in the order of the log."""
        known = self.holds.get(step.hold)
        place = row["position"], row["id"]
        if step.event == "placed" and known is None:
            hold = _placed(row["tenant"], row["at"], step)
            self.holds[step.hold] = RecordedHold(hold, *place, placed=row["position"])
        elif known:
            hold = msgspec.structs.replace(known.hold, **_changes(row["at"], step))
            lifted = row["position"] if step.event == "lifted" else known.lifted
            self.holds[step.hold] = RecordedHold(hold, *place, known.placed, lifted)


def _placed(tenant: str, at: datetime, step: HoldEvent) -> Hold:
    names = ("ground", "kind", "conversation", "departments", "since", "until", "review_on")
    fields: dict[str, Any] = {name: getattr(step, name) for name in names}
    return Hold(
        id=step.hold,
        tenant=tenant,
        placed_by=step.by,
        placed_at=at,
        lifted_by=None,
        lifted_at=None,
        **fields,
    )


def _changes(at: datetime, step: HoldEvent) -> dict[str, Any]:
    if step.event == "lifted":
        return {"lifted_by": step.by, "lifted_at": at}
    return {"review_on": step.review_on} if step.event == "reviewed" else {}


async def verify_holds(
    connection: Connection, keys: KeyStore, recorded: RecordedHolds
) -> tuple[list[Finding], int]:
    """Fill `recorded`, and return what is wrong, and the number of holds whose steps were
    destroyed. Run in a transaction that reads one snapshot."""
    await _read_steps(connection, keys, recorded)
    rows = [read_hold(row) for row in await connection.fetch(f"{HOLDS} order by id")]
    findings = list(compare(recorded, rows))
    findings += await _verify_secrets(connection, keys, recorded)
    shut = [
        row for row in rows if row.id not in recorded.holds and row.tenant in recorded.destroyed
    ]
    return findings, len(shut)


def compare(recorded: RecordedHolds, rows: Sequence[Hold]) -> Iterator[Finding]:
    """Yield what is wrong with the holds, but for what they are about. Pure."""
    unseen = dict(recorded.holds)
    for row in rows:
        known = unseen.pop(row.id, None)
        if known is None:
            if row.tenant not in recorded.destroyed:
                yield Finding(WHAT, f"nothing on the record placed the hold {row.id}")
        elif names := _differences(known.hold, row):
            sentence = f"the hold {row.id} is not what its steps say: {', '.join(names)}"
            yield known.finding(sentence)
    for id, known in unseen.items():
        yield known.finding(f"the hold {id} is on the record, and its row is gone")


def _differences(known: Hold, row: Hold) -> list[str]:
    return [each for each in Hold.__struct_fields__ if getattr(row, each) != getattr(known, each)]


async def _verify_secrets(
    connection: Connection, keys: KeyStore, recorded: RecordedHolds
) -> list[Finding]:
    """Return what is wrong with what the standing holds are about."""
    store, findings = HoldStore(connection, keys.on(connection)), list[Finding]()
    index_keys = await load_index_keys(connection, keys)
    for row in await connection.fetch(_STANDING):
        known, hash_keys = recorded.holds.get(row["id"]), index_keys.get(row["tenant"])
        if known is None or hash_keys is None or known.hold.lifted_at:
            continue
        if known.hold.kind == "selection" and not row["words"]:
            recorded.wordless.add(row["id"])
        try:
            secret = await store.secret(read_hold(row)) if row["sealed"] else None
        except CannotDecrypt:
            secret = None
        if sentence := secret_fault(row, secret, hash_keys.hashes):
            findings.append(known.finding(sentence))
    return findings


def secret_fault(row: Row, secret: Secret | None, hash_keys: Sequence[bytes]) -> str:
    """Return what is wrong with what a standing hold is about; `secret` is None if that is gone or
    does not open. Pure."""
    if secret is None:
        return f"what the hold {row['id']} is about is gone, or was altered"
    kept = HashedSecret(sorted(row["hashes"]), row["words"], row["words_before"])
    if kept != hash_secret(secret, hash_keys):
        return f"the hold {row['id']} covers something else than it is about"
    return ""


async def _read_steps(connection: Connection, keys: KeyStore, recorded: RecordedHolds) -> None:
    erased = await find_erased(connection)
    cursor = await connection.cursor(_STEPS)
    while rows := await cursor.fetch(AT_ONCE):
        living = [row for row in rows if not is_shut(row, erased)]
        recorded.destroyed |= {row["tenant"] for row in rows if is_shut(row, erased)}
        for row in decrypt_rows(living, keys):
            try:
                recorded.add(row, decode_event(row["data"]))
            except msgspec.DecodeError:  # not one of ours: its row is missed then
                continue


_STEPS = f"{RECORDS} where e.kind = 'hold' order by e.position"
_STANDING = "select * from archiver.hold where lifted_at is null order by id"
