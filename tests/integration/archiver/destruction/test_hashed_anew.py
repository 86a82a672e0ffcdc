"""Words and persons are hashed anew after a destruction, while everything goes on."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from archiver.api.queries import RecordReader
from archiver.audit import search_index, subject_rows
from archiver.audit.rows.request_rows import verify_requests
from archiver.destruction import hash_renewal
from archiver.destruction.hash_renewal import HashRenewer
from archiver.index.record_fields import Identity
from archiver.retention.hold import Hold, NewHold, Selection
from archiver.retention.hold_store import HoldStore
from archiver.search.request import SearchRequest
from archiver.search.search import Search
from archiver.subject_access.person_finder import find_subject
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import NewRequest, RequestStore
from services import clock
from services.http.rights import Rights
from services.postgres.database import Pool, connection_pool
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.records import id_of, message
from tests.support.decrypted_record import keys_of, writer_of

FATIMA = Identity("phone", "31600000011")
SOON, TODAY = clock.now().date() + timedelta(days=30), clock.now().date()
READER = Rights(name="test", tenant="almelo", roles=frozenset({"archivist"}), departments=None)
ALL = "array(select distinct conversation from archiver.entry where conversation <> '')"
LAMP = {"text": "mijn lantaarn is kapot"}
OLDER = "update archiver.municipality_key set made_at = now() - interval '8 days'"


@pytest.fixture
async def own(empty: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Pool]:
    """The archiver's own, which hashes one entry at a time."""
    monkeypatch.setattr(hash_renewal, "BATCH", 1)
    monkeypatch.setattr(hash_renewal, "PAUSE_SECONDS", 0)
    async with connection_pool(f"{empty}?role=postkamer_archiver", "test", 4) as own:
        yield own


async def add(pool: Pool, name: str, **more: Any) -> UUID:
    record = message(within=name, **more)
    await (await writer_of(pool)).add([record])
    return record.id


async def place(own: Pool, **order: Any) -> Hold:
    new = NewHold(tenant="almelo", ground="woo", review_on=SOON, text="Woo-verzoek 12", **order)
    async with own.acquire() as connection, connection.transaction():
        store = HoldStore(connection, await keys_of(own))
        return await store.place_order(new, "Els", clock.now())


async def ask(own: Pool) -> Request:
    """Open the request of a person, or return the one that is open."""
    async with own.acquire() as connection, connection.transaction():
        keys = await keys_of(own)
        match = await find_subject(connection, keys, "almelo", [FATIMA])
        store = RequestStore(connection, keys)
        new = NewRequest(tenant="almelo", kind="access", received_on=TODAY, by="Els")
        same = await store.find_same(new, match)
        return same or await store.open(new, match, clock.now())


async def found(pool: Pool) -> dict[str, set[str]]:
    """Conversations that are found by words and by person, and those that each hold covers."""
    keys = await keys_of(pool)
    request = SearchRequest.model_validate({"words": "kapotte lantaarn"})
    page = await Search(pool, keys, RecordReader(pool, keys)).find(request, READER)
    of_request = SearchRequest.model_validate(
        {"person": {"kind": "phone", "value": f"+{FATIMA.value}"}}
    )
    hers = await Search(pool, keys, RecordReader(pool, keys)).find(of_request, READER)
    async with pool.acquire() as connection, connection.transaction():
        person = await find_subject(connection, keys, "almelo", [FATIMA])
    held = {
        hold["kind"]: {
            row[0] for row in await pool.fetch(f"select archiver.covered_by($1, {ALL})", hold["id"])
        }
        for hold in await pool.fetch("select id, kind from archiver.hold")
    }
    words, persons = ({row["conversation"] for row in each.rows} for each in (page, hers))
    assert persons == set(person.conversations)
    return held | {"by words": words, "by person": persons}


async def faults(pool: Pool) -> list[Any]:
    keys, found = await keys_of(pool), list[Any]()
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
        found += [
            each async for each in search_index.verify_index(connection, keys, lambda *_: None)
        ]
        async for extra in subject_rows.find_extra_subjects(connection, keys):
            found += extra.findings()
        found += (await verify_requests(connection, keys))[0]
    return found


