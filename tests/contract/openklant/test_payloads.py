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

from deliverer.destinations.openklant import contact_text, payloads, task_payloads
from deliverer.destinations.openklant.events import PayloadOptions, parse_event
from deliverer.destinations.openklant.idempotent_call import numbers
from services.contract import Delivery
from tests.contract.openklant.test_openapi import document
from tests.support.example_count import example_count
from tests.support.integration.destination_harness import NOON
from tests.support.openklant.api_client import FilledStore
from tests.support.openklant.register import department

OPTIONS = PayloadOptions(
    "WhatsApp", "https://archief.example", "https://kcc.example/{conversation}"
)
IDENTITY = st.one_of(
    st.tuples(st.just("phone"), st.text(string.digits, max_size=16)),
    st.tuples(st.just("bsuid"), st.text(string.ascii_letters + ".", min_size=1, max_size=140)),
)
FILE = st.fixed_dictionaries({"link": st.just("/v1/media/1"), "filename": st.text(max_size=240)})
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["text", "image", "location", "unsupported", ""]),
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
        "media": st.lists(
            st.fixed_dictionaries(
                {"link": st.just("/v1/media/1"), "filename": st.text(max_size=240)}
            ),
            max_size=3,
        ),
        "place": st.fixed_dictionaries(
            {"latitude": st.floats(-90, 90), "longitude": st.floats(-180, 180)}
        ),
        "decision": st.builds(lambda reason: {"reason": reason}, st.text(max_size=1200)),
        "tags": st.lists(st.text(max_size=64), max_size=20),
        "priority": st.sampled_from(["low", "normal", "high", "urgent", "else"]),
        "language": st.sampled_from(["nl", "en", "xx", ""]),
        "due": st.just("2026-12-24"),
        "windowUntil": st.just("2026-11-26T12:00:00Z"),
    },
)
CONTACT, PARTY, ACTOR, CASE = (str(UUID(int=n)) for n in (1, 2, 3, 4))


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


def payloads_of(delivery: Delivery) -> list[tuple[str, Any]]:
    """Return the resource and the body of each POST."""
    what = parse_event(delivery)
    number = payloads.ContactNumber(delivery.id, numbers(4_000_000_000))
    content = {"type": "text", "text": {"body": what.text}}
    task = task_payloads.task_payload(delivery, what, CONTACT, ACTOR, OPTIONS)
    made = [
        ("maak-klantcontact", payloads.contact_payload(delivery, what, number, OPTIONS)),
        ("maak-klantcontact", payloads.answer_payload(delivery, content, number, OPTIONS)),
        ("internetaken", numbers(4_000_000_001) | task),
        ("onderwerpobjecten", payloads.case_payload(CONTACT, CASE)),
        ("actoren", payloads.POSTKAMER_ACTOR),
    ]
    made += [("digitaleadressen", each) for each in payloads.address_payloads(what, PARTY)]
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
    for resource, body in payloads_of(event(data, whole=whole)):
        assert faults(f"/{resource}", body) == []
    ours = department("almelo", "afval")
    assert ours
    assert faults("/actoren", payloads.department_actor(ours)) == []


@settings(max_examples=example_count(200), deadline=None)
@given(data=EVENTS, whole=st.booleans())
def test_any_payload_is_accepted(data: dict[str, Any], whole: bool) -> None:
    filled = FilledStore()
    ids = {CONTACT: filled.contact, PARTY: filled.party, ACTOR: filled.actor}
    for resource, body in payloads_of(event(data, whole=whole)):
        text = msgspec.json.encode(body).decode()
        for ours, theirs in ids.items():
            text = text.replace(ours, theirs)
        filled.check(resource, msgspec.json.decode(text))


@settings(max_examples=example_count(200), deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=700), min_size=1, max_size=9))
def test_a_contact_of_a_burst_stays_within_its_limit_and_refers_to_the_rest(
    texts: list[str],
) -> None:
    whole, all = "Dag.", "Dag."
    for text in texts:
        delivery = event({"text": text})
        addition = contact_text.describe_message(delivery, parse_event(delivery), OPTIONS)
        url = contact_text.conversation_url(delivery, OPTIONS)
        whole = contact_text.extend_text(whole, addition, url)
        all = f"{all}\n\n{addition}".strip()
        assert len(whole) <= contact_text.MAX_TEXT
    assert whole == all or (
        whole.endswith(f"{contact_text.TRUNCATED}https://kcc.example/10000001-c1]")
        and len(all) > contact_text.MAX_TEXT
    )
