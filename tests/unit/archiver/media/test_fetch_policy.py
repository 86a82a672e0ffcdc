"""Meaning of a provider's answers about a file, waits, and checks of the file itself."""

from datetime import UTC, datetime, timedelta
from typing import Any, get_args
from urllib.parse import unquote
from uuid import UUID

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from archiver.media import fetch_policy
from archiver.media.fetch_policy import (
    SIGNATURE_ATTEMPTS,
    AnnouncedFile,
    FetchedFile,
    FetchFailed,
    MediaInfo,
    MediaResult,
)
from archiver.media.provider_client import download_url
from archiver.media.routes import response_headers
from archiver.media.store import StoredFile
from services.config.accounts import ProviderAccount
from services.config.numbers import Number
from services.files.file_signatures import SIGNATURES
from services.files.filenames import sanitise_filename

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
META = ProviderAccount(
    number="10000001", meta_id="10000001", base="https://graph.facebook.com/v26.0",
    headers={"Authorization": "Bearer x"}, names_number=True, rehosts=False,
    media_hosts=("graph.facebook.com", "lookaside.fbsbx.com"),
)  # fmt: skip
BSP = msgspec.structs.replace(
    META, base="https://waba-v2.360dialog.io", media_hosts=("waba-v2.360dialog.io",), rehosts=True
)
URL = "https://lookaside.fbsbx.com/x?mid=1"


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (200, {"url": URL, "mime_type": "a/b", "file_size": "7"}, MediaInfo(URL, "a/b", 7)),
        (200, {"url": URL, "file_size": 7}, MediaInfo(URL, "", 7)),
        (200, {"url": URL, "file_size": "many"}, MediaInfo(URL, "", None)),
        (200, {"url": URL, "file_size": -1, "mime_type": 5}, MediaInfo(URL, "", None)),
        (200, {"url": 5}, "strange"),
        (200, {}, "strange"),
        (200, [], "strange"),
        (400, {"error": {"code": 100}}, "unknown"),
        (400, {"error": {"code": 190}}, "shut"),
        (403, {"error": {"code": 200}}, "shut"),
        (400, {"error": {"code": 4}}, "busy"),
        (400, {"error": {"code": True}}, "strange"),
        (400, {"error": "no"}, "strange"),
        (401, {}, "shut"),
        (404, {}, "unknown"),
        (429, {}, "busy"),
        (500, {}, "busy"),
        (302, {}, "strange"),
    ],
)
def test_answer_about_a_file_is_its_description_or_a_failure(
    status: int, body: Any, means: Any
) -> None:
    expected = FetchFailed(means) if isinstance(means, str) else means
    assert fetch_policy.read_media_info(status, msgspec.json.encode(body)) == expected


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_about_a_file_raises(status: int, body: bytes) -> None:
    assert isinstance(fetch_policy.read_media_info(status, body), MediaInfo | FetchFailed)


def test_every_failure_has_a_reason_that_begins_with_its_code() -> None:
    codes = get_args(fetch_policy.FailureCode)
    assert set(fetch_policy.REASONS) == set(codes)
    assert all(fetch_policy.REASONS[code].startswith(f"media_{code}: ") for code in codes)


@pytest.mark.parametrize(
    ("account", "url", "expected"),
    [
        (META, URL, URL),
        (META, URL.replace("lookaside", "LookAside"), URL.replace("lookaside", "LookAside")),
        (META, URL + "#x", URL),
        (META, "https://graph.facebook.com/v26.0/x", "https://graph.facebook.com/v26.0/x"),
        (META, "http://lookaside.fbsbx.com/x", None),
        (META, "https://lookaside.fbsbx.com:444/x", None),
        (META, "https://a:b@lookaside.fbsbx.com/x", None),
        (META, "https://lookaside.fbsbx.com.evil.example/x", None),
        (META, "https://[::1/x", None),
        (META, "", None),
        (BSP, URL, "https://waba-v2.360dialog.io/x?mid=1"),
        (BSP, "https://anything.example/x?mid=1", "https://waba-v2.360dialog.io/x?mid=1"),
    ],
)
def test_file_is_downloaded_from_a_host_of_the_account_only(
    account: ProviderAccount, url: str, expected: str | None
) -> None:
    assert download_url(url, account) == expected


def test_media_hosts_are_named_in_any_case() -> None:
    hosts = ("Lookaside.FBSBX.com",)
    number = Number(id="10000001", tenant="almelo", fallback="balie", media_hosts=hosts)
    assert download_url(URL, msgspec.structs.replace(META, media_hosts=number.media_hosts)) == URL


@pytest.mark.slow
@given(st.text(max_size=60))
def test_token_goes_to_no_other_host_whatever_the_url(url: str) -> None:
    to = download_url(url, META)
    assert to is None or to.startswith(("https://graph.facebook.com", "https://lookaside.fbsbx"))


def test_retry_delays_grow_within_their_bounds() -> None:
    first, last = fetch_policy.FIRST_RETRY_SECONDS, fetch_policy.LONGEST_RETRY_SECONDS
    low, high = (
        [fetch_policy.retry_delay(attempts, chance) for attempts in range(1, 61)]
        for chance in (0.0, 0.999)
    )
    assert low == sorted(low)
    assert first * 0.75 <= low[0] and max(high) <= last * 1.25
    assert all(least < most for least, most in zip(low, high, strict=True))


