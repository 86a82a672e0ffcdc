"""A transcript over HTTP and by command, of real entries with a real file: the same bytes each
time, on the record as a look, of the reader's parts alone."""

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import aiohttp
import msgspec
import pytest

from archiver.api.access_log import access_log
from archiver.transcript import contents, maker, routes
from archiver.transcript.page import data_uri
from archiver.transcript.routes import ServedArchive, TranscriptRoutes
from archiver.transcript.transcript import File
from services.config import loader
from services.contract import Record
from services.files.object_store import ObjectStore
from services.http.application import api_app
from services.http.server import serve
from services.http.token_store import TokenStore
from services.postgres.database import Pool
from tests.support.archiver.api import views_of
from tests.support.archiver.orders import eraser_of
from tests.support.archiver.transcripts import FILE, FRONT, PHOTO, STREETS, Story, ordinary
from tests.support.decrypted_record import KEY, keys_of, writer_of
from tests.support.installation import EXAMPLE
from tests.support.integration.media_provider import Room, recorded, room
from tests.support.tokens import GENEROUS, bearer, key

HTML, PDF = "text/html", "application/pdf"
ACCUSED = "Mijn buurman Henk van nummer 14 heeft het gedaan"


class Reader:
    """Asks for the transcript of the story, with a token of some rights."""

    def __init__(self, url: str, session: aiohttp.ClientSession, story: Story) -> None:
        self._url, self._session, self.story = url, session, story

    async def get(self, accept: str, token: str = "t", **query: str) -> tuple[int, bytes, str]:
        path = f"{self._url}/v1/conversations/{self.story.conversation}/transcript"
        headers = bearer(token) | {"Accept": accept}
        async with self._session.get(path, headers=headers, params=query) as answer:
            return answer.status, await answer.read(), answer.content_type

    async def problem(self, accept: str, token: str = "t", **query: str) -> tuple[int, str]:
        status, body, type = await self.get(accept, token, **query)
        assert type == "application/problem+json"
        return status, msgspec.json.decode(body)["detail"]


async def told(place: Room, story: Story) -> None:
    """The story is on the record, and its photo came."""
    content = PHOTO.read_bytes()
    place.provider.files[FILE] = ("image/png", content)
    writer = await writer_of(place.pool)
    await writer.add([each for each in story.records if each.kind != "media"])
    await place.until(_photo(story).message, "available")  # type: ignore[arg-type]
    await recorded(place.pool)


def _photo(story: Story) -> Record:
    return next(each for each in story.records if b'"type":"image"' in each.data)


@asynccontextmanager
async def reading(place: Room, folder: Path, story: Story) -> AsyncIterator[Reader]:
    config = loader.load(EXAMPLE).config
    streets = key("streets", departments=frozenset({STREETS}), **GENEROUS)
    nobody = key("nobody", departments=frozenset({"belastingen"}), **GENEROUS)
    tokens = TokenStore(place.pool, [key("t", **GENEROUS), streets, nobody], config)
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        writer = await writer_of(place.pool)
        views = await enter(access_log(writer, tokens.asking_departments))
        store = ObjectStore((folder / "objects").as_uri())
        archive = ServedArchive(place.pool, await keys_of(place.pool), lambda: config, store, False)
        app = api_app(TranscriptRoutes(archive, views, tokens).routes())
        port = await enter(serve(app, "127.0.0.1", 0))
        session = await enter(aiohttp.ClientSession())
        yield Reader(f"http://127.0.0.1:{port}", session, story)


@pytest.fixture
async def reader(pool: Pool, tmp_path: Path) -> AsyncIterator[Reader]:
    story = ordinary()
    async with room(pool, tmp_path) as place:
        await told(place, story)
        async with reading(place, tmp_path, story) as reader:
            yield reader


def _attached(pdf: bytes, folder: Path) -> list[bytes]:
    """The files that a PDF carries, as poppler takes them out."""
    (folder / "a.pdf").write_bytes(pdf)
    (folder / "out").mkdir()
    names = subprocess.run(
        ["pdfdetach", "-list", folder / "a.pdf"], capture_output=True, check=True
    )
    assert names.stdout.strip().endswith(b"bestand.png")
    tool = ["pdfdetach", "-saveall", "-o", str(folder / "out"), str(folder / "a.pdf")]
    subprocess.run(tool, check=True, capture_output=True)
    return [path.read_bytes() for path in (folder / "out").iterdir()]


