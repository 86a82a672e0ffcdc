"""Files that a CRM uploads: over a real socket, into a real folder and a real PostgreSQL."""

import asyncio
import hashlib
import io
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest
from aiohttp import web
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.media import routes
from gateway.media.filenames import HEADER_CHARACTERS
from gateway.media.media_types import KIB, MIB
from gateway.media.routes import UPLOADS_PER_TOKEN, MediaRoutes
from gateway.media.upload_store import SWEEP_LIMIT, Upload, UploadStore
from gateway.stops import StoppedNumbers
from services import clock
from services.files import object_store
from services.files.object_store import ObjectStore
from services.http.application import api_app
from services.http.rights import Rights
from services.http.server import serve
from services.postgres.database import Pool
from services.postgres.shut_rows import RowShut
from services.sealing.columns import file_salt
from services.sealing.key_ring import RING
from services.sealing.stream_sealing import CHUNK_BYTES, TAG_BYTES
from services.tasks import background_task
from tests.support.integration.shut_rows import alter, shut_rows

RIGHTS = Rights(name="crm", tenant="almelo", roles=frozenset({"send"}))
PNG = b"\x89PNG\r\n\x1a\n"
LONG = 10.0


def _body(content: Any) -> Any:
    return io.BytesIO(content) if isinstance(content, bytes) else content


