"""The name of a file, from whoever sent it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.media.filenames import CHARACTERS, parse_filename, sanitise


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("", ""),
        ("attachment", ""),
        ('attachment; filename="besluit.pdf"', "besluit.pdf"),
        ("attachment; filename=besluit.pdf", "besluit.pdf"),
        ('attachment; FILENAME = "met \\"aanhaling\\".pdf"', 'met "aanhaling".pdf'),
        ("attachment; filename=x.pdf; filename*=UTF-8''caf%C3%A9.pdf", "café.pdf"),
        ("attachment; filename*=utf-8'nl'%e2%82%ac.txt; filename=x", "€.txt"),
        ("attachment; filename*=UTF-8''%ff%fe.pdf", "��.pdf"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="C:\\\\Temp\\\\brief.docx"', "brief.docx"),
        ("attachment; filename*=UTF-8''..%2F..%2Fx.pdf", "x.pdf"),
        ("attachment; filename*=UTF-8''a%0D%0Ab%00.pdf", "ab.pdf"),
        ("attachment; filename*=UTF-8''cod%E2%80%AEfdp.exe", "codfdp.exe"),
        ('attachment; filename=".."', ""),
        ('attachment; filename="  .hidden. "', "hidden"),
        ('attachment; filename="a\udcff.pdf"', "a.pdf"),
    ],
)
def test_a_name_is_read_and_made_safe(header: str, name: str) -> None:
    assert parse_filename(header) == name


def test_a_long_name_keeps_its_extension() -> None:
    assert sanitise("x" * 300 + ".docx") == "x" * 235 + ".docx"
    assert sanitise("x" * 300) == "x" * CHARACTERS
    assert sanitise("x." + "y" * 300) == ("x." + "y" * 300)[:CHARACTERS]


@given(st.text(alphabet=st.characters(), max_size=400))
def test_safe_filename_is_short_and_plain_and_in_no_folder(given_name: str) -> None:
    name = sanitise(given_name)
    assert len(name) <= CHARACTERS
    assert not set(name) & {"/", "\\", "\0", "\n", "\r", "\u202e"}
    assert not name.startswith(".")
    name.encode()
