"""What Open Klant takes and what it refuses, field by field, as it was seen to do."""

from datetime import UTC, datetime

import pytest

from sandbox.openklant.request_body import Unreadable, camel_case, parse
from tests.support.openklant.api_client import CONTACT, NOWHERE, Json, Register


@pytest.fixture
def register() -> Register:
    return Register()


REQUIRED = {
    "klantcontacten": {"kanaal", "onderwerp", "taal", "vertrouwelijk"},
    "betrokkenen": {"hadKlantcontact", "rol", "initiator"},
    "digitaleadressen": {"adres", "soortDigitaalAdres", "verstrektDoorPartij"},
    "internetaken": {"gevraagdeHandeling", "aanleidinggevendKlantcontact", "status"},
    "actoren": {"naam", "soortActor"},
    "actorklantcontacten": {"actor", "klantcontact"},
    "bijlagen": set(),
    "onderwerpobjecten": set(),
}


@pytest.mark.parametrize("resource", REQUIRED)
def test_exactly_what_is_required_is_missing_from_an_empty_body(
    register: Register, resource: str
) -> None:
    body = register.body(resource)
    assert register.check(resource, body) == []
    for name in REQUIRED[resource]:
        without = {key: value for key, value in body.items() if key != name}
        assert register.check(resource, without) == [f"{name} required"]
    expected = sorted(f"{name} required" for name in REQUIRED[resource])
    if expected:
        assert sorted(register.check(resource, {})) == expected


LIMITS = [
    ("klantcontacten", "kanaal", 50),
    ("klantcontacten", "onderwerp", 200),
    ("klantcontacten", "taal", 3),
    ("klantcontacten", "inhoud", 1000),
    ("klantcontacten", "reactie", 4000),
    ("betrokkenen", "organisatienaam", 200),
    ("digitaleadressen", "omschrijving", 40),
    ("digitaleadressen", "referentie", 50),
    ("internetaken", "gevraagdeHandeling", 200),
    ("internetaken", "toelichting", 1000),
    ("actoren", "naam", 200),
]


@pytest.mark.parametrize(("resource", "name", "most"), LIMITS)
def test_text_is_taken_up_to_its_limit_and_not_one_character_longer(
    register: Register, resource: str, name: str, most: int
) -> None:
    body = register.body(resource)
    assert register.check(resource, body | {name: "x" * most}) == []
    assert register.check(resource, body | {name: "x" * (most + 1)}) == [f"{name} max_length"]


def test_an_address_may_have_80_characters(register: Register) -> None:
    body = register.body("digitaleadressen") | {"soortDigitaalAdres": "overig"}
    assert register.check("digitaleadressen", body | {"adres": "x" * 80}) == []
    longer = register.check("digitaleadressen", body | {"adres": "x" * 81})
    assert longer == ["adres max_length"]


def test_characters_are_counted_and_not_bytes(register: Register) -> None:
    assert register.check("klantcontacten", CONTACT | {"inhoud": "😀" * 1000}) == []


VALUES = [
    ("inhoud", None, "inhoud null"),
    ("inhoud", "", ""),
    ("inhoud", "a\x00b", "inhoud null_characters_not_allowed"),
    ("inhoud", "\ud800", "inhoud surrogate_characters_not_allowed"),
    ("inhoud", True, "inhoud invalid"),
    ("inhoud", ["x"], "inhoud invalid"),
    ("onderwerp", "  ", "onderwerp blank"),
    ("taal", "nl", ""),
    ("vertrouwelijk", None, "vertrouwelijk null"),
    ("vertrouwelijk", "misschien", "vertrouwelijk invalid"),
    ("indicatieContactGelukt", None, ""),
    ("hoofdOnderwerpType", "geen adres", "hoofdOnderwerpType invalid"),
    ("hoofdOnderwerpType", "https://almelo.nl/a", ""),
    ("referentienummer", None, ""),
    ("referentienummer", "0000000042", ""),
    ("referentienummer", 42, ""),
    ("referentienummer", "-42", ""),
    ("referentienummer", "12a", "referentienummer invalid"),
    ("referentienummer", "12345678901", "referentienummer max_length"),
    ("metadata", None, "metadata null"),
    ("metadata", [], "metadata not_a_dict"),
    ("metadata", {"a": 1.5}, ""),
    ("metadata", {"a": True}, "metadata.a invalid"),
    ("metadata", {"a": {"b": "c"}}, "metadata.a invalid"),
    ("metadata", {"a": "x" * 256}, "metadata.a max_length"),
    ("onbekend", {"what": "ever"}, ""),
    ("uuid", "not even one", ""),
    ("plaatsgevondenOp", "2026-11-24T22:00:00Z", ""),
    ("plaatsgevondenOp", "2026-11-24T23:00:00+01:00", ""),
    ("plaatsgevondenOp", "2026-11-24T22:00:00.1234567Z", ""),
    ("plaatsgevondenOp", "2026-11-24 22:00:00", ""),
    ("plaatsgevondenOp", "2026-11-24", ""),
    ("plaatsgevondenOp", "20261124T220000Z", ""),
    ("plaatsgevondenOp", "2999-01-01T00:00:00Z", ""),
    ("plaatsgevondenOp", 1795557243, "plaatsgevondenOp invalid"),
    ("plaatsgevondenOp", "1795557243", "plaatsgevondenOp invalid"),
    ("plaatsgevondenOp", "24-11-2026", "plaatsgevondenOp invalid"),
    ("plaatsgevondenOp", "", "plaatsgevondenOp invalid"),
    ("plaatsgevondenOp", None, "plaatsgevondenOp null"),
]