class Desk:
    """A CRM's side of it."""

    def __init__(self, url: str, folder: Path, pool: Pool) -> None:
        self.url, self.folder, self.pool = url, folder, pool
        self.uploads = UploadStore(pool)

    async def post(self, content: Any, key: str = "k", **headers: str) -> tuple[int, Any]:
        given = {"Idempotency-Key": key, "Content-Type": "image/png"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        async with (
            aiohttp.ClientSession() as session,
            session.post(self.url, data=_body(content), headers=given) as answer,
        ):
            return answer.status, await answer.json(content_type=None)

    async def files(self) -> list[bytes]:
        """Stored files, opened; a part of a file as it is."""
        paths = [path for path in self.folder.rglob("*") if path.is_file()]
        ids = [row["id"] for row in await self.pool.fetch("select id from gateway.media")]
        return [_open(path, ids) for path in paths]

    async def begun(self) -> int:
        return int(await self.pool.fetchval("select count(*) from gateway.upload"))


def _open(path: Path, ids: list[UUID]) -> bytes:
    """Return the content of a file of one of these uploads."""
    content = path.read_bytes()
    if "#" in path.name:
        return content
    for id in ids:
        with suppress(InvalidTag):
            return _open_for(id, path.name, content)
    raise AssertionError("it opens for no upload")


def _open_for(id: UUID, object: str, content: bytes) -> bytes:
    key, size = RING.stream_key(file_salt(id, UUID(object))), CHUNK_BYTES + TAG_BYTES
    chunks = [content[n : n + size] for n in range(0, len(content), size)]
    cipher = AESGCM(key.key)
    nonces = [n.to_bytes(11, "big") + bytes([n == len(chunks) - 1]) for n in range(len(chunks))]
    return b"".join(cipher.decrypt(*each, key.context) for each in zip(nonces, chunks, strict=True))


@asynccontextmanager
async def opened(
    pool: Pool, folder: Path, stopped: StoppedNumbers | None = None
) -> AsyncIterator[tuple[Desk, MediaRoutes]]:
    store, known = ObjectStore(folder.as_uri()), stopped or StoppedNumbers()
    media = MediaRoutes(UploadStore(pool), store, known)

    async def upload(request: web.Request) -> web.Response:
        return await media.upload(request, RIGHTS)

    app = api_app([web.post("/v1/media", upload)])
    async with serve(app, "127.0.0.1", 0) as port:
        yield Desk(f"http://127.0.0.1:{port}/v1/media", folder, pool), media


@pytest.fixture
async def desk(pool: Pool, tmp_path: Path) -> AsyncIterator[Desk]:
    async with opened(pool, tmp_path) as (desk, _):
        yield desk


async def until_nobody_uploads(desk: Desk) -> None:
    async with asyncio.timeout(LONG):
        while await desk.begun():
            await asyncio.sleep(0.01)


async def test_a_file_is_stored_and_found_by_its_own_municipality(desk: Desk) -> None:
    content = PNG + bytes(3 * MIB)
    name = "attachment; filename*=UTF-8''..%2Ffoto%20van%20de%20stoep.png"
    status, said = await desk.post(content, Content_Disposition=name)
    sha256 = hashlib.sha256(content).hexdigest()
    known = {"mimeType": "image/png", "size": len(content), "sha256": sha256}
    assert (status, said) == (201, {"id": said["id"]} | known)
    id = msgspec.convert(said["id"], object_store.UUID)
    found = await desk.uploads.find(id, RIGHTS)
    assert found
    assert (found.kind, found.filename) == ("image", "foto van de stoep.png")
    assert (await desk.files()) == [content]
    elsewhere = msgspec.structs.replace(RIGHTS, tenant="hengelo")
    assert await desk.uploads.find(id, elsewhere) is None
    assert await desk.uploads.find(clock.new_id(), RIGHTS) is None
    assert await desk.begun() == 0


async def test_the_same_key_and_bytes_are_one_upload_and_other_bytes_are_refused(
    desk: Desk,
) -> None:
    first = await desk.post(PNG + b"1")
    assert first[0] == 201
    assert await desk.post(PNG + b"1") == first
    assert (await desk.post(PNG + b"2"))[0] == 409
    assert (await desk.post(b"\xff\xd8\xff1", Content_Type="image/jpeg"))[0] == 409
    assert (await desk.post(PNG + b"2", key="another"))[0] == 201
    assert sorted(await desk.files()) == [PNG + b"1", PNG + b"2"]


async def test_upload_that_does_not_open_is_refused_alone(desk: Desk, pool: Pool) -> None:
    _, stored = await desk.post(PNG + b"1", "k1", Content_Disposition="attachment; filename=a.png")
    await desk.post(PNG + b"2", "k2")
    await alter(pool, "gateway.media", "sha256", UUID(stored["id"]))
    before = shut_rows("gateway.media")
    status, problem = await desk.post(PNG + b"1", "k1")
    assert (status, problem["detail"]) == (409, routes.UPLOAD_SHUT)
    assert (await desk.post(PNG + b"2", "k2"))[0] == 201
    assert (await desk.post(PNG + b"1", "k3"))[0] == 201
    assert shut_rows("gateway.media") == before + 1


MOVES = {
    "theirs with the token of another":
        "update gateway.media set token = 'zorg' where token = 'crm'",
    "the same without a hash and a name":
        "update gateway.media set token = 'zorg', sha256 = '', filename = '' where token = 'crm'",
    "a row of another with their file":
        "update gateway.media m set (object, mime_type, size, sha256, filename) ="
        " (o.object, o.mime_type, o.size, o.sha256, o.filename)"
        " from gateway.media o where o.token = 'crm' and m.token = 'zorg'",
    "a row of another with their file and a hash of its own":
        "update gateway.media m set object = o.object"
        " from gateway.media o where o.token = 'crm' and m.token = 'zorg'",
}  # fmt: skip


@pytest.mark.parametrize("move", MOVES)
async def test_upload_that_was_given_to_another_token_is_not_theirs(desk: Desk, move: str) -> None:
    """Somebody with every right on the database and no key, and a token of their own."""
    now, other = clock.now(), msgspec.structs.replace(RIGHTS, name="zorg")
    for token in (RIGHTS.name, other.name):
        await desk.uploads.complete(
            Upload(
                id=clock.new_id(),
                token=token,
                tenant="almelo",
                object=clock.new_id(),
                mime_type="image/png",
                size=1,
                sha256=bytes(32),
                filename="beschikking.png",
                created_at=now,
            )
        )
    await desk.pool.execute(MOVES[move])
    of_other = "select id from gateway.media where token = 'zorg'"
    found = [await shut(desk, row["id"], other) for row in await desk.pool.fetch(of_other)]
    assert found.count(True) == 1


async def shut(desk: Desk, id: UUID, rights: Rights) -> bool:
    try:
        return await desk.uploads.find(id, rights) is None
    except RowShut:
        return True


async def test_repeated_upload_gets_the_same_answer_when_both_come_at_once(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.post(PNG + b"1") for _ in range(UPLOADS_PER_TOKEN)))
    assert {status for status, _ in answers} == {201}
    assert len({said["id"] for _, said in answers}) == 1
    assert await desk.pool.fetchval("select count(*) from gateway.media") == 1


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (PNG, {"Idempotency-Key": ""}, 400),
        (PNG, {"Content-Type": "application/octet-stream"}, 415),
        (PNG, {"Content-Type": ""}, 415),
        (PNG, {"Content-Disposition": f"attachment; filename={'x' * 980}"}, 400),
        (PNG, {"Content-Encoding": "gzip"}, 415),
        (PNG, {"Content-Type": "image/jpeg"}, 400),
        (b"", {}, 400),
        (b"<html>", {}, 400),
        (PNG + bytes(5 * MIB), {}, 413),
    ],
)
async def test_upload_that_meta_would_not_take_is_refused_and_leaves_no_file(
    desk: Desk, content: bytes, headers: dict[str, str], status: int
) -> None:
    given = {name.replace("-", "_"): value for name, value in headers.items()}
    key = given.pop("Idempotency_Key", "k")
    refused, said = await desk.post(content, key, **given)
    assert (refused, said["status"]) == (status, status)
    await until_nobody_uploads(desk)
    assert (await desk.files()) == []


async def test_upload_of_plain_bytes_has_the_type_of_its_name(desk: Desk) -> None:
    name = f"attachment; filename={'x' * 975}.png"
    assert len(name) == HEADER_CHARACTERS
    given = {"Content_Type": "application/octet-stream", "Content_Disposition": name}
    status, said = await desk.post(PNG, **given)
    assert (status, said["mimeType"]) == (201, "image/png")
    assert (await desk.post(b"%PDF-1.7", "other", **given))[0] == 400