async def test_everything_is_found_and_held_at_each_step(pool: Pool, own: Pool) -> None:
    await add(pool, "een", phone=FATIMA.value)
    await add(pool, "twee", **LAMP)
    await place(own, identities=(FATIMA,))
    opened = await ask(own)
    renewer, steps = HashRenewer(own, await keys_of(own)), 0
    await renewer.begin("almelo")
    begun_at = await pool.fetchval("select up_to from archiver.renewal")
    await place(own, selection=Selection(words="kapotte lantaarn"))
    await add(pool, "drie", phone=FATIMA.value, **LAMP)
    hers, lamps = {id_of("een"), id_of("drie")}, {id_of("twee"), id_of("drie")}
    expected = {"by words": lamps, "selection": lamps, "by person": hers, "person": hers}
    has_more = True
    while has_more:
        assert (await found(pool), await faults(pool)) == (expected, [])
        assert (await ask(own)).id == opened.id
        has_more = await renewer.renew_batch("almelo") is not None
        steps += 1
    assert (await found(pool), await faults(pool), (await ask(own)).id) == (expected, [], opened.id)
    [key] = await pool.fetch("select version from archiver.municipality_key where purpose = 'hash'")
    before = await pool.fetchval("select count(*) from archiver.hold where words_before <> '{}'")
    assert (key["version"], before) == (2, 0)
    assert steps == begun_at


async def test_destroyed_amid_stays_gone_and_the_rest_is_found(
    pool: Pool, own: Pool, tmp_path: Path
) -> None:
    """The entry that said first who somebody is may be gone alone: the next one says so too."""
    first = await add(pool, "een", phone=FATIMA.value)
    await add(pool, "een", phone=FATIMA.value)
    await add(pool, "twee", phone=FATIMA.value, **LAMP)
    keys = await keys_of(own)
    eraser, renewer = eraser_of(pool, await keys_of(pool), tmp_path), HashRenewer(own, keys)
    await eraser.erase_entry(first, "test")
    await renewer.begin("almelo")
    await renewer.renew_batch("almelo")
    await eraser.erase_conversation("almelo", id_of("twee"), "test")
    await renewer.renew("almelo")
    assert await found(pool) == {"by words": set(), "by person": {id_of("een")}}
    assert await faults(pool) == []


async def test_renewal_is_due_after_a_destruction_once_in_a_while(
    pool: Pool, own: Pool, tmp_path: Path
) -> None:
    renewer = HashRenewer(own, await keys_of(own))

    async def version() -> int:
        await renewer.renew_due()
        query = "select max(version) from archiver.municipality_key where purpose = 'hash'"
        return int(await pool.fetchval(query))

    for name in ("een", "twee"):
        await add(pool, name, phone=FATIMA.value)
    await pool.execute(OLDER)
    assert await version() == 1, "nothing was destroyed"
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    await eraser.erase_conversation("almelo", id_of("een"), "test")
    assert [await version(), await version()] == [2, 2]
    await eraser.erase_conversation("almelo", id_of("twee"), "test")
    assert await version() == 2, "its key is of today"
    await pool.execute(OLDER)
    assert await version() == 3


SHRINKING = (
    "hashes = array['\\x01'::bytea] where kind = 'person'",
    "words = '{1}' where kind = 'selection'",
    "words_before = '{1}' where kind = 'selection'",
)


async def test_role_of_the_archiver_replaces_hashes_in_a_renewal_alone(
    pool: Pool, own: Pool
) -> None:
    await add(pool, "een", phone=FATIMA.value)
    opened = await ask(own)
    with pytest.raises(asyncpg.CheckViolationError, match="hashed anew already"):
        await own.execute(
            "select archiver.renew_entries('almelo', 1, '{}', '{}', '{}', '{}', '{}', '{}')"
        )
    await own.execute("select archiver.renew_request($1, '{}')", opened.id)
    assert (await ask(own)).id == opened.id
    await place(own, identities=(FATIMA,))
    await place(own, selection=Selection(words="lantaarn"))
    for change in SHRINKING:
        for connections in (own, pool):  # the archiver's role, and the owner of the tables
            with pytest.raises(asyncpg.CheckViolationError, match="covers is not changed"):
                await connections.execute(f"update archiver.hold set {change}")
    # A name that became known later may be added at any time.
    added = "update archiver.hold set hashes = hashes || '\\x01'::bytea where kind = 'person'"
    assert await own.execute(added) == "UPDATE 1"
    await HashRenewer(own, await keys_of(own)).begin("almelo")
    with pytest.raises(asyncpg.CheckViolationError, match="not hashed anew yet"):
        await own.execute("select archiver.end_renewal('almelo')")
