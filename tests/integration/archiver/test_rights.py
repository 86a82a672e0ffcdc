"""The record shows a token the parts of its own departments, and of the rest not even that it is.

All sets of departments, against conversations that moved, on a real PostgreSQL.
"""

import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest

from archiver.api.access_log import access_log
from archiver.api.queries import NOTES
from archiver.api.routes import RecordRoutes
from services import clock
from services.contract import Record
from services.http.application import api_app
from services.http.rights import Rights
from services.http.server import serve
from services.http.token_store import TokenStore
from services.ids import created_at, uuid7
from services.postgres.database import Pool
from tests.support.decrypted_record import reader_of, writer_of
from tests.support.tokens import bearer, key

NOW = clock.now()
TENANTS = {"almelo": "106540352242922", "hengelo": "206540352242923"}
DEPARTMENTS = ("balie", "jeugd", "afval")
PARTS = [
    ("almelo", "moved", ("balie", "jeugd", "balie", "afval")),
    ("almelo", "stayed", ("jeugd",)),
    ("almelo", "once", ("balie", "afval")),
    ("hengelo", "theirs", ("balie", "jeugd")),
]
"""Municipality, conversation, and the departments that had it, one after the other."""
PER_PART = 2
"""Messages in each part."""


def id_of(tenant: str, name: str) -> str:
    return f"{TENANTS[tenant]}-{name.ljust(26, 'a')}"


class Part(msgspec.Struct, frozen=True):
    tenant: str
    conversation: str
    department: str
    records: list[Record]

    @property
    def messages(self) -> list[UUID]:
        return [r.message for r in self.records if r.kind == "message" and r.message]

    def is_for(self, rights: Rights) -> bool:
        return self.tenant == rights.tenant and rights.handles(self.department)


def _record(part: tuple[str, str], kind: str, sequence: int, data: Any, **more: Any) -> Record:
    tenant, conversation = part
    return Record(
        id=clock.new_id(),
        kind=kind,
        at=NOW,
        data=msgspec.json.encode(data),
        tenant=tenant,
        conversation=conversation,
        sequence=sequence,
        **more,
    )


def _message(part: tuple[str, str], department: str, sequence: int) -> Iterator[Record]:
    """A message and all that can be told of it, each with a word that tells whose it is."""
    id = clock.new_id()
    mark = f"{part[0]}/{department}"
    why = {"rule": f"rule of {mark}", "reason": f"reason of {mark}"}
    said = {"direction": "out", "type": "text", "text": f"text of {mark}", "department": department}
    said |= {"decision": why, "receivedAt": NOW}
    yield _record(part, "message", sequence, said, message=id, raw=b'{"raw": "%s"}' % mark.encode())
    sent = {"state": "sent", "wamid": f"wamid of {mark}", "reason": "", "status": "accepted"}
    yield _record(part, "send", sequence + 1, sent, message=id)
    read = {"status": "read", "wamid": f"wamid of {mark}", "reason": f"read by {mark}", "at": NOW}
    yield _record(part, "status", sequence + 2, read, message=id)
    given = {"destination": f"crm of {mark}", "event": "e", "state": "done", "attempts": 1}
    yield _record(part, "delivery", 0, given, message=id)


def _note(part: tuple[str, str], department: str, sequence: int) -> Record:
    text = f"note of {part[0]}/{department}"
    author = {"kind": "employee", "id": "sanne"}
    said = {"id": clock.new_id(), "text": text, "author": author, "department": department}
    return _record(part, "note", sequence, said)


def _parts() -> Iterator[Part]:
    for tenant, name, departments in PARTS:
        conversation = (tenant, id_of(tenant, name))
        sequence = itertools.count(1, 5)
        for n, department in enumerate(departments):
            mark = f"{tenant}/{department}"
            step = {"event": "transferred" if n else "opened", "department": department}
            step |= {"reason": f"reason of {mark}", "zaak": f"zaak of {mark}"}
            step["by"] = {"author": {"kind": "employee", "id": f"sanne of {mark}"}}  # type: ignore[assignment]
            step["decision"] = {"rule": "", "reason": f"moved to {mark}"}  # type: ignore[assignment]
            records = [_record(conversation, "conversation", next(sequence), step)]
            records.append(_note(conversation, department, next(sequence)))
            for _ in range(PER_PART):
                records += _message(conversation, department, next(sequence))
            yield Part(tenant, conversation[1], department, records)


