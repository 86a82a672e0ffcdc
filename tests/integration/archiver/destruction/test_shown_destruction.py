"""A destroyed entry shows when it was destroyed, on which ground and by which list, and by whom to
those who may know: at the API, at the desk, in a trace and in a proof."""

import asyncio
import json
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
import pytest
from aiohttp import web

from desk.access import Access, Department
from desk.inbox.store import ConversationStore
from desk.pages.archive.search import CONVERSATION_PATH
from desk.web.security import form_token
from services.http.application import api_app, refuse_while
from services.http.server import serve
from services.postgres.database import Pool
from services.restoration import guard
from services.restoration.waiting_room import lacking_sentence
from tests.support.archiver.api import archive_api
from tests.support.archiver.commands import Archive
from tests.support.archiver.destruction_history import (
    ARCHIVIST,
    DEPARTMENT,
    GONE,
    DestructionHistory,
)
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.privacy_api import privacy_api
from tests.support.archiver.records import id_of, record
from tests.support.cli.command_line import postkamer
from tests.support.decrypted_record import KEY, keys_of
from tests.support.desk.served import ALMELO, ROLES, received, served_desk
from tests.support.installation import EXAMPLE

READER: dict[str, Any] = {"roles": frozenset({"read"}), "departments": frozenset({DEPARTMENT})}
MESSAGE_OF = "select id, message from archiver.entry where kind = 'message' and conversation = $1"


@pytest.fixture
async def history(pool: Pool, tmp_path: Path) -> DestructionHistory:
    """Two conversations, of which one is destroyed."""
    history = DestructionHistory(pool, await keys_of(pool), tmp_path / "outside")
    await history.close("weg", "blijft")
    found = await history.draw()
    await history.spare(found, "blijft")
    await history.approve(found)
    await history.destroyer.carry_out_due()
    return history


async def list_of(pool: Pool) -> str:
    return str(await pool.fetchval("select id from archiver.destruction_list"))


async def paths_of(pool: Pool, conversation: str) -> list[str]:
    message = (await pool.fetchrow(MESSAGE_OF, conversation))["message"]
    of_conversation = f"conversations/{conversation}", f"conversations/{conversation}/messages"
    return [*of_conversation, f"messages/{message}"]


async def test_api_says_to_who_could_have_seen_it_that_it_was_destroyed(
    empty: str, pool: Pool, history: DestructionHistory
) -> None:
    await history.write(record("delivery", {"state": "settled"}, conversation=GONE))
    assert await history.destroyer.destroy_late()
    at = await pool.fetchval("select min(at) from archiver.entry where kind = 'destruction'")
    facts = {"destroyedAt": at, "ground": "term", "list": await list_of(pool)}
    keeper = READER | {"roles": frozenset({"read", "archivist"})}
    officer = READER | {"roles": frozenset({"read", "privacy"})}
    for rights, by in ((READER, None), (keeper, ARCHIVIST), (officer, ARCHIVIST)):
        async with privacy_api(empty, **rights) as api:
            for path in await paths_of(pool, GONE):
                status, problem = await api.get(path)
                expected = msgspec.to_builtins(facts | {"code": "destroyed", "approvedBy": by})
                assert (status, problem | expected) == (410, problem), path
            for path in await paths_of(pool, id_of("blijft")):
                assert (await api.get(path))[0] == 200


async def test_api_tells_nobody_else_of_it(
    empty: str, pool: Pool, history: DestructionHistory
) -> None:
    others: tuple[dict[str, Any], ...] = (
        READER | {"departments": frozenset({"belastingen"})},
        READER | {"departments": None, "tenant": "hengelo"},
    )
    for rights in others:
        async with privacy_api(empty, **rights) as api:
            nothing = [
                await api.get(f"conversations/{id_of('niets')}"),
                await api.get(f"conversations/{id_of('niets')}/messages"),
                await api.get(f"messages/{UUID(int=0)}"),
            ]
            found = [await api.get(path) for path in await paths_of(pool, GONE)]
            assert found == nothing and {status for status, _ in found} == {404}