@pytest.mark.parametrize(("name", "value", "fault"), VALUES)
def test_a_contact_is_taken_or_refused_for_this_value(
    register: Register, name: str, value: object, fault: str
) -> None:
    expected = [fault] if fault else []
    assert register.check("klantcontacten", CONTACT | {name: value}) == expected


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


@pytest.mark.parametrize(("kind", "address", "fits"), ADDRESSES)
def test_an_address_must_look_like_its_kind(
    register: Register, kind: str, address: str, fits: bool
) -> None:
    body = register.body("digitaleadressen") | {"soortDigitaalAdres": kind, "adres": address}
    assert register.check("digitaleadressen", body) == ([] if fits else ["adres invalid"])


OTHERS = [
    ("digitaleadressen", {"soortDigitaalAdres": "whatsapp"}, "soortDigitaalAdres invalid_choice"),
    ("digitaleadressen", {"referentie": "geen slug"}, "referentie invalid"),
    ("digitaleadressen", {"isStandaardAdres": True}, "isStandaardAdres invalid"),
    ("digitaleadressen", {"verificatieDatum": "24-11-2026"}, "verificatieDatum invalid"),
    (
        "digitaleadressen",
        {"verstrektDoorBetrokkene": {"uuid": NOWHERE}},
        "verstrektDoorBetrokkene.uuid invalid",
    ),
    ("betrokkenen", {"rol": "burger"}, "rol invalid_choice"),
    ("betrokkenen", {"initiator": None}, "initiator null"),
    ("betrokkenen", {"wasPartij": "x"}, "wasPartij.nonFieldErrors invalid"),
    ("betrokkenen", {"wasPartij": {"uuid": NOWHERE}}, "wasPartij.uuid invalid"),
    ("betrokkenen", {"hadKlantcontact": {"uuid": "x"}}, "hadKlantcontact.uuid invalid"),
    ("betrokkenen", {"hadKlantcontact": {}}, "hadKlantcontact.uuid required"),
    ("betrokkenen", {"contactnaam": {"voornaam": "x" * 201}}, "contactnaam.voornaam max_length"),
    ("internetaken", {"status": "klaar"}, "status invalid_choice"),
    ("internetaken", {"referentienummer": "x"}, "referentienummer invalid"),
    ("internetaken", {"toegewezenAanActoren": None}, "toegewezenAanActoren null"),
    (
        "internetaken",
        {"toegewezenAanActoren": [{"uuid": NOWHERE}]},
        "toegewezenAanActoren.0.uuid invalid",
    ),
    ("internetaken", {"toegewezenAanActor": {"uuid": NOWHERE}}, "toegewezenAanActor.uuid invalid"),
    ("internetaken", {"afgehandeldOp": "2026-11-24T22:00:00Z"}, "afgehandeldOp invalid"),
    ("actoren", {"soortActor": "afdeling"}, "soortActor invalid_choice"),
    (
        "actoren",
        {"soortActor": "geautomatiseerde_actor", "actorIdentificatie": {}},
        "actorIdentificatie.functie required",
    ),
]


@pytest.mark.parametrize(("resource", "changed", "fault"), OTHERS)
def test_what_is_wrong_is_told_by_its_dotted_name(
    register: Register, resource: str, changed: Json, fault: str
) -> None:
    assert register.check(resource, register.body(resource) | changed) == [fault]


@pytest.mark.parametrize("body", [[], None, "x", [CONTACT]])
def test_a_body_that_is_no_object_is_refused(register: Register, body: object) -> None:
    assert register.check("klantcontacten", body) == ["nonFieldErrors invalid"]


NAMES = [
    ("snake_key", "snakeKey"),
    ("WAMID", "wamid"),
    ("waMessageId", "waMessageId"),
    ("adresregel1", "adresregel1"),
    ("indicatie_contact_gelukt", "indicatieContactGelukt"),
    ("code-register", "code-register"),
]


@pytest.mark.parametrize(("sent", "kept"), NAMES)
def test_names_are_rewritten_to_camel_case(sent: str, kept: str) -> None:
    assert camel_case(sent) == kept


def test_snake_case_is_taken_and_the_names_in_metadata_are_rewritten(register: Register) -> None:
    sent = b'{"plaatsgevonden_op": "2026-11-24", "metadata": {"WAMID": 1, "snake_key": " b "}}'
    row = register.take("klantcontacten", CONTACT | parse(sent))
    assert row["plaatsgevondenOp"] == datetime(2026, 11, 24, tzinfo=UTC)
    assert row["metadata"] == {"wamid": "1", "snakeKey": "b"}


def test_an_empty_body_is_an_empty_object_and_no_json_is_no_body() -> None:
    assert parse(b"") == {}
    for raw in (b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000):
        with pytest.raises(Unreadable):
            parse(raw)
