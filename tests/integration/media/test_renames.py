"""Files that get their last name: whoever dies or comes late there leaves nothing that nobody knows
of, and touches nobody else's."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archiver.media.fetch_policy import FetchedFile
from services import clock
from services.files.object_store import ObjectStore, StoreUnavailable
from services.postgres.database import Pool
from services.postgres.lease import LEASE_SECONDS
from services.tasks import background_task
from tests.support.integration.media_provider import LARGE, book_of, came, dies, lying, room
from tests.support.observer import until

LONG = 20.0


@pytest.mark.parametrize("after", ["begun", "put", "named", "kept", "fetched"])
async def test_killed_fetcher_leaves_no_unknown_object(
    pool: Pool, tmp_path: Path, after: str
) -> None:
    id = await came(pool, "900")
    await dies(pool, ObjectStore((tmp_path / "objects").as_uri()), after)
    left = set(lying(tmp_path))
    await pool.execute("update archiver.media set due_at = now()")  # its time is over
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("image/jpeg", LARGE)
        row = await place.until(id, "available")
        there = {f"sealed/{row['ciphertext_sha256']}"}
        assert set(lying(tmp_path)) == there
        assert (there == left) == (after == "fetched"), "what was done is not done again"
        assert (await place.get(id))[:2] == (200, LARGE)


class Slow:
    """A store that stands still, the first time, when a file is to get its last name."""

    def __init__(self, store: ObjectStore, *, before: bool) -> None:
        self._store, self._before = store, before
        self.reached, self.goes_on = asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def make_permanent(self, key: str, name: str) -> None:
        if self._before:
            await self._stand_still()
        await self._store.make_permanent(key, name)
        await self._stand_still()

    async def _stand_still(self) -> None:
        if not self.reached.is_set():
            self.reached.set()
            await self.goes_on.wait()


@pytest.mark.parametrize("before", [True, False])
async def test_late_rename_leaves_the_file_of_another_fetcher_alone(
    pool: Pool, tmp_path: Path, *, before: bool
) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("image/jpeg", LARGE)
        slow = Slow(place.fetcher._objects, before=before)
        place.fetcher._objects = slow  # type: ignore[assignment]
        id = await place.came("900")
        await slow.reached.wait()
        first = await place.row(id)
        assert first["state"] == "waiting" and first["ciphertext_sha256"], "named before it is"
        await pool.execute("update archiver.media set due_at = now()")  # its time is over
        async with background_task(place.fetch()):
            row = await place.until(id, "available")
            assert row["ciphertext_sha256"] != first["ciphertext_sha256"]
            slow.goes_on.set()
            left = lambda: asyncio.to_thread(lying, tmp_path)  # noqa: E731
            await until(left, lambda names: len(names) == 1, LONG)
        assert list(lying(tmp_path)) == [f"sealed/{row['ciphertext_sha256']}"]
        assert await place.row(id) == row
        assert (await place.get(id))[:2] == (200, LARGE)


class Stuck:
    """A store that deletes nothing, the first time."""

    def __init__(self, store: ObjectStore) -> None:
        self._store, self.refused = store, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def delete(self, key: str) -> None:
        self.refused += 1
        if self.refused == 1:
            raise StoreUnavailable("it does not answer")
        await self._store.delete(key)


async def test_file_is_not_given_up_while_a_part_of_it_may_be_stored(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        stuck = Stuck(place.fetcher._objects)
        place.fetcher._objects = stuck  # type: ignore[assignment]
        id = await place.came("../me")
        reason = lambda: pool.fetchval("select reason from archiver.media")  # noqa: E731
        assert (await until(reason, bool, LONG)).startswith("media_store")
        assert await place.state(id) == "waiting"
        await place.until(id, "lost")
        assert stuck.refused > 1


async def test_late_fetcher_names_no_object(pool: Pool) -> None:
    id, book, now = await came(pool, "900"), await book_of(pool), clock.now()
    late = await book.claim_to_fetch(now, clock.new_id(), [])
    assert late and await book.start_fetch(late) and await book.set_object(late, "aa")
    after = now + timedelta(seconds=LEASE_SECONDS + 1)
    again = await book.claim_to_fetch(after, clock.new_id(), [])
    assert again and (again.previous_object, again.previous_sha256) == (late.object, "aa")
    assert again.stream_key != late.stream_key, "under one key never two contents"
    got = FetchedFile(1, "bb", "image/jpeg", b"", object="aa")
    await book.record_fetch(late, got, after)  # what is being swept is no file
    assert not await book.set_object(late, "cc") and not await book.is_current(late)
    assert await book.start_fetch(again)
    row = await pool.fetchrow("select * from archiver.media where id = $1", id)
    assert (row["state"], row["ciphertext_sha256"]) == ("waiting", "")
    assert row["file_salt"] == again.salt != late.salt
