"""Print pages as PDF/A with typst, an optional dependency that is imported only when needed.

A citizen's text goes in as data, never as markup. Nothing is downloaded: the fonts are those of
typst itself, and those in FONTS if the system has them. Pictures are files without a name in
memory, and the only ones that a template can read.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec

from services.printing.glyphs import (
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

if TYPE_CHECKING:
    import typst

Json = dict[str, Any]

FONTS = (Path("/usr/share/fonts/truetype/noto"),)
"""Folder of Debian's fonts-noto-core and fonts-noto-color-emoji. Without them, emoji and scripts
other than Latin, Greek and Cyrillic become boxes."""
OPEN_FILES = "/proc/self/fd"
"""Root of what a template can read: the files that this process has open."""
MAX_TEXT = 4_000_000
"""Most characters on the pages of one PDF: typst takes half a GiB for them, and some 20 seconds a
round."""
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
    The same in another form is still available."""


class Printing(msgspec.Struct, frozen=True):
    """Standards of typst by which pages are printed, and files that go with them. A template opens
    one by its name in the input `files`."""

    standards: tuple[str, ...] = ("a-2b",)
    files: Mapping[str, bytes] = {}
    fonts: Sequence[Path] = FONTS


PLAIN = Printing()


def print_pages(template: Path, layout: Json, at: datetime, printing: Printing = PLAIN) -> bytes:
    """Print what a template makes of a layout, whose member `tables` is set in narrow columns. The
    same arguments give the same bytes. Raises Unprintable."""
    compiler = _make_compiler(printing.fonts)
    source, standards = template.read_bytes(), list(printing.standards)
    with _open_files(printing.files) as paths:
        job = _Job(compiler, source, standards, int(at.timestamp()), paths)
        return _print(job, map_strings(layout, sanitise))


class _Job(msgspec.Struct, frozen=True):
    """A document without its text."""

    compiler: Any
    template: bytes
    standards: list[str]
    timestamp: int
    files: Mapping[str, str]


def _print(job: _Job, pages: Json) -> bytes:
    for _ in range(ROUNDS):
        result = _compile(job, _break_words(pages))
        if isinstance(result, bytes):
            return result
        pages = map_strings(pages, replace_unknown(result))
    result = _compile(job, _break_words(map_strings(pages, keep_latin)))
    if isinstance(result, bytes):
        return result
    raise Unprintable(BROKEN)


def _break_words(pages: Json) -> Json:
    """Break words that are wider than their line; columns of tables are narrower."""
    tables = map_strings(
        pages.get("tables", []), lambda text: break_long_words(text, NARROW_WORD, NARROW_PART)
    )
    return cast(Json, map_strings(pages | {"tables": tables}, break_long_words))


def _make_compiler(fonts: Sequence[Path]) -> "typst.Compiler":
    try:
        import typst
    except ImportError:
        raise Unprintable(MISSING) from None
    folders = [str(folder) for folder in fonts if folder.is_dir()]
    # The system's own fonts are left out, so that a report looks the same wherever it is made.
    typst_fonts = typst.Fonts(include_system_fonts=False, font_paths=folders)
    return typst.Compiler(root=OPEN_FILES, font_paths=typst_fonts)


@contextmanager
def _open_files(files: Mapping[str, bytes]) -> Iterator[dict[str, str]]:
    """Yield the path of each file, which is in memory and has no name anywhere."""
    opened: dict[str, int] = {}
    try:
        for name, content in files.items():
            opened[name] = os.memfd_create("file")
            with os.fdopen(opened[name], "wb", closefd=False) as file:
                file.write(content)
        yield {name: f"/{each}" for name, each in opened.items()}
    finally:
        for each in opened.values():
            os.close(each)


def _compile(job: _Job, pages: Json) -> bytes | frozenset[str]:
    """Return the PDF, or the texts that no font has. Typst's messages are not passed on, since they
    quote the report."""
    import typst

    data = msgspec.json.encode(pages).decode()
    if len(data) > MAX_TEXT:
        raise Unprintable(TOO_LARGE)
    inputs = {"report": data, "boxes": "yes" if data.count(BOX) > 1 else ""}
    inputs["files"] = msgspec.json.encode(job.files).decode()
    try:
        document = job.compiler.compile(
            job.template,
            format="pdf",
            sys_inputs=inputs,
            pdf_standards=job.standards,
            timestamp=job.timestamp,
        )
    except typst.TypstError as error:
        if unknown := parse_missing(error.diagnostic):
            return unknown
        raise Unprintable(BROKEN) from None
    assert isinstance(document, bytes)
    return document