WORLD = list(_parts())
ALL_RIGHTS = [
    Rights(name="t", tenant=tenant, roles=frozenset(["read"]), departments=frozenset(some))
    for tenant in (*TENANTS, "borne")
    for count in range(len(DEPARTMENTS) + 1)
    for some in itertools.combinations((*DEPARTMENTS,), count)
]


@pytest.fixture
async def pool(pool: Pool) -> Pool:
    await (await writer_of(pool)).add([record for part in WORLD for record in part.records])
    return pool


class Reader:
    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self._url, self._session = url, session

    async def get(self, path: str) -> tuple[int, bytes]:
        async with self._session.get(self._url + path, headers=bearer("t")) as answer:
            return answer.status, await answer.read()


@asynccontextmanager
async def reader(pool: Pool, rights: Rights) -> AsyncIterator[Reader]:
    given = msgspec.structs.asdict(rights) | {"per_second": 1000, "burst": 10_000}
    ring = TokenStore(pool, [key("t", **given)])
    async with (
        access_log(await writer_of(pool)) as views,
        serve(
            api_app(RecordRoutes(await reader_of(pool), views, ring, timedelta).routes()),
            "127.0.0.1",
            0,
        ) as port,
        aiohttp.ClientSession() as session,
    ):
        yield Reader(f"http://127.0.0.1:{port}", session)


async def _pages(ask: Reader, conversation: str, limit: int) -> tuple[list[str], bytes]:
    """Ids of the messages, a page at a time, and all that was said with them."""
    ids: list[str] = []
    said, after = b"", 0
    while True:
        query = f"/v1/conversations/{conversation}/messages?after={after}&limit={limit}"
        status, body = await ask.get(query)
        if status == 404:
            return [], body
        page = msgspec.json.decode(body)
        ids += [message["id"] for message in page["messages"]]
        said += body
        assert len(page["messages"]) == limit or page["next"] is None
        if page["next"] is None:
            return ids, said
        after = page["next"]


def marks(rights: Rights) -> set[bytes]:
    """What may never be in an answer."""
    return {f"{p.tenant}/{p.department}".encode() for p in WORLD if not p.is_for(rights)}


@pytest.mark.parametrize("limit", [1, 3, 1000])
async def test_a_token_reads_all_messages_of_its_departments_and_no_others(
    pool: Pool, limit: int
) -> None:
    for rights in ALL_RIGHTS:
        async with reader(pool, rights) as ask:
            for conversation, parts in by_conversation():
                ids, said = await _pages(ask, conversation, limit)
                theirs = [str(id) for part in parts if part.is_for(rights) for id in part.messages]
                assert ids == theirs, rights
                assert not any(mark in said for mark in marks(rights))


def by_conversation() -> list[tuple[str, list[Part]]]:
    return [(id, list(parts)) for id, parts in itertools.groupby(WORLD, lambda p: p.conversation)]


async def test_a_message_is_there_for_its_department_with_all_that_became_of_it(
    pool: Pool,
) -> None:
    for rights in ALL_RIGHTS:
        async with reader(pool, rights) as ask:
            for part in WORLD:
                for id in part.messages:
                    status, body = await ask.get(f"/v1/messages/{id}")
                    if not part.is_for(rights):
                        nothing = await ask.get(f"/v1/messages/{uuid7(created_at(id), bytes(10))}")
                        assert (status, body) == nothing, "as if it were not there"
                        continue
                    message = msgspec.json.decode(body)
                    assert (status, message["department"]) == (200, part.department)
                    assert [len(message[key]) for key in ("statuses", "deliveries")] == [1, 1]


