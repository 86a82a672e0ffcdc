"""Bodies that Open Klant accepts and refuses, field by field, as it was observed to."""

from datetime import UTC, datetime

import pytest

from sandbox.openklant.schema import RESOURCES
from tests.support.openklant.api_client import CONTACT, UNKNOWN_ID, FilledStore, Json


@pytest.fixture
def filled() -> FilledStore:
    return FilledStore()


@pytest.mark.parametrize("resource", RESOURCES)
def test_each_required_field_is_named_when_it_is_missing(
    filled: FilledStore, resource: str
) -> None:
    body = filled.bodies[resource]
    required = [name for name, field in RESOURCES[resource].items() if field.required]
    for name in required:
        without = {key: value for key, value in body.items() if key != name}
        assert filled.faults(resource, without) == [f"{name} required"]
    if required:
        assert filled.faults(resource, {}) == [f"{name} required" for name in required]


LIMITS = [
    ("klantcontacten", "kanaal", 50),
    ("klantcontacten", "onderwerp", 200),
    ("klantcontacten", "taal", 3),
    ("klantcontacten", "inhoud", 1000),
    ("klantcontacten", "reactie", 4000),
    ("betrokkenen", "organisatienaam", 200),
    ("digitaleadressen", "adres", 80),
    ("digitaleadressen", "omschrijving", 40),
    ("internetaken", "gevraagdeHandeling", 200),
    ("internetaken", "toelichting", 1000),
    ("actoren", "naam", 200),
]


@pytest.mark.parametrize(("resource", "name", "most"), LIMITS)
def test_a_text_is_accepted_up_to_its_limit_in_characters(
    filled: FilledStore, resource: str, name: str, most: int
) -> None:
    body = filled.bodies[resource] | {"soortDigitaalAdres": "overig"}
    assert filled.faults(resource, body | {name: "😀" * most}) == []
    assert filled.faults(resource, body | {name: "x" * (most + 1)}) == [f"{name} max_length"]


VALUES = [
    ("inhoud", None, "null"),
    ("inhoud", "", ""),
    ("inhoud", "a\x00b", "null_characters_not_allowed"),
    ("inhoud", True, "invalid"),
    ("inhoud", ["x"], "invalid"),
    ("onderwerp", "  ", "blank"),
    ("vertrouwelijk", None, "null"),
    ("vertrouwelijk", "misschien", "invalid"),
    ("indicatieContactGelukt", None, ""),
    ("referentienummer", None, ""),
    ("referentienummer", "0000000042", ""),
    ("referentienummer", 42, ""),
    ("referentienummer", "-42", ""),
    ("referentienummer", "12a", "invalid"),
    ("referentienummer", "12345678901", "max_length"),
    ("metadata", None, "null"),
    ("metadata", [], "not_a_dict"),
    ("metadata", {"a": 1.5}, ""),
    ("metadata.a", {"a": True}, "invalid"),
    ("metadata.a", {"a": {"b": "c"}}, "invalid"),
    ("metadata.a", {"a": "x" * 256}, "max_length"),
    ("onbekend", {"a": "b"}, ""),
    ("uuid", "no uuid", ""),
    ("plaatsgevondenOp", "2026-11-24T23:00:00+01:00", ""),
    ("plaatsgevondenOp", "2026-11-24T22:00:00.1234567Z", ""),
    ("plaatsgevondenOp", "2026-11-24", ""),
    ("plaatsgevondenOp", "20261124T220000Z", ""),
    ("plaatsgevondenOp", "9999-12-31T23:59:59-01:00", "invalid"),
    ("plaatsgevondenOp", 1795557243, "invalid"),
    ("plaatsgevondenOp", "24-11-2026", "invalid"),
    ("plaatsgevondenOp", "", "invalid"),
    ("plaatsgevondenOp", None, "null"),
]


@pytest.mark.parametrize(("name", "value", "code"), VALUES)
def test_a_contact_is_accepted_or_refused_for_a_value(
    filled: FilledStore, name: str, value: object, code: str
) -> None:
    body = CONTACT | {name.partition(".")[0]: value}
    assert filled.faults("klantcontacten", body) == ([f"{name} {code}"] if code else [])


