"""What Open Klant is sent, whatever a citizen wrote: within its OpenAPI, and taken."""

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
from sandbox.openklant.writes import CheckedWrite, check_write
from services.contract import Delivery
from tests.contract.openklant.test_openapi import document
from tests.support.example_count import example_count
from tests.support.integration.destination_harness import NOON
from tests.support.openklant.api_client import Register
from tests.support.openklant.register import department

TERMS = payloads.PayloadOptions(
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


def sent(delivery: Delivery) -> dict[str, Any]:
    """Resource -> what is posted to it."""
    what = parse_event(delivery)
    known = payloads.ContactKey("4000000000", str(delivery.id))
    made = {
        "maak-klantcontact": payloads.contact_payload(delivery, what, known, TERMS),
        "internetaken": payloads.task_payload(
            delivery, what, ("4000000001", CONTACT, ACTOR), TERMS
        ),
        "actoren": payloads.POSTKAMER_ACTOR,
    }
    if address := payloads.address_payload(what, PARTY):
        made["digitaleadressen"] = address
    return msgspec.json.decode(msgspec.json.encode(made))  # type: ignore[no-any-return]


@cache
def whole() -> Any:
    return asked(document())


def asked(value: Any) -> Any:
    """A schema as it holds for what is sent: without what only the server says."""
    if isinstance(value, list):
        return [asked(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    inner = {key: asked(one) for key, one in value.items()}
    if isinstance(fields := value.get("properties"), dict):
        its = {name for name, one in fields.items() if isinstance(one, dict) and "readOnly" in one}
        inner["properties"] = {k: v for k, v in inner["properties"].items() if k not in its}
        inner["required"] = [name for name in value.get("required", []) if name not in its]
    return inner


def faults(path: str, body: Any, method: str = "post") -> list[str]:
    """What it breaks of the document."""
    content = whole()["paths"][path][method]["requestBody"]["content"]
    wanted = content["application/json"]["schema"] | {"components": whole()["components"]}
    validator = Draft202012Validator(wanted, format_checker=FormatChecker())
    return [f"{path}: {error.message}" for error in validator.iter_errors(body)]


@pytest.mark.slow
@pytest.mark.usefixtures("open_klant_openapi")
@settings(max_examples=example_count(200), deadline=None)
@given(data=EVENTS, whole=st.booleans())
def test_whatever_was_written_it_is_as_the_document_says(data: dict[str, Any], whole: bool) -> None:
    for resource, body in sent(event(data, whole=whole)).items():
        assert faults(f"/{resource}", body) == []
    ours = department("almelo", "afval")
    assert ours
    assert faults("/actoren", payloads.department_actor(ours)) == []


@settings(max_examples=example_count(200), deadline=None)
@given(data=EVENTS, whole=st.booleans())
def test_whatever_was_written_it_is_taken(data: dict[str, Any], whole: bool) -> None:
    register = Register()
    ids = {CONTACT: register.contact, PARTY: register.party, ACTOR: register.actor}
    for resource, body in sent(event(data, whole=whole)).items():
        text = msgspec.json.encode(body).decode()
        for ours, theirs in ids.items():
            text = text.replace(ours, theirs)
        found = check_write(register.store, resource, msgspec.json.decode(text))
        assert isinstance(found, CheckedWrite), found


@settings(max_examples=example_count(200), deadline=None)
@given(texts=st.lists(st.text(min_size=1, max_size=700), min_size=1, max_size=9))
def test_a_burst_never_outgrows_its_contact_and_says_where_the_rest_is(texts: list[str]) -> None:
    there: dict[str, Any] = {"inhoud": "Dag.", "metadata": {"gebeurtenis": "first"}}
    for n, text in enumerate(texts):
        delivery = msgspec.structs.replace(event({"text": text}), id=UUID(int=n))
        change = payloads.extend_contact(delivery, parse_event(delivery), there, TERMS)
        assert change and len(change["inhoud"]) <= payloads.MAX_TEXT
        there |= change
        assert payloads.extend_contact(delivery, parse_event(delivery), there, TERMS) is None, (
            "it is there already"
        )
    each = [
        payloads.contact_text(event({"text": text}), parse_event(event({"text": text})), TERMS)
        for text in texts
    ]
    all = "\n\n".join(["Dag.", *each])
    assert there["inhoud"] == all or (
        payloads.TRUNCATED in there["inhoud"] and len(all) > payloads.MAX_TEXT
    )
    assert there["metadata"]["gebeurtenis"] == "first"


def test_a_telephone_number_has_its_plus_and_is_nobody_s_but_who_wrote() -> None:
    identities = [{"kind": "bsuid", "value": "NL.123"}, {"kind": "phone", "value": "31612345678"}]
    what = parse_event(event({"from": {"identities": identities}}))
    assert payloads.address_payload(what, PARTY) == {
        "verstrektDoorBetrokkene": {"uuid": PARTY},
        "verstrektDoorPartij": None,
        "adres": "+31612345678",
        "soortDigitaalAdres": "telefoonnummer",
        "omschrijving": "WhatsApp",
    }
    what = parse_event(event({"from": {"identities": identities[:1]}}))
    assert (payloads.address_payload(what, PARTY) or {})["soortDigitaalAdres"] == "overig"
    assert payloads.address_payload(parse_event(event({"from": {"identities": []}})), PARTY) is None


def test_of_what_is_confidential_only_where_it_stands_is_said() -> None:
    made = sent(event({"department": "jeugd"}, whole=False))
    contact = made["maak-klantcontact"]["klantcontact"]
    assert (
        contact["inhoud"] == "De inhoud staat in het archief: https://archief.example/v1/messages/x"
    )
    assert contact["vertrouwelijk"] is True
