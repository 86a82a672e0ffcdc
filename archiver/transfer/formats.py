"""Formats of files by their media type and first bytes, with their ids in PRONOM. Pure.

`pronom.toml` is the table. The signatures are those of PRONOM as far as the first bytes go.
"""

import re
from collections import defaultdict
from collections.abc import Callable
from typing import Literal

import msgspec

from archiver.transfer.mdto import PRONOM, Concept
from services.files.file_signatures import strip_parameters
from services.package_data import load_table

HEAD_BYTES = 64 * 1024
"""First bytes that are looked at: the Exif version and the chunks of a PNG before its pixels lie
within them in photographs of phones. Elsewhere the plainest row of the type counts."""
EXTENSION = "bin"
UNKNOWN = "Unknown"


class Format(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A row of the table."""

    type: str
    extension: str
    id: str
    """Id in PRONOM; '' if it has none."""
    name: str
    sign: str = ""
    preferred: Literal["yes", "unconfirmed"] = "unconfirmed"
    """yes: a format of the National Archive's choice."""
    source: str = ""

    @property
    def concept(self) -> Concept:
        return Concept(self.name, PRONOM, self.id)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    sources: dict[str, str]
    format: list[Format]


Sign = Callable[[bytes], bool]


def _matches(pattern: bytes) -> Sign:
    compiled = re.compile(pattern, re.DOTALL)
    return lambda head: compiled.match(head) is not None


def _exif(version: bytes) -> Sign:
    big = rb"MM\x00\*.*?\x90\x00\x00\x07\x00\x00\x00\x04" + version
    little = rb"II\*\x00.*?\x00\x90\x07\x00\x04\x00\x00\x00" + version
    return _matches(rb"\xff\xd8\xff\xe1..Exif\x00\x00(?:" + big + rb"|" + little + rb")")


def _jfif(minor: int) -> Sign:
    return _matches(rb"\xff\xd8\xff\xe0..JFIF\x00\x01" + bytes([minor]) + rb"[\x00-\x02]")


def _pdf(version: bytes) -> Sign:
    return _matches(rb".{0,1024}?%PDF-" + re.escape(version))


def _png(*chunks: bytes) -> Sign:
    return _matches(rb"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR.*?(?:" + rb"|".join(chunks) + rb")")


SIGNS: dict[str, Sign] = {
    "exif-2.1": _exif(rb"0210"),
    "exif-2.2": _exif(rb"0220"),
    "exif-2.2.1": _exif(rb"0221"),
    "exif-2.3": _exif(rb"023[0-9]"),
    **{f"jfif-1.0{minor}": _jfif(minor) for minor in range(3)},
    "png-1.1": _png(b"iCCP", b"sPLT", b"sRGB"),
    "png-1.2": _png(b"iTXt"),
    "webp-lossless": _matches(rb"RIFF....WEBPVP8L"),
    "webp-extended": _matches(rb"RIFF....WEBPVP8X"),
    "ogg-opus": _matches(rb"OggS\x00\x02.{22}OpusHead"),
    "ogg-vorbis": _matches(rb"OggS\x00\x02.{22}\x01vorbis"),
    "m4a": _matches(rb"....ftypM4A "),
    "mp4": _matches(rb"....ftyp"),
    "3gpp": _matches(rb"....ftyp3g[egprst]"),
    **{f"pdf-{each}": _pdf(each.encode()) for each in ("1.0", "1.1", "1.2", "1.3", "1.4", "1.5")},
    **{f"pdf-{each}": _pdf(each.encode()) for each in ("1.6", "2.0")},
}
"""Name of a signature in the table -> the check of a file's first bytes."""
_FILE = load_table("archiver.transfer", "pronom.toml", _File)
SOURCES = _FILE.sources
FORMATS: dict[str, list[Format]] = defaultdict(list)
"""Media type -> its rows."""
for _row in _FILE.format:
    FORMATS[_row.type].append(_row)


def recognise(media_type: str, head: bytes) -> Format:
    """Return the format of a file that begins with `head`. One of a type that the table has not, as
    an older record may name, has the type as its name."""
    plain = strip_parameters(media_type)
    rows = FORMATS.get(media_type) or FORMATS.get(plain) or ()
    for row in rows:
        if not row.sign or SIGNS[row.sign](head):
            return row
    return Format(type=plain, extension=EXTENSION, id="", name=plain or UNKNOWN)


def extension_of(media_type: str) -> str:
    """Return the extension of files of a type."""
    rows = FORMATS.get(strip_parameters(media_type))
    return rows[-1].extension if rows else EXTENSION
