"""The name of a file, from whoever sent it."""

import pytest

from gateway.media.filenames import parse_filename


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
        ("attachment; filename*=UTF-8''cod%E2%80%AEfdp.exe", "codfdp_exe"),
        ('attachment; filename=".."', ""),
        ('attachment; filename="  .hidden. "', "hidden"),
        ('attachment; filename="a\udcff.pdf"', "a.pdf"),
    ],
)
def test_a_name_is_read_and_made_safe(header: str, name: str) -> None:
    assert parse_filename(header) == name
