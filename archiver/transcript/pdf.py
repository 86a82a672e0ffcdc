"""The transcript as PDF/A, tagged so that a screen reader can read it (PDF/UA-1)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from archiver.printing.labels import describe_type
from archiver.transcript.layout import lay_out
from archiver.transcript.transcript import File, Message, Transcript
from services.files.file_signatures import strip_parameters
from services.files.filenames import sanitise_filename
from services.printing.typesetter import FONTS, Json, Printing, Unprintable, print_pages

TEMPLATE = Path(__file__).with_name("page.typ")
STANDARDS = "a-2a", "ua-1"
WITH_FILES = "a-3a", "ua-1"
"""PDF/A-3, the only one that may hold files of any type."""
EXTENSIONS = {
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/webp": ".webp",
    "audio/aac": ".aac",
    "audio/amr": ".amr",
    "audio/mp4": ".m4a",
    "audio/mpeg": ".mp3",
    "audio/ogg": ".ogg",
    "video/3gpp": ".3gp",
    "video/mp4": ".mp4",
}
"""Type of a file to which WhatsApp gives no name -> end of its name as an attachment."""
REASONS = {
    "pdf_too_large": "pdf_too_large: dit gesprek is te lang voor een PDF; gebruik de HTML",
    "pdf_broken": "pdf_broken: typst kon het afschrift niet zetten; gebruik zo lang de HTML",
}
"""Code of the typesetter -> what it means for a transcript."""


def transcript_pdf(transcript: Transcript, fonts: Sequence[Path] = FONTS) -> bytes:
    """Print a transcript, with its originals attached where it has them. The same transcript and
    fonts give the same bytes. Raises Unprintable."""
    layout, originals = lay_out(transcript), list(_originals(transcript))
    files = {key: file.content for key, file in layout.files.items() if file.shown == "picture"}
    files |= {key: drawing.encode() for key, drawing in layout.maps.items()}
    files |= {_key(file): file.original for file in originals}
    pages = layout.pages | {"originals": [_attached(file) for file in originals]}
    printing = Printing(WITH_FILES if originals else STANDARDS, files, fonts)
    try:
        return print_pages(TEMPLATE, pages, transcript.last_at, printing)
    except Unprintable as error:
        code = str(error).partition(":")[0]
        raise Unprintable(REASONS.get(code, str(error))) from None


def _originals(transcript: Transcript) -> Iterator[File]:
    for row in transcript.rows:
        if isinstance(row, Message):
            yield from (file for file in row.files if file.original)


def _key(file: File) -> str:
    return f"original {file.id[-12:]}"


def _attached(file: File) -> Json:
    """Return how an original is attached, by a name that no other file has."""
    type = strip_parameters(file.type)
    name = sanitise_filename(file.name) or f"bestand{EXTENSIONS.get(type, '')}"
    return {
        "key": _key(file),
        "name": f"{file.id[-12:]} {name}",
        "type": type,
        "about": f"{describe_type(file.type).capitalize()}, SHA-256 {file.sha256}",
    }
