"""A report as a PDF/A-2b, set by typst: an extra, loaded only when it is asked for.

What is a citizen's goes in as data, never as markup, and nothing is fetched: fonts are those of
typst itself, and of FONTS where the system has them.
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
    latin,
    map_strings,
    missing,
    replace_unknown,
    sanitise,
)
from archiver.subject_access.pdf.layout import Json, page_layout
from archiver.subject_access.report import Report, messages

if TYPE_CHECKING:
    import typst

TEMPLATE = Path(__file__).with_name("report.typ")
FONTS = (Path("/usr/share/fonts/truetype/noto"),)
"""Where Debian's fonts-noto-core and fonts-noto-color-emoji are. Without them scripts other than
Latin, Greek and Cyrillic, and emoji, are boxes."""
STANDARD: Final = "a-2b"
LARGEST, LARGEST_TEXT = 5_000, 4_000_000
"""Messages in one PDF, and characters of all that is on its pages: typst takes half a GiB for
either, and some 20 seconds a round. Who has more asks by period."""
ROUNDS = 8
"""Of typst, in which it says what no font has. Three are enough nearly always: marks, all else, and
one with nothing to say; but a letter without its mark may be without a font as well."""

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
    """Why there is no PDF, in a sentence that holds nothing of the report. Its JSON there is."""


def pdf(report: Report, fonts: Sequence[Path] = FONTS) -> bytes:
    """The same report, the same fonts: the same bytes."""
    if messages(report) > LARGEST:
        raise Unprintable(TOO_LARGE)
    press = _press(fonts)
    pages = map_strings(page_layout(report), sanitise)
    for _ in range(ROUNDS):
        printed = _printed(press, _cut(pages), report.made_at)
        if isinstance(printed, bytes):
            return printed
        pages = map_strings(pages, replace_unknown(printed))
    printed = _printed(press, _cut(map_strings(pages, latin)), report.made_at)
    if isinstance(printed, bytes):
        return printed
    raise Unprintable(BROKEN)


def _cut(pages: Json) -> Json:
    """With no word that is wider than its line; columns of tables are narrow."""
    tables = map_strings(
        pages["tables"], lambda text: break_long_words(text, NARROW_WORD, NARROW_PART)
    )
    return cast(Json, map_strings(pages | {"tables": tables}, break_long_words))


def _press(fonts: Sequence[Path]) -> "typst.Compiler":
    try:
        import typst
    except ImportError:
        raise Unprintable(MISSING) from None
    folders = [str(folder) for folder in fonts if folder.is_dir()]
    # No fonts of the system's: what a report looks like is no matter of where it was made.
    found = typst.Fonts(include_system_fonts=False, font_paths=folders)
    return typst.Compiler(TEMPLATE, root=str(TEMPLATE.parent), font_paths=found)


def _printed(press: "typst.Compiler", pages: Json, at: datetime) -> bytes | frozenset[str]:
    """The PDF, or what no font has. Of what typst says nothing goes on: it quotes the text."""
    import typst

    data = msgspec.json.encode(pages).decode()
    if len(data) > LARGEST_TEXT:
        raise Unprintable(TOO_LARGE)
    inputs = {"report": data, "boxes": "yes" if data.count(BOX) > 1 else ""}
    try:
        made = press.compile(
            format="pdf", sys_inputs=inputs, pdf_standards=STANDARD, timestamp=int(at.timestamp())
        )
    except typst.TypstError as error:
        if unknown := missing(error.diagnostic):
            return unknown
        raise Unprintable(BROKEN) from None
    assert isinstance(made, bytes)
    return made
