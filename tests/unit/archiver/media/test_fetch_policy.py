"""What the answers about a file mean, how long is waited, and what a file looks like."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from archiver.media import fetch_policy
from archiver.media.fetch_policy import AnnouncedFile, FetchedFile, FetchFailed, MediaInfo
from archiver.media.provider_client import download_url
from archiver.media.routes import response_headers
from archiver.media.store import StoredFile
from services.config.accounts import ProviderAccount, provider_accounts
from services.config.numbers import Number
from services.files import clamd
from services.files.clamd import ScanResult
from services.files.file_signatures import SIGNATURES

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)
META = ProviderAccount(
    number="10000001",
    meta_id="10000001",
    base="https://graph.facebook.com/v26.0",
    headers={"Authorization": "Bearer x"},
    media_hosts=("graph.facebook.com", "lookaside.fbsbx.com"),
    names_number=True,
    rehosts=False,
)
BSP = msgspec.structs.replace(
    META, base="https://waba-v2.360dialog.io", media_hosts=("waba-v2.360dialog.io",), rehosts=True
)
HERE = "https://lookaside.fbsbx.com/x?mid=1"


@pytest.mark.parametrize(
    ("status", "body", "means"),
    [
        (200, {"url": HERE, "mime_type": "a/b", "file_size": "7"}, MediaInfo(HERE, "a/b", 7)),
        (200, {"url": HERE, "file_size": 7}, MediaInfo(HERE, "", 7)),
        (200, {"url": HERE, "file_size": "many"}, MediaInfo(HERE, "", None)),
        (200, {"url": HERE, "file_size": -1, "mime_type": 5}, MediaInfo(HERE, "", None)),
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
)  # fmt: skip
def test_an_answer_about_a_file(status: int, body: Any, means: Any) -> None:
    wanted = FetchFailed(means) if isinstance(means, str) else means
    assert fetch_policy.read_media_info(status, msgspec.json.encode(body)) == wanted


@given(st.integers(100, 599), st.binary(max_size=200))
def test_no_answer_is_a_fault_of_ours(status: int, body: bytes) -> None:
    assert isinstance(fetch_policy.read_media_info(status, body), MediaInfo | FetchFailed)


def test_every_way_to_miss_a_file_has_a_sentence_that_begins_with_its_word() -> None:
    words = fetch_policy.FailureCode.__args__  # type: ignore[attr-defined]
    assert set(fetch_policy.REASONS) == set(words)
    for word, sentence in fetch_policy.REASONS.items():
        assert sentence.startswith(f"media_{word}: ")


@pytest.mark.parametrize(
    ("account", "url", "goes"),
    [
        (META, HERE, HERE),
        (META, HERE + "#x", HERE),
        (META, "https://graph.facebook.com/v26.0/x", "https://graph.facebook.com/v26.0/x"),
        (META, "http://lookaside.fbsbx.com/x", None),
        (META, "https://lookaside.fbsbx.com:444/x", None),
        (META, "https://a:b@lookaside.fbsbx.com/x", None),
        (META, "https://lookaside.fbsbx.com.evil.example/x", None),
        (META, "https://[::1/x", None),
        (META, "", None),
        (BSP, HERE, "https://waba-v2.360dialog.io/x?mid=1"),
        (BSP, "https://anything.example/x?mid=1", "https://waba-v2.360dialog.io/x?mid=1"),
    ],
)
def test_where_a_file_is_fetched_from(account: ProviderAccount, url: str, goes: str | None) -> None:
    assert download_url(url, account) == goes


def test_a_host_is_named_in_any_case() -> None:
    hosts = ("Lookaside.FBSBX.com",)
    number = Number(id="10000001", tenant="almelo", fallback="balie", media_hosts=hosts)
    account = msgspec.structs.replace(META, media_hosts=number.media_hosts)
    for url in (HERE, HERE.replace("lookaside", "LookAside")):
        assert download_url(url, account) == url


@pytest.mark.slow
@given(st.text(max_size=60))
def test_a_token_goes_to_the_hosts_that_are_named_and_no_others(url: str) -> None:
    to = download_url(url, META)
    assert to is None or to.startswith(("https://graph.facebook.com", "https://lookaside.fbsbx"))


@pytest.mark.parametrize("attempts", range(1, 60))
def test_waits_grow_to_a_quarter_of_an_hour(attempts: int) -> None:
    low, high = fetch_policy.retry_delay(attempts, 0.0), fetch_policy.retry_delay(attempts, 0.999)
    assert (
        fetch_policy.FIRST_RETRY_SECONDS * 0.75
        <= low
        < high
        <= fetch_policy.LONGEST_RETRY_SECONDS * 1.25
    )
    assert low <= fetch_policy.retry_delay(attempts + 1, 0.0)


def test_a_week_is_how_long_meta_keeps_it() -> None:
    sent = NOW - timedelta(days=7)
    assert fetch_policy.is_expired(sent, NOW) and not fetch_policy.is_expired(
        sent + timedelta(seconds=1), NOW
    )


def test_as_much_as_was_announced_or_whatever_came_where_nothing_was() -> None:
    got = FetchedFile(7, "00", "image/jpeg", b"\xff\xd8\xff")
    said = AnnouncedFile(id="1", mime_type="image/jpeg")
    assert fetch_policy.check_content(got, MediaInfo("", size=7), said, 1) == got
    assert fetch_policy.check_content(got, MediaInfo("", size=None), said, 1) == got
    assert fetch_policy.check_content(got, MediaInfo("", size=8), said, 1) == FetchFailed("cut")
    other = msgspec.structs.replace(said, sha256="11")
    noted = fetch_policy.check_content(got, MediaInfo(""), other, 1)
    assert isinstance(noted, FetchedFile) and not noted.agrees


def test_what_begins_otherwise_is_fetched_anew_and_then_looked_at_all_the_same() -> None:
    got = FetchedFile(7, "00", "image/jpeg", b"Even geduld")
    said = AnnouncedFile(id="1", mime_type="image/jpeg")
    for attempts in range(1, fetch_policy.SIGNATURE_ATTEMPTS):
        assert fetch_policy.check_content(got, MediaInfo(""), said, attempts) == FetchFailed(
            "strange"
        )
    assert (
        fetch_policy.check_content(got, MediaInfo(""), said, fetch_policy.SIGNATURE_ATTEMPTS) == got
    )


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
def test_what_comes_where_the_bytes_should_be(
    status: int, type: str, encoding: str, means: Any
) -> None:
    said = MediaInfo(HERE, "image/jpeg")
    assert fetch_policy.check_download(status, type, encoding, said) == (
        FetchFailed(means) if means else None
    )


def test_what_was_not_got_in_time_says_why_where_that_was_not_its_age() -> None:
    assert fetch_policy.give_up(FetchFailed("unknown")).reason == fetch_policy.EXPIRED
    assert "media_store" in fetch_policy.give_up(FetchFailed("store")).reason


@pytest.mark.parametrize(
    ("types", "head", "held"),
    [
        (("", "image/png"), b"MZ\x90\x00", True),
        (("image/png", ""), b"MZ\x90\x00", True),
        (("image/png", "image/png"), b"\x89PNG\r\n\x1a\n", False),
        (("text/plain", ""), b"hallo", False),
    ],
)
def test_quarantine_holds_what_begins_otherwise_than_a_type_of_it(
    types: tuple[str, ...], head: bytes, held: bool
) -> None:
    assert (fetch_policy.check_signature(types, head) is not None) == held


@pytest.mark.parametrize(
    ("answer", "found"),
    [(b"stream: OK\0", ""), (b"stream: Win.X-1 FOUND\0", "Win.X-1"), (b"stream: OK", "")],
)
def test_what_a_scanner_says(answer: bytes, found: str) -> None:
    assert clamd.parse_answer(answer) == ScanResult(found)


@pytest.mark.parametrize(
    "answer", [b"", b"\0", b"UNKNOWN COMMAND\0", b"stream: x ERROR\0", b"\xff"]
)
def test_what_a_scanner_does_not_say(answer: bytes) -> None:
    with pytest.raises(clamd.ScannerUnavailable):
        clamd.parse_answer(answer)


def test_too_large_is_final() -> None:
    with pytest.raises(clamd.TooLarge):
        clamd.parse_answer(b"INSTREAM size limit exceeded. ERROR\0")


@given(st.text(max_size=80), st.text(max_size=40))
def test_a_name_that_a_citizen_gave_breaks_no_header(filename: str, mime_type: str) -> None:
    given = AnnouncedFile(id="1", filename=filename.encode(errors="replace").decode())
    kept = StoredFile(
        announced=given, state="available", reason="", mime_type=mime_type, size=1, sha256="00",
        scanned=True, object=None, ciphertext_sha256="", stream_key=None,
    )  # fmt: skip
    for value in response_headers(kept).values():
        assert value.isascii() and value.isprintable()
    assert response_headers(kept)["Content-Type"] in {*SIGNATURES, "application/octet-stream"}


def test_a_number_at_a_bsp_has_the_address_and_the_token_of_its_own() -> None:
    numbers = [
        Number(id="10000001", tenant="almelo", fallback="balie"),
        Number(
            id="10000002", tenant="almelo", fallback="balie", provider="360dialog",
            secrets=("env:SECRET",), access_token="env:TOKEN",
        ),
    ]  # fmt: skip
    there = provider_accounts(
        numbers, "https://graph.facebook.com/v26.0/", "ours", {"TOKEN": "theirs"}
    )
    assert there["10000001"].headers == {"Authorization": "Bearer ours"}
    assert there["10000001"].base == "https://graph.facebook.com/v26.0"
    assert there["10000002"].headers == {"D360-API-KEY": "theirs"}
    assert (there["10000002"].rehosts, there["10000002"].names_number) == (True, False)
