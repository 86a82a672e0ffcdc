"""A viewer of the record is on it before anything is shown."""

import asyncio

import pytest

from archiver.api.viewer import EMPLOYEE, OPENING, REASON
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
from services.config.model import parse
from services.contract import Record
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api, views_of
from tests.support.archiver.commands import OPERATOR, Archive
from tests.support.archiver.records import id_of, message, message_id, opening, record
from tests.support.decrypted_record import keys_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.observer import until

ASKING = parse(
    EXAMPLE.read_text().replace(
        'id = "belastingen"\n', 'id = "jeugd"\nconfidential = true\nask_reason = true\n'
    ).replace('"belastingen"', '"jeugd"'),
    "postkamer.toml",
)  # fmt: skip
HERE, THERE = id_of("een"), id_of("twee")
PHONE = "31600000011"


@pytest.fixture
async def messages(pool: Pool) -> list[Record]:
    """Three of a conversation that two departments had, and one of another."""
    made = [
        message("2", phone=PHONE, sequence=2),
        message("4", phone=PHONE, sequence=4),
        message("6", phone=PHONE, sequence=6, department="jeugd"),
        message("2", "twee", phone="31600000012", sequence=2),
    ]
    await (await writer_of(pool)).add([opening("een", "balie"), opening("twee", "balie"), *made])
    return made


@pytest.fixture
def paths(messages: list[Record]) -> list[str]:
    return [f"messages/{one.message}" for one in messages]


async def test_page_of_messages_is_a_view_per_department_with_what_was_shown(
    pool: Pool, messages: list[Record]
) -> None:
    async with archive_api(pool) as api:
        named = {EMPLOYEE: "m.devries", REASON: "klacht 12"}
        status, page = await api.get(f"conversations/{HERE}/messages", **named)
    assert (status, len(page["messages"])) == (200, 3)
    balie, jeugd = sorted(await views_of(pool), key=lambda view: str(view["department"]))
    assert (balie["department"], jeugd["department"]) == ("balie", "jeugd")
    assert balie | {
        "token": "crm", "employee": "m.devries", "reason": "klacht 12", "what": "messages",
        "count": 2, "from": 2, "to": 4, "message": None,
    } == balie  # fmt: skip
    assert jeugd["message"] == messages[2].message, "it was one"


async def test_message_and_conversation_are_views_of_the_departments_shown(
    pool: Pool, paths: list[str]
) -> None:
    async with archive_api(pool, departments=frozenset(["jeugd"])) as api:
        await api.get(paths[2])
        await api.get(f"conversations/{HERE}/messages?after=4")
    async with archive_api(pool) as api:
        await api.get(f"conversations/{HERE}")
    assert [(v["what"], v["department"], v["count"]) for v in await views_of(pool)] == [
        ("message", "jeugd", 1),
        ("messages", "jeugd", 1),
        ("conversation", "balie", 1),
    ]


async def test_answer_that_shows_nothing_is_no_view(pool: Pool, paths: list[str]) -> None:
    async with archive_api(pool, departments=frozenset(["jeugd"])) as api:
        hidden = [paths[0], f"conversations/{THERE}", f"conversations/{THERE}/messages"]
        assert {(await api.get(path))[0] for path in hidden} == {404}
        assert (await api.get(f"messages/{clock.new_id()}"))[0] == 503
    async with archive_api(pool) as api:
        page = await api.get(f"conversations/{HERE}/messages?after=6")
        assert page == (200, {"messages": [], "next": None})
    assert await views_of(pool) == []


async def test_token_for_people_must_name_the_employee_and_wrong_headers_are_named(
    pool: Pool, paths: list[str]
) -> None:
    async with archive_api(pool, people=True) as api:
        status, refused = await api.get(paths[0], **{EMPLOYEE: " "})
        assert (status, refused["code"]) == (400, "employee_missing")
        assert [each["parameter"] for each in refused["errors"]] == [EMPLOYEE]
        long = {EMPLOYEE: "x" * 201, REASON: "x" * 501}
        status, refused = await api.get(paths[0], **long)
        assert [each["parameter"] for each in refused["errors"]] == [EMPLOYEE, REASON]
        assert status == 400 and refused.get("code") != "employee_missing"
        assert await views_of(pool) == []
        assert (await api.get(paths[0], **{EMPLOYEE: "m.devries"}))[0] == 200
    [view] = await views_of(pool)
    assert view["employee"] == "m.devries"


