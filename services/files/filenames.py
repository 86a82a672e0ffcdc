"""Make the name of a file harmless before it goes out: a stranger chose it, and somebody saves the
file under it. The record keeps the name as it was. Pure."""

import re
import unicodedata

NAME_BYTES = 240
"""Longest name, in UTF-8. Most file systems have names of at most 255 bytes, and a browser that
saves a second file of the same name appends its number."""
EXTENSION_CHARACTERS = 10
"""Longest extension; longer text behind the last dot is part of the name."""
_PROGRAMS = """
apk app appimage application appref-ms appx appxbundle bash bat chm cmd com command cpl deb desktop
diagcab dll dmg exe gadget hta img inf iso jar jnlp js jse library-ms lnk msc msi msix msixbundle
msp mst pif pkg ppkg ps1 psm1 py pyw pyz reg rpm run scf scr sct searchconnector-ms
settingcontent-ms sh shb sys theme url vb vbe vbs vhd vhdx website wll ws wsc wsf wsh xbap xll
"""
PROGRAMS = frozenset(_PROGRAMS.split())
"""Extensions that a computer runs, installs or mounts on a double click."""


def sanitise_filename(name: str) -> str:
    """Return a name without a path, without control, invisible and bidirectional characters, of at
    most NAME_BYTES, and without the extension of a program; '' if nothing is left.

    `brief.pdf.exe` becomes `brief.pdf_exe`: Windows hides the last extension, so that a citizen's
    program would look like a letter. A colon separates a hidden stream of a file there.
    """
    last = re.split(r"[/\\]", name)[-1].replace(":", "_")
    visible = "".join(c for c in last if c == " " or unicodedata.category(c)[0] not in "CZ")
    short = _shorten(" ".join(visible.split()).strip(" ."))
    stem, dot, extension = short.rpartition(".")
    return f"{stem}_{extension}" if dot and extension.strip().lower() in PROGRAMS else short


def _shorten(name: str) -> str:
    """Return the name within NAME_BYTES; its extension stays."""
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > EXTENSION_CHARACTERS:
        return _cut(name, NAME_BYTES).strip(" .")
    ending = f".{extension}"
    return _cut(stem, NAME_BYTES - len(ending.encode())) + ending


def _cut(text: str, size: int) -> str:
    """Return the first characters that fit in `size` bytes."""
    return text.encode()[:size].decode(errors="ignore")
