"""Both forms of a transcript: what they show, what they ask of nobody, the same bytes."""

import io
import re
import subprocess
import sys
from html.parser import HTMLParser
from typing import Any

import msgspec
import pytest
from PIL import Image

from archiver.transcript import phrases
from archiver.transcript.page import render_page
from archiver.transcript.pdf import REASONS, STANDARDS, transcript_pdf
from archiver.transcript.transcript import Message, Transcript, encode_transcript
from services.language import readability
from services.printing.typesetter import Unprintable
from tests.support.archiver.reports import NASTY_TEXTS
from tests.support.archiver.transcripts import (
    FATIMA,
    LOTTE,
    PHOTO,
    Story,
    arabic,
    contents_of,
    ordinary,
    transcript_of,
)
from tests.unit.archiver.subject_access.pdf.test_render import extracted, missing

NASTY = '<script>alert(1)</script>"><img src=https://x.example/> {{ 7 * 7 }} &amp;'
SENT = [text.encode("utf-8", "replace").decode() for text in NASTY_TEXTS]
"""Texts as JSON can have them: without half characters."""
SHOWN = [
    "Gemeente Almelo", "Fatima (+31600000011)", "ZAAK-2026-0012345",
    "6.1.3: Verzoeken behandelen: Ingewilligd, Informatieverzoek",
    "Doorgegeven van Klantcontactcentrum aan Openbare ruimte", "Gaat over een stoep",
    "Gesprek genomen of toegewezen binnen Openbare ruimte",
    "Medewerker: l.hendriks (bewezen met een login)",
    "Medewerker: m.yilmaz (opgegeven door het eigen systeem)",
    'Waarom: "stoep" staat erin (regel stoep)', "Versie van de regels: 3f1c09a2b7de",
    "verstuurd 09.14 · bezorgd 09.14 · gelezen 09.16",
    "niet bezorgd 08.06 (131026: dit nummer kan geen WhatsApp-bericht ontvangen)",
    "Speeltuin De Weezeboom", "x 242120 m, y 486269 m",
    "Aangepast op 20 november 2026, 10.21 uur: zie bericht 7. Hier staat de eerste tekst.",
    "Ingetrokken op 20 november 2026, 10.24 uur (bericht 9). De tekst blijft in het dossier.",
    "Mijn buurman Henk van nummer 14 heeft het gedaan", "Nieuwe tekst van bericht 6",
    "Verbetering van 20 november 2026, 10.24 uur, door W. Dekker",
    "Reactie van de inwoner: 👍 (21 november 2026, 08.06 uur)",
    "Melding gemaakt bij de aannemer, komt woensdag.", "Notitie voor collega's",
    "Antwoord op bericht 4", "Gekoppeld aan een zaak", "Gesprek gesloten", "beantwoord",
    "SHA-256 6c1b29ad7d6a6e6a1f29a8ef2b6a7a0bb5d2a40ce2b49e0a0d6b5b9f3ad94c17",
    "Laatste vermelding 21 november 2026, 08.15 uur",
]  # fmt: skip


def jpeg() -> bytes:
    output = io.BytesIO()
    Image.new("RGB", (40, 30), "green").save(output, "JPEG")
    return output.getvalue()


def printed(story: Story, *, originals: bool = False, **more: Any) -> bytes:
    contents = contents_of(story.records, jpeg(), "image/jpeg")
    original = PHOTO.read_bytes() if originals else b""
    contents = {id: each._replace(original=original) for id, each in contents.items()}
    return transcript_pdf(transcript_of(story, contents, **more))


def page_of(story: Story, **more: Any) -> str:
    contents = contents_of(story.records, PHOTO.read_bytes(), "image/png")
    return render_page(transcript_of(story, contents, **more)).decode()


class Text(HTMLParser):
    """The text of a page, and what it names outside itself."""

    def __init__(self) -> None:
        super().__init__()
        self.text, self.addresses, self.tags = "", set[str](), set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            if name in ("src", "href", "action", "poster", "srcset", "data"):
                self.addresses.add((value or "").partition(",")[0])

    def handle_data(self, data: str) -> None:
        self.text += data + " "


def read(page: str) -> Text:
    parser = Text()
    parser.feed(page)
    return parser


def without_colons(lines: list[str]) -> list[str]:
    """The lines as a page has them, in two columns."""
    return [line.replace("Waarom: ", "Waarom ").replace("regels: ", "regels ") for line in lines]


def test_page_has_everything() -> None:
    text = read(page_of(ordinary(), municipality="Gemeente Almelo")).text
    assert missing(without_colons(SHOWN), text) == []


@pytest.mark.slow
def test_pdf_has_everything() -> None:
    text = extracted(printed(ordinary(), municipality="Gemeente Almelo"), "-raw")
    assert missing(SHOWN, text) == []


