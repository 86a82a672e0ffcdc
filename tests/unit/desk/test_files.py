"""Files of citizens: a browser shows pictures and plays sound, and saves everything else."""

import pytest

from desk.pages.files import file_headers

GIVEN = {"Content-Disposition": "attachment; filename*=UTF-8''x", "Set-Cookie": "a=b"}


@pytest.mark.parametrize(
    "type",
    [
        "text/html",
        "application/xhtml+xml",
        "image/svg+xml",
        "text/xml",
        "application/xml",
        "text/plain",
        "application/pdf",
        "application/javascript",
        "multipart/x-mixed-replace",
        "image/png+xml",
        "audio/amr",
        "",
    ],
)
def test_file_that_could_be_a_page_is_saved_and_not_opened(type: str) -> None:
    headers = file_headers(GIVEN, type)
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["Content-Disposition"].startswith("attachment")
    assert "attachment" in file_headers({}, type)["Content-Disposition"]


@pytest.mark.parametrize("type", ["image/jpeg", "image/png", "audio/ogg", "text/html"])
def test_file_may_do_nothing_by_itself(type: str) -> None:
    headers = file_headers(GIVEN, type)
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert "Set-Cookie" not in headers and headers["Cache-Control"].startswith("private")
