"""Hold the table of citizens' requests against their steps, which are entries of the log.

The master key is needed. The steps of a request are in the newest conversation of its citizen, and
are destroyed with it: nothing is left then to hold its row against.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias
from uuid import UUID

import msgspec

from archiver.audit.log_walk import Finding
from archiver.encryption.decrypt_rows import RECORDS, decrypt_rows
from archiver.encryption.index_keys import load_index_keys
from archiver.encryption.key_store import KeyStore, Place
from archiver.index.record_fields import Identity
from archiver.subject_access.person_finder import hash_names
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import SELECT, RequestEvent, decode_event, read_request
from services.postgres.database import Connection

WHAT = "request"
AT_ONCE = 500
"""Entries in memory, some 2 KB each. The requests themselves are all in memory, 500 bytes each: a
large municipality has a few hundred a year."""
FIELDS = (
    *("tenant", "kind", "received_on", "due_on", "extension"),
    *("decision", "ground", "decided_at"),
)
Row: TypeAlias = Any
"""Row by column name: asyncpg's, or a dict."""


class RecordedRequest(msgspec.Struct, frozen=True):
    """A request as its steps say, and the place of its newest step."""

    request: Request
    names: tuple[Identity, ...]
    position: int
    entry: UUID


class Recorded(msgspec.Struct):
    """The requests on the record, and where steps are that were destroyed."""

    requests: dict[str, RecordedRequest] = {}
    destroyed: set[Place] = set()

    def add(self, row: Mapping[str, Any], step: RequestEvent) -> None:
        """Add the next step, in the order of the log."""
        known = self.requests.get(step.request)
        if step.event == "opened" and known is None:
            opened = Request(
                id=step.request, tenant=row["tenant"], kind=step.kind,  # type: ignore[arg-type]
                received_on=step.received_on, due_on=step.due_on, conversations=step.conversations,
            )  # fmt: skip
            known = RecordedRequest(opened, step.names, row["position"], row["id"])
        elif known is not None:
            changed = msgspec.structs.replace(known.request, **_changes(row["at"], step))
            known = RecordedRequest(changed, known.names, row["position"], row["id"])
        if known is not None:
            self.requests[step.request] = known


def _changes(at: datetime, step: RequestEvent) -> dict[str, Any]:
    if step.event == "extended":
        return {"due_on": step.due_on, "extension": step.ground}
    if step.event == "decided":
        return {"decision": step.decision, "ground": step.ground, "decided_at": at}
    return {}


async def verify_requests(connection: Connection, keys: KeyStore) -> tuple[list[Finding], int]:
    """Return what is wrong, and the number of requests whose steps were destroyed. Run in a
    transaction."""
    recorded = await _read_steps(connection, keys)
    rows = [read_request(row) for row in await connection.fetch(SELECT)]
    places = {(row.tenant, each) for row in rows for each in row.conversations}
    living = await _living(connection, places)
    newest = {
        tenant: each.newest for tenant, each in (await load_index_keys(connection, keys)).items()
    }
    findings = list(compare(recorded, rows, living, newest))
    shut = [row for row in rows if row.id not in recorded.requests and _is_shut(row, recorded)]
    return findings, len(shut)


def compare(
    recorded: Recorded,
    rows: Sequence[Request],
    living: Collection[Place],
    hash_keys: Mapping[str, bytes],
) -> Iterator[Finding]:
    """Yield what is wrong. `living`: conversations that are not destroyed. `hash_keys`: the newest
    of each municipality. Pure."""
    unseen = dict(recorded.requests)
    for row in rows:
        known = unseen.pop(row.id, None)
        if known is None:
            if not _is_shut(row, recorded):
                yield Finding(WHAT, f"nothing on the record opened the request {row.id}")
        elif sentence := _difference(known, row, living, hash_keys):
            yield Finding(WHAT, sentence, known.position, str(known.entry))
    for id, known in unseen.items():
        sentence = f"the request {id} is on the record, and its row is gone"
        yield Finding(WHAT, sentence, known.position, str(known.entry))


def _is_shut(row: Request, recorded: Recorded) -> bool:
    """Return True if steps were destroyed where those of this request should be."""
    return (row.tenant, row.conversations[-1] if row.conversations else "") in recorded.destroyed


def _difference(
    known: RecordedRequest,
    row: Request,
    living: Collection[Place],
    hash_keys: Mapping[str, bytes],
) -> str:
    names = [name for name in FIELDS if getattr(row, name) != getattr(known.request, name)]
    if row.conversations != known.request.conversations:
        names.append("conversations")
    key = hash_keys.get(row.tenant)
    if key and row.hashes != hash_names(key, known.names) and not _is_erased(row, living):
        names.append("hashes")
    return f"the request {row.id} is not what its steps say: {', '.join(names)}" if names else ""


def _is_erased(row: Request, living: Collection[Place]) -> bool:
    """Return True if the last conversation of the person was destroyed, and their names with it."""
    places = [(row.tenant, each) for each in row.conversations]
    return bool(places) and not row.hashes and not any(place in living for place in places)


async def _read_steps(connection: Connection, keys: KeyStore) -> Recorded:
    recorded = Recorded({}, set())
    cursor = await connection.cursor(f"{RECORDS} where e.kind = 'request' order by e.position")
    while rows := await cursor.fetch(AT_ONCE):
        recorded.destroyed |= {
            (row["tenant"], row["conversation"])
            for row in rows
            if row["salt"] is None or row["wrapped"] is None
        }
        for row in decrypt_rows(rows, keys):
            try:
                recorded.add(row, decode_event(row["data"]))
            except msgspec.DecodeError:  # not one of ours: its row is missed then
                continue
    return recorded


async def _living(connection: Connection, places: Collection[Place]) -> set[Place]:
    tenants, conversations = [place[0] for place in places], [place[1] for place in places]
    rows = await connection.fetch(_LIVING, tenants, conversations)
    return {(row["tenant"], row["conversation"]) for row in rows}


_LIVING = """
select k.tenant, k.conversation
from unnest($1::text[], $2::text[]) as wanted (tenant, conversation)
join archiver.conversation_key k using (tenant, conversation)
"""
