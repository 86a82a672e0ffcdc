"""A report as a PDF for the archive, with every message, whatever its text."""

import re
import shutil
import subprocess
import sys
import time
import unicodedata
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archiver.subject_access.pdf import render
from archiver.subject_access.pdf.render import pdf
from archiver.subject_access.report import Report
from services.printing import typesetter
from services.printing.glyphs import BOX, sanitise
from services.printing.typesetter import FONTS, Unprintable
from tests.support.archiver.reports import IN, NASTY_TEXTS, REPORT, nasty, of
from tests.support.example_count import example_count

pytestmark = pytest.mark.slow  # typst sets pages

TYPST_ALONE: tuple[Path, ...] = ()
"""No fonts but those of typst."""
PAGE = ("-x", "0", "-y", "66", "-W", "595", "-H", "712")
"""Area between head and foot of a page, in points."""
UNKNOWN = ("垃", "\ue000")
"""Characters that no font here has."""


def extracted(printed: bytes, *options: str) -> str:
    """Text of a PDF, as poppler finds it."""
    assert shutil.which("pdftotext"), "poppler is missing: deploy/setup.sh paper"
    tool = ["pdftotext", *options, "-", "-"]
    return subprocess.run(tool, input=printed, capture_output=True, check=True).stdout.decode(
        errors="replace"
    )


def squeezed(text: str) -> str:
    """The text without spaces and marks of direction, which a line break changes."""
    unseen = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufe0f"
    return "".join(each for each in text if not each.isspace() and each not in unseen)


def missing(words: list[str], text: str) -> list[str]:
    return [each for each in words if squeezed(each) not in squeezed(text)]


def test_fonts_are_installed() -> None:
    found = {font.name for folder in FONTS for font in folder.glob("Noto*.ttf")}
    expected = {"NotoSans-Regular.ttf", "NotoColorEmoji.ttf"}
    assert expected <= found, "fonts are missing: deploy/setup.sh paper"


@pytest.mark.parametrize("fonts", [FONTS, TYPST_ALONE], ids=["noto", "typst"])
@pytest.mark.parametrize("report", [REPORT, nasty()], ids=["ordinary", "nasty"])
def test_report_is_a_pdf_for_the_archive(report: Report, fonts: tuple[Path, ...]) -> None:
    printed = pdf(report, fonts)
    assert printed.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in printed
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in printed
    assert b"/Lang(nl-NL)" in printed


ORDINARY = [
    *(said.text for each in REPORT.conversations for said in each.messages),
    "Gemeente Voorbeeldstad",
    "+31600000011",
    "NL.13491208655302741918 (hoort bij u, vonden wij erbij)",
    "van 1 januari 2026 tot en met 30 november 2026",
    "Antwoord uiterlijk op 25 december 2026",
    "Behandeld door Klantcontact, Openbare ruimte",
    'Waarom: "container" staat erin (regel afval)',
    "Verbetering van 23 november 2026, 07.40 uur, door Openbare ruimte",
    "Niet weken, maar één week.",
    "SHA-256 " + "6c" * 32,
    "Ophaalschema 2026.pdf pdf · 1,2 MB · apart gezet · de virusscanner vond iets",
    "Status: verstuurd 13.12 · bezorgd 13.12 · gelezen 21 november 2026, 10.40 uur",
    "Staat bij de school, niet bij het huis",
    "Melding als de container wordt geleegd",
    "systeem zaaksysteem",
    "Back-ups Een kopie van het archief 15 januari 2027",
    "Autoriteit Persoonsgegevens",
    "fg@voorbeeldstad.example",
    "pagina 1 van 4",
    "pagina 4 van 4",
]
EMPTY = [
    "Wij vonden geen gesprekken met u.",
    "Er is geen toestemming van u bekend.",
    "Niemand heeft uw gegevens opgevraagd.",
    "Er zijn geen andere kopieën bekend.",
    "alles wat wij hebben",
]


def test_pdf_has_all_of_an_ordinary_report() -> None:
    text = extracted(pdf(REPORT), "-raw")
    assert missing(ORDINARY, text) == []
    assert BOX not in text


def test_pdf_of_an_empty_report_says_that_nothing_was_found() -> None:
    empty = Report(
        municipality=REPORT.municipality, about=REPORT.about[:1], made_at=REPORT.made_at,
        made_by="Team Privacy",
    )  # fmt: skip
    assert missing(EMPTY, extracted(pdf(empty), "-raw")) == []


