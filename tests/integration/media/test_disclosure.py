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
from typing import Any

import pytest
from PIL import Image

from services import clock
from services.calendar.opening_hours import day_of
from services.postgres.database import Pool
from tests.support.archiver.api import views_of
from tests.support.archiver.commands import Archive
from tests.support.archiver.privacy_api import PrivacyApi, privacy_api
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


def who(name: str) -> dict[str, str]:
    return {"Postkamer-Employee": name, "Postkamer-Reason": WHY[1]}


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
    (folder / "first.csv").write_text("what,words,ground\nwords,rand,5.1.2e\nwords,en,5.1.2e")
    first = ("disclosure", "redact", drawn["id"], 1, "--list", folder / "first.csv", *WHY, *DIRK)
    printed = (await desk(*first)).stdout
    assert "left out elsewhere, and still inside other words: 13 times\n    text 1 (" in printed
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


async def posted(api: PrivacyApi, name: str, path: str, status: int = 200, **body: Any) -> Any:
    """The answer to an order of an employee."""
    answered, said = await api.ask("POST", path, body, who(name))
    assert answered == status, said
    return said


async def redacted_over_http(api: PrivacyApi, picture: str) -> str:
    """Draw a disclosure of the story and redact it by places, words, boxes and proposals."""
    review = f"{day_of(clock.now()) + timedelta(days=30)}"
    order = {"kind": "woo", "reviewOn": review, "text": "Woo 17", "selection": {"words": "stoep"}}
    drawn = await posted(api, "Els", "disclosures", 201, **order)
    assert await posted(api, "Els", "disclosures", 201, **order) == drawn, "the same once more"
    path = f"disclosures/{drawn['id']}/documents/1"
    status, document = await api.get(path, **who("Dirk"))
    assert status == 200
    [text] = [each for each in document["texts"] if NEIGHBOUR in each["text"]]
    start = text["text"].index(NEIGHBOUR)
    place = {"message": text["message"], "from": start, "to": start + len(NEIGHBOUR)}
    box = {"message": picture, "x": 0, "y": 0, "width": 500, "height": 1000}
    wrong = place | {"to": 9_999, "ground": "5.1.2e"}
    refused = await posted(api, "Dirk", f"{path}/_redact", 409, spans=[wrong])
    assert refused["code"] == "not_of_it"
    refused = await posted(api, "Dirk", f"{path}/_redact", 400, spans=[wrong | {"ground": "9"}])
    assert refused["errors"][0]["pointer"] == "/spans/0/ground"
    changed = await posted(
        api,
        "Dirk",
        f"{path}/_redact",
        spans=[place | {"ground": "5.1.2e"}, place | {"to": place["to"] - 1, "ground": "5.1.2i"}],
        words=[{"words": each, "ground": "5.1.2e"} for each in ("de aannemer", "Gaat over")],
        boxes=[box | {"ground": "5.1.1d"}, box | {"height": 1, "ground": "5.1.1a"}],
        propose=True,
    )
    assert len(changed["spans"]) == 4 and changed["proposals"] == changed["remnants"] == []
    taken = {"spans": [place | {"to": place["to"] - 1}], "boxes": [box | {"height": 1}]}
    changed = await posted(api, "Dirk", f"{path}/_redact", remove=taken)
    assert {each["ground"] for each in changed["spans"]} == {"5.1.2e"}
    assert [each["boxes"] for each in changed["pictures"]] == [[box | {"ground": "5.1.1d"}]]
    return str(drawn["id"])


async def approved_over_http(api: PrivacyApi, id: str) -> None:
    """Three people decide, review and approve, and none of them another's part."""
    for decision, code in (("open", "left_out"), ("closed", "ground_needed")):
        order = {"numbers": [1], "decision": decision}
        refused = await posted(api, "Dirk", f"disclosures/{id}/_decide", 409, **order)
        assert refused["code"] == code
    await posted(api, "Dirk", f"disclosures/{id}/_decide", numbers=[1], decision="partly")
    await posted(api, "Els", f"disclosures/{id}/_review")
    late = {"words": [{"words": "stoep", "ground": "5.1.2e"}]}
    refused = await posted(api, "Dirk", f"disclosures/{id}/documents/1/_redact", 409, **late)
    assert refused["code"] == "wrong_state"
    for name, part in (("Els", "drawer"), ("Dirk", "decider")):
        refused = await posted(api, name, f"disclosures/{id}/_approve", 409)
        assert refused["code"] == f"disclosure_{part}_does_not_approve"
    draft = unpacked(await posted(api, "Els", f"disclosures/{id}/_export"))
    assert all(name.startswith("concept-") for name in draft)
    await posted(api, "Fred", f"disclosures/{id}/_approve")


def unpacked(archive: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return {name: opened.read(name) for name in opened.namelist()}


async def test_no_tool_finds_what_was_left_out_over_http(
    empty: str, pool: Pool, tmp_path: Path
) -> None:
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    story = ordinary()
    async with room(pool, tmp_path) as place:
        picture = await told(place, story)
    objects = (tmp_path / "objects").as_uri()
    async with privacy_api(empty, objects, roles=frozenset(["records"])) as api:
        id = await redacted_over_http(api, picture)
        _, bare = await api.get(f"disclosures/{id}/documents/1/pictures/{picture}", **who("Dirk"))
        with pytest.raises(AssertionError):
            assert_nothing_under_the_box(bare)
        page = {"Accept": "text/html"} | who("Dirk")
        _, preview = await api.get(f"disclosures/{id}/documents/1/preview", **page)
        await approved_over_http(api, id)
        archive = await posted(api, "Fred", f"disclosures/{id}/_export")
        assert await posted(api, "Fred", f"disclosures/{id}/_export") == archive
        for form in ("csv", "ods"):
            _, inventory = await api.get(f"disclosures/{id}/inventory/{form}")
            assert inventory == unpacked(archive)[f"inventaris.{form}"]
        _, whole = await api.get(f"disclosures/{id}")
    out = tmp_path / "out"
    out.mkdir()
    for name, body in unpacked(archive).items():
        (out / name).write_bytes(body)
    assert sorted(each.name for each in out.iterdir()) == NAMES
    assert_nothing_is_found(out, tmp_path / "scratch")
    shown = preview.decode()
    assert "Concept" in shown and not [each for each in SECRET if each in shown]
    events = [(each["event"], each["by"]) for each in whole["steps"]]
    assert events[-3:] == [("approved", "Fred"), ("exported", "Fred"), ("exported", "Fred")]
    views = [(view["employee"], view["what"]) for view in await views_of(pool)]
    assert {("Dirk", "disclosure"), ("Dirk", "file"), ("Fred", "disclosure")} <= {*views}