async def test_api_says_it_of_an_entry_and_of_a_municipality_too(
    empty: str, pool: Pool, history: DestructionHistory, tmp_path: Path
) -> None:
    eraser = eraser_of(pool, history.keys, tmp_path / "outside")
    stays = id_of("blijft")
    entry = await pool.fetchrow(MESSAGE_OF, stays)
    await eraser.erase_entry(entry["id"], "a mistake")
    async with privacy_api(empty, **READER) as api:
        status, problem = await api.get(f"messages/{entry['message']}")
        assert (status, problem["ground"], problem["list"]) == (410, "other", None)
        assert (await api.get(f"conversations/{stays}"))[0] == 200
        assert (await api.get(f"conversations/{stays}/messages"))[1]["messages"] == []
        before = (await api.get(f"conversations/{GONE}"))[1]
        await eraser.erase_municipality("almelo", "it is no more")
        for path in await paths_of(pool, stays):
            assert (await api.get(path))[0] == 410, path
        assert (await api.get(f"conversations/{GONE}"))[1] == before, "the first one counts"


async def test_hits_that_are_gone_say_what_destroyed_them(
    pool: Pool, history: DestructionHistory
) -> None:
    """They are found, and then destroyed."""
    await history.close("daarna")
    await pool.execute("create table kept as select * from archiver.searchable")
    found = await history.draw()
    await history.approve(found)
    await history.destroyer.carry_out_due()
    await pool.execute(
        "insert into archiver.searchable select * from kept where conversation = $1",
        id_of("daarna"),
    )
    async with archive_api(pool) as api:
        page = await api.search(words="geheim")
    assert page["gone"] == 1
    [destroyed] = page["destroyed"]
    said = destroyed["conversationId"], destroyed["ground"], destroyed["list"]
    assert said == (id_of("daarna"), "term", found.id) and destroyed["approvedBy"] is None
    await pool.execute("drop table kept")


async def test_proof_of_a_destroyed_entry_says_what_destroyed_it(
    empty: str, pool: Pool, history: DestructionHistory, tmp_path: Path
) -> None:
    archive = Archive(empty, POSTKAMER_OBJECT_STORE=(tmp_path / "outside").as_uri())
    await archive("checkpoint")
    gone, stays = [(await pool.fetchrow(MESSAGE_OF, each))[0] for each in (GONE, id_of("blijft"))]
    done = await archive("prove", gone)
    id = await list_of(pool)
    assert f"by the list {id} that {ARCHIVIST} approved" in done.stderr
    proof = json.loads(done.stdout)
    destroyed = proof["destroyed"]
    assert (destroyed["list"], destroyed["ground"]) == (
        id,
        "the term of the selection list is over",
    )
    assert ARCHIVIST not in done.stdout
    assert "was destroyed" in await archive.fails("prove", gone, "--open", "--reason", "klacht")
    # What destroyed it is proved in the same way.
    of_record = json.loads((await archive("prove", destroyed["entry"])).stdout)
    assert '"destruction"' in of_record["leaf"] and of_record["destroyed"] is None
    kept = await archive("prove", stays)
    assert json.loads(kept.stdout)["destroyed"] is None and "destroyed" not in kept.stderr


async def test_proof_of_what_came_after_a_destruction_is_of_what_is_left(
    empty: str, pool: Pool, history: DestructionHistory, tmp_path: Path
) -> None:
    archive = Archive(empty, POSTKAMER_OBJECT_STORE=(tmp_path / "outside").as_uri())
    await history.close("weg")  # it comes late, and is not destroyed again yet
    await archive("checkpoint")
    rows = await pool.fetch(f"{MESSAGE_OF} order by position", GONE)
    proofs = [json.loads((await archive("prove", row["id"])).stdout) for row in rows]
    assert [bool(proof["destroyed"]) for proof in proofs] == [True, False]


