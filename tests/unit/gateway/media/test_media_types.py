"""Meta takes some types of files and refuses others."""

import pytest

from gateway.media import media_types
from gateway.media.media_types import KIB, MEDIA_TYPES, MIB, max_bytes, media_type_error
from services.files.file_signatures import SIGNATURES

OFFICE = "application/vnd.openxmlformats-officedocument."
ISO = b"\0\0\0\x20ftyp"
STILL = b"RIFF\x10\0\0\0WEBPVP8 "
MOVING = b"RIFF\x10\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0"
REAL = {
    "audio/aac": b"\xff\xf1\x50\x80\x02\x1f\xfc",
    "audio/amr": b"#!AMR\n<\x91\x17\x16",
    "audio/mp4": ISO + b"M4A \0\0",
    "audio/mpeg": b"ID3\x04\0",
    "audio/ogg": b"OggS\0\x02" + b"\0" * 20 + b"\x01\x13OpusHead\x01\x01",
    "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF",
    "image/png": b"\x89PNG\r\n\x1a\n\0\0",
    "image/webp": STILL,
    "video/3gpp": ISO + b"3gp4\0\0",
    "video/mp4": ISO + b"isom",
    "text/plain": "Beste Sanne,\r\n\tuw pas is klaar. €".encode(),
    "application/pdf": b"%PDF-1.7\n",
    "application/msword": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
    "application/vnd.ms-excel": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
    "application/vnd.ms-powerpoint": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0",
    f"{OFFICE}wordprocessingml.document": b"PK\x03\x04\x14\0",
    f"{OFFICE}spreadsheetml.sheet": b"PK\x03\x04\x14\0",
    f"{OFFICE}presentationml.presentation": b"PK\x03\x04\x14\0",
}


def test_each_type_has_an_example_and_but_for_text_a_signature() -> None:
    assert REAL.keys() == MEDIA_TYPES.keys() == SIGNATURES.keys() | {"text/plain"}


def test_every_type_has_an_extension_that_names_it() -> None:
    assert {*media_types.EXTENSIONS.values()} == MEDIA_TYPES.keys()


@pytest.mark.parametrize(
    ("content_type", "filename", "resolved"),
    [
        ("Image/PNG; x=y", "a.pdf", "image/png"),
        ("application/octet-stream", "Besluit.PDF", "application/pdf"),
        ("application/octet-stream", "pdf", ""),
        ("application/octet-stream", "a.exe", ""),
        ("application/octet-stream", "", ""),
        ("application/zip", "a.pdf", ""),
        ("", "a.pdf", ""),
    ],
)
def test_type_is_resolved_from_the_header_or_the_name(
    content_type: str, filename: str, resolved: str
) -> None:
    assert media_types.resolve_type(content_type, filename) == resolved


@pytest.mark.parametrize(
    ("mime_type", "head"),
    [
        ("image/webp", MOVING),
        ("text/plain", "Geachte heer Čapek,".encode("cp1250")),
    ],
)
def test_each_form_of_a_type_is_taken(mime_type: str, head: bytes) -> None:
    assert media_type_error(mime_type, head) == ""


@pytest.mark.parametrize(
    ("mime_type", "head"),
    [
        ("image/jpeg", b"<html>"),
        ("text/plain", b"MZ\x90\0\x03"),
        ("text/plain", b"\x7fELF\x02\x01"),
        ("text/plain", b"%PDF-1.7\n"),
        ("text/plain", b"PK\x03\x04"),
        ("audio/ogg", b"OggS\0\x02" + b"\0" * 20 + b"\x01vorbis"),
    ],
)
def test_file_of_a_lookalike_type_is_refused(mime_type: str, head: bytes) -> None:
    assert media_type_error(mime_type, head)


def test_opus_has_one_channel() -> None:
    page = b"OggS\0\x02" + b"\0" * 20 + b"\x01\x13OpusHead\x01"
    assert media_type_error("audio/ogg", page + b"\x01") == ""
    for more in (b"\x02", b"\x06", b"\x00", b""):
        assert "one channel" in media_type_error("audio/ogg", page + more)


@pytest.mark.parametrize("mime_type", MEDIA_TYPES)
def test_file_of_its_announced_type_has_no_error(mime_type: str) -> None:
    assert media_type_error(mime_type, REAL[mime_type]) == ""
    assert (
        media_type_error(mime_type, b"\xff\0")
        == "the file is not of the type that its Content-Type says"
    )


@pytest.mark.parametrize(
    ("mime_type", "head", "size"),
    [
        ("image/png", REAL["image/png"], 5 * MIB),
        ("video/mp4", REAL["video/mp4"], 16 * MIB),
        ("audio/ogg", REAL["audio/ogg"], 16 * MIB),
        ("application/pdf", REAL["application/pdf"], 100 * MIB),
        ("image/webp", STILL, 100 * KIB),
        ("image/webp", MOVING[:20], 100 * KIB),
        ("image/webp", MOVING, 500 * KIB),
    ],
)
def test_each_type_has_metas_size(mime_type: str, head: bytes, size: int) -> None:
    assert max_bytes(mime_type, head) == size
    assert size <= media_types.LARGEST_BYTES