async def test_page_that_is_drawn_again_in_one_opening_is_viewed_once(
    pool: Pool, messages: list[Record]
) -> None:
    path, add = f"conversations/{HERE}/messages", (await writer_of(pool)).add
    named = {EMPLOYEE: "m.devries", OPENING: str(clock.new_id())}

    async def seen(*, count: int, **headers: str) -> list[tuple[int, int, int]]:
        """Ranges of the views that a fetch makes."""
        before = len(await views_of(pool))
        status, page = await api.get(path, **named | headers)
        assert (status, len(page["messages"])) == (200, count)
        return [(v["from"], v["to"], v["count"]) for v in (await views_of(pool))[before:]]

    async with archive_api(pool, departments=frozenset(["balie"])) as api:
        assert await seen(count=2) == [(2, 4, 2)]
        assert await seen(count=2) == []
        await add([message("8", phone=PHONE, sequence=8)])
        assert await seen(count=3) == [(8, 8, 1)]
        about = messages[0].message
        note = {"text": "van een ander", "by": "P.", "department": "balie"}
        await add([record("annotation", note, message=about, conversation=HERE, sequence=0)])
        [rectified] = await seen(count=3)
        assert rectified == (2, 2, 1), "its words are new"
        status = {"status": "read", "reason": "", "at": None, "department": "balie"}
        await add([record("status", status, message=about, conversation=HERE, sequence=0)])
        assert await seen(count=3) == [], "a status has no words"
        assert await seen(count=3, **{REASON: "klacht"}) == [(2, 8, 3)]
        assert await seen(count=3, **{EMPLOYEE: "s.jansen"}) == [(2, 8, 3)]
        assert await seen(count=3, **{OPENING: str(clock.new_id())}) == [(2, 8, 3)]
        assert (await api.get(path, **named | {OPENING: "again"}))[0] == 400
    first, *_ = await views_of(pool)
    assert first["opening"] == named[OPENING].replace("-", "")


async def test_department_that_asks_why_shows_nothing_without_a_reason(
    pool: Pool, paths: list[str]
) -> None:
    async with archive_api(pool, ASKING) as api:
        hidden = [paths[2], f"conversations/{HERE}/messages"]
        for path in hidden:
            status, refused = await api.get(path, **{EMPLOYEE: "m.devries", REASON: " "})
            assert (status, refused["code"]) == (400, "reason_missing")
            assert [each["parameter"] for each in refused["errors"]] == [REASON]
            assert "hallo" not in str(refused)
        status, refused = await api.post({"words": "nergens"})
        assert (status, refused["code"]) == (400, "reason_missing"), "nor if there is anything"
        assert (await api.post({"words": "hallo", "departments": ["balie"]}))[0] == 200
        assert (await api.get(paths[0]))[0] == 200, "another department's"
        before = len(await views_of(pool))
        for path in hidden:
            assert (await api.get(path, **{REASON: "dossier"}))[0] == 200
    assert [view["reason"] for view in (await views_of(pool))[before:]] == ["dossier"] * 3
    async with archive_api(pool, ASKING, departments=frozenset(["balie"])) as api:
        assert (await api.post({"words": "hallo"}))[0] == 200, "it reaches no such department"


async def test_archive_shows_no_record_while_views_cannot_be_written(
    pool: Pool, paths: list[str]
) -> None:
    async with archive_api(pool) as api, pool.acquire() as connection:
        async with connection.transaction():
            await connection.execute(writer._HEAD)
            status, answer = await api.get(paths[0])
            assert (status, "hallo" in str(answer)) == (503, False)
        await until(lambda: api.get(paths[1]), lambda found: found[0] == 200, 10)