async def test_trace_says_what_destroyed_it(
    empty: str, pool: Pool, history: DestructionHistory
) -> None:
    env: dict[str, str | None] = {
        "POSTKAMER_DATABASE_URL": empty, "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_CONFIG": str(EXAMPLE), "POSTKAMER_OPERATOR": "S. Jansen",
    }  # fmt: skip
    id = await list_of(pool)
    for about in (GONE, (await pool.fetchrow(MESSAGE_OF, GONE))["message"]):
        line = ("trace", str(about), "--reason", "klacht 12", "--json")
        done = await asyncio.to_thread(postkamer, *line, env=env)
        assert done.exit_code == 0, done.output
        steps = json.loads(done.stdout)["steps"]
        [destroyed] = [step for step in steps if step["step"] == "destroyed"]
        detail = destroyed["detail"]
        assert (detail["list"], detail["approved by"]) == (id, ARCHIVIST)
        assert any("its contents were destroyed" in step["step"] for step in steps)


async def test_desk_tells_the_archivist_what_destroyed_a_conversation(
    empty: str, pool: Pool, history: DestructionHistory
) -> None:
    wim = Access(ALMELO, "w.dekker", ROLES, (Department(DEPARTMENT, "Burgerzaken"),))
    async with (
        archive_api(pool, roles=frozenset({"read", "archivist"})) as archive,
        served_desk(pool, empty, archiver=archive.url) as desk,
    ):
        cookie = await desk.log_in(wim)
        fields = {"form_token": form_token(cookie), "id": GONE, "reason": "controle"}
        read = await desk.ask(f"POST {CONVERSATION_PATH}", cookie, fields)
        # The desk may have found it a moment before.
        await ConversationStore(pool).apply([received(conversationId=GONE)])
        opened = await desk.ask(f"GET /conversations/{GONE}", cookie)
    for status, _, page in (read, opened):
        assert status == 410
        assert await list_of(pool) in page and ARCHIVIST in page and "bewaartermijn" in page


async def test_desk_and_api_refuse_everything_while_destructions_are_lacking(
    empty: str, pool: Pool, history: DestructionHistory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database that was restored under them says so."""
    monkeypatch.setattr(guard, "LOOK_SECONDS", 0.0)
    refuses = guard.RestorationGuard(pool)
    lacks = "update restoration.comparison set lacking = $1"

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="geheim")

    api = api_app([web.get("/v1/page", page)], [refuse_while(refuses.problems)])
    async with (
        served_desk(pool, empty) as desk,
        serve(api, "127.0.0.1", 0) as port,
    ):
        asked = f"http://127.0.0.1:{port}/v1/page"
        for lacking, status in ((0, 200), (2, 503), (0, 200)):
            await pool.execute(lacks, lacking)
            async with desk.http.get(asked) as answer:
                text = await answer.text()
                assert (answer.status, "geheim" in text) == (status, not lacking)
                assert not lacking or "lacks 2 orders of destruction" in text
            expected = 503 if lacking else 303
            for kind in ("text/html", "application/json"):
                found, headers, text = await desk.ask("GET /", Accept=kind)
                assert found == expected, text
                assert not lacking or (kind in headers["Content-Type"] or "json" in kind)
            assert await refuses.problems() == ([lacking_sentence(lacking)] if lacking else [])


async def test_requests_of_one_moment_all_wait_for_what_the_database_says(
    pool: Pool, history: DestructionHistory
) -> None:
    """None of them goes by what was known before the database was restored."""
    refuses = guard.RestorationGuard(pool)
    await pool.execute("update restoration.comparison set lacking = 2")
    said = await asyncio.gather(*[refuses.problems() for _ in range(3)])
    assert said == [[lacking_sentence(2)]] * 3
