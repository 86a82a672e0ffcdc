"""Read the name of a file from an untrusted Content-Disposition header. Pure."""

import re
import unicodedata
from urllib.parse import unquote

CHARACTERS = 240
"""Longest name. Meta names no limit; most file systems have one of 255 bytes."""
HEADER_CHARACTERS = 1000
"""Longest header: a name of CHARACTERS with four bytes each, of three characters in the header,
would need more, but no file system stores it."""
EXTENSION_CHARACTERS = 10
"""Longest extension; longer text behind the last dot is part of the name."""
EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
PLAIN = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
"""The two forms of RFC 6266; EXTENDED takes precedence over PLAIN."""


def parse_filename(header: str) -> str:
    """Return the sanitised name in a Content-Disposition header, or ''."""
    if extended := EXTENDED.search(header):
        return sanitise(unquote(extended[1], errors="replace"))
    if plain := PLAIN.search(header):
        return sanitise(re.sub(r"\\(.)", r"\1", plain[1]) if plain[1] is not None else plain[2])
    return ""


def sanitise(name: str) -> str:
    """Return a name without a path, invisible characters or bidirectional controls, of at most
    CHARACTERS."""
    last = re.split(r"[/\\]", name)[-1]
    visible = "".join(c for c in last if c == " " or unicodedata.category(c)[0] not in "CZ")
    if not (stripped := visible.strip(" .")):
        return ""
    stem, dot, extension = stripped.rpartition(".")
    if not dot or len(extension) > EXTENSION_CHARACTERS:
        return stripped[:CHARACTERS]
    return f"{stem[: CHARACTERS - len(extension) - 1]}.{extension}"