async def test_a_conversation_shows_the_steps_of_its_readers_departments(pool: Pool) -> None:
    for rights in ALL_RIGHTS:
        async with reader(pool, rights) as ask:
            nothing = await ask.get(f"/v1/conversations/{id_of('almelo', 'nothing')}")
            for conversation, parts in by_conversation():
                answer = await ask.get(f"/v1/conversations/{conversation}")
                theirs = [part.department for part in parts if part.is_for(rights)]
                if not theirs:
                    assert answer == nothing, "as if it were not there"
                    continue
                shown = msgspec.json.decode(answer[1])
                assert [step["department"] for step in shown["history"]] == theirs
                last = f"zaak of {parts[0].tenant}/{theirs[-1]}"
                assert shown["zaak"] == shown["history"][-1]["zaak"] == last
                assert [note["text"] for note in shown["notes"]] == [
                    f"note of {parts[0].tenant}/{department}" for department in theirs
                ]
                now = parts[-1].department if parts[-1].is_for(rights) else None
                assert shown["department"] == now
                assert not any(mark in answer[1] for mark in marks(rights))


async def test_of_many_notes_the_newest_are_shown_oldest_first(pool: Pool) -> None:
    part = WORLD[0]
    more = [_note((part.tenant, part.conversation), "balie", 100 + n) for n in range(NOTES)]
    await (await writer_of(pool)).add(more)
    rights = Rights(name="t", tenant=part.tenant, roles=frozenset(["read"]))
    async with reader(pool, rights) as ask:
        _, said = await ask.get(f"/v1/conversations/{part.conversation}")
    shown = [note["id"] for note in msgspec.json.decode(said)["notes"]]
    assert shown == [msgspec.json.decode(record.data)["id"] for record in more]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("after=-1", ["after"]),
        ("after=9223372036854775808", ["after"]),
        ("after=" + "9" * 40, ["after"]),
        ("after=%00", ["after"]),
        ("limit=1_0", ["limit"]),
        ("limit=%201", ["limit"]),
        ("limit=%2B1", ["limit"]),
        ("limit=%D9%A1", ["limit"]),
        ("limit=0", ["limit"]),
        ("limit=1001", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=1&limit=2", ["limit"]),
        ("after=x&limit=y", ["after", "limit"]),
        ("after=9223372036854775807&limit=1000", None),
        ("after=0&limit=1", None),
        ("", None),
    ],
)
async def test_each_number_of_a_query_that_is_none_is_named(
    pool: Pool, query: str, wrong: list[str] | None
) -> None:
    part = WORLD[0]
    rights = Rights(name="t", tenant=part.tenant, roles=frozenset(["read"]))
    async with reader(pool, rights) as ask:
        status, said = await ask.get(f"/v1/conversations/{part.conversation}/messages?{query}")
    problem = msgspec.json.decode(said)
    told = [one["parameter"] for one in problem["errors"]] if status == 400 else None
    assert (status, told) == (400 if wrong else 200, wrong)


@pytest.mark.parametrize("id", ["%00", f"{WORLD[0].conversation}%00", "%ED%A0%80"])
@pytest.mark.parametrize("path", ["conversations/{}", "conversations/{}/messages", "messages/{}"])
async def test_what_is_no_id_is_not_found(pool: Pool, path: str, id: str) -> None:
    rights = Rights(name="t", tenant="almelo", roles=frozenset(["read"]))
    async with reader(pool, rights) as ask:
        assert (await ask.get(f"/v1/{path.format(id)}"))[0] == 404


async def test_without_the_role_nothing_is_read(pool: Pool) -> None:
    for role in ("send", "rules", "kcc", "records", "archivist", "privacy", "operator"):
        rights = Rights(name="t", tenant="almelo", roles=frozenset([role]))  # type: ignore[list-item]
        async with reader(pool, rights) as ask:
            for path in (f"conversations/{WORLD[0].conversation}", f"messages/{clock.new_id()}"):
                assert (await ask.get(f"/v1/{path}"))[0] == 403
