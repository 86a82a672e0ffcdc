"""`postkamer archive annotate`: a rectification beside a message."""

from datetime import UTC, datetime, timedelta

from services import clock
from services.calendar.opening_hours import AMSTERDAM
from services.postgres.database import Pool
from tests.support.archiver.api import archive_api
from tests.support.archiver.commands import Archive
from tests.support.archiver.desk import ANNA, BERT, Desk

BY = ("--by", "P. Bakker")
MESSAGES = "select * from archiver.entry where kind = 'message' order by id"


async def test_annotation_is_shown_with_its_unchanged_message(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    await desk.heard((ANNA, "mijn container is vol"))
    before = await pool.fetchrow(MESSAGES)
    assert before
    await town_archive.json("annotate", before["message"], "--text", "de overkant", *BY)
    async with archive_api(pool) as api:
        _, shown = await api.get(f"messages/{before['message']}")
    [annotation] = shown["annotations"]
    at = datetime.fromisoformat(annotation.pop("at"))
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert annotation == {"by": "P. Bakker", "identified": "stated", "text": "de overkant"}
    assert await pool.fetchrow(MESSAGES) == before
    added = await pool.fetchrow("select * from archiver.entry where kind = 'annotation'")
    assert added and added["department"] == before["department"]
    assert added["conversation"] == before["conversation"]


async def test_annotation_of_a_destroyed_message_or_without_a_text_is_refused(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    await desk.heard((ANNA, "hallo"))
    row = await pool.fetchrow(MESSAGES)
    await pool.execute("delete from archiver.conversation_key where conversation <> ''")
    for id in (row["message"], clock.new_id()):
        error = await town_archive.fails("annotate", id, "--text", "x", *BY)
        assert "or it was destroyed" in error
    assert await pool.fetchval("select count(*) from archiver.conversation_key") == 1
    for wrong in (("--text", " ", *BY), ("--text", "x", "--by", "")):
        await town_archive("annotate", row["message"], *wrong, code=2)


async def test_annotation_for_a_request_is_of_a_message_of_the_same_person(
    desk: Desk, town_archive: Archive, pool: Pool
) -> None:
    await desk.heard((ANNA, "mijn container is vol"))
    await desk.heard((BERT, "de mijne ook"))
    today = clock.now().astimezone(AMSTERDAM).date()
    given = ("--kind", "rectification", "--received", today, "--phone", ANNA.phone, *BY)
    request = await town_archive.json("request", "open", *given)
    hers, his = [row["message"] for row in await pool.fetch(MESSAGES)]
    annotation = ("--text", "x", *BY, "--request", request["id"])
    assert "is about another person" in await town_archive.fails("annotate", his, *annotation)
    await town_archive("annotate", hers, *annotation)
