"""Files that citizens send: got from a provider over real HTTP, scanned by a real clamd, kept in a
real folder and a real PostgreSQL, handed out over real HTTP."""

import asyncio
import gzip
import hashlib
import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from aiohttp import web

from archiver.media.book import LEASE_SECONDS, RENEW_SECONDS, Book, File
from archiver.media.fetcher import AT_ONCE, OF_A_NUMBER
from archiver.media.judging import (
    EXPIRED,
    LARGEST_BYTES,
    LIVES,
    TOO_LARGE,
    UNSCANNABLE,
    UNUSABLE,
    Announced,
    Ended,
    Fetched,
)
from services import clock
from services.database import Pool
from services.scanner import Away, Scanner
from services.scanner import TooLarge as ScannerTooLarge
from services.tasks import beside
from tests.clamav import EICAR, FOUND, Clamd, clamd
from tests.integration.files import JPEG, NUMBER, TOKEN, Room, came, room
from tests.integration.parked import commands

LONG = 20.0


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with clamd(tmp_path_factory.mktemp("clamd")) as one:
        yield one


@pytest.fixture
async def scanned(pool: Pool, tmp_path: Path, scanner: Clamd) -> AsyncIterator[Room]:
    async with room(pool, tmp_path, Scanner(scanner.url)) as made:
        yield made


async def test_a_photo_is_handed_out_byte_for_byte_once_it_was_scanned(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900", filename="lantaarn & straat.jpg")
    row = await scanned.until(id, "available")
    assert (row["size"], row["scanned"], row["agrees"]) == (len(JPEG), True, True)
    assert row["sha256"] == hashlib.sha256(JPEG).hexdigest()
    status, body, headers = await scanned.get(id)
    assert (status, body, headers["Content-Type"]) == (200, JPEG, "image/jpeg")
    name = "attachment; filename*=UTF-8''lantaarn%20%26%20straat.jpg"
    assert headers["Content-Disposition"] == name
    assert "sandbox" in headers["Content-Security-Policy"]
    assert scanned.provider.asked == [("about", TOKEN), ("bytes", TOKEN)]


async def test_what_the_scanner_finds_is_kept_from_everybody_and_says_what_it_is(
    scanned: Room,
) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG + EICAR + JPEG)
    id = await scanned.came("900")
    row = await scanned.until(id, "quarantined", "available")
    assert row["reason"] == f"media_malware: de virusscanner vond {FOUND}.UNOFFICIAL"
    status, body, _ = await scanned.get(id)
    assert status == 451
    assert FOUND.encode() in body and EICAR not in body


