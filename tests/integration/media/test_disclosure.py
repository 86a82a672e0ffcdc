"""A disclosure from its drawing to its folder: no tool finds in the result what was left out."""

import io
import json
import re
import shutil
import subprocess
import zipfile
import zlib
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from PIL import Image

from archiver.subject_access.requests.deadlines import day_of
from services import clock
from services.postgres.database import Pool
from tests.support.archiver.commands import Archive
from tests.support.archiver.transcripts import FILE, Story, ordinary
from tests.support.decrypted_record import writer_of
from tests.support.installation import EXAMPLE
from tests.support.integration.media_provider import Room, recorded, room

NEIGHBOUR = "Mijn buurman Henk van nummer 14"
PLACE = "achter het geheime hek"
SECRET = [
    "Henk", "nummer 14", "aannemer", "Gaat over", "Fatima", "31600000011", "l.hendriks",
    "m.yilmaz", "Dekker", "Weezeboom",
    "ZAAK-2026-0012345", "sinds maandag", PLACE, "wamid", "106540352242922-",
]  # fmt: skip
SHOWN = ["Woensdag maken wij de stoep", "[5.1.2e]", "Woo, artikel 5.1, lid 2, onder e"]
WHY = ("--reason", "Woo-verzoek 17")
ELS, DIRK, FRED = (("--by", name) for name in ("Els", "Dirk", "Fred"))
TOOLS = ("pdftotext", "pdfimages", "strings")
NAMES = ["0001.html", "0001.pdf", "inventaris.csv", "inventaris.ods"]
HEADING = "what,message,x,y,width,height,words,ground"


def photo() -> bytes:
    """A picture of which nobody may see the left half, with a place in it."""
    image = Image.new("RGB", (400, 300), "blue")
    image.paste((255, 0, 255), (0, 0, 200, 300))
    exif = Image.Exif()
    exif[0x010E] = PLACE
    output = io.BytesIO()
    image.save(output, "PNG", exif=exif)
    assert PLACE.encode() in output.getvalue()
    return output.getvalue()


async def told(place: Room, story: Story) -> str:
    """The story is on the record, and its photo came. Returns the message of that."""
    place.provider.files[FILE] = ("image/png", photo())
    writer = await writer_of(place.pool)
    await writer.add([each for each in story.records if each.kind != "media"])
    id = next(each.message for each in story.records if b'"type":"image"' in each.data)
    assert id
    await place.until(id, "available")
    await recorded(place.pool)
    return str(id)


def said(*command: object) -> str:
    done = subprocess.run(list(map(str, command)), capture_output=True, check=True)
    return done.stdout.decode("utf-8", "replace")


def inflated(pdf: bytes) -> str:
    """Inflate the streams of a PDF: in some lie titles and descriptions, beside its pages."""
    found = []
    for stream in re.findall(rb"stream\r?\n(.*?)\r?\nendstream", pdf, re.DOTALL):
        with suppress(zlib.error):
            found.append(zlib.decompress(stream))
    assert found
    # Text may be in UTF-16.
    return b"\n".join(found).replace(b"\0", b"").decode("latin-1")


def found_by_tools(folder: Path, scratch: Path) -> str:
    """Everything that tools take out of the files of a folder, as one text."""
    texts = []
    for file in sorted(folder.iterdir()):
        texts += [said("strings", "-a", "-n", "3", file), file.read_bytes().decode("latin-1")]
        texts.append(file.read_bytes().decode("utf-8", "replace"))
        if file.suffix == ".pdf":
            texts += [said("pdftotext", "-raw", file, "-"), said("pdfinfo", "-meta", file)]
            texts.append(inflated(file.read_bytes()))
            said("pdfimages", "-all", file, scratch / file.stem)
        elif file.suffix == ".ods":
            with zipfile.ZipFile(file) as archive:
                texts += [archive.read(name).decode() for name in archive.namelist()]
    return "\n".join(texts)


def pictures_in(folder: Path, scratch: Path) -> list[bytes]:
    """The pictures of the PDF, and those of the page."""
    pictures = [each.read_bytes() for each in sorted(scratch.iterdir())]
    for page in folder.glob("*.html"):
        for part in page.read_text().split("data:image/jpeg;base64,")[1:]:
            (scratch / "page.b64").write_text(part.partition('"')[0])
            decode = ["base64", "-d", str(scratch / "page.b64")]
            pictures.append(subprocess.run(decode, capture_output=True, check=True).stdout)
    return pictures


