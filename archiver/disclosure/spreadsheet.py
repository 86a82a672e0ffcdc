"""A sheet of text as an OpenDocument spreadsheet (ODF 1.3). The same rows give the same bytes."""

import io
import zipfile
from collections.abc import Iterable, Sequence
from xml.sax.saxutils import escape, quoteattr

from services.printing.glyphs import sanitise

MIME_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
EARLIEST = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the archive: the first one that ZIP knows."""
NAMES = " ".join(
    f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"'
    for prefix, name in (("office", "office"), ("table", "table"), ("text", "text"))
)
MANIFEST = f"""<?xml version="1.0" encoding="UTF-8"?>
<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" \
manifest:version="1.3">\
<manifest:file-entry manifest:full-path="/" manifest:version="1.3" \
manifest:media-type="{MIME_TYPE}"/>\
<manifest:file-entry manifest:full-path="content.xml" manifest:media-type="text/xml"/>\
</manifest:manifest>
"""


def write_sheet(name: str, rows: Iterable[Sequence[str]]) -> bytes:
    """Return a spreadsheet with one sheet. Every cell is text, so that none is a formula."""
    content = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<office:document-content {NAMES} '
        'office:version="1.3"><office:body><office:spreadsheet>'
        f"<table:table table:name={quoteattr(name)}>{''.join(map(_row, rows))}</table:table>"
        "</office:spreadsheet></office:body></office:document-content>\n"
    )
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w") as archive:
        # The type comes first and is not compressed: so the format asks.
        _add(archive, "mimetype", MIME_TYPE, zipfile.ZIP_STORED)
        _add(archive, "META-INF/manifest.xml", MANIFEST)
        _add(archive, "content.xml", content)
    return output.getvalue()


def _row(cells: Sequence[str]) -> str:
    return f"<table:table-row>{''.join(map(_cell, cells))}</table:table-row>"


def _cell(text: str) -> str:
    return (
        '<table:table-cell office:value-type="string">'
        f"<text:p>{escape(sanitise(text))}</text:p></table:table-cell>"
    )


def _add(
    archive: zipfile.ZipFile, name: str, text: str, method: int = zipfile.ZIP_DEFLATED
) -> None:
    file = zipfile.ZipInfo(name, EARLIEST)
    file.create_system, file.external_attr = 3, 0o600 << 16
    archive.writestr(file, text.encode(), compress_type=method)
