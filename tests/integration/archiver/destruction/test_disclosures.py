"""Disclosures: what comes later, two people, what the database refuses, what verify finds."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from archiver.audit.rows.rows_beside import Unseen, verify_rows
from services import clock
from services.calendar.opening_hours import day_of
from services.http.rights import ROLES
from services.postgres.database import Pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.desk import ANNA, BERT, Desk
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.privacy_api import BOTH, WHO, privacy_api
from tests.support.decrypted_record import keys_of, rows_of

SOON = day_of(clock.now()) + timedelta(days=30)
WHY = ("--reason", "Woo-verzoek 17")
ELS, DIRK, FRED = (("--by", name) for name in ("Els", "Dirk", "Fred"))
CASE: dict[str, Any] = {"kind": "woo", "reviewOn": f"{SOON}", "text": "Woo 17"}
ONE = "disclosures/WOO-2026-9999"
DOCUMENT = f"{ONE}/documents/1"
CALLS: list[tuple[str, str, Any]] = [
    ("GET", "disclosures", None),
    ("GET", ONE, None),
    ("GET", f"{ONE}/inventory/csv", None),
    ("GET", f"{ONE}/inventory/ods", None),
    ("POST", "disclosures", CASE | {"selection": {"words": "zwembad"}}),
    ("POST", f"{ONE}/_refresh", None),
    ("POST", f"{ONE}/_decide", {"numbers": [1], "decision": "outside"}),
    ("POST", f"{ONE}/_review", {}),
    ("POST", f"{ONE}/_return", {}),
    ("POST", f"{ONE}/_approve", {}),
    ("POST", f"{ONE}/_export", None),
    ("GET", DOCUMENT, None),
    ("POST", f"{DOCUMENT}/_redact", {}),
    ("GET", f"{DOCUMENT}/preview", None),
    ("GET", f"{DOCUMENT}/pictures/018fe5a4-52b7-7d7e-9a4e-0d2f0c6f3c11", None),
]
"""The calls that name nobody come first; of the last five something is shown."""
NEW = ("disclosure", "draw", "--review-on", SOON, "--text", "Woo 17", *ELS)


async def findings(pool: Pool) -> list[str]:
    unseen = Unseen()
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        found = verify_rows(connection, await keys_of(pool), unseen)
        return [each.sentence async for each in found if each.what == "disclosure"]


async def decided(archive: Archive, id: str, *numbers: int) -> None:
    closed = ("--decision", "closed", "--ground", "5.1.2d")
    await archive("disclosure", "decide", id, *numbers, *closed, *DIRK)


async def test_later_conversation_gets_the_next_number_and_a_longer_one_is_decided_anew(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    hers, _ = await desk.heard((ANNA, "het zwembad is dicht"), (BERT, "de lantaarn is kapot"))
    drawn = await town_archive.json(*NEW, "--words", "zwembad")
    id = drawn["id"]
    assert [(each["number"], each["conversation"]) for each in drawn["documents"]] == [(1, hers)]
    assert drawn["hold"].startswith("BW-") and drawn["state"] == "drawn"
    assert (await town_archive.json(*NEW, "--words", "zwembad"))["id"] == id
    await decided(town_archive, id, 1)
    [same] = (await town_archive.json("disclosure", "refresh", id, *ELS))["documents"]
    assert same["decision"] == "closed"
    his, _ = await desk.heard((BERT, "en het zwembad dan?"), (ANNA, "graag antwoord over de bel"))
    shown = (await town_archive.json("disclosure", "show", id, 1, *WHY))["texts"]
    assert "graag antwoord over de bel" not in shown.values()
    changed = (await town_archive.json("disclosure", "refresh", id, *ELS))["documents"]
    assert [(each["conversation"], each["decision"]) for each in changed] == [(hers, ""), (his, "")]
    shown = (await town_archive.json("disclosure", "show", id, 1, *WHY))["texts"]
    assert "graag antwoord over de bel" in shown.values()
    assert "not decided" in await town_archive.fails("disclosure", "review", id, *ELS)
    await decided(town_archive, id, 1, 2)
    await town_archive("disclosure", "review", id, *ELS)
    refused = "this needs one that is drawn"
    assert refused in await town_archive.fails("disclosure", "refresh", id, *ELS)
    await town_archive("disclosure", "return", id, "--text", "nog eens", *FRED)
    await town_archive("disclosure", "review", id, *ELS)
    assert "does not approve" in await town_archive.fails("disclosure", "approve", id, *DIRK)
    await town_archive("disclosure", "approve", id, *FRED)
    assert await findings(pool) == []
    [listed] = await town_archive.json("disclosure", "list")
    assert (listed["id"], listed["state"], listed["approved_by"]) == (id, "approved", "Fred")


async def test_redactions_are_plain_in_no_table_and_go_with_their_conversation(
    desk: Desk, town_archive: Archive, pool: Pool, tmp_path: Path
) -> None:
    [hers] = await desk.heard((ANNA, "bel mijn zus Wilhelmina over het zwembad"))
    id = (await town_archive.json(*NEW, "--words", "zwembad"))["id"]
    listed = "what,words,ground\nwords,wilhelmina,5.1.2e\n"
    redact = ("disclosure", "redact", id, 1, "--list", "-", *WHY, *DIRK)
    done = await town_archive.json(*redact, stdin=listed)
    [span] = done["redactions"]["spans"]
    assert (span["start"], span["end"], span["ground"]) == (13, 23, "5.1.2e")
    assert "line 2: these words occur nowhere" in await town_archive.fails(
        *redact, stdin=listed.replace("wilhelmina", "pietersen")
    )
    rows = [dict(row) for row in await pool.fetch("select * from archiver.disclosure_document")]
    steps = [row["data"] for row in await rows_of(pool) if row["kind"] == "disclosure"]
    assert "ilhelmina" not in repr(rows) and not any(b"ilhelmina" in each for each in steps)
    assert rows[0]["sealed"] and await findings(pool) == []
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    await eraser.erase_conversation("almelo", hers, "AVG")
    gone = await pool.fetchrow("select salt, sealed from archiver.disclosure_document")
    assert (gone["salt"], gone["sealed"]) == (None, None)
    assert await findings(pool) == []
    shown = await town_archive.fails("disclosure", "show", id, 1, *WHY)
    assert "its conversation was destroyed" in shown
    await decided(town_archive, id, 1)


async def test_citizen_who_asked_for_access_gets_what_is_theirs(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    hers, _ = await desk.heard((ANNA, "het zwembad is dicht"), (BERT, "het zwembad is vol"))
    drawn = await town_archive.json(*NEW, "--kind", "access", "--phone", f"+{ANNA.phone}")
    [document] = drawn["documents"]
    assert (document["conversation"], drawn["kind"]) == (hers, "access")
    [hold] = await town_archive.json("hold", "list")
    assert (hold["id"], hold["ground"]) == (drawn["hold"], "access")
    decide = ("disclosure", "decide", drawn["id"], 1, *DIRK, "--decision")
    assert "not a ground" in await town_archive.fails(*decide, "closed", "--ground", "5.1.2e")
    await town_archive(*decide, "open")
    assert await findings(pool) == []


TRIED: dict[str, Any] = {
    "update archiver.disclosure_document set conversation = 'b'": "what was done to a document",
    "update archiver.disclosure_document set up_to = 0": "what was done to a document",
    "update archiver.disclosure_document set handled_by = '{}'": "what was done to a document",
    "update archiver.disclosure_document set decided_by = 'x'": "what was done to a document",
    "delete from archiver.disclosure_document": "is kept for ever",
    "delete from archiver.disclosure": "is kept for ever",
    "update archiver.disclosure set kind = 'access', state = 'reviewed', reviewed_by = 'x',"
    " reviewed_at = now()": "what was done to a disclosure",
    "update archiver.disclosure set state = 'approved', approved_by = 'x', approved_at = now()":
        "cannot become approved",
}  # fmt: skip
ALTERED = {
    "update archiver.disclosure_document set grounds = '{5.1.2i}'": "document 1",
    "update archiver.disclosure_document set sealed = '\\x01', salt = '\\x02'": "document 1",
    "update archiver.disclosure_document set up_to = 99999": "document 1",
    "delete from archiver.disclosure_document": "document 1",
    "update archiver.disclosure set named = '{x}'": "named",
    "update archiver.disclosure set drawn_by = 'x'": "drawn_by",
}


async def test_database_refuses_what_breaks_the_order_and_verify_finds_what_was_forced(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    await desk.heard((ANNA, "het zwembad is dicht"))
    id = (await town_archive.json(*NEW, "--words", "zwembad"))["id"]
    await decided(town_archive, id, 1)
    for statement, refused in TRIED.items():
        with pytest.raises(asyncpg.PostgresError, match=refused):
            await pool.execute(statement)
    assert await findings(pool) == []
    for statement, says in ALTERED.items():
        async with pool.acquire() as connection:
            change = connection.transaction()
            await change.start()
            await connection.execute("set local session_replication_role = replica")
            await connection.execute(statement)
            found = verify_rows(connection, await keys_of(pool), Unseen())
            sentences = [each.sentence async for each in found if each.what == "disclosure"]
            await change.rollback()
        assert len(sentences) == 1 and says in sentences[0], statement


async def test_order_that_cannot_be_carried_out_says_why(town_archive: Archive, pool: Pool) -> None:
    assert await findings(pool) == []
    for step in (("refresh", *ELS), ("show", *WHY), ("approve", *ELS)):
        error = await town_archive.fails("disclosure", step[0], "WOO-2026-9999", *step[1:])
        assert "there is no disclosure" in error
    access = ("--kind", "access", "--words", "zwembad")
    assert "say of whom" in await town_archive.fails(*NEW, *access, code=2)
    nothing = ("disclosure", "redact", "WOO-2026-9999", 1, *WHY, *ELS)
    assert "--list, --propose" in await town_archive.fails(*nothing, code=2)


async def test_disclosures_over_http_are_for_who_keeps_the_record_and_reaches_all(
    empty: str, desk: Desk, pool: Pool
) -> None:
    for role in ROLES:
        async with privacy_api(empty, roles=frozenset([role])) as api:
            for method, path, body in CALLS:
                status, _ = await api.ask(method, path, body)
                assert (status != 403) == (role == "records"), (role, method, path)
    part: dict[str, Any] = {"departments": frozenset(["burgerzaken"])}
    async with privacy_api(empty, roles=frozenset(["records"]), **part) as api:
        for method, path, body in CALLS:
            status, problem = await api.ask(method, path, body)
            assert status == 403 and "every department" in problem["detail"], path
    assert await pool.fetchval("select count(*) from archiver.disclosure") == 1


async def test_step_over_http_names_its_employee_and_a_look_its_reason(
    empty: str, desk: Desk, pool: Pool
) -> None:
    async with privacy_api(empty, roles=frozenset(["records"])) as api:
        for method, path, body in CALLS[4:]:
            status, problem = await api.ask(method, path, body, {})
            assert (status, problem["code"]) == (400, "employee_missing"), path
        for method, path, body in CALLS[10:]:
            status, problem = await api.ask(method, path, body, WHO)
            assert (status, problem["errors"][0]["parameter"]) == (400, "Postkamer-Reason"), path
            assert (await api.ask(method, path, body, BOTH))[0] == 404
        assert await pool.fetchval("select count(*) from archiver.disclosure") == 0
        for order in (
            CASE | {"kind": "access", "selection": {"words": "zwembad"}},
            CASE | {"kind": "access"},
            CASE | {"selection": {"words": "zwembad"}, "text": " "},
        ):
            assert (await api.ask("POST", "disclosures", order))[0] == 400
        [hers] = await desk.heard((ANNA, "het zwembad is dicht"))
        status, drawn = await api.post("disclosures", **CASE | {"conversation": hers})
        assert [each["conversation"] for each in drawn["documents"]] == [hers]
        path = f"disclosures/{drawn['id']}"
        assert (await api.get(f"{path}/documents/2"))[0] == 404
        assert (await api.get(f"{path}/documents/{'9' * 30}"))[0] == 404
        closed = {"numbers": [1], "decision": "closed"}
        status, problem = await api.post(f"{path}/_decide", **closed, grounds=["AVG-15.4"])
        assert (status, problem["errors"][0]["pointer"]) == (400, "/grounds/0")
        status, _ = await api.post(f"{path}/_decide", **closed, grounds=["5.1.2d"])
        assert status == 200 and await findings(pool) == []
