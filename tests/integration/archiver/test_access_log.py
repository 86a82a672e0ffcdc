"""Whoever looks at the record is on it before they see anything; on a real PostgreSQL."""

import asyncio
from typing import Any

import pytest

from archiver.api.viewer import EMPLOYEE, REASON
from archiver.index.blind_index import person_hash
from archiver.index.processing_log import (
    CONVERSATION,
    SHOWN,
    default_activity,
    processor_uri,
    span_of,
)
from archiver.log import writer
from services import clock
from services.postgres.database import Pool
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.integration.archive_readers import (
    Said,
    id_of,
    looker,
    opening,
    said,
    seen,
    told,
    typed,
)
from tests.support.observer import until

HERE, THERE = "een", "twee"
NAMED = {EMPLOYEE: "m.devries", REASON: "klacht 12"}
PHONE = "31600000011"


@pytest.fixture
async def messages(pool: Pool) -> list[Said]:
    """Of a conversation that two departments had, and of another."""
    made = [
        said(HERE, "balie", 2, PHONE),
        said(HERE, "balie", 4, PHONE),
        said(HERE, "jeugd", 6, PHONE),
        said(THERE, "balie", 2, "31600000012"),
    ]
    opened = [opening(HERE, "balie"), opening(THERE, "balie")]
    await (await writer_of(pool)).add([*opened, *(one.record for one in made)])
    return made


async def test_a_page_of_messages_is_a_view_of_each_department_that_had_them(
    pool: Pool, messages: list[Said]
) -> None:
    async with looker(pool) as looks:
        status, page = await looks.get(f"conversations/{id_of(HERE)}/messages", **NAMED)
        assert (status, len(page["messages"])) == (200, 3)
        views = {view["department"]: view for view in await seen(pool)}
    assert set(views) == {"balie", "jeugd"}
    told_of = ("token", "employee", "reason", "what", "count", "from", "to")
    whole = {name: views["balie"].get(name) for name in told_of}
    assert whole == {
        "token": "crm", "employee": "m.devries", "reason": "klacht 12", "what": "messages",
        "count": 2, "from": 2, "to": 4,
    }  # fmt: skip
    assert views["balie"]["message"] is None
    assert views["jeugd"]["message"] == messages[2].id, "it was one"


async def test_a_message_and_a_conversation_are_views_too(pool: Pool, messages: list[Said]) -> None:
    async with looker(pool, departments=frozenset(["jeugd"])) as looks:
        await looks.get(f"messages/{messages[2].id}")
        await looks.get(f"conversations/{id_of(HERE)}/messages?after=4")
    async with looker(pool) as looks:
        await looks.get(f"conversations/{id_of(HERE)}")
    found = [(v["what"], v["department"], v["count"]) for v in await seen(pool)]
    assert found == [
        ("message", "jeugd", 1),
        ("messages", "jeugd", 1),
        ("conversation", "balie", 1),
    ]


async def test_what_shows_nothing_writes_nothing(pool: Pool, messages: list[Said]) -> None:
    async with looker(pool, departments=frozenset(["jeugd"])) as looks:
        for path, status in (
            (f"messages/{messages[0].id}", 404),
            (f"messages/{clock.new_id()}", 503),
            (f"conversations/{id_of(THERE)}", 404),
            (f"conversations/{id_of(THERE)}/messages", 404),
        ):
            assert (await looks.get(path))[0] == status
    async with looker(pool) as looks:
        page = await looks.get(f"conversations/{id_of(HERE)}/messages?after=6")
        assert page == (200, {"messages": [], "next": None})
    assert await seen(pool) == []


async def test_where_people_read_with_a_token_they_say_who_they_are(
    pool: Pool, messages: list[Said]
) -> None:
    path = f"messages/{messages[0].id}"
    async with looker(pool, people=True) as looks:
        for headers in ({}, {EMPLOYEE: " "}):
            status, refused = await looks.get(path, **headers)
            assert (status, refused["code"]) == (400, "employee_missing")
            assert [each["parameter"] for each in refused["errors"]] == [EMPLOYEE]
        assert await seen(pool) == []
        assert (await looks.get(path, **{EMPLOYEE: "m.devries"}))[0] == 200
    (view,) = await seen(pool)
    assert view["employee"] == "m.devries"


@pytest.mark.parametrize(
    ("headers", "wrong"),
    [
        ({EMPLOYEE: "x" * 201}, [EMPLOYEE]),
        ({EMPLOYEE: "a\tb"}, [EMPLOYEE]),
        ({REASON: "x" * 501, EMPLOYEE: "x" * 201}, [EMPLOYEE, REASON]),
        ({EMPLOYEE: "x" * 200, REASON: "é" * 500}, []),
    ],
)
async def test_each_header_that_cannot_be_is_named(
    pool: Pool, messages: list[Said], headers: dict[str, str], wrong: list[str]
) -> None:
    async with looker(pool) as looks:
        status, answer = await looks.get(f"messages/{messages[0].id}", **headers)
    named = [each["parameter"] for each in answer.get("errors", [])]
    assert (status, named) == (400 if wrong else 200, wrong)


