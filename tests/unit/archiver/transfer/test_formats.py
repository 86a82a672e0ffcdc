"""Formats and names of files in a package."""

import pytest

from archiver.transfer.formats import FORMATS, SIGNS, SOURCES, recognise
from archiver.transfer.names import FILE_ENDING, LONGEST_BYTES, attachment_name, clean_stem
from gateway.media.media_types import MEDIA_TYPES
from services.files.file_signatures import SIGNATURES
from services.ids import conversation_id
from tests.support.transfer.town import SAMPLES

JFIF, EXIF = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01", b"\xff\xd8\xff\xe1\x00\x10Exif\x00\x00"
LITTLE, BIG = EXIF + b"II*\x00" + bytes(20), EXIF + b"MM\x00*" + bytes(20)
PNG = b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(17)


def test_every_media_type_that_is_taken_has_a_row_and_a_sample() -> None:
    assert {*MEDIA_TYPES} | {*SIGNATURES} <= {*FORMATS} and {*SAMPLES} == {*MEDIA_TYPES}
    for type, rows in FORMATS.items():
        assert [bool(each.sign) for each in rows] == [True] * (len(rows) - 1) + [False], type
        for each in rows:
            assert each.sign in {"", *SIGNS} and each.source in {"", *SOURCES}
            assert (each.preferred == "yes") == bool(each.source)


@pytest.mark.parametrize(
    ("type", "head", "id"),
    [
        ("image/jpeg", JFIF + b"\x00\x00", "fmt/42"),
        ("image/jpeg", JFIF + b"\x01\x01", "fmt/43"),
        ("image/jpeg", JFIF + b"\x02\x02", "fmt/44"),
        ("image/jpeg", LITTLE + b"\x00\x90\x07\x00\x04\x00\x00\x000220", "x-fmt/391"),
        ("image/jpeg", LITTLE + b"\x00\x90\x07\x00\x04\x00\x00\x000221", "fmt/645"),
        ("image/jpeg", BIG + b"\x90\x00\x00\x07\x00\x00\x00\x040232", "fmt/1507"),
        ("image/jpeg", BIG + b"\x90\x00\x00\x07\x00\x00\x00\x040210", "x-fmt/390"),
        ("image/jpeg", b"\xff\xd8\xff\xdb", "fmt/41"),
        ("image/png", PNG, "fmt/11"),
        ("image/png", PNG + b"\x00\x00\x00\x01sRGB", "fmt/12"),
        ("image/png", PNG + b"sRGB....iTXt", "fmt/13"),
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8 ", "fmt/566"),
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8L", "fmt/567"),
        ("image/webp", b"RIFF\x00\x00\x00\x00WEBPVP8X", "fmt/568"),
        ("audio/ogg; codecs=opus", SAMPLES["audio/ogg"], "fmt/946"),
        ("audio/ogg", b"OggS\x00\x02" + bytes(22) + b"\x01vorbis", "fmt/203"),
        ("audio/ogg", b"OggS\x00\x02", "fmt/944"),
        ("audio/aac", b"\xff\xf1", "fmt/1812"),
        ("audio/aac", b"\x00\x00\x00\x18ftypM4A ", "fmt/2094"),
        ("audio/aac", b"\x00\x00\x00\x18ftypmp42", "fmt/199"),
        ("audio/mp4", b"\x00\x00\x00\x18ftypM4A ", "fmt/2094"),
        ("audio/mp4", b"\x00\x00\x00\x18ftypmp42", "fmt/199"),
        ("video/mp4", b"\x00\x00\x00\x18ftyp3gp5", "fmt/357"),
        ("video/mp4", b"\x00\x00\x00\x18ftypmp42", "fmt/199"),
        ("application/pdf", b"\xef\xbb\xbf\n%PDF-1.3\n", "fmt/17"),
        ("application/pdf", b"%PDF-1.7\n", "fmt/276"),
        ("application/pdf", b"%PDF-2.0\n", "fmt/1129"),
        ("application/pdf; profile=a-2b", b"%PDF-1.7\n", "fmt/477"),
        ("application/x-strange", b"", ""),
        ("", b"", ""),
    ],
)
def test_first_bytes_decide_the_format(type: str, head: bytes, id: str) -> None:
    found = recognise(type, head)
    assert found.id == id and found.name and found.extension


@pytest.mark.parametrize(
    ("given", "stem"),
    [
        ("brief: één & twee?", "brief_één_twee"),
        ("a" * 300, "a" * 100),
        ("é" * 300, "é" * 50),
        ("..\\../.x", "x"),
        ("\u202e<>|*", ""),
        ("e\u0301", "é"),
        ("__ - _", ""),
        ("\U0001f62d", ""),
        ("عقد", "عقد"),
    ],
)
def test_names_are_cleaned(given: str, stem: str) -> None:
    assert clean_stem(given) == stem
    conversation = conversation_id("9" * 32, bytes(16))
    name = attachment_name(conversation, 12345, f"{given}.pdf", "pdf")
    assert len(f"{name}{FILE_ENDING}".encode()) <= LONGEST_BYTES
    assert not set('<>:"/\\|?*#& ') & {*name} and name.count(".") == 1