async def test_transcript_is_the_same_bytes_each_time_and_each_is_a_look(
    reader: Reader, pool: Pool, empty: str, tmp_path: Path
) -> None:
    status, page, type = await reader.get(HTML)
    assert (status, type) == (200, HTML)
    photo = File(id="", content=PHOTO.read_bytes(), content_type="image/png")
    assert data_uri(photo).encode() in page and ACCUSED.encode() in page
    assert (await reader.get("application/pdf;q=0.2, text/*"))[1] == page
    status, printed, type = await reader.get(PDF)
    assert (status, type, printed[:5]) == (200, PDF, b"%PDF-")
    assert (await reader.get(PDF))[1] == printed
    kinds = ("conversation", "note", "message")
    shown = [each for each in reader.story.records if each.kind in kinds]
    views = await views_of(pool)
    assert {view["what"] for view in views} == {routes.VIEW}
    assert sum(view["count"] for view in views) == 4 * len(shown)
    status, whole, _ = await reader.get(PDF, originals="true")
    assert _attached(whole, tmp_path) == [PHOTO.read_bytes()] and b"pdfaid:part>3<" in whole
    assert _by_command(empty, reader.story, tmp_path) == (page, printed)
    row = await pool.fetchrow("select what, about, data from access.operation")
    assert (row["what"], row["about"]) == ("archive transcript", reader.story.conversation)
    assert msgspec.json.decode(row["data"])["why"] == "klacht 12"


def _by_command(url: str, story: Story, folder: Path) -> tuple[bytes, bytes]:
    """Page and PDF as another process makes them."""
    page, printed = folder / "b.html", folder / "b.pdf"
    env = {
        "POSTKAMER_DATABASE_URL": url,
        "POSTKAMER_ARCHIVE_KEY": KEY,
        "POSTKAMER_WORKING_KEY": KEY,
        "POSTKAMER_OBJECT_STORE": (folder / "objects").as_uri(),
        "POSTKAMER_CONFIG": str(EXAMPLE),
        "PYTHONPATH": ":".join(sys.path),
        "PYTHONHASHSEED": "12",
        "POSTKAMER_OPERATOR": "S. Jansen",
    }
    command = [sys.executable, "-m", "cli.main", "archive", "transcript", story.conversation]
    command += ["--out", str(page), "--out", str(printed), "--reason", "klacht 12"]
    done = subprocess.run(command, env=env, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert page.stat().st_mode & 0o077 == 0
    return page.read_bytes(), printed.read_bytes()


async def test_token_gets_its_own_parts_and_reads_that_others_are_left_out(
    reader: Reader, pool: Pool
) -> None:
    _, whole, _ = await reader.get(HTML)
    status, page, _ = await reader.get(HTML, "streets")
    assert status == 200 and b"Delen van dit gesprek bij andere afdelingen" in page
    assert b"Delen van dit gesprek bij andere afdelingen" not in whole
    first = b"De stoep bij de speeltuin ligt"
    assert first in whole and first not in page and ACCUSED.encode() in page
    views = await views_of(pool)
    assert [view["department"] for view in views] == [FRONT, STREETS, STREETS]
    assert await reader.problem(HTML, "nobody") == (404, routes.NO_CONVERSATION)
    assert await views_of(pool) == views


async def test_destroyed_message_is_shown_as_destroyed_and_its_text_is_nowhere(
    reader: Reader, pool: Pool, tmp_path: Path
) -> None:
    accused = next(each for each in reader.story.records if ACCUSED.encode() in each.data)
    eraser = eraser_of(pool, await keys_of(pool), tmp_path)
    assert await eraser.erase_entry(accused.id, "verzoek AVG-2026-0001")
    _, page, _ = await reader.get(HTML)
    assert b"Dit bericht is vernietigd op " in page and b"buurman" not in page
    assert page.count(b'class="gone"') == 1 and b"Het zijn drie tegels" in page


@pytest.mark.parametrize(
    ("form", "query", "refused"),
    [
        ("application/json", {}, (406, routes.NOT_ACCEPTABLE)),
        (HTML, {"originals": "ja"}, (400, routes.INVALID_QUERY)),
        (HTML, {"originals": "true"}, (400, routes.INVALID_QUERY)),
    ],
)
async def test_request_for_what_there_is_not_is_refused(
    reader: Reader, pool: Pool, form: str, query: dict[str, str], refused: tuple[int, str]
) -> None:
    assert await reader.problem(form, **query) == refused
    assert await views_of(pool) == []


@pytest.mark.parametrize(
    ("bound", "least", "detail"),
    [
        ("maker.MAX_ENTRIES", 10, maker.TOO_LONG.format(10)),
        ("maker.MAX_OUTCOMES", 3, maker.TOO_LONG.format(3)),
        ("contents.ORIGINALS_BYTES", 9, contents.TOO_LARGE.format(0)),
    ],
)
async def test_more_than_one_transcript_holds_is_refused_and_no_look(
    reader: Reader,
    pool: Pool,
    monkeypatch: pytest.MonkeyPatch,
    bound: str,
    least: int,
    detail: str,
) -> None:
    monkeypatch.setattr(f"archiver.transcript.{bound}", least)
    assert await reader.problem(PDF, originals="true") == (422, detail)
    assert await views_of(pool) == []


async def test_picture_that_is_too_large_is_shown_smaller_or_named(
    reader: Reader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "WHOLE_PICTURE", 9)
    _, page, _ = await reader.get(HTML)
    assert b"data:image/jpeg;base64," in page and b"Hieronder verkleind" in page
    monkeypatch.setattr(contents, "EMBEDDED_BYTES", 9)
    _, page, _ = await reader.get(HTML)
    assert b"data:image" not in page.partition(b"<body>")[2] and b"SHA-256" in page
