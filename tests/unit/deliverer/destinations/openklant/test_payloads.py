"""Contacts of Open Klant: the citizen's addresses, the zaak, and the actors."""

from typing import Any
from uuid import UUID

import pytest

from deliverer.destinations.openklant.events import parse_event
from deliverer.destinations.openklant.payloads import (
    ContactNumber,
    address_payloads,
    answer_payload,
    case_id,
    case_payload,
    contact_payload,
    department_actor,
    employee_actor,
)
from services.config.organisation import Department
from tests.unit.deliverer.destinations.openklant.test_contact_text import OPTIONS, event

PARTY, CASE = str(UUID(int=2)), "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
ROOT = "https://openzaak.example/zaken/api/v1"
NUMBER = ContactNumber(UUID(int=7), {"nummer": "4000000000"})


def contact(data: dict[str, Any], **fields: Any) -> dict[str, Any]:
    delivery = event(data, **fields)
    return contact_payload(delivery, parse_event(delivery), NUMBER, OPTIONS)


@pytest.mark.parametrize(
    ("identities", "expected"),
    [
        (
            {"bsuid": "NL.123", "phone": "31612345678"},
            [("+31612345678", "telefoonnummer"), ("0612345678", "telefoonnummer")],
        ),
        (
            {"phone": "+31546541111"},
            [("+31546541111", "telefoonnummer"), ("0546541111", "telefoonnummer")],
        ),
        ({"phone": "31881234567"}, [("+31881234567", "telefoonnummer")]),
        ({"phone": "4915112345678"}, [("+4915112345678", "telefoonnummer")]),
        ({"phone": "3161234567"}, [("+3161234567", "telefoonnummer")]),
        ({"bsuid": "NL.123"}, [("NL.123", "overig")]),
        ({"bsuid": "NL.123", "phone": "123"}, [("NL.123", "overig")]),
        ({"phone": "123"}, [("123", "overig")]),
        ({"bsuid": "x" * 140}, [("x" * 80, "overig")]),
        ({}, []),
    ],
    ids=[
        "also as people in the Netherlands write it",
        "not mobile",
        "088 is refused before 2.17",
        "of another country",
        "too short for a Dutch number",
        "user id only",
        "no telephone number",
        "nothing else",
        "too long",
        "confidential",
    ],
)
def test_addresses_are_a_phone_number_else_a_user_id_and_belong_to_no_party(
    identities: dict[str, str], expected: list[tuple[str, str]]
) -> None:
    given = [{"kind": kind, "value": value} for kind, value in identities.items()]
    found = list(address_payloads(parse_event(event({"from": {"identities": given}})), PARTY))
    assert [(one["adres"], one["soortDigitaalAdres"]) for one in found] == expected
    assert all(one["verstrektDoorBetrokkene"] == {"uuid": PARTY} for one in found)
    assert all(one["verstrektDoorPartij"] is None for one in found)
    assert len({one["omschrijving"] for one in found}) == len(found), "ITA shows them by this"


@pytest.mark.parametrize(
    ("citizen", "name"),
    [
        ({"name": "Sam de Vries"}, "Sam de Vries"),
        ({"name": "Sam \0"}, "Sam"),
        ({"name": "x" * 250}, "x" * 200),
        ({"name": " \0"}, "WhatsApp-gebruiker"),
        ({}, "WhatsApp-gebruiker"),
        (None, "WhatsApp-gebruiker"),
        ("afval", "WhatsApp-gebruiker"),
    ],
)
def test_citizen_always_has_a_first_name_and_never_a_party(citizen: Any, name: str) -> None:
    party = contact({"from": citizen})["betrokkene"]
    assert party["contactnaam"]["voornaam"] == name
    assert (party["wasPartij"], party["rol"], party["initiator"]) == (None, "klant", True)


def test_contact_has_its_mark_its_number_and_the_moment_at_which_it_was_written() -> None:
    body = contact({"text": "Dag", "sentAt": "2026-11-25T11:59:00Z"})
    assert body["onderwerpobject"]["onderwerpobjectidentificator"] == {
        "objectId": str(UUID(int=7)),
        "codeObjecttype": "postkamer-contact",
        "codeRegister": "postkamer",
        "codeSoortObjectId": "uuid",
    }
    assert body["klantcontact"]["nummer"] == "4000000000"
    assert body["klantcontact"]["plaatsgevondenOp"] == "2026-11-25T11:59:00+00:00"
    assert body["klantcontact"]["vertrouwelijk"] is False


