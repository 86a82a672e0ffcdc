"""A report on paper: as a PDF for the archive, with every message, whatever is in it."""

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

from archiver.subject_access.pdf import render as press
from archiver.subject_access.pdf.glyphs import BOX, sanitise
from archiver.subject_access.pdf.render import FONTS, Unprintable, pdf
from archiver.subject_access.report import Report
from tests.support.archiver.reports import (
    IN,
    NASTY_TEXTS,
    REPORT,
    nasty,
    of,
)
from tests.support.example_count import example_count

pytestmark = pytest.mark.slow  # typst sets pages

WITHOUT: tuple[Path, ...] = ()
"""Fonts of ours: typst's own alone."""
PAGE = ("-x", "0", "-y", "66", "-W", "595", "-H", "712")
"""What is between the head and the foot of a page, in points."""


def extracted(printed: bytes, *options: str) -> str:
    """Its text, as poppler finds it."""
    assert shutil.which("pdftotext"), "poppler is missing: deploy/setup.sh paper"
    tool = ["pdftotext", "-raw", *options, "-", "-"]
    return subprocess.run(tool, input=printed, capture_output=True, check=True).stdout.decode()


def squeezed(text: str) -> str:
    """Without what a line break changes, and without the marks that say which way is forward."""
    unseen = "\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u2066\u2067\u2068\u2069\ufe0f"
    return "".join(each for each in text if not each.isspace() and each not in unseen)


def told(report: Report) -> list[str]:
    return [said.text for each in report.conversations for said in each.messages]


def test_the_fonts_are_there() -> None:
    found = [font.name for folder in FONTS for font in folder.glob("Noto*.ttf")]
    assert "NotoSans-Regular.ttf" in found, "fonts are missing: deploy/setup.sh paper"
    assert "NotoColorEmoji.ttf" in found, "fonts are missing: deploy/setup.sh paper"


@pytest.mark.parametrize("fonts", [FONTS, WITHOUT], ids=["noto", "without"])
@pytest.mark.parametrize("report", [REPORT, nasty()], ids=["ordinary", "nasty"])
def test_it_is_a_pdf_for_the_archive(report: Report, fonts: tuple[Path, ...]) -> None:
    printed = pdf(report, fonts)
    assert printed.startswith(b"%PDF-1.7")
    assert b"<pdfaid:part>2</pdfaid:part>" in printed
    assert b"<pdfaid:conformance>B</pdfaid:conformance>" in printed
    assert b"/Lang(nl-NL)" in printed


@pytest.mark.parametrize(
    "words",
    [
        *told(REPORT),
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
    ],
)
def test_an_ordinary_one_says_all_that_is_in_the_report(words: str) -> None:
    text = extracted(pdf(REPORT))
    assert squeezed(words) in squeezed(text)
    assert BOX not in text


UNKNOWN = ("垃", "\ue000")
"""Of what no font here has."""


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
def test_whatever_somebody_wrote_can_be_read_out_again(text: str) -> None:
    found = extracted(pdf(of(text)), *PAGE)
    assert BOX not in found
    if any(unicodedata.bidirectional(each) in ("R", "AL") for each in text):
        assert words(sanitise(text)) <= words(found)
    else:
        assert squeezed(sanitise(text)) in squeezed(found)


@pytest.mark.parametrize("unknown", UNKNOWN)
def test_what_no_font_has_is_a_box(unknown: str) -> None:
    assert f"voor {BOX}{BOX} na" in extracted(pdf(of(f"voor {unknown * 2} na")), *PAGE)


@settings(max_examples=example_count(30), deadline=None)
@given(st.lists(st.text(st.characters(exclude_categories=[])), min_size=1, max_size=5))
def test_no_text_is_refused(texts: list[str]) -> None:
    assert pdf(of(*texts), WITHOUT).startswith(b"%PDF")


