"""Print a report as PDF/A-2b with typst, an optional dependency that is imported only when needed.

A citizen's text goes in as data, never as markup. Nothing is downloaded: the fonts are those of
typst itself, and those in FONTS if the system has them.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec

from archiver.subject_access.pdf.glyphs import (
    BOX,
    NARROW_PART,
    NARROW_WORD,
    break_long_words,
    keep_latin,
    map_strings,
    parse_missing,
    replace_unknown,
    sanitise,
)
from archiver.subject_access.pdf.layout import Json, page_layout
from archiver.subject_access.report import Report, count_messages

if TYPE_CHECKING:
    import typst

TEMPLATE = Path(__file__).with_name("report.typ")
FONTS = (Path("/usr/share/fonts/truetype/noto"),)
"""Folder of Debian's fonts-noto-core and fonts-noto-color-emoji. Without them, emoji and scripts
other than Latin, Greek and Cyrillic become boxes."""
STANDARD: Final = "a-2b"
MAX_MESSAGES, MAX_TEXT = 5_000, 4_000_000
"""Most messages in one PDF, and most characters on its pages: typst takes half a GiB for either,
and some 20 seconds a round. A larger report is made by period."""
ROUNDS = 8
"""Runs of typst, each of which may report texts that no font has. Three are nearly always enough:
one reports marks, one the rest, and one nothing. But a letter without its mark may lack a font
too."""

MISSING = (
    "pdf_missing: voor een PDF is typst nodig, en dat is er niet;"
    " installeer het met: pip install 'postkamer[pdf]'"
)
TOO_LARGE = (
    "pdf_too_large: dit is te veel voor een PDF (hoogstens 5000 berichten en 4 MB tekst);"
    " maak er een voor elke periode, of gebruik de JSON"
)
BROKEN = "pdf_broken: typst kon het rapport niet zetten; meld dit, en gebruik zo lang de JSON"


class Unprintable(Exception):
    """The PDF cannot be made. The argument is the reason, a sentence without data of the report.
    The JSON is still available."""


def pdf(report: Report, fonts: Sequence[Path] = FONTS) -> bytes:
    """Print the report. The same report and fonts give the same bytes."""
    if count_messages(report) > MAX_MESSAGES:
        raise Unprintable(TOO_LARGE)
    return print_pages(TEMPLATE, page_layout(report), report.made_at, fonts)


def print_pages(template: Path, layout: Json, at: datetime, fonts: Sequence[Path] = FONTS) -> bytes:
    """Print what a template makes of a layout, whose member `tables` is set in narrow columns.
    Raises Unprintable."""
    compiler = _make_compiler(template, fonts)
    pages = map_strings(layout, sanitise)
    for _ in range(ROUNDS):
        result = _compile(compiler, _break_words(pages), at)
        if isinstance(result, bytes):
            return result
        pages = map_strings(pages, replace_unknown(result))
    result = _compile(compiler, _break_words(map_strings(pages, keep_latin)), at)
    if isinstance(result, bytes):
        return result
    raise Unprintable(BROKEN)


def _break_words(pages: Json) -> Json:
    """Break words that are wider than their line; columns of tables are narrower."""
    tables = map_strings(
        pages["tables"], lambda text: break_long_words(text, NARROW_WORD, NARROW_PART)
    )
    return cast(Json, map_strings(pages | {"tables": tables}, break_long_words))


def _make_compiler(template: Path, fonts: Sequence[Path]) -> "typst.Compiler":
    try:
        import typst
    except ImportError:
        raise Unprintable(MISSING) from None
    folders = [str(folder) for folder in fonts if folder.is_dir()]
    # The system's own fonts are left out, so that a report looks the same wherever it is made.
    typst_fonts = typst.Fonts(include_system_fonts=False, font_paths=folders)
    return typst.Compiler(template, root=str(template.parent), font_paths=typst_fonts)


def _compile(compiler: "typst.Compiler", pages: Json, at: datetime) -> bytes | frozenset[str]:
    """Return the PDF, or the texts that no font has. Typst's messages are not passed on, since they
    quote the report."""
    import typst

    data = msgspec.json.encode(pages).decode()
    if len(data) > MAX_TEXT:
        raise Unprintable(TOO_LARGE)
    inputs = {"report": data, "boxes": "yes" if data.count(BOX) > 1 else ""}
    try:
        document = compiler.compile(
            format="pdf", sys_inputs=inputs, pdf_standards=STANDARD, timestamp=int(at.timestamp())
        )
    except typst.TypstError as error:
        if unknown := parse_missing(error.diagnostic):
            return unknown
        raise Unprintable(BROKEN) from None
    assert isinstance(document, bytes)
    return document
