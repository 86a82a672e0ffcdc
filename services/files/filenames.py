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
diagcab dll dmg exe gadget hlp hta htm html img inetloc inf iso jar jnlp js jse library-ms lnk mht
mhtml msc msi msix msixbundle msp mst one onepkg pif pkg ppkg ps1 psm1 py pyc pyw pyz rdp reg rpm
run scf scr sct searchconnector-ms settingcontent-ms sh shb shtml svg svgz sys terminal theme url vb
vbe vbs vhd vhdx webloc website wim wll ws wsc wsf wsh xbap xht xhtml xll
"""
PROGRAMS = frozenset(_PROGRAMS.split())
"""Extensions that a computer runs, installs, mounts or follows on a double click, or opens as a
page with scripts in it."""
_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) ?(\.|$)", re.I)
"""Beginning of a name that Windows takes for a device, with any extension: it cannot be saved, or
is lost in the device."""
_BLANK = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and a symbol that show nothing: fillers of Hangul, and Braille without dots. A row of
them pushes an extension out of sight."""


def sanitise_filename(name: str) -> str:
    """Return a name without a path, without control, invisible and bidirectional characters, of at
    most NAME_BYTES, and without the extension of a program or the name of a device; '' if nothing
    is left.

    `brief.pdf.exe` becomes `brief.pdf_exe`: Windows hides the last extension, so that a citizen's
    program would look like a letter. A colon separates a hidden stream of a file there. `NUL.pdf`
    becomes `_NUL.pdf`.
    """
    last = re.split(r"[/\\]", name)[-1].replace(":", "_")
    visible = " ".join("".join(c for c in last if _is_visible(c)).split()).strip(" .")
    short = shorten_filename(f"_{visible}" if _DEVICE.match(visible) else visible)
    stem, dot, extension = short.rpartition(".")
    return f"{stem}_{extension}" if dot and extension.strip().lower() in PROGRAMS else short


def _is_visible(c: str) -> bool:
    return c == " " or (unicodedata.category(c)[0] not in "CZ" and c not in _BLANK)


def shorten_filename(name: str) -> str:
    """Return the name within NAME_BYTES; its extension stays."""
    stem, dot, extension = name.rpartition(".")
    if not dot or len(extension) > EXTENSION_CHARACTERS:
        return _cut(name, NAME_BYTES).strip(" .")
    ending = f".{extension}"
    return _cut(stem, NAME_BYTES - len(ending.encode())) + ending


def _cut(text: str, size: int) -> str:
    """Return the first characters that fit in `size` bytes."""
    return text.encode()[:size].decode(errors="ignore")