def test_file_expires_after_a_week() -> None:
    sent = NOW - timedelta(days=7)
    assert fetch_policy.is_expired(sent, NOW)
    assert not fetch_policy.is_expired(sent + timedelta(seconds=1), NOW)


ANNOUNCED = AnnouncedFile(id="1", mime_type="image/jpeg")
JPEG = FetchedFile(7, "00", "image/jpeg", b"\xff\xd8\xff")
TEXT = FetchedFile(7, "00", "image/jpeg", b"Even geduld")


@pytest.mark.parametrize(
    ("file", "info", "attempts", "expected"),
    [
        (JPEG, MediaInfo("", size=7), 1, JPEG),
        (JPEG, MediaInfo("", size=None), 1, JPEG),
        (JPEG, MediaInfo("", size=8), 1, FetchFailed("cut")),
        *((TEXT, MediaInfo(""), n, FetchFailed("strange")) for n in range(1, SIGNATURE_ATTEMPTS)),
        (TEXT, MediaInfo(""), SIGNATURE_ATTEMPTS, TEXT),
    ],
)
def test_content_has_the_announced_size_and_at_last_any_signature(
    file: FetchedFile, info: MediaInfo, attempts: int, expected: Any
) -> None:
    assert fetch_policy.check_content(file, info, ANNOUNCED, attempts) == expected


def test_content_with_another_hash_than_announced_is_noted() -> None:
    announced = msgspec.structs.replace(ANNOUNCED, sha256="11")
    checked = fetch_policy.check_content(JPEG, MediaInfo(""), announced, 1)
    assert isinstance(checked, FetchedFile) and not checked.agrees


@pytest.mark.parametrize(
    ("status", "type", "encoding", "means"),
    [
        (200, "image/jpeg", "", None),
        (200, "", "identity", None),
        (200, "text/html; charset=utf-8", "", "strange"),
        (200, "image/jpeg", "gzip", "strange"),
        (404, "text/html", "", "unknown"),
        (503, "text/html", "", "busy"),
    ],
)
def test_download_is_checked_by_status_type_and_encoding(
    status: int, type: str, encoding: str, means: Any
) -> None:
    failure = FetchFailed(means) if means else None
    info = MediaInfo(URL, "image/jpeg")
    assert fetch_policy.check_download(status, type, encoding, info) == failure


def test_reason_for_giving_up_is_the_age_of_the_file_or_our_own_failure() -> None:
    assert fetch_policy.give_up(FetchFailed("unknown")).reason == fetch_policy.EXPIRED
    assert "media_store" in fetch_policy.give_up(FetchFailed("store")).reason


UPLOADED = AnnouncedFile(id="", upload=UUID(int=7), sha256="00")
WEEK = timedelta(days=7)


def test_copy_of_an_upload_is_the_file_that_went_out() -> None:
    assert fetch_policy.check_copy(JPEG, UPLOADED) == JPEG
    other = msgspec.structs.replace(UPLOADED, sha256="11")
    assert fetch_policy.check_copy(JPEG, other) == FetchFailed("damaged")


@pytest.mark.parametrize(
    ("code", "file", "age", "reason"),
    [
        ("store", ANNOUNCED, WEEK, "media_expired"),
        ("store", ANNOUNCED, WEEK - timedelta(seconds=1), ""),
        ("store", UPLOADED, 52 * WEEK, ""),
        ("damaged", UPLOADED, WEEK - timedelta(seconds=1), ""),
        ("damaged", UPLOADED, WEEK, "media_not_restored"),
        ("absent", UPLOADED, WEEK, "media_not_restored"),
    ],
)
def test_failed_attempt_ends_once_another_has_no_use(
    code: Any, file: AnnouncedFile, age: timedelta, reason: str
) -> None:
    result = fetch_policy.end_failed_attempt(FetchFailed(code), file, NOW - age, NOW)
    if reason:
        assert isinstance(result, MediaResult) and result.state == "lost"
        assert result.reason.startswith(reason)
    else:
        assert result == FetchFailed(code)


@pytest.mark.parametrize(
    ("types", "head", "is_held"),
    [
        (("", "image/png"), b"MZ\x90\x00", True),
        (("image/png", ""), b"MZ\x90\x00", True),
        (("image/png", "image/png"), b"\x89PNG\r\n\x1a\n", False),
        (("text/plain", ""), b"hallo", False),
    ],
)
def test_file_with_another_signature_than_its_types_is_quarantined(
    types: tuple[str, ...], head: bytes, is_held: bool
) -> None:
    assert (fetch_policy.check_signature(types, head) is not None) == is_held


@given(st.text(max_size=80), st.text(max_size=40))
@example("..\\brief\u202e.pdf.exe", "application/pdf")
def test_file_name_of_a_citizen_breaks_no_header(filename: str, mime_type: str) -> None:
    announced = AnnouncedFile(id="1", filename=filename.encode(errors="replace").decode())
    file = StoredFile(
        announced=announced, state="available", reason="", mime_type=mime_type, size=1,
        sha256="00", scanned=True, object=None, ciphertext_sha256="", stream_key=None,
    )  # fmt: skip
    headers = response_headers(file)
    name = unquote(headers["Content-Disposition"].partition("UTF-8''")[2])
    assert name == (sanitise_filename(announced.filename) or "bestand")
    assert all(value.isascii() and value.isprintable() for value in headers.values())
    assert headers["Content-Type"] in {*SIGNATURES, "application/octet-stream"}
