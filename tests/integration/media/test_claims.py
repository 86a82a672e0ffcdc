"""Files in somebody's hand: who dies, comes late or asks twice loses nobody's and takes no more."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from archiver.media.fetch_policy import EXPIRED, FetchedFile, MediaResult
from archiver.media.fetcher import AT_ONCE, PER_NUMBER
from archiver.media.store import File, MediaStore
from services import clock
from services.files.clamd import Scanner
from services.postgres.database import Pool
from services.postgres.lease import LEASE_SECONDS, RENEW_SECONDS
from services.tasks import background_task
from tests.support.clamav import EICAR, Clamd
from tests.support.decrypted_record import writer_of
from tests.support.integration.media_provider import JPEG, NUMBER, Room, book_of, came, record, room
from tests.support.integration.stops import start, stop
from tests.support.observer import until

LONG = 20.0


async def test_a_number_whose_provider_hangs_leaves_the_others_their_files(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        hangs = asyncio.Event()
        place.provider.hangs = hangs
        place.provider.files["900"] = ("image/jpeg", JPEG)
        hanging = [await place.came("hangs") for _ in range(20)]
        other = await place.came("900", number="20000002")
        async with AsyncExitStack() as stack:
            for _ in range(AT_ONCE - 1):
                await stack.enter_async_context(background_task(place.fetch()))
            await place.until(other, "available", seconds=10)
            assert {await place.state(id) for id in hanging} == {"waiting"}
            assert place.fetcher._busy[NUMBER] == PER_NUMBER
            hangs.set()


async def test_late_fetcher_does_not_change_a_file_that_another_fetched(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        stands_still = place.provider.hangs = asyncio.Event()
        id = await place.came("hangs")
        await until(place.asked, lambda asked: asked == ["about"], LONG)
        place.provider.hangs = None
        place.provider.files["hangs"] = ("image/jpeg", JPEG)
        await pool.execute("update archiver.media set due_at = now()")  # its time is over
        async with background_task(place.fetch()):
            await place.until(id, "available")
            row = await place.row(id)
            place.provider.files["hangs"] = ("image/jpeg", JPEG + EICAR)
            stands_still.set()
            await until(place.asked, lambda asked: asked.count("bytes") == 2, LONG)
            sealed = [row["ciphertext_sha256"]]
            await until(lambda: names_in_store(tmp_path), lambda names: names == sealed, LONG)
        assert await place.row(id) == row
        assert (await place.get(id))[:2] == (200, JPEG)


async def test_files_of_a_stopped_number_rest_and_none_of_their_results_leaves(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        book, waits = place.book, await place.came("901")
        await stop(pool, NUMBER)
        soon = clock.now() + timedelta(seconds=1)
        assert await book.claim_to_fetch(soon, clock.new_id(), []) is None
        for state in ("fetched", "available"):
            await pool.execute("update archiver.media set state = $1", state)
            assert await book.claim_to_scan(soon, include_unscanned=True) is None
        await pool.execute("update archiver.media set told = false, ended_at = now()")
        assert await book._fetch_unpublished(10, []) == []
        await start(pool)
        [told] = await book._fetch_unpublished(10, [])
        assert told.message == waits
        assert await book.claim_to_scan(soon, include_unscanned=True)
        await pool.execute("update archiver.media set state = 'fetched', due_at = now()")
        assert await book.claim_to_scan(soon, include_unscanned=False)
        await pool.execute("update archiver.media set state = 'waiting', due_at = now()")
        assert await book.claim_to_fetch(soon, clock.new_id(), [])


async def names_in_store(folder: Path) -> list[str]:
    """All that there is in the store, while it comes or for good."""
    found = await asyncio.to_thread(lambda: list((folder / "objects").rglob("*")))
    return [path.name for path in found if path.is_file()]


class Forgetful:
    """A database whose answer to the first claim is lost."""

    def __init__(self, book: MediaStore) -> None:
        self._book, self.lost = book, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._book, name)

    async def claim_to_fetch(self, now: datetime, object: UUID, full: Sequence[str]) -> File | None:
        found = await self._book.claim_to_fetch(now, object, full)
        if found and not self.lost:
            self.lost = True
            raise ConnectionResetError
        return found


async def test_a_claim_of_which_the_answer_is_lost_costs_no_other_its_file(
    pool: Pool, tmp_path: Path
) -> None:
    first, second = await came(pool, "900"), await came(pool, "901")
    forgetful = Forgetful(await book_of(pool))
    async with room(pool, tmp_path) as place:
        place.provider.files = {n: ("image/jpeg", JPEG + n.encode()) for n in ("900", "901")}
        place.fetcher._media_store = forgetful  # type: ignore[assignment]
        await place.until(second, "available")
        assert await place.state(first) == "waiting"
        await pool.execute("update archiver.media set due_at = now() where state = 'waiting'")
        await place.until(first, "available")
        assert (await place.get(first))[1] == JPEG + b"900"
        assert (await place.get(second))[1] == JPEG + b"901"


@pytest.mark.parametrize("of_waiting", ["attempts = 2147483647", "sent_at = '20000-01-01'"])
async def test_a_value_that_cannot_be_costs_no_file(pool: Pool, of_waiting: str) -> None:
    id, book = await came(pool, "900"), await book_of(pool)
    await pool.execute(f"update archiver.media set {of_waiting}")
    await book.count_waiting()
    file = await book.claim_to_fetch(clock.now(), clock.new_id(), [])
    assert file and (file.id, file.attempts) == (id, 1)
    assert await book.start_fetch(file)
    assert await book.finish(file, MediaResult("lost"), clock.now())
    await pool.execute("update archiver.media set ended_at = '20000-01-01'")
    [outcome] = await book.outbox.fetch_unpublished(10, [])
    await book.outbox.mark_published([outcome])
    assert (outcome.message, await book.outbox.fetch_unpublished(10, [])) == (id, [])


async def test_a_message_that_is_recorded_again_brings_no_file_anew(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    message = record("900")
    for _ in range(2):
        await (await writer_of(scanned.pool)).add([message])
        assert message.message
        await scanned.until(message.message, "available")
    assert [what for what, _ in scanned.provider.asked] == ["about", "bytes"]


async def test_stored_parts_of_a_killed_process_are_swept(pool: Pool, tmp_path: Path) -> None:
    id = await came(pool, "900")
    book = await book_of(pool)
    taken = await book.claim_to_fetch(clock.now(), clock.new_id(), [])
    assert taken and await book.start_fetch(taken)
    await pool.execute("update archiver.media set due_at = now()")  # its time is over
    folder = tmp_path / "objects" / "media"
    folder.mkdir(parents=True)
    (folder / f"{taken.object}#1").write_bytes(JPEG)
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        await place.until(id, "available")
        assert await names_in_store(tmp_path) == [(await place.row(id))["ciphertext_sha256"]]


async def test_two_that_get_files_get_each_once(pool: Pool, tmp_path: Path, scanner: Clamd) -> None:
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        async with background_task(place.fetch()), background_task(place.fetch()):
            for n in range(40):
                place.provider.files[f"9{n}"] = ("image/jpeg", JPEG + bytes([n]))
            ids = [await place.came(f"9{n}") for n in range(40)]
            for n, id in enumerate(ids):
                await place.until(id, "available")
                assert (await place.get(id))[1] == JPEG + bytes([n])
        assert len(place.provider.asked) == 80


async def test_file_in_hand_is_due_at_once_when_the_fetcher_stops(
    pool: Pool, tmp_path: Path
) -> None:
    async with room(pool, tmp_path) as place:
        reached, release = asyncio.Event(), asyncio.Event()

        async def about(*_: object) -> None:
            reached.set()
            await release.wait()

        place.fetcher._client.describe = about  # type: ignore[assignment, method-assign]
        id = await place.came("900")
        async with asyncio.timeout(LONG):
            await reached.wait()
    row = await pool.fetchrow("select due_at, state from archiver.media where id = $1", id)
    assert row["state"] == "waiting" and row["due_at"] <= clock.now()


async def test_file_of_a_killed_process_is_taken_by_another_when_its_lease_ends(pool: Pool) -> None:
    id = await came(pool, "900")
    book, now = await book_of(pool), clock.now()
    taken = await book.claim_to_fetch(now, clock.new_id(), [])
    assert taken and taken.id == id and taken.previous_object is None
    assert await book.start_fetch(taken)
    soon = now + timedelta(seconds=LEASE_SECONDS - 1)
    assert await book.claim_to_fetch(soon, clock.new_id(), []) is None
    await book.set_due(taken, now + timedelta(seconds=RENEW_SECONDS + LEASE_SECONDS))
    soon = now + timedelta(seconds=LEASE_SECONDS + 1)
    assert await book.claim_to_fetch(soon, clock.new_id(), []) is None
    later = now + timedelta(seconds=LEASE_SECONDS + RENEW_SECONDS + 1)
    assert await book.claim_to_fetch(later, clock.new_id(), [taken.number]) is None
    again = await book.claim_to_fetch(later, clock.new_id(), [])
    assert again and (again.id, again.previous_object) == (id, taken.object)
    assert await book.start_fetch(again) and not await book.start_fetch(taken)
    got = FetchedFile(1, "aa", "image/jpeg", b"")
    await book.record_fetch(taken, got, later)  # who comes too late changes nothing
    assert not await book.is_current(taken) and not await book.is_current(again)
    await book.set_due(taken, later, "too late")  # of the one that was thought dead
    await book.renew(taken)
    row = await pool.fetchrow("select reason, due_at from archiver.media where id = $1", id)
    assert row["reason"] == "" and row["due_at"] == later + timedelta(seconds=LEASE_SECONDS)


async def test_file_that_a_hand_made_due_never_is_due_at_once(pool: Pool) -> None:
    id = await came(pool, "900")
    book, now = await book_of(pool), clock.now()
    for due_at in ("'infinity'", "now() + interval '61 minutes'"):
        await pool.execute(f"update archiver.media set due_at = {due_at}")
        taken = await book.claim_to_fetch(now, clock.new_id(), [])
        assert taken and taken.id == id
    await pool.execute("update archiver.media set due_at = now() + interval '59 minutes'")
    assert await book.claim_to_fetch(now, clock.new_id(), []) is None


async def test_a_claim_takes_one_however_few_the_planner_thinks_there_are(pool: Pool) -> None:
    await came(pool, "900")
    await pool.execute("analyze archiver.media")
    for n in range(10):
        await came(pool, f"90{n}")
    now = clock.now()
    assert await (await book_of(pool)).claim_to_fetch(now, clock.new_id(), [])
    assert await pool.fetchval("select count(*) from archiver.media where attempts > 0") == 1


async def test_late_fetch_does_not_end_a_scan(pool: Pool) -> None:
    id, book = await came(pool, "900"), await book_of(pool)
    now = clock.now()
    late = await book.claim_to_fetch(now, clock.new_id(), [])
    assert late and await book.start_fetch(late)
    after = now + timedelta(seconds=LEASE_SECONDS + 1)
    again = await book.claim_to_fetch(after, clock.new_id(), [])
    assert again and await book.start_fetch(again)
    await book.record_fetch(again, FetchedFile(1, "aa", "image/jpeg", b""), after)
    look = await book.claim_to_scan(after, include_unscanned=False)
    assert look and look.attempts == late.attempts
    assert not await book.finish(late, MediaResult("lost", EXPIRED), after)
    await book.set_due(late, after + timedelta(days=1), "too late")
    row = dict(await pool.fetchrow("select state, reason from archiver.media where id = $1", id))
    assert row == {"state": "fetched", "reason": ""}
    assert await book.finish(look, MediaResult("available", scanned=True), after)
