"""File signatures: which types a file may be of by its first bytes."""

import pytest

from services.files.file_signatures import HEAD_BYTES, SIGNATURES, has_signature

OFFICE = "application/vnd.openxmlformats-officedocument."
ZIPPED = frozenset(
    f"{OFFICE}{name}"
    for name in ("wordprocessingml.document", "spreadsheetml.sheet", "presentationml.presentation")
)
COMPOUND = frozenset(
    {"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint"}
)
MP4 = frozenset({"audio/aac", "audio/mp4", "video/mp4"})
NOTHING: frozenset[str] = frozenset()
AAC = (b"\xf0", b"\xf1", b"\xf8", b"\xf9")
MP3 = (b"\xfa", b"\xfb", b"\xf3", b"\xe3")
"""Second bytes of a frame: version, layer and checksum differ."""


def ftyp(major: bytes, *compatible: bytes) -> bytes:
    """The first box of a file of the MPEG-4 family, and the beginning of the next."""
    rest = b"ftyp" + major + bytes(4) + b"".join(compatible)
    return (len(rest) + 4).to_bytes(4) + rest + b"\0\0\0\x083gp4"


@pytest.mark.parametrize(
    ("head", "types"),
    [
        (b"\xff\xd8\xff\xe0\0\x10JFIF", {"image/jpeg"}),
        (b"\x89PNG\r\n\x1a\n\0\0", {"image/png"}),
        (b"RIFF\x10\0\0\0WEBPVP8 ", {"image/webp"}),
        (b"RIFF\x10\0\0\0WAVEfmt ", NOTHING),
        (b"RIFX\x10\0\0\0WEBPVP8 ", NOTHING),
        *((b"\xff" + second + b"\x50\x80", {"audio/aac"}) for second in AAC),
        (b"ADIF\0", {"audio/aac"}),
        (b"#!AMR\n<\x91", {"audio/amr"}),
        (b"#!AMR-WB\n", {"audio/amr"}),
        (b"ID3\x04\0", {"audio/mpeg"}),
        *((b"\xff" + second + b"\x90\x64", {"audio/mpeg"}) for second in MP3),
        (b"OggS\0\x02" + bytes(20) + b"\x01\x13OpusHead\x01\x01", {"audio/ogg"}),
        (ftyp(b"M4A ", b"mp42"), MP4),
        (ftyp(b"isom"), MP4),
        (ftyp(b"3gp4"), MP4 | {"video/3gpp"}),
        (ftyp(b"isom", b"mp41", b"3gp4"), MP4 | {"video/3gpp"}),
        (ftyp(b"qt  "), NOTHING),
        (b"%PDF-1.7\n", {"application/pdf"}),
        (bytes(HEAD_BYTES - 5) + b"%PDF-1.4", {"application/pdf"}),
        (bytes(HEAD_BYTES - 4) + b"%PDF-1.4", NOTHING),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", COMPOUND),
        (b"PK\x03\x04\x14\0", ZIPPED),
        *((head, NOTHING) for head in (b"MZ\x90\0\x03", b"<html><script>", b"\xff", b"")),
    ],
)
def test_has_signature_of_these_types_and_no_others(head: bytes, types: frozenset[str]) -> None:
    assert {mime_type for mime_type in SIGNATURES if has_signature(mime_type, head)} == types


@pytest.mark.parametrize(
    ("mime_type", "head", "fits"),
    [
        ("Audio/OGG; codecs=opus", b"OggS", True),
        ("Audio/OGG; codecs=opus", b"MZ", False),
        ("text/plain", b"MZ", True),
        ("", b"MZ", True),
    ],
)
def test_has_signature_reads_a_type_without_parameters_and_believes_others(
    mime_type: str, head: bytes, fits: bool
) -> None:
    assert has_signature(mime_type, head) == fits
