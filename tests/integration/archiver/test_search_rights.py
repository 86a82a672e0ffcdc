"""A token finds, counts and pages nothing of another department or municipality, however it asks.

All sets of departments, against all filters.
"""

import itertools
from typing import Any
from uuid import UUID

import msgspec
import pytest

from services.contract import Record
from services.http.rights import Rights
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api
from tests.support.archiver.records import NOON, id_of, message, minutes
from tests.support.decrypted_record import writer_of
from tests.support.tokens import GENEROUS

DEPARTMENTS = ("openbare-ruimte", "zorg-en-jeugd", "balie")
TENANTS = ("almelo", "hengelo")
PHONES = {"31600000011": "vana", "31600000012": "vanb"}
"""Phone of a citizen, and the name of their conversation."""
RECORDS = [
    message(
        f"container {text}", PHONES[phone], department, tenant=tenant, at=NOON + minutes(n),
        phone=phone,
    )
    for n, (tenant, department, phone, text) in enumerate(
        itertools.product(TENANTS, DEPARTMENTS, PHONES, ("vol", "leeg"))
    )
]  # fmt: skip
"""Each conversation is of both municipalities and all departments, so that only rights tell them
apart."""
ALL_RIGHTS = [
    Rights(name="t", tenant=tenant, roles=frozenset(["read"]), departments=frozenset(some) or None)
    for tenant in (*TENANTS, "borne")
    for count in range(len(DEPARTMENTS) + 1)
    for some in itertools.combinations(DEPARTMENTS, count)
]
PAGE = 7
"""Hits of a page: a token that reads everything of its municipality has two."""
PERSONS = [{"kind": "phone", "value": phone} for phone in PHONES]
REQUESTS: list[dict[str, Any]] = [
    {},
    {"words": "container"},
    {"anyOf": ["vol", "leeg"]},
    {"words": "container vol", "anyOf": ["leeg", "vol"]},
    {"from": NOON.isoformat()},
    {"until": (NOON + minutes(100)).isoformat()},
    {"types": ["text"], "direction": "in"},
    *({"departments": [*some]} for some in itertools.combinations(DEPARTMENTS, 2)),
    {"departments": [*DEPARTMENTS], "words": "container"},
    *({"person": person} for person in PERSONS),
    {"person": PERSONS[0], "words": "vol"},
    *({"conversation": id_of(name)} for name in PHONES.values()),
]


def is_hit(record: Record, request: dict[str, Any], rights: Rights) -> bool:
    """A second definition of what a search finds."""
    data = msgspec.json.decode(record.data)
    words = data["text"].split()
    person = request.get("person", {}).get("value")
    return (
        record.tenant == rights.tenant
        and rights.handles(data["department"])
        and data["department"] in request.get("departments", DEPARTMENTS)
        and {*request.get("words", "").split()} <= {*words}
        and ("anyOf" not in request or any(word in words for word in request["anyOf"]))
        and person in (None, data["from"]["identities"][0]["value"])
        and record.conversation == request.get("conversation", record.conversation)
    )


@pytest.fixture
async def pool(pool: Pool) -> Pool:
    await (await writer_of(pool)).add(RECORDS)
    return pool


@pytest.mark.parametrize("tenant", [*TENANTS, "borne"])
async def test_search_finds_and_counts_what_the_token_may_read_and_nothing_else(
    pool: Pool, tenant: str
) -> None:
    for rights in (each for each in ALL_RIGHTS if each.tenant == tenant):
        async with archive_api(pool, **msgspec.structs.asdict(rights) | GENEROUS) as api:
            for request in REQUESTS:
                expected = [one.message for one in RECORDS if is_hit(one, request, rights)]
                by_page = await api.find(order="oldest", limit=PAGE, **request)
                assert by_page == expected, (rights, request)
                page = await api.search(order="oldest", limit=200, count="exact", **request)
                found = [UUID(each["id"]) for each in page["messages"]]
                assert found == expected, (rights, request)
                assert (page["total"], page["gone"]) == (len(expected), 0), (rights, request)


async def test_cursor_of_another_token_opens_nothing_more(pool: Pool) -> None:
    """The cursor of a token that sees all is used by one that sees little."""
    async with archive_api(pool) as api:
        page = await api.search(limit=3)
    last = page["messages"][-1]["receivedAt"]
    for department in DEPARTMENTS:
        async with archive_api(pool, departments=frozenset([department])) as api:
            found = (await api.search(after=page["next"], limit=200))["messages"]
            visible = (await api.search(limit=200))["messages"]
        assert found == [one for one in visible if one["receivedAt"] < last]
        assert {one["department"] for one in found} <= {department}


async def test_index_is_unreadable_and_different_in_each_municipality(pool: Pool) -> None:
    rows = await pool.fetch("select tenant, words, s::text as row from archiver.searchable s")
    assert len(rows) == len(RECORDS)
    words = ("container", "vol", "leeg", *PHONES)
    assert not any(word in row["row"] for row in rows for word in words)
    tokens = {
        tenant: {word for row in rows if row["tenant"] == tenant for word in row["words"]}
        for tenant in TENANTS
    }
    assert len(tokens["almelo"]) == len(tokens["hengelo"]) == 3 + len(DEPARTMENTS)
    assert tokens["almelo"].isdisjoint(tokens["hengelo"])


async def test_role_of_the_archiver_reads_the_index_and_cannot_change_it(pool: Pool) -> None:
    async with pool.acquire() as connection:
        await connection.execute("set role postkamer_archiver")
        assert await connection.fetchval("select count(*) from archiver.searchable") == len(RECORDS)
        for change in ("delete from archiver.searchable", "truncate archiver.searchable"):
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(change)
        await connection.execute("reset role")