def test_page_asks_nothing_of_anybody_and_runs_nothing() -> None:
    story = ordinary()
    story.hears("text", {}, NASTY)
    story.add("note", {"id": story.new_id(), "author": LOTTE | {"id": NASTY}, "text": NASTY})
    page = page_of(story, municipality=NASTY)
    found = read(page)
    assert "script" not in found.tags and found.tags >= {"article", "h1", "h2", "h3", "ol", "svg"}
    others = {each for each in found.addresses if not each.startswith("#bericht-")}
    assert others == {"data:image/png;base64"}
    assert set(re.findall(r"https?://[^\s\"'<&]+", page)) == {
        "http://www.w3.org/2000/svg", "https://x.example/",
    }  # fmt: skip
    assert found.text.count(NASTY) == 4
    assert 'lang="nl"' in page and "default-src 'none'" in page


@pytest.mark.parametrize("story", [ordinary, arabic], ids=["ordinary", "arabic"])
def test_links_lead_to_messages_of_the_page(story: Any) -> None:
    page = page_of(story())
    targets = set(re.findall(r'id="(bericht-\d+)"', page))
    links = set(re.findall(r'href="#(bericht-\d+)"', page))
    assert links and links <= targets


def test_page_is_utf_8_whatever_was_sent() -> None:
    story = Story("mfrggzdfmztwq2lknnwg23tpoa", FATIMA)
    for text in SENT:
        story.hears("text", {}, text)
    page = page_of(story)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e]", page)


@pytest.mark.slow
def test_forms_are_the_same_bytes_in_another_process_and_others_after_a_new_entry() -> None:
    story = ordinary()
    contents = contents_of(story.records, jpeg(), "image/jpeg")
    transcript = transcript_of(story, contents)
    code = (
        "import sys; from archiver.transcript.transcript import decode_transcript as d;"
        "from archiver.transcript.page import render_page as r;"
        "from archiver.transcript.pdf import transcript_pdf as p;"
        "t = d(sys.stdin.buffer.read()); sys.stdout.buffer.write(r(t) + p(t))"
    )
    elsewhere = subprocess.run(
        [sys.executable, "-c", code],
        input=encode_transcript(transcript),
        capture_output=True,
        check=True,
        env={"PYTHONPATH": ":".join(sys.path), "PYTHONHASHSEED": "7", "TZ": "Asia/Tokyo"},
    ).stdout
    here = render_page(transcript) + transcript_pdf(transcript)
    assert elsewhere == here
    story.passes(minutes=1)
    story.hears("text", {}, "Nog iets")
    later = transcript_of(story, contents)
    assert render_page(later) + transcript_pdf(later) != here


@pytest.mark.slow
@pytest.mark.parametrize(
    ("originals", "part"), [(False, b"2"), (True, b"3")], ids=["plain", "with originals"]
)
def test_pdf_says_that_it_is_for_the_archive_and_for_screen_readers(
    originals: bool, part: bytes
) -> None:
    pdf = printed(ordinary(), originals=originals)
    assert b"<pdfaid:part>" + part + b"</pdfaid:part>" in pdf
    assert b"<pdfaid:conformance>A</pdfaid:conformance>" in pdf
    assert b"<pdfuaid:part>1</pdfuaid:part>" in pdf
    assert b"/Marked true" in pdf and b"/Lang(nl-NL)" in pdf
    assert (b"/EmbeddedFile" in pdf) == originals
    assert len(STANDARDS) == 2


@pytest.mark.slow
def test_pdf_is_made_of_any_text_and_of_a_right_to_left_one_as_it_is() -> None:
    story = arabic()
    for text in (*SENT, NASTY):
        story.hears("text", {"location": {"latitude": 1, "longitude": 2, "name": text}}, text)
        story.step("transferred", LOTTE | {"id": text[:80]}, **{"from": "x", "reason": text})
    text = extracted(printed(story, municipality=NASTY, is_partial=True, unreadable=3))
    assert "7 * 7" in text and phrases.PARTIAL in text and "(3 vermeldingen)" in text


def test_transcript_that_is_too_long_for_a_pdf_names_the_page_instead() -> None:
    transcript = transcript_of(ordinary())
    [first, *_] = [row for row in transcript.rows if isinstance(row, Message)]
    long = msgspec.structs.replace(first, text="woord " * 700_000)
    huge: Transcript = msgspec.structs.replace(transcript, rows=(long,))
    with pytest.raises(Unprintable) as refused:
        transcript_pdf(huge)
    assert str(refused.value) == REASONS["pdf_too_large"]


def test_phrases_are_readable() -> None:
    texts = [phrases.INTRODUCTION, phrases.BOXES, phrases.PARTIAL, phrases.UNREADABLE,
             phrases.EDITED, phrases.WITHDRAWN, phrases.SCALED, phrases.DESTROYED]  # fmt: skip
    assert [fault for text in texts for fault in readability.readability_faults(text)] == []