async def test_upload_with_two_keys_is_refused(desk: Desk) -> None:
    given = [("Idempotency-Key", "a"), ("Idempotency-Key", "a"), ("Content-Type", "image/png")]
    async with (
        aiohttp.ClientSession() as session,
        session.post(desk.url, data=PNG, headers=given) as answer,
    ):
        assert answer.status == 400
    assert (await desk.files()) == []


async def test_a_size_that_was_not_announced_is_noticed_on_the_way(desk: Desk) -> None:
    async def endless() -> AsyncIterator[bytes]:
        yield b"RIFF\x10\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0"
        for _ in range(8):
            yield bytes(64 * KIB)

    status, said = await desk.post(endless(), Content_Type="image/webp")
    assert (status, said["detail"]) == (413, f"a file of this type is at most {500 * KIB} bytes")
    await until_nobody_uploads(desk)
    assert (await desk.files()) == []


async def _half(desk: Desk, port: int) -> asyncio.StreamWriter:
    """The first half of a file, by somebody who then says no more."""
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    head = "POST /v1/media HTTP/1.1\r\nHost: x\r\nIdempotency-Key: half\r\nContent-Type: image/png"
    writer.write(f"{head}\r\nContent-Length: {MIB}\r\n\r\n".encode() + PNG + bytes(KIB))
    await writer.drain()
    async with asyncio.timeout(LONG):
        while not await desk.begun():
            await asyncio.sleep(0.01)
    return writer


async def test_a_file_that_breaks_off_leaves_nothing_and_may_be_sent_again(desk: Desk) -> None:
    writer = await _half(desk, int(desk.url.split(":")[2].split("/")[0]))
    writer.close()
    await until_nobody_uploads(desk)
    assert (await desk.files()) == []
    assert (await desk.post(PNG, key="half"))[0] == 201


async def test_upload_that_stops_halfway_loses_its_place(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "IDLE_SECONDS", 0.2)
    writer = await _half(desk, int(desk.url.split(":")[2].split("/")[0]))
    await until_nobody_uploads(desk)
    assert (await desk.files()) == []
    writer.close()


async def test_more_at_once_than_there_are_places_are_asked_to_come_back(desk: Desk) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield PNG + bytes(KIB)
        await go_on.wait()

    posts = [asyncio.create_task(desk.post(slow(), f"slow-{n}")) for n in range(UPLOADS_PER_TOKEN)]
    async with asyncio.timeout(LONG):
        while await desk.begun() < UPLOADS_PER_TOKEN:
            await asyncio.sleep(0.01)
    status, said = await desk.post(PNG, "one too many")
    assert (status, said["detail"]) == (503, "too many files are coming in")
    go_on.set()
    assert [status for status, _ in await asyncio.gather(*posts)] == [201] * UPLOADS_PER_TOKEN
    assert (await desk.post(PNG, "one too many"))[0] == 201


async def test_upload_of_a_killed_process_is_swept_after_an_hour(
    pool: Pool, tmp_path: Path
) -> None:
    async with opened(pool, tmp_path) as (desk, media):
        assert (await desk.post(PNG))[0] == 201
        left, fresh = clock.new_id(), clock.new_id()
        for object in (left, fresh):
            (tmp_path / f"{object_store.upload_key(object)}#1").write_bytes(b"half")
        begin = "insert into gateway.upload values ($1, now() - make_interval(secs => $2))"
        await pool.execute(begin, left, 3700)
        await pool.execute(begin, fresh, 3500)
        async with background_task(media.sweep()), asyncio.timeout(LONG):
            while await desk.begun() > 1:
                await asyncio.sleep(0.01)
        assert sorted(await desk.files()) == [b"half", PNG]
        assert await pool.fetchval("select object from gateway.upload") == fresh


async def test_full_sweep_is_followed_by_the_next(pool: Pool, tmp_path: Path) -> None:
    async with opened(pool, tmp_path) as (desk, media):
        objects = [clock.new_id() for _ in range(2 * SWEEP_LIMIT + 1)]
        begin = "insert into gateway.upload select each, 'epoch' from unnest($1::uuid[]) each"
        await pool.execute(begin, objects)
        folder = tmp_path / "upload"
        folder.mkdir(exist_ok=True)
        for object in objects:
            (folder / str(object)).write_bytes(PNG)
        async with background_task(media.sweep()):
            await until_nobody_uploads(desk)
        assert (await desk.files()) == []


def memory(field: str) -> float:
    """MiB that this process holds (VmRSS), or held at its highest (VmHWM)."""
    (line,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / KIB


def new_height() -> float:
    """VmHWM begins anew, from what is held now."""
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


async def test_a_large_file_goes_through_without_being_held(desk: Desk) -> None:
    async def large() -> AsyncIterator[bytes]:
        yield b"%PDF-1.7"
        for _ in range(99):
            yield bytes(MIB)

    assert (await desk.post(PNG))[0] == 201  # what is loaded at the first one
    before = new_height()
    status, said = await desk.post(large(), "large", Content_Type="application/pdf")
    assert (status, said["size"]) == (201, 99 * MIB + 8)
    assert memory("VmHWM") - before < 48