async def test_view_that_cannot_be_sealed_does_not_stop_others(
    pool: Pool, paths: list[str]
) -> None:
    flip = "set_byte(wrapped, 20, get_byte(wrapped, 20) # 1)"
    change = f"update archiver.conversation_key set wrapped = {flip} where conversation = $1"
    await pool.execute(change, THERE)
    async with archive_api(pool) as api:
        found = await asyncio.gather(*map(api.get, [f"any/{THERE}", *[paths[0]] * 5]))
    assert [status for status, _ in found] == [503, *[200] * 5]
    assert len(await views_of(pool)) == 5


async def test_each_of_many_simultaneous_viewers_is_on_record(pool: Pool, paths: list[str]) -> None:
    employees = [f"e{n}" for n in range(60)]
    async with archive_api(pool) as api:
        answers = await asyncio.gather(
            *(api.get(paths[n % 4], **{EMPLOYEE: e}) for n, e in enumerate(employees))
        )
    assert {status for status, _ in answers} == {200}
    assert sorted(view["employee"] for view in await views_of(pool)) == sorted(employees)


async def test_views_are_listed_by_conversation_employee_and_token(
    pool: Pool, paths: list[str], archive: Archive
) -> None:
    for token, employee, path in (
        ("crm", "m.devries", f"conversations/{HERE}/messages"),
        ("crm", "j.bakker", paths[3]),
        ("balie", "m.devries", paths[3]),
    ):
        async with archive_api(pool, name=token) as api:
            assert (await api.get(path, **{EMPLOYEE: employee, REASON: "klacht"}))[0] == 200
    pages = [("crm", "m.devries", "messages")] * 2
    one, other = ("crm", "j.bakker", "message"), ("balie", "m.devries", "message")
    for options, expected in (
        (["--conversation", HERE], pages),
        (["--conversation", THERE], [one, other]),
        (["--employee", "m.devries"], [*pages, other]),
        (["--employee", "nobody"], []),
        (["--token", "crm"], [*pages, one]),
        (["--token", "crm", "--employee", "j.bakker"], [one]),
        (["--token", "crm", "--until", "2026-01-01"], []),
    ):
        views = await archive.lines("views", *options)
        assert [(v["token"], v["employee"], v["what"]) for v in views] == expected, options
    shown = (await archive("views", "--employee", "j.bakker")).stdout
    id = paths[3].partition("/")[2]
    assert f"crm, j.bakker (stated)  message {id} of {THERE} (balie): klacht" in shown
    await archive("views", code=2)
    rows = await pool.fetch("select what, by, about, data::text from access.operation order by id")
    assert {(row["what"], row["by"]) for row in rows} == {("archive views", OPERATOR)}
    assert [row["about"] for row in rows[:3]] == [HERE, THERE, ""]
    assert len(rows) == 8 and not any("m.devries" in row["data"] for row in rows)


async def test_view_is_in_the_processing_log_with_the_trace_and_without_the_employee(
    pool: Pool, messages: list[Record], paths: list[str]
) -> None:
    trace, span = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    named = {"traceparent": f"00-{trace}-{span}-01", EMPLOYEE: "m.devries", REASON: "klacht 12"}
    async with archive_api(pool) as api:
        await api.get(paths[0], **named)
        await api.get(paths[0])
        await api.get(f"conversations/{HERE}/messages")
    sql = "select * from archiver.processing where name = $1 order by start_time"
    first, second, *page = rows = await pool.fetch(sql, SHOWN)
    views = await views_of(pool)
    assert (first["trace_id"].hex(), first["parent_span_id"].hex()) == (trace, span)
    assert first["foreign_processor"] == processor_uri("almelo", "crm")
    assert second["trace_id"] == message_id(messages[0]).bytes
    assert (second["parent_span_id"], second["foreign_processor"]) == (None, None)
    assert len({row["trace_id"] for row in page}) == 1, "two parts of one answer"
    assert [row["span_id"] for row in (first, second)] == [span_of(v["id"]) for v in views[:2]]
    key = (await (await keys_of(pool)).index_keys("almelo")).proof
    assert {row["subject"] for row in rows} == {person_hash(key, CONVERSATION, HERE)}
    assert (first["activity"], first["status"]) == (default_activity("almelo"), "Ok")
    entries = await pool.fetch("select * from archiver.entry where kind = 'view'")
    assert len(entries) == 4
    assert "devries" not in str([*map(dict, rows), *map(dict, entries)])