ADDRESSES = [
    ("telefoonnummer", "+31612345678", True),
    ("telefoonnummer", "31612345678", False),
    ("telefoonnummer", "0612345678", True),
    ("telefoonnummer", "0031612345678", True),
    ("telefoonnummer", "06 12345678", False),
    ("telefoonnummer", "0800123456", False),
    ("telefoonnummer", "0900123456", False),
    ("telefoonnummer", "14036", False),
    ("email", "a@almelo.nl", True),
    ("email", "almelo.nl", False),
    ("overig", "31612345678", True),
]


@pytest.mark.parametrize(("kind", "address", "is_valid"), ADDRESSES)
def test_an_address_must_have_the_form_of_its_kind(
    filled: FilledStore, kind: str, address: str, is_valid: bool
) -> None:
    body = filled.bodies["digitaleadressen"] | {"soortDigitaalAdres": kind, "adres": address}
    assert filled.faults("digitaleadressen", body) == ([] if is_valid else ["adres invalid"])


MISSING = {"uuid": UNKNOWN_ID}
ROBOT: Json = {"soortActor": "geautomatiseerde_actor"}
OTHERS = [
    ("digitaleadressen", {"soortDigitaalAdres": "x"}, "soortDigitaalAdres invalid_choice"),
    (
        "digitaleadressen",
        {"verstrektDoorBetrokkene": MISSING},
        "verstrektDoorBetrokkene.uuid invalid",
    ),
    ("betrokkenen", {"rol": "burger"}, "rol invalid_choice"),
    ("betrokkenen", {"initiator": None}, "initiator null"),
    ("betrokkenen", {"wasPartij": "x"}, "wasPartij.nonFieldErrors invalid"),
    ("betrokkenen", {"wasPartij": MISSING}, "wasPartij.uuid invalid"),
    ("betrokkenen", {"hadKlantcontact": {"uuid": "x"}}, "hadKlantcontact.uuid invalid"),
    ("betrokkenen", {"hadKlantcontact": {}}, "hadKlantcontact.uuid required"),
    ("betrokkenen", {"contactnaam": {"voornaam": "x" * 201}}, "contactnaam.voornaam max_length"),
    ("internetaken", {"status": "klaar"}, "status invalid_choice"),
    ("internetaken", {"toegewezenAanActoren": None}, "toegewezenAanActoren null"),
    ("internetaken", {"toegewezenAanActoren": 1}, "toegewezenAanActoren.nonFieldErrors not_a_list"),
    (
        "internetaken",
        {"toegewezenAanActoren": [MISSING]},
        "toegewezenAanActoren.0.uuid invalid",
    ),
    ("actoren", {"soortActor": []}, "soortActor invalid_choice"),
    ("actoren", ROBOT | {"actorIdentificatie": {}}, "actorIdentificatie.functie required"),
    ("klantcontacten", [CONTACT], "nonFieldErrors invalid"),
    ("klantcontacten", None, "nonFieldErrors invalid"),
]


@pytest.mark.parametrize(("resource", "changed", "fault"), OTHERS)
def test_a_fault_is_named_by_its_dotted_name(
    filled: FilledStore, resource: str, changed: object, fault: str
) -> None:
    body = filled.bodies[resource] | changed if isinstance(changed, dict) else changed
    assert filled.faults(resource, body) == [fault]


def test_values_are_stored_as_the_server_reads_them(filled: FilledStore) -> None:
    metadata = {"wamid": 1, "a": " b "}
    row = filled.create("klantcontacten", plaatsgevondenOp="2026-11-24", metadata=metadata)
    assert row["plaatsgevondenOp"] == datetime(2026, 11, 24, tzinfo=UTC)
    assert row["metadata"] == {"wamid": "1", "a": "b"}
    party = filled.create("betrokkenen", contactnaam=None, wasPartij=None)
    assert (party["contactnaam"]["voornaam"], party["wasPartij"]) == ("", None)


def test_an_identification_of_an_actor_is_read_by_the_kind_of_actor(filled: FilledStore) -> None:
    given = {"functie": "x", "omschrijving": "y"}
    robot = filled.create("actoren", actorIdentificatie=given, **ROBOT)
    assert robot["actorIdentificatie"] == given
    employee = filled.create("actoren", actorIdentificatie=given, soortActor="medewerker")
    assert employee["actorIdentificatie"] is None
