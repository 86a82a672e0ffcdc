"""Signatures of Standard Webhooks, checked as the desk does."""

from datetime import UTC, datetime, timedelta

import pytest

from services.http.webhook_signature import is_signed, key_of, sign

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
FIRST, NEXT = key_of("one"), key_of("two")
BODY = b'{"a": 1}'


def headers(*keys: bytes, at: datetime = NOW, body: bytes = BODY) -> dict[str, str]:
    stamp = str(int(at.timestamp()))
    return {
        "webhook-id": "event",
        "webhook-timestamp": stamp,
        "webhook-signature": sign(keys, "event", stamp, body),
    }


@pytest.mark.parametrize("keys", [(FIRST,), (NEXT, FIRST)])
def test_one_of_several_signatures_is_enough(keys: tuple[bytes, ...]) -> None:
    assert is_signed(headers(*keys), BODY, [FIRST], NOW)
    assert is_signed(headers(FIRST), BODY, [NEXT, FIRST], NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "other"},
        {"webhook-id": ""},
        {"webhook-timestamp": "1"},
        {"webhook-timestamp": "٣"},
        {"webhook-timestamp": "9" * 13},
        {"webhook-timestamp": ""},
        {"webhook-signature": ""},
        {"webhook-signature": "v1,AAAA"},
    ],
)
def test_altered_headers_are_refused(change: dict[str, str]) -> None:
    assert not is_signed(headers(FIRST) | change, BODY, [FIRST], NOW)


def test_other_body_key_or_time_is_refused() -> None:
    assert not is_signed(headers(FIRST), BODY + b" ", [FIRST], NOW)
    assert not is_signed(headers(NEXT), BODY, [FIRST], NOW)
    assert not is_signed(headers(FIRST), BODY, [], NOW)
    for late in (timedelta(seconds=301), timedelta(seconds=-301)):
        assert not is_signed(headers(FIRST, at=NOW + late), BODY, [FIRST], NOW)


def test_signature_far_down_the_header_is_not_looked_at() -> None:
    """So that no sender has us compare for ever."""
    given = headers(FIRST)
    given["webhook-signature"] = "v1,x " * 10 + given["webhook-signature"]
    assert not is_signed(given, BODY, [FIRST], NOW)
