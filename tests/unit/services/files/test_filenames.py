"""Names of files that go out hide nothing, and lead nowhere."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.files.filenames import NAME_BYTES, PROGRAMS, sanitise_filename

PDF = "brief.pdf"
FOLLOWED = "rdp terminal inetloc webloc pyc hlp wim html HTM xhtml mht svg svgz one"


ORDINARY = ["brief.pdf", "Uw besluit (2).docx", "café €5.tar.gz", "zonder"]
NO_DEVICE = ["console.pdf", "com.pdf", "COM10.pdf", "brief.con.pdf", "aux1", "nul-meting.xlsx"]


@pytest.mark.parametrize("name", [*ORDINARY, *NO_DEVICE])
def test_ordinary_name_stays(name: str) -> None:
    assert sanitise_filename(name) == name


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("../../etc/passwd", "passwd"),
        ("..\\..\\brief.pdf", PDF),
        ("C:\\Temp\\brief.pdf", PDF),
        ("/", ""),
        ("..", ""),
        ("  .hidden. ", "hidden"),
        ("brief\r\n\0\x7f\x85.pdf", PDF),
        ("brief\N{RIGHT-TO-LEFT OVERRIDE}fdp.exe", "brieffdp_exe"),
        ("bri\N{RIGHT-TO-LEFT ISOLATE}ef\N{ZERO WIDTH SPACE}.p\N{SOFT HYPHEN}df", PDF),
        ("brief.pdf.exe", "brief.pdf_exe"),
        ("brief.pdf          .SCR", "brief.pdf _SCR"),
        ("brief.pdf. exe", "brief.pdf_ exe"),
        ("brief.pdf.exe. .", "brief.pdf_exe"),
        ("brief.pdf.e\N{ZERO WIDTH JOINER}xe", "brief.pdf_exe"),
        ("brief.exe::$DATA", "brief.exe__$DATA"),
        ("setup.exe", "setup_exe"),
        ("brief.pyz", "brief_pyz"),
        ("brief.diagcab", "brief_diagcab"),
        ("brief.library-ms", "brief_library-ms"),
        ("brief.searchConnector-ms", "brief_searchConnector-ms"),
        ("brief.theme", "brief_theme"),
        ("brief.website", "brief_website"),
        ("brief.xbap", "brief_xbap"),
        ("brief.ppkg", "brief_ppkg"),
        ("brief.exe.pdf", "brief.exe.pdf"),
        ("a\udcff.pdf", "a.pdf"),
        ("brief.pdf\N{BRAILLE PATTERN BLANK}\N{HANGUL FILLER}.docm", "brief.pdf.docm"),
        ("brief.e\N{HANGUL CHOSEONG FILLER}x\N{HANGUL JUNGSEONG FILLER}e", "brief_exe"),
        ("brief.exe\N{HALFWIDTH HANGUL FILLER}", "brief_exe"),
        ("CON", "_CON"),
        ("nul.pdf", "_nul.pdf"),
        ("Prn.tar.gz", "_Prn.tar.gz"),
        ("AUX .txt", "_AUX .txt"),
        ("com1.pdf", "_com1.pdf"),
        ("COM\N{SUPERSCRIPT TWO}", "_COM\N{SUPERSCRIPT TWO}"),
        ("LPT9.docx", "_LPT9.docx"),
        ("CONOUT$", "_CONOUT$"),
        ("a/NUL.", "_NUL"),
        ("\N{HANGUL FILLER}NUL.exe", "_NUL_exe"),
        *((f"brief.{extension}", f"brief_{extension}") for extension in FOLLOWED.split()),
    ],
)
def test_name_loses_its_path_its_invisible_characters_and_the_extension_of_a_program(
    name: str, harmless: str
) -> None:
    assert sanitise_filename(name) == harmless


def test_long_name_keeps_its_extension() -> None:
    assert sanitise_filename("x" * 300 + ".docx") == "x" * 235 + ".docx"
    assert sanitise_filename("x" * 300) == "x" * NAME_BYTES
    assert sanitise_filename("x." + "y" * 300) == ("x." + "y" * 300)[:NAME_BYTES]
    assert sanitise_filename("é" * 300 + ".pdf") == "é" * 118 + ".pdf"
    assert sanitise_filename("x" * 236 + ".exe" + "y" * 10) == "x" * 236 + "_exe"


DEVICES = ("NUL", "COM1")
NAMES = st.lists(
    st.sampled_from([*PROGRAMS, *DEVICES, ".", " ", "/", "\\", ":", "\u202e", "\u3164", "pdf"])
    | st.text()
)


@given(NAMES.map("".join))
def test_any_name_becomes_harmless_and_stays_as_it_is_then(given_name: str) -> None:
    name = sanitise_filename(given_name)
    assert len(name.encode()) <= NAME_BYTES
    assert not set(name) & {"/", "\\", ":"}
    assert all(c == " " or unicodedata.category(c)[0] not in "CZ" for c in name)
    assert name.partition(".")[0].strip() not in DEVICES and "\u3164" not in name
    assert not name.startswith(".") and not name.endswith(".")
    assert "." not in name or name.rpartition(".")[2].strip().lower() not in PROGRAMS
    assert sanitise_filename(name) == name