def test_every_message_of_a_long_one_is_there_and_it_takes_a_bounded_time() -> None:
    report = of(*(f"Dit is bericht {n} van 2000. #1 * 😀" for n in range(2000)), conversations=20)
    began = time.monotonic()
    printed = pdf(report)
    took = time.monotonic() - began
    print(f"2,000 messages: {took:.2f} s, {len(printed):,} bytes")
    text = extracted(printed, *PAGE)
    assert [n for n in range(2000) if f"Dit is bericht {n} van 2000. #1 * 😀" not in text] == []
    assert "Wat er in dit rapport staat" in text
    assert took < 30


def test_without_fonts_it_has_boxes_and_says_what_they_are() -> None:
    text = extracted(pdf(of("Prijs 1️⃣ of 2️⃣? 😀👨‍👩‍👧 12 keer"), WITHOUT), *PAGE)
    assert f"Prijs 1 of 2? {BOX * 4} 12 keer" in text
    assert f"Het teken {BOX} staat voor een teken" in text
    assert "Het teken" not in extracted(pdf(REPORT, WITHOUT))


def test_letters_of_which_a_mark_is_unknown_stay_letters() -> None:
    text = extracted(pdf(of("1\u20e3 x\u1ab0 ж\u1ab0, xxx жжж 111"), WITHOUT), *PAGE)
    assert "xxx жжж 111" in text


def test_no_text_is_wider_than_its_page() -> None:
    printed = pdf(nasty())
    right = 595 - 62.4 + 1
    boxes = subprocess.run(
        ["pdftotext", "-bbox", "-", "-"], input=printed, capture_output=True, check=True
    ).stdout.decode(errors="replace")
    ends = [float(each.partition('"')[0]) for each in boxes.split('xMax="')[1:]]
    assert len(ends) > 500
    assert max(ends) <= right


def test_the_same_report_is_the_same_bytes() -> None:
    assert pdf(REPORT) == pdf(REPORT)
    later = msgspec.structs.replace(REPORT, made_at=datetime(2026, 12, 2, tzinfo=UTC))
    assert pdf(later) != pdf(REPORT)


def test_one_of_which_nothing_is_known_says_so() -> None:
    nothing = Report(
        municipality=REPORT.municipality,
        about=REPORT.about[:1],
        made_at=REPORT.made_at,
        made_by="Team Privacy",
    )
    text = squeezed(extracted(pdf(nothing)))
    for words in (
        "Wij vonden geen gesprekken met u.",
        "Er is geen toestemming van u bekend.",
        "Niemand heeft uw gegevens opgevraagd.",
        "Er zijn geen andere kopieën bekend.",
        "alles wat wij hebben",
    ):
        assert squeezed(words) in text


@pytest.mark.parametrize(
    "report",
    [of(*["a"] * (press.MAX_MESSAGES + 1)), of("a b" * (press.MAX_TEXT // 3))],
    ids=["messages", "text"],
)
def test_one_that_is_too_large_is_refused_before_typst_takes_the_memory(report: Report) -> None:
    with pytest.raises(Unprintable, match="pdf_too_large"):
        pdf(report)


def test_without_typst_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "typst", None)
    with pytest.raises(Unprintable, match=r"pdf_missing: .* pip install 'postkamer\[pdf\]'"):
        pdf(REPORT)


def test_what_typst_says_of_a_text_is_repeated_to_nobody(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    broken = tmp_path / "report.typ"
    broken.write_text("#panic(sys.inputs.report)")
    monkeypatch.setattr(press, "TEMPLATE", broken)
    with pytest.raises(Unprintable, match="pdf_broken") as refused:
        pdf(REPORT)
    assert IN.text not in str(refused.value)
    assert refused.value.__suppress_context__


def test_services_do_without_typst() -> None:
    loaded = "archiver.service, archiver.subject_access.pdf.render"
    code = f"import {loaded}, sys; sys.exit('typst' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
