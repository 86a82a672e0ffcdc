"""Request bodies of the owner of a destination."""

import base64
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from pydantic import TypeAdapter

from gateway.api_docs import destination_examples as examples
from gateway.requests import destinations
from gateway.requests.destinations import END_SECRET, NEW_SECRET, RESEND, time_faults
from services.api.json_body import parse_body

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)
EVENT = examples.EVENT


def pointers(body: Any, kind: TypeAdapter[Any] = RESEND) -> list[str]:
    """Pointers of the faults of a body."""
    parsed = parse_body(msgspec.json.encode(body), kind)
    faults = parsed if isinstance(parsed, list) else time_faults(parsed, NOW)
    return [fault.pointer for fault in faults]


@pytest.mark.parametrize("kind", ["RESENDS", "NEW_SECRETS", "END_SECRETS"])
def test_examples_of_the_document_are_accepted(kind: str) -> None:
    model = getattr(destinations, kind.removesuffix("S"))
    assert [pointers(body, model) for body in getattr(examples, kind).values()] == [
        [] for _ in getattr(examples, kind)
    ]


@pytest.mark.parametrize(
    ("body", "faulty"),
    [
        ({}, ["/events"]),
        ({"since": "2026-11-28T00:00:00Z", "events": [EVENT]}, ["/events"]),
        ({"events": [EVENT], "until": "2026-11-28T00:00:00Z"}, ["/events"]),
        ({"events": []}, ["/events"]),
        ({"events": ["1"]}, ["/events/0"]),
        ({"events": [EVENT] * 1001}, ["/events"]),
        ({"since": "2026-11-29T08:00:00Z"}, ["/since"]),
        ({"since": "2026-11-28T00:00:00Z", "until": "2026-11-28T00:00:00Z"}, ["/until"]),
        ({"since": "2026-11-28T00:00:00Z", "state": "aside", "speed": 1}, ["/speed", "/state"]),
    ],
)
def test_resend_names_a_time_or_events(body: Any, faulty: list[str]) -> None:
    assert pointers(body) == faulty


@pytest.mark.parametrize(("bytes_", "accepted"), [(23, False), (24, True), (64, True), (65, False)])
def test_secret_has_the_size_of_standard_webhooks(bytes_: int, accepted: bool) -> None:
    secret = "whsec_" + base64.b64encode(bytes(bytes_)).decode()
    assert pointers({"secret": secret}, NEW_SECRET) == ([] if accepted else ["/secret"])


@pytest.mark.parametrize("secret", ["", "geheim", "whsec_", "whsec_****", "whsec_A", None])
def test_secret_of_another_form_is_refused_without_a_word_of_it(secret: str | None) -> None:
    faults = parse_body(msgspec.json.encode({"secret": secret}), NEW_SECRET)
    assert isinstance(faults, list) and [fault.pointer for fault in faults] == ["/secret"]
    assert not secret or secret not in faults[0].detail.replace("whsec_ and", "")


@pytest.mark.parametrize(("name", "kind"), [("othersEndAt", NEW_SECRET), ("at", END_SECRET)])
def test_secret_has_its_end_within_a_year(name: str, kind: TypeAdapter[Any]) -> None:
    assert pointers({name: "2027-11-30T08:00:00Z"}, kind) == []
    for late in ("2027-11-30T08:00:01Z", "9999-12-31T23:59:59-14:00", "tomorrow"):
        assert pointers({name: late}, kind) == [f"/{name}"]