def assert_nothing_under_the_box(picture: bytes) -> None:
    image = Image.open(io.BytesIO(picture))
    assert not image.getexif() and PLACE.encode() not in picture and "exif" not in image.info
    upright = image.convert("RGB")
    width, height = upright.size
    hidden = upright.crop((0, 0, width // 2 - 4, height)).getextrema()
    assert all(most < 40 for _, most in hidden)  # type: ignore[misc]
    assert upright.getpixel((width - 5, height // 2))[2] > 200  # type: ignore[index]


@pytest.fixture
def desk(empty: str, tmp_path: Path) -> Archive:
    objects = (tmp_path / "objects").as_uri()
    return Archive(empty, POSTKAMER_CONFIG=str(EXAMPLE), POSTKAMER_OBJECT_STORE=objects)


async def redacted(desk: Archive, story: Story, picture: str, folder: Path) -> str:
    """Draw a disclosure of the story and redact it. Returns its id."""
    review = day_of(clock.now()) + timedelta(days=30)
    new = ("--words", "stoep", "--review-on", review, "--text", "Woo 17")
    drawn = await desk.json("disclosure", "draw", *new, *ELS)
    assert [each["conversation"] for each in drawn["documents"]] == [story.conversation]
    texts = (await desk.json("disclosure", "show", drawn["id"], 1, *WHY))["texts"]
    assert any(NEIGHBOUR in text for text in texts.values())
    boxes = f"box,{picture},0,0,500,1000,,5.1.1d"
    words = (NEIGHBOUR, "de aannemer", "Gaat over")
    written = "\n".join([HEADING, boxes, *(f'words,,,,,,"{each}",5.1.2e' for each in words)])
    (folder / "list.csv").write_text(written)
    listed = ("--list", folder / "list.csv", "--propose")
    await desk("disclosure", "redact", drawn["id"], 1, *listed, *WHY, *DIRK)
    return str(drawn["id"])


async def approved(desk: Archive, id: str, folder: Path) -> None:
    """Three people decide, review and approve, and none of them another's part."""
    for wrong in ("open", "closed"):
        await desk.fails("disclosure", "decide", id, 1, "--decision", wrong, *DIRK)
    await desk("disclosure", "decide", id, 1, "--decision", "partly", *DIRK)
    await desk("disclosure", "review", id, *ELS)
    for who in (ELS, DIRK):
        assert "does not approve" in await desk.fails("disclosure", "approve", id, *who)
    await desk("disclosure", "export", id, "--out", folder / "draft", *WHY)
    assert all(each.name.startswith("concept-") for each in (folder / "draft").iterdir())
    await desk("disclosure", "approve", id, *FRED)


def assert_nothing_is_found(out: Path, scratch: Path) -> None:
    scratch.mkdir()
    everything = found_by_tools(out, scratch)
    assert [each for each in SECRET if each in everything] == []
    assert [each for each in SHOWN if each not in everything] == []
    # The descriptions are found that a screen reader reads.
    assert "Foto van de inwoner bij bericht" in inflated((out / "0001.pdf").read_bytes())
    pictures = pictures_in(out, scratch)
    assert len(pictures) == 2
    for each in pictures:
        assert_nothing_under_the_box(each)


async def assert_original_is_kept(desk: Archive, story: Story, folder: Path) -> None:
    """The tools find all of it in the transcript of the record, which is not changed."""
    whole, scratch = folder / "whole", folder / "scratch_of_whole"
    whole.mkdir()
    scratch.mkdir()
    await desk("transcript", story.conversation, "--out", whole / "a.pdf", *WHY)
    found = found_by_tools(whole, scratch)
    assert [each for each in SECRET if each not in found] == [PLACE, "wamid"]
    [picture] = pictures_in(whole, scratch)
    with pytest.raises(AssertionError):
        assert_nothing_under_the_box(picture)


async def test_no_tool_finds_what_was_left_out(desk: Archive, pool: Pool, tmp_path: Path) -> None:
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    story = ordinary()
    async with room(pool, tmp_path) as place:
        picture = await told(place, story)
    id = await redacted(desk, story, picture, tmp_path)
    await approved(desk, id, tmp_path)
    out, again = tmp_path / "out", tmp_path / "again"
    for folder in (out, again):
        await desk("disclosure", "export", id, "--out", folder, *WHY)
    files = sorted(out.iterdir())
    assert [each.name for each in files] == NAMES
    assert [(again / each.name).read_bytes() for each in files] == [
        each.read_bytes() for each in files
    ]
    assert "--out" in await desk.fails("disclosure", "export", id, "--out", out, *WHY)
    assert_nothing_is_found(out, tmp_path / "scratch")
    await assert_original_is_kept(desk, story, tmp_path)
    rows = await pool.fetch("select data from access.operation where about = $1", id)
    data = [json.loads(row["data"]) for row in rows]
    assert {"export", "redact"} <= {row["what"].rpartition(" ")[2] for row in await pool.fetch(
        "select what from access.operation where about = $1 and data->>'why' = $2", id, WHY[1]
    )}  # fmt: skip
    assert not any("Henk" in repr(each) for each in data)
