"""Payloads for Open Klant: within its OpenAPI and accepted, for any message of a citizen."""

import string
from functools import cache
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, FormatChecker

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.events import parse_event
from services.contract import Delivery
from tests.contract.openklant.test_openapi import document
from tests.support.example_count import example_count
from tests.support.integration.destination_harness import NOON
from tests.support.openklant.api_client import FilledStore
from tests.support.openklant.register import department

OPTIONS = payloads.PayloadOptions(
    "WhatsApp", "https://archief.example", "https://kcc.example/{conversation}"
)
IDENTITY = st.one_of(
    st.tuples(st.just("phone"), st.text(string.digits, max_size=16)),
    st.tuples(st.just("bsuid"), st.text(string.ascii_letters + ".", min_size=1, max_size=140)),
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "image", "audio", "unsupported", ""]),
        "text": st.text(max_size=40) | st.text(min_size=900, max_size=4096),
        "from": st.builds(
            lambda all, name: {
                "identities": [{"kind": kind, "value": value} for kind, value in all],
                "name": name,
            },
            st.lists(IDENTITY, max_size=3),
            st.text(max_size=250),
        ),
        "sentAt": st.just("2026-11-25T12:00:00Z"),
        "decision": st.builds(lambda reason: {"reason": reason}, st.text(max_size=1200)),
        "tags": st.lists(st.text(max_size=64), max_size=20),
        "priority": st.sampled_from(["low", "normal", "high", "urgent", "else"]),
        "language": st.sampled_from(["nl", "en", "xx", ""]),
        "due": st.just("2026-12-24"),
        "windowUntil": st.just("2026-11-26T12:00:00Z"),
    },
)
CONTACT, PARTY, ACTOR = (str(UUID(int=n)) for n in (1, 2, 3))


def event(data: dict[str, Any], *, whole: bool = True) -> Delivery:
    return Delivery(
        id=UUID(int=7),
        type="nl.postkamer.message-received.v1",
        tenant="almelo",
        conversation="10000001-c1",
        department="afval",
        sequence=1,
        time=NOON,
        received_at=NOON,
        data=msgspec.json.encode(data),
        message=UUID(int=8),
        dataref="" if whole else "/v1/messages/x",
    )


def payloads_of(delivery: Delivery) -> dict[str, Any]:
    """Return the body of the POST to each resource."""
    what = parse_event(delivery)
    known = payloads.ContactKey("4000000000", str(delivery.id))
    made = {
        "maak-klantcontact": payloads.contact_payload(delivery, what, known, OPTIONS),
        "internetaken": payloads.task_payload(
            delivery, what, ("4000000001", CONTACT, ACTOR), OPTIONS
        ),
        "actoren": payloads.POSTKAMER_ACTOR,
    }
    if address := payloads.address_payload(what, PARTY):
        made["digitaleadressen"] = address
    return msgspec.json.decode(msgspec.json.encode(made))  # type: ignore[no-any-return]


@cache
def request_document() -> Any:
    return request_schema(document())


def request_schema(value: Any) -> Any:
    """Return a schema as it holds for requests: without the fields that only the server sets."""
    if isinstance(value, list):
        return [request_schema(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    inner = {key: request_schema(one) for key, one in value.items()}
    if isinstance(fields := value.get("properties"), dict):
        its = {name for name, one in fields.items() if isinstance(one, dict) and "readOnly" in one}
        inner["properties"] = {k: v for k, v in inner["properties"].items() if k not in its}
        inner["required"] = [name for name in value.get("required", []) if name not in its]
    return inner


def faults(path: str, body: Any, method: str = "post") -> list[str]:
    """Return where a body differs from the document."""
    content = request_document()["paths"][path][method]["requestBody"]["content"]
    wanted = content["application/json"]["schema"] | {
        "components": request_document()["components"]
    }
    validator = Draft202012Validator(wanted, format_checker=FormatChecker())
    return [f"{path}: {error.message}" for error in validator.iter_errors(body)]


@pytest.mark.slow
@pytest.mark.usefixtures("open_klant_openapi")
@settings(max_examples=example_count(200), deadline=None)
@given(data=EVENTS, whole=st.booleans())
def test_any_payload_is_as_the_document_says(data: dict[str, Any], whole: bool) -> None:
    for resource, body in payloads_of(event(data, whole=whole)).items():
        assert faults(f"/{resource}", body) == []
    ours = department("almelo", "afval")
    assert ours
    assert faults("/actoren", payloads.department_actor(ours)) == []


@settings(max_examples=example_count(200), deadline=None)
@given(data=EVENTS, whole=st.booleans())
def test_any_payload_is_accepted(data: dict[str, Any], whole: bool) -> None:
    filled = FilledStore()
    ids = {CONTACT: filled.contact, PARTY: filled.party, ACTOR: filled.actor}
    for resource, body in payloads_of(event(data, whole=whole)).items():
        text = msgspec.json.encode(body).decode()
        for ours, theirs in ids.items():
            text = text.replace(ours, theirs)
        filled.check(resource, msgspec.json.decode(text))


@settings(max_examples=example_count(200), deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=700), min_size=1, max_size=9))
def test_a_contact_of_a_burst_stays_within_its_limit_and_refers_to_the_rest(
    texts: list[str],
) -> None:
    remote: dict[str, Any] = {"inhoud": "Dag.", "metadata": {"gebeurtenis": "first"}}
    for n, text in enumerate(texts):
        delivery = msgspec.structs.replace(event({"text": text}), id=UUID(int=n))
        change = payloads.extend_contact(delivery, parse_event(delivery), remote, OPTIONS)
        assert change and len(change["inhoud"]) <= payloads.MAX_TEXT
        remote |= change
        assert payloads.extend_contact(delivery, parse_event(delivery), remote, OPTIONS) is None, (
            "it is there already"
        )
    each = [
        payloads.contact_text(event({"text": text}), parse_event(event({"text": text})), OPTIONS)
        for text in texts
    ]
    all = "\n\n".join(["Dag.", *each])
    assert remote["inhoud"] == all or (
        payloads.TRUNCATED in remote["inhoud"] and len(all) > payloads.MAX_TEXT
    )
    assert remote["metadata"]["gebeurtenis"] == "first"


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        (("bsuid", "phone"), ("+31612345678", "telefoonnummer")),
        (("bsuid",), ("NL.123", "overig")),
        ((), None),
    ],
)
def test_an_address_is_a_phone_number_else_a_user_id_and_belongs_to_no_party(
    kinds: tuple[str, ...], expected: tuple[str, str] | None
) -> None:
    values = {"bsuid": "NL.123", "phone": "31612345678"}
    identities = [{"kind": kind, "value": values[kind]} for kind in kinds]
    payload = payloads.address_payload(
        parse_event(event({"from": {"identities": identities}})), PARTY
    )
    assert payload == (
        expected
        and {
            "verstrektDoorBetrokkene": {"uuid": PARTY},
            "verstrektDoorPartij": None,
            "adres": expected[0],
            "soortDigitaalAdres": expected[1],
            "omschrijving": "WhatsApp",
        }
    )


def test_a_confidential_contact_has_only_the_address_of_its_text() -> None:
    contact = payloads_of(event({"department": "jeugd"}, whole=False))["maak-klantcontact"]
    address = "https://archief.example/v1/messages/x"
    assert contact["klantcontact"]["inhoud"] == f"De inhoud staat in het archief: {address}"
    assert contact["klantcontact"]["vertrouwelijk"] is True