def words(text: str) -> set[str]:
    """Each word's letters, sorted: poppler tells what is written from right to left in the order in
    which it stands on the page, and takes a ligature apart the wrong way around."""
    plain = re.sub("[\u200c-\u200f\u202a-\u202e\u2066-\u2069]", "", text)
    return {"".join(sorted(word)) for word in re.findall(r"\w+", plain)}


@pytest.mark.parametrize(
    "text",
    [text for text in NASTY_TEXTS if sanitise(text).strip() and not any(map(text.count, UNKNOWN))],
    ids=lambda text: ascii(text)[:20],
)
def test_any_text_of_a_citizen_can_be_read_in_the_pdf(text: str) -> None:
    found = extracted(pdf(of(text)), "-raw", *PAGE)
    assert BOX not in found
    if any(unicodedata.bidirectional(each) in ("R", "AL") for each in text):
        assert words(sanitise(text)) <= words(found)
    else:
        assert missing([sanitise(text)], found) == []


@pytest.mark.parametrize(
    ("text", "fonts", "expected"),
    [
        *((f"voor {one * 2} na", FONTS, f"voor {BOX}{BOX} na") for one in UNKNOWN),
        ("Prijs 1️⃣ of 2️⃣? 😀👨‍👩‍👧 12 keer", TYPST_ALONE, f"Prijs 1 of 2? {BOX * 4} 12 keer"),
        ("1\u20e3 x\u1ab0 ж\u1ab0, xxx жжж 111", TYPST_ALONE, "xxx жжж 111"),
    ],
)
def test_unknown_characters_are_boxes_and_unknown_marks_leave_their_letters(
    text: str, fonts: tuple[Path, ...], expected: str
) -> None:
    assert expected in extracted(pdf(of(text), fonts), "-raw")


def test_boxes_are_explained_where_there_are_any() -> None:
    explanation = f"Het teken {BOX} staat voor een teken"
    assert explanation in extracted(pdf(of("😀"), TYPST_ALONE), "-raw")
    assert "Het teken" not in extracted(pdf(REPORT, TYPST_ALONE), "-raw")


@settings(max_examples=example_count(30), deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=[])), min_size=1, max_size=5))
def test_no_text_makes_the_pdf_fail(texts: list[str]) -> None:
    assert pdf(of(*texts), TYPST_ALONE).startswith(b"%PDF")


def test_long_report_has_every_message_within_a_bounded_time() -> None:
    texts = [f"Dit is bericht {n} van 2000. #1 * 😀" for n in range(2000)]
    began = time.monotonic()
    printed = pdf(of(*texts, conversations=20))
    assert time.monotonic() - began < 30
    text = extracted(printed, "-raw", *PAGE)
    assert [each for each in texts if each not in text] == []
    assert "Wat er in dit rapport staat" in text


def test_no_text_is_wider_than_its_page() -> None:
    boxes = extracted(pdf(nasty()), "-bbox")
    ends = [float(each.partition('"')[0]) for each in boxes.split('xMax="')[1:]]
    assert len(ends) > 500
    assert max(ends) <= 595 - 62.4 + 1


def test_pdf_is_the_same_bytes_for_the_same_report_only() -> None:
    later = msgspec.structs.replace(REPORT, made_at=datetime(2026, 12, 2, tzinfo=UTC))
    assert pdf(REPORT) == pdf(REPORT) != pdf(later)


@pytest.mark.parametrize(
    "report",
    [of(*["a"] * (render.MAX_MESSAGES + 1)), of("a b" * (typesetter.MAX_TEXT // 3))],
    ids=["messages", "text"],
)
def test_report_that_is_too_large_is_refused_before_typst_runs(report: Report) -> None:
    with pytest.raises(Unprintable, match="pdf_too_large"):
        pdf(report)


def test_pdf_error_names_the_package_to_install_when_typst_is_missing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(Unprintable, match=r"pdf_missing: .* pip install 'postkamer\[pdf\]'"):
        pdf(REPORT)


def test_error_of_typst_does_not_repeat_the_text(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "report.typ"
    broken.write_text("#panic(sys.inputs.report)")
    monkeypatch.setattr(render, "TEMPLATE", broken)
    with pytest.raises(Unprintable, match="pdf_broken") as refused:
        pdf(REPORT)
    assert IN.text not in str(refused.value)
    assert refused.value.__suppress_context__


def test_services_do_not_load_typst() -> None:
    loaded = "archiver.service, archiver.subject_access.pdf.render"
    code = f"import {loaded}, sys; sys.exit('typst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
