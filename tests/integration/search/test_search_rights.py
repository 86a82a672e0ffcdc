"""Nobody finds, counts or pages anything of another department or municipality, however asked.

All sets of departments, against all ways of asking, on a real PostgreSQL.
"""

import itertools
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.contract import Record
from services.http.rights import Rights
from services.postgres.database import Pool
from tests.support.decrypted_record import writer_of
from tests.support.integration.search_fixture import (
    NOON,
    asking,
    citizen,
    conversation,
    message,
    minutes,
    rights_of,
)

DEPARTMENTS = ("openbare-ruimte", "zorg-en-jeugd", "balie")
TENANTS = ("almelo", "hengelo")
PHONES = ("31600000011", "31600000012")
WORLD = [
    message(
        f"container {('vol', 'leeg')[n % 2]}",
        tenant=tenant,
        department=department,
        within=f"van{'ab'[PHONES.index(phone)]}",
        at=NOON + minutes(n),
        **citizen(phone),
    )
    for n, (tenant, department, phone, _) in enumerate(
        itertools.product(TENANTS, DEPARTMENTS, PHONES, range(2))
    )
]
"""Each conversation is of both municipalities and all departments: as nothing really is, so that
only rights tell them apart."""
CONVERSATIONS = sorted({record.conversation for record in WORLD})
ALL_RIGHTS = [
    rights_of(tenant, *some)
    for tenant in (*TENANTS, "borne")
    for count in range(len(DEPARTMENTS) + 1)
    for some in itertools.combinations(DEPARTMENTS, count)
]
WAYS: list[dict[str, Any]] = [
    {},
    {"words": "container"},
    {"anyOf": ["vol", "leeg"]},
    {"words": "container vol", "anyOf": ["leeg", "vol"]},
    {"from": NOON.isoformat()},
    {"until": (NOON + minutes(100)).isoformat()},
    {"types": ["text"], "direction": "in"},
    *({"departments": [*some]} for some in itertools.combinations(DEPARTMENTS, 2)),
    {"departments": [*DEPARTMENTS], "words": "container"},
    *({"person": {"kind": "phone", "value": phone}} for phone in PHONES),
    {"person": {"kind": "phone", "value": PHONES[0]}, "words": "vol"},
    *({"conversation": id} for id in CONVERSATIONS),
]


def fits(record: Record, way: dict[str, Any], rights: Rights) -> bool:
    """Whether a record is to be found, said once more and otherwise."""
    data = msgspec.json.decode(record.data)
    said = data["text"].split()
    person = way.get("person", {}).get("value")
    return (
        record.tenant == rights.tenant
        and rights.handles(data["department"])
        and data["department"] in way.get("departments", DEPARTMENTS)
        and {*way.get("words", "").split()} <= {*said}
        and ("anyOf" not in way or any(word in said for word in way["anyOf"]))
        and person in (None, data["from"]["identities"][0]["value"])
        and record.conversation == way.get("conversation", record.conversation)
    )


@pytest.fixture
async def pool(pool: Pool) -> AsyncIterator[Pool]:
    await (await writer_of(pool)).add(WORLD)
    yield pool


async def test_whoever_asks_finds_and_counts_what_is_theirs_and_nothing_else(pool: Pool) -> None:
    for rights in ALL_RIGHTS:
        async with asking(pool, rights) as ask:
            for way in WAYS:
                theirs = [record.message for record in WORLD if fits(record, way, rights)]
                for limit in (1, 200):
                    assert await ask.ids(order="oldest", limit=limit, **way) == theirs, (
                        rights,
                        way,
                    )
                page = await ask.page(limit=1, count="exact", **way)
                assert (page["total"], page["gone"]) == (len(theirs), 0), (rights, way)


async def test_another_ones_cursor_opens_nothing(pool: Pool) -> None:
    """The end of a page of somebody who sees all, brought by somebody who sees little."""
    async with asking(pool, rights_of()) as ask:
        page = await ask.page(limit=3)
    for department in DEPARTMENTS:
        async with asking(pool, rights_of("almelo", department)) as ask:
            seen = await ask.page(after=page["next"], limit=200)
            assert {one["department"] for one in seen["messages"]} <= {department}
            all = await ask.page(limit=200)
            assert [*map(UUID, (one["id"] for one in seen["messages"]))] == [
                UUID(one["id"]) for one in all["messages"] if one["id"] in ids_after(page, all)
            ]


def ids_after(page: dict[str, Any], all: dict[str, Any]) -> set[str]:
    """Those of `all` that are older than the last on the page."""
    last = page["messages"][-1]["receivedAt"]
    return {one["id"] for one in all["messages"] if one["receivedAt"] < last}


async def test_the_same_word_has_another_number_in_each_municipality(pool: Pool) -> None:
    rows = await pool.fetch("select tenant, unnest(words) as word from archiver.searchable")
    words = {tenant: {r["word"] for r in rows if r["tenant"] == tenant} for tenant in TENANTS}
    assert len(words["almelo"]) == len(words["hengelo"]) == 3 + len(DEPARTMENTS)
    assert words["almelo"].isdisjoint(words["hengelo"])


async def test_nothing_in_the_index_can_be_read(pool: Pool) -> None:
    rows = await pool.fetch("select s::text as row from archiver.searchable s")
    assert len(rows) == len(WORLD)
    for row in rows:
        assert not any(word in row["row"] for word in ("container", "vol", "leeg", *PHONES))


async def test_the_archivers_role_can_read_the_index_and_not_change_it(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("set role postkamer_archiver")
        assert await connection.fetchval("select count(*) from archiver.searchable") == len(WORLD)
        for change in ("delete from archiver.searchable", "truncate archiver.searchable"):
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(change)
        await connection.execute("reset role")


@pytest.mark.parametrize("role", ["send", "rules", "kcc", "records", "archivist", "privacy"])
async def test_without_the_role_nothing_is_found(pool: Pool, role: Any) -> None:
    rights = Rights(name="t", tenant="almelo", roles=frozenset([role]))
    async with asking(pool, rights) as ask:
        assert (await ask.post({"conversation": conversation("vanaa")}))[0] == 403
