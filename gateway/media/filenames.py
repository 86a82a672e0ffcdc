"""Read the name of a file from an untrusted Content-Disposition header. Pure."""

import re
from urllib.parse import unquote

from services.files.filenames import sanitise_filename

HEADER_CHARACTERS = 1000
"""Longest header: NAME_BYTES of three characters each in the header fit."""
EXTENDED = re.compile(r"filename\*\s*=\s*utf-8'[^']*'([^;\s]+)", re.IGNORECASE)
PLAIN = re.compile(r'filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s]+))', re.IGNORECASE)
"""The two forms of RFC 6266; EXTENDED takes precedence over PLAIN."""


def parse_filename(header: str) -> str:
    """Return the sanitised name in a Content-Disposition header, or ''."""
    if extended := EXTENDED.search(header):
        return sanitise_filename(unquote(extended[1], errors="replace"))
    if plain := PLAIN.search(header):
        quoted, token = plain.groups()
        return sanitise_filename(token if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
    return ""