async def test_what_cannot_be_written_down_is_not_shown(pool: Pool, messages: list[Said]) -> None:
    async with looker(pool) as looks, pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute(writer._HEAD)
            status, answer = await looks.get(f"messages/{messages[0].id}")
            assert (status, "hallo" in str(answer)) == (503, False)
        path = f"messages/{messages[1].id}"
        await until(lambda: looks.get(path), lambda found: found[0] == 200, 10)


async def test_one_view_that_cannot_be_sealed_keeps_nobody_else_from_looking(
    pool: Pool, messages: list[Said]
) -> None:
    """Its conversation's key was altered."""
    await pool.execute(_ALTERED, id_of(THERE))
    async with looker(pool) as looks:
        paths = [f"any/{id_of(THERE)}", *[f"messages/{messages[0].id}"] * 5]
        found = await asyncio.gather(*(looks.get(path) for path in paths))
    assert [status for status, _ in found] == [503, *[200] * 5]
    assert len(await seen(pool)) == 5


_ALTERED = """
update archiver.conversation_key
set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) where conversation = $1
"""


async def test_many_who_look_at_once_are_each_on_record(pool: Pool, messages: list[Said]) -> None:
    async with looker(pool) as looks:
        asked = [
            looks.get(f"messages/{messages[n % 4].id}", **{EMPLOYEE: f"e{n}"}) for n in range(60)
        ]
        assert {status for status, _ in await asyncio.gather(*asked)} == {200}
    assert {view["employee"] for view in await seen(pool)} == {f"e{n}" for n in range(60)}


async def test_who_looked_is_listed_by_conversation_by_employee_and_by_token(
    pool: Pool, messages: list[Said], empty: str
) -> None:
    for name, employee, path in (
        ("crm", "m.devries", f"conversations/{id_of(HERE)}/messages"),
        ("crm", "j.bakker", f"messages/{messages[3].id}"),
        ("balie", "m.devries", f"messages/{messages[3].id}"),
    ):
        async with looker(pool, name=name) as looks:
            assert (await looks.get(path, **{EMPLOYEE: employee, REASON: "klacht"}))[0] == 200

    async def listed(*arguments: str) -> list[tuple[str, str, str]]:
        found = told(await typed(empty, "views", *arguments, "--json"))
        return [(v["token"], v["employee"], v["what"]) for v in found]

    pages = [("crm", "m.devries", "messages")] * 2
    one, other = ("crm", "j.bakker", "message"), ("balie", "m.devries", "message")
    assert await listed("--conversation", id_of(HERE)) == pages
    assert await listed("--conversation", id_of(THERE)) == [one, other]
    assert await listed("--employee", "m.devries") == [*pages, other]
    assert await listed("--employee", "nobody") == []
    assert await listed("--token", "crm") == [*pages, one]
    assert await listed("--token", "crm", "--employee", "j.bakker") == [one]
    assert await listed("--token", "crm", "--to", "2026-01-01") == []
    words = (await typed(empty, "views", "--employee", "j.bakker")).stdout
    assert f"crm, j.bakker  message {messages[3].id} of {id_of(THERE)} (balie): klacht" in words
    assert (await typed(empty, "views")).exit_code == 2
    asked = await pool.fetch("select what, by, about, data::text from access.operation order by id")
    assert {(row["what"], row["by"]) for row in asked} == {("archive views", "S. Jansen")}
    assert [row["about"] for row in asked[:3]] == [id_of(HERE), id_of(THERE), ""]
    assert len(asked) == 8 and not any("m.devries" in row["data"] for row in asked)


async def test_a_view_is_in_the_processing_log_in_the_trace_of_whoever_asked(
    pool: Pool, messages: list[Said]
) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    async with looker(pool) as looks:
        await looks.get(f"messages/{messages[0].id}", traceparent=f"00-{trace}-{span}-01")
        await looks.get(f"messages/{messages[0].id}")
        await looks.get(f"conversations/{id_of(HERE)}/messages")
    first, second, *page = await _shown(pool)
    views = await seen(pool)
    assert (first["trace_id"].hex(), first["parent_span_id"].hex()) == (trace, span)
    assert first["foreign_processor"] == processor_uri("almelo", "crm")
    assert second["trace_id"] == messages[0].id.bytes
    assert (second["parent_span_id"], second["foreign_processor"]) == (None, None)
    assert len({row["trace_id"] for row in page}) == 1, "two parts of one answer"
    assert [row["span_id"] for row in (first, second)] == [span_of(v["id"]) for v in views[:2]]
    key = await (await keys_of(pool)).hash_key("almelo")
    assert {row["subject"] for row in (first, second, *page)} == {
        person_hash(key, CONVERSATION, id_of(HERE))
    }


async def _shown(pool: Pool) -> list[dict[str, Any]]:
    sql = "select * from archiver.processing where name = $1 order by start_time"
    return [dict(row) for row in await pool.fetch(sql, SHOWN)]


async def test_of_an_employee_nothing_is_in_the_processing_log(
    pool: Pool, messages: list[Said]
) -> None:
    async with looker(pool) as looks:
        await looks.get(f"messages/{messages[0].id}", **NAMED)
    (row,) = await _shown(pool)
    assert "devries" not in str(row)
    assert (row["activity"], row["status"]) == (default_activity("almelo"), "Ok")
    entries = await pool.fetch("select * from archiver.entry where kind = 'view'")
    assert len(entries) == 1
    assert "devries" not in str(entries)