async def test_an_address_that_is_over_is_asked_for_anew(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.sick = [("bytes", 404, {})]
    await scanned.until(await scanned.came("900"), "available")
    asked = [what for what, _ in scanned.provider.asked]
    assert asked == ["about", "bytes", "about", "bytes"]


async def test_a_type_that_no_database_takes_is_none(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg\0", JPEG)
    row = await scanned.until(await scanned.came("900"), "available", "quarantined")
    assert (row["state"], row["mime_type"]) == ("available", "image/jpeg")


async def test_a_name_of_any_length_keeps_nobody_from_the_file(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900", filename="é" * 5000 + ".jpg")
    await scanned.until(id, "available")
    status, body, headers = await scanned.get(id)
    assert (status, body) == (200, JPEG)
    assert headers["Content-Disposition"].endswith(".jpg")


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
                await stack.enter_async_context(beside(place.fetcher.run()))
            await place.until(other, "available", seconds=10)
            assert {await place.state(id) for id in hanging} == {"waiting"}
            assert place.fetcher._busy[NUMBER] == OF_A_NUMBER
            hangs.set()


async def test_who_was_thought_dead_changes_nothing_of_what_another_fetched(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        id = await came(pool, "900")
        await place.until(id, "available")
        row = await place.row(id)
        stale = await place.book.to_fetch(clock.now(), clock.new_id(), [])
        assert stale is None
        late = msgspec.structs.replace(STALE, id=id, object=clock.new_id())
        place.provider.files["900"] = ("image/jpeg", JPEG + EICAR)
        await place.fetcher._take(late)
        assert (await place.row(id)) == row
        assert (await place.get(id))[:2] == (200, JPEG)
        files = [path.name for path in (tmp_path / "objects").rglob("*") if path.is_file()]
        assert files == [str(row["object"])]


STALE = File(
    id=UUID(int=1), number=NUMBER, announced=Announced(id="900", mime_type="image/jpeg"),
    sent_at=clock.now(), state="waiting", attempts=1, object=UUID(int=1), mime_type="", size=0,
)  # fmt: skip
"""As somebody took it long ago."""


async def test_what_a_killed_process_left_in_the_store_is_swept(pool: Pool, tmp_path: Path) -> None:
    id = await came(pool, "900")
    taken = await Book(pool).to_fetch(clock.now(), clock.new_id(), [])
    assert taken
    await pool.execute("update archiver.media set due_at = now()")  # its time is over
    folder = tmp_path / "objects" / "media"
    folder.mkdir(parents=True)
    (folder / f"{taken.object}#1").write_bytes(JPEG)
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        await place.until(id, "available")
        assert [path.name for path in folder.iterdir()] == [str((await place.row(id))["object"])]


async def test_an_id_that_is_older_than_seven_days_says_so(scanned: Room) -> None:
    id = await scanned.came("900", sent=LIVES + timedelta(hours=1))
    row = await scanned.until(id, "lost")
    assert row["reason"] == EXPIRED
    status, body, _ = await scanned.get(id)
    assert status == 410 and b"7 dagen" in body
    [told] = await Book(scanned.pool).untold(10)
    assert (told.state, told.reason, told.message) == ("lost", EXPIRED, id)


async def test_what_is_old_and_there_all_the_same_is_got(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    await scanned.until(await scanned.came("900", sent=timedelta(days=20)), "available")


PAGE = web.Response(text="<html>Even geduld</html>", content_type="text/html")
OTHERS = web.Response(body=b"Even geduld", content_type="image/jpeg")
COMPRESSED = web.Response(
    body=gzip.compress(JPEG), headers={"Content-Encoding": "gzip", "Content-Type": "image/jpeg"}
)
ODD = {"url": "http://127.0.0.1:1/", "mime_type": "image/jpeg\0"}
SICK = {
    "token": [("about", 401, {"error": {"code": 190}})],
    "not to be seen": [("about", 400, {"error": {"code": 100}})],
    "too fast": [("about", 429, {})],
    "broken": [("about", 500, {"error": {"code": 2}})],
    "no JSON": [("about", 200, "what")],
    "no address": [("about", 200, {"id": "900"})],
    "sends elsewhere": [("about", 302, {})],
    "bytes broken": [("bytes", 503, {})],
    "bytes elsewhere": [("bytes", 301, {})],
    "a page in its place": [("bytes", 200, PAGE)],
    "another's bytes in its place": [("bytes", 200, OTHERS)],
    "what no database takes": [("about", 200, ODD)],
    "compressed": [("bytes", 200, COMPRESSED)],
    "both addresses over": [("bytes", 404, {}), ("bytes", 403, {})],
}


@pytest.mark.parametrize("how", SICK)
async def test_whatever_the_provider_answers_the_file_is_got_once_it_is_well(
    scanned: Room, how: str
) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.sick = list(SICK[how])
    id = await scanned.came("900")
    await scanned.until(id, "available")
    assert not scanned.provider.sick
    assert (await scanned.get(id))[1] == JPEG


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/bytes/{}",
        "http://lookaside.fbsbx.com/{}",
        "https://lookaside.fbsbx.com.evil.example/{}",
        "https://evil.example/{}",
        "https://user@lookaside.fbsbx.com/{}",
        "https://lookaside.fbsbx.com:8443/{}",
        "file:///etc/passwd?{}",
        "http://[::1/{}",
        "//evil.example/{}",
    ],
)
async def test_the_token_goes_to_no_other_host(scanned: Room, address: str) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.address = lambda _, id: address.format(id)
    id = await scanned.came("900")
    async with asyncio.timeout(LONG):
        while not (await scanned.row(id))["reason"]:
            await asyncio.sleep(0.02)
    assert (await scanned.row(id))["reason"].startswith("media_elsewhere")
    assert [what for what, _ in scanned.provider.asked] == ["about"]


async def test_less_than_was_announced_is_not_the_file(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    scanned.provider.size = len(JPEG) + 1
    id = await scanned.came("900")
    async with asyncio.timeout(LONG):
        while not (await scanned.row(id))["reason"]:
            await asyncio.sleep(0.02)
    row = await scanned.row(id)
    assert (row["state"], row["reason"][:9]) == ("waiting", "media_cut")
    assert (await scanned.get(id))[0] == 202
    scanned.provider.size = None
    await scanned.until(id, "available")


async def test_what_is_not_of_the_kind_that_it_says_is_kept_from_everybody(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", b"MZ\x90\x00 a program " + bytes(100))
    id = await scanned.came("900")
    row = await scanned.until(id, "quarantined", "available")
    assert row["reason"].startswith("media_type_differs") and "image/jpeg" in row["reason"]
    assert (await scanned.get(id))[0] == 451


@pytest.mark.parametrize("id", ["", "../me", "900?access_token=x", "9" * 129, "x/y"])
async def test_an_id_that_is_none_is_asked_of_nobody(scanned: Room, id: str) -> None:
    row = await scanned.until(await scanned.came(id), "lost")
    assert row["reason"] == UNUSABLE
    assert scanned.provider.asked == []


async def test_a_scanner_that_is_away_costs_time_and_no_file(pool: Pool, tmp_path: Path) -> None:
    one = Clamd(tmp_path / "clamd")
    async with room(pool, tmp_path, Scanner(one.url)) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG)
        id = await place.came("900")
        await place.until(id, "fetched")
        async with asyncio.timeout(LONG):
            while not (await place.row(id))["reason"]:
                await asyncio.sleep(0.02)
        assert (await place.row(id))["reason"].startswith("media_scanner")
        status, body, headers = await place.get(id)
        assert (status, headers["Retry-After"]) == (202, "5")
        assert JPEG[:4] not in body
        place.provider.files.clear()  # it is not asked for again
        one.start()
        try:
            await place.until(id, "available")
        finally:
            one.stop()
        assert (await place.get(id))[:2] == (200, JPEG)


async def test_without_a_scanner_a_file_is_handed_out_where_that_may_be_and_looked_at_later(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("image/jpeg", JPEG + EICAR)
        id = await place.came("900")
        assert not (await place.until(id, "available"))["scanned"]
        assert (await place.get(id))[0] == 200
    async with room(pool, tmp_path, scanned_only=True) as place:
        assert (await place.get(id))[0] == 202, "in production nothing unscanned is shown"
    book = Book(pool)
    [told] = await book.untold(10)
    await book.told([told])
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        await place.until(id, "quarantined")
        assert (await place.get(id))[0] == 451
    [anew] = await book.untold(10)
    assert (told.state, anew.state) == ("available", "quarantined")
    assert told.id != anew.id


async def test_two_that_get_files_get_each_once(pool: Pool, tmp_path: Path, scanner: Clamd) -> None:
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        async with beside(place.fetcher.run()), beside(place.fetcher.run()):
            for n in range(40):
                place.provider.files[f"9{n}"] = ("image/jpeg", JPEG + bytes([n]))
            ids = [await place.came(f"9{n}") for n in range(40)]
            for n, id in enumerate(ids):
                await place.until(id, "available")
                assert (await place.get(id))[1] == JPEG + bytes([n])
        assert len(place.provider.asked) == 80


async def test_what_was_in_hand_at_the_end_is_due_at_once(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        reached, release = asyncio.Event(), asyncio.Event()

        async def about(*_: object) -> None:
            reached.set()
            await release.wait()

        place.fetcher._source.about = about  # type: ignore[assignment, method-assign]
        id = await place.came("900")
        async with asyncio.timeout(LONG):
            await reached.wait()
    row = await pool.fetchrow("select due_at, state from archiver.media where id = $1", id)
    assert row["state"] == "waiting" and row["due_at"] <= clock.now()


async def test_the_outcome_is_the_same_however_often_it_is_told(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900")
    await scanned.until(id, "available")
    [first], [second] = await scanned.book.untold(10), await scanned.book.untold(10)
    assert first == second
    assert (first.number, first.department, first.size) == ("106540352242922", "balie", len(JPEG))
    await scanned.book.told([first])
    assert await scanned.book.untold(10) == []


async def test_no_token_of_another_department_finds_it(scanned: Room) -> None:
    scanned.provider.files["900"] = ("image/jpeg", JPEG)
    id = await scanned.came("900")
    await scanned.until(id, "available")
    assert (await scanned.get(id, "t"))[0] == 200
    nothing = await scanned.get(UUID(int=1), "t")
    assert (await scanned.get(id, "other"))[:2] == nothing[:2] and nothing[0] == 404


async def test_a_hundred_megabytes_stream_through(
    pool: Pool, tmp_path: Path, scanner: Clamd
) -> None:
    content = b"%PDF-1.7" + os.urandom(1024) * (LARGEST_BYTES // 1024 - 1)
    async with room(pool, tmp_path, Scanner(scanner.url)) as place:
        place.provider.files["900"] = ("application/pdf", content)
        id = await place.came("900", mimeType="application/pdf")
        row = await place.until(id, "available", "quarantined", seconds=120)
        assert (row["state"], row["size"], row["reason"]) == ("available", len(content), "")
        assert row["sha256"] == hashlib.sha256(content).hexdigest()


async def test_what_is_larger_than_whatsapp_takes_is_not_held(pool: Pool, tmp_path: Path) -> None:
    async with room(pool, tmp_path) as place:
        place.provider.files["900"] = ("application/pdf", bytes(LARGEST_BYTES + 1))
        id = await place.came("900", mimeType="application/pdf")
        row = await place.until(id, "lost", seconds=60)
        assert row["reason"] == TOO_LARGE
    assert [path for path in (tmp_path / "objects").rglob("*") if path.is_file()] == []


async def test_what_the_scanner_is_too_small_for_is_kept_from_everybody(
    pool: Pool, tmp_path: Path
) -> None:
    with clamd(tmp_path / "clamd", most=1) as small:
        async with room(pool, tmp_path, Scanner(small.url)) as place:
            place.provider.files["900"] = ("image/jpeg", JPEG + bytes(8 * 1024 * 1024))
            row = await place.until(await place.came("900"), "quarantined", "available")
            assert row["reason"] == UNSCANNABLE
        scanner = Scanner(small.url)

        async def pieces(count: int) -> AsyncIterator[bytes]:
            for _ in range(count):
                yield bytes(64 * 1024)

        for _ in range(20):  # whatever it reads, and whenever it hangs up
            with pytest.raises(ScannerTooLarge):
                await scanner.look(pieces(200))
        assert not (await scanner.look(pieces(2))).found


async def test_a_scanner_that_is_none_is_away(tmp_path: Path) -> None:
    async def nothing() -> AsyncIterator[bytes]:
        yield b"x"

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_unix_server(hang_up, tmp_path / "socket")
    async with server:
        for url in (f"unix://{tmp_path}/socket", f"unix://{tmp_path}/none", "tcp://127.0.0.1:1"):
            with pytest.raises(Away):
                await Scanner(url).look(nothing())


async def test_what_a_killed_process_had_is_taken_by_another_and_no_sooner(pool: Pool) -> None:
    id = await came(pool, "900")
    book, now = Book(pool), clock.now()
    taken = await book.to_fetch(now, clock.new_id(), [])
    assert taken and taken.id == id and taken.left is None
    soon = now + timedelta(seconds=LEASE_SECONDS - 1)
    assert await book.to_fetch(soon, clock.new_id(), []) is None
    await book.renew(taken, now + timedelta(seconds=RENEW_SECONDS))
    soon = now + timedelta(seconds=LEASE_SECONDS + 1)
    assert await book.to_fetch(soon, clock.new_id(), []) is None
    later = now + timedelta(seconds=LEASE_SECONDS + RENEW_SECONDS + 1)
    assert await book.to_fetch(later, clock.new_id(), [taken.number]) is None
    again = await book.to_fetch(later, clock.new_id(), [])
    assert again and (again.id, again.left) == (id, taken.object)
    got = Fetched(1, "aa", "image/jpeg", b"")
    await book.fetched(taken, got, later)  # who comes too late changes nothing
    assert not await book.names(taken) and not await book.names(again)
    await book.put_off(taken, later, "too late")  # of the one that was thought dead
    await book.renew(taken, later + timedelta(hours=1))
    row = await pool.fetchrow("select reason, due_at from archiver.media where id = $1", id)
    assert row["reason"] == "" and row["due_at"] == later + timedelta(seconds=LEASE_SECONDS)


async def test_a_person_lets_through_what_is_kept_from_everybody_and_answers_for_it(
    pool: Pool, empty: str, tmp_path: Path, scanner: Clamd
) -> None:
    command = commands(empty)
    async with room(pool, tmp_path, Scanner(scanner.url), scanned_only=True) as place:
        program = b"MZ\x90\x00 a program " + bytes(100)
        place.provider.files = {"900": ("image/jpeg", program), "901": ("image/jpeg", JPEG + EICAR)}
        ids = [await place.came("900"), await place.came("901")]
        for id in ids:
            await place.until(id, "quarantined")
        await place.book.told(await place.book.untold(10))
        listed = await asyncio.to_thread(command, "files", "list", "--json")
        assert {one["id"] for one in json.loads(listed.stdout)} == {str(id) for id in ids}
        for id, content in zip(ids, (program, JPEG + EICAR), strict=True):
            done = await asyncio.to_thread(command, "files", "release", str(id), "--by", "A. Arts")
            assert done.exit_code == 0, done.output
            assert (await place.get(id))[:2] == (200, content)
        await place.until(await place.came("902"), "waiting")  # whoever gets files looks past these
        told = await place.book.untold(10)
        assert {one.reason for one in told} == {"media_released: vrijgegeven door A. Arts"}
        assert [(await place.state(id)) for id in ids] == ["available", "available"]
        again = await asyncio.to_thread(command, "files", "release", str(ids[0]), "--by", "A. Arts")
        assert again.exit_code == 1
    assert "lantaarn" not in (await asyncio.to_thread(command, "files", "list")).stdout


async def test_a_claim_takes_one_however_few_the_planner_thinks_there_are(pool: Pool) -> None:
    await came(pool, "900")
    await pool.execute("analyze archiver.media")
    for n in range(10):
        await came(pool, f"90{n}")
    now = clock.now()
    assert await Book(pool).to_fetch(now, clock.new_id(), [])
    assert await pool.fetchval("select count(*) from archiver.media where attempts > 0") == 1


async def test_who_comes_too_late_with_a_fetch_ends_nothing_that_is_looked_at(pool: Pool) -> None:
    id, book = await came(pool, "900"), Book(pool)
    now = clock.now()
    late = await book.to_fetch(now, clock.new_id(), [])
    after = now + timedelta(seconds=LEASE_SECONDS + 1)
    again = await book.to_fetch(after, clock.new_id(), [])
    assert late and again
    await book.fetched(again, Fetched(1, "aa", "image/jpeg", b""), after)
    look = await book.to_look_at(after, again=False)
    assert look and look.attempts == late.attempts
    assert not await book.ended(late, Ended("lost", EXPIRED), after)
    await book.put_off(late, after + timedelta(days=1), "too late")
    row = dict(await pool.fetchrow("select state, reason from archiver.media where id = $1", id))
    assert row == {"state": "fetched", "reason": ""}
    assert await book.ended(look, Ended("available", scanned=True), after)
