"""Whoever asks is on the record, also when nothing is shown: that there is nothing tells too."""

import msgspec

from services.postgres.database import Pool
from tests.support.decrypted_record import rows_of, writer_of
from tests.support.integration.search_fixture import asking, message, rights_of


async def _views(pool: Pool) -> list[tuple[str, int]]:
    rows = [row for row in await rows_of(pool) if row["kind"] == "view"]
    said = [msgspec.json.decode(row["data"]) for row in rows]
    return [(one["what"], one["count"]) for one in said]


async def test_a_question_without_an_answer_is_a_look_too(pool: Pool) -> None:
    await (await writer_of(pool)).add([message("schulden"), message("vakantie")])
    async with asking(pool, rights_of()) as ask:
        assert (await ask.page(words="niets"))["total"] == 0
        assert await _views(pool) == [("search", 0)]
        page = await ask.page(words="schulden", limit=1)
        assert len(page["messages"]) == 1
        assert await _views(pool) == [("search", 0), ("search", 1)]
