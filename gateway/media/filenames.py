"""The name of a file, out of a header that anybody may have written. Pure."""

import re
import unicodedata
from urllib.parse import unquote

CHARACTERS = 240
"""Meta names no limit; most file systems have one of 255 bytes."""
EXTENSION_CHARACTERS = 10
"""What is longer behind the last dot is no extension."""
EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
PLAIN = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
"""RFC 6266's two forms of it; the first goes before the second."""


def filename(header: str) -> str:
    """What may be shown of the name in a Content-Disposition; '' where there is none."""
    if extended := EXTENDED.search(header):
        return safe(unquote(extended[1], errors="replace"))
    if plain := PLAIN.search(header):
        return safe(re.sub(r"\\(.)", r"\1", plain[1]) if plain[1] is not None else plain[2])
    return ""


def safe(name: str) -> str:
    """No path, nothing invisible, nothing that turns the reading around, not too long."""
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(c for c in last if c == " " or unicodedata.category(c)[0] not in "CZ")
    if not (kept := seen.strip(" .")):
        return ""
    stem, dot, extension = kept.rpartition(".")
    if not dot or len(extension) > EXTENSION_CHARACTERS:
        return kept[:CHARACTERS]
    return f"{stem[: CHARACTERS - len(extension) - 1]}.{extension}"