def test_confidential_contact_and_answer_have_only_the_address_of_their_text() -> None:
    question = contact({"department": "jeugd"}, dataref="/v1/messages/x")
    content = {"type": "text", "text": {"body": "GEHEIM"}}
    answer = answer_payload(event({}, dataref="/v1/messages/x"), content, NUMBER, OPTIONS)
    for body in (question, answer):
        fields = body["klantcontact"]
        address = "https://archief.example/v1/messages/x"
        assert fields["inhoud"] == f"De inhoud staat in het archief: {address}"
        assert fields["vertrouwelijk"] is True
    assert question["klantcontact"]["onderwerp"] == "Bericht via WhatsApp"
    assert answer["klantcontact"]["onderwerp"] == "Antwoord via WhatsApp"


def test_long_answer_says_where_the_whole_is() -> None:
    content = {"type": "text", "text": {"body": "x" * 4096}}
    fields = answer_payload(event({}), content, NUMBER, OPTIONS)["klantcontact"]
    assert len(fields["inhoud"]) == 1000 and len(fields["onderwerp"]) == 200
    assert fields["inhoud"].endswith(f"https://archief.example/v1/messages/{UUID(int=8)}]")


@pytest.mark.parametrize(
    ("zaak", "cases_url", "expected"),
    [
        (f"{ROOT}/zaken/{CASE}", ROOT, CASE),
        (f"{ROOT}/zaken/{CASE}/", f"{ROOT}/", CASE),
        (f"{ROOT}/zaken/{CASE.upper()}", ROOT, CASE),
        (f"https://other.example/zaken/api/v1/zaken/{CASE}", ROOT, ""),
        (f"{ROOT}.evil.example/zaken/{CASE}", ROOT, ""),
        (f"{ROOT}/statussen/{CASE}", ROOT, ""),
        (f"{ROOT}/zaken/ZAAK-2026-01", ROOT, ""),
        (f"{ROOT}/zaken/{CASE}", "", ""),
        ("", ROOT, ""),
    ],
)
def test_zaak_is_linked_only_when_employees_can_read_it(
    zaak: str, cases_url: str, expected: str
) -> None:
    assert case_id(zaak, cases_url) == expected


def test_zaak_has_the_codes_that_ita_and_kiss_look_for() -> None:
    body = case_payload(PARTY, CASE)
    assert list(body["onderwerpobjectidentificator"].values()) == [
        CASE,
        "zgw-Zaak",
        "openzaak",
        "uuid",
    ]
    assert (body["klantcontact"], body["wasKlantcontact"]) == ({"uuid": PARTY}, None)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, ("Openbare Ruimte", "ruimte", "afd")),
        ({"register_id": "A-7"}, ("Openbare Ruimte", "A-7", "afd")),
        ({"register_name": "Openbare ruimte"}, ("Openbare ruimte", "ruimte", "afd")),
        ({"register_kind": "groep"}, ("Openbare Ruimte", "ruimte", "grp")),
    ],
)
def test_department_is_an_actor_with_the_name_of_its_register_to_the_letter(
    fields: dict[str, str], expected: tuple[str, str, str]
) -> None:
    fixed = {"id": "ruimte", "tenant": "almelo", "destination": "crm", "name": "Openbare Ruimte"}
    actor = department_actor(Department.model_validate(fixed | fields))
    codes = actor["actoridentificator"]
    assert (actor["naam"], codes["objectId"], codes["codeObjecttype"]) == expected
    assert (codes["codeRegister"], codes["codeSoortObjectId"]) == ("obj", "idf")


@pytest.mark.parametrize(
    ("id", "codes"),
    [("sanne@almelo.nl", ["mdw", "msei", "email"]), ("sanne", ["mdw", "obj", "idf"])],
)
def test_employee_is_an_actor_as_kiss_writes_it(id: str, codes: list[str]) -> None:
    assert list(employee_actor(id)["actoridentificator"].values()) == [id, *codes]
