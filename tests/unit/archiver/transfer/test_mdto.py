"""Metadata in MDTO: each kind of conversation against the schema, and what they say."""

from datetime import UTC, date, datetime
from typing import Any
from xml.etree import ElementTree

import msgspec
import pytest

from archiver.index.record_fields import Identity
from archiver.transfer.description import (
    Department,
    Describer,
    Document,
    Facts,
    Organisation,
    pseudonym_of,
)
from archiver.transfer.formats import recognise
from archiver.transfer.mdto import Reference, encode_file, encode_object
from archiver.transfer.packing_slip import Slip, Totals, encode_slip, identify_package
from tests.support.transfer.schema import PATH, Schema

SPACE = {"m": "https://www.nationaalarchief.nl/mdto"}
OPENED, CLOSED = (
    datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC), datetime(2026, 11, 21, 23, 30, tzinfo=UTC),
)  # fmt: skip
ORGANISATION = Organisation(
    tenant="almelo", name="Gemeente Almelo", tooi="gm0141", target=Reference("Archief <Almelo>")
)
DESCRIBER = Describer(ORGANISATION, CLOSED)
FACTS = Facts(
    conversation="106540352242922-aaaa", departments=(Department("or", "Openbare ruimte", False),),
    opened_at=OPENED, closed_at=CLOSED, state="destroy", code="6.1.3", starts_on=None,
    kept_until=date(2027, 11, 22), messages=3, first_received_at=OPENED, first_at=OPENED,
    last_at=CLOSED, languages=("nl",), citizens=("c0ffee",),
)  # fmt: skip
TAXES = Department("belastingen", "Belastingen", True)


@pytest.fixture(scope="module")
def schema() -> Schema:
    if not PATH.exists():
        pytest.skip(f"the schema of MDTO is not ours to copy, and not at {PATH}")
    return Schema()


def described(**changed: Any) -> bytes:
    facts = msgspec.structs.replace(FACTS, **changed)
    part = Reference("Gesprek", DESCRIBER.identify("x_gesprek"))
    more = Reference("besluiten.json", DESCRIBER.identify("x_besluiten.json"))
    return encode_object(DESCRIBER.describe_dossier(facts, [part], [more]))


def texts(document: bytes, path: str) -> list[str | None]:
    found = ElementTree.fromstring(document).findall(
        "m:informatieobject/" + "/".join(f"m:{each}" for each in path.split("/")), SPACE
    )
    return [each.text for each in found]


CASES: dict[str, dict[str, Any]] = {
    "destroyed later": {},
    "for ever": {"state": "permanent", "code": "13.1.3", "kept_until": None},
    "nobody said": {"state": "unset", "code": "", "kept_until": None},
    "waits for its begin": {"state": "waits", "code": "6.1.8", "kept_until": None},
    "a begin was given": {"code": "6.1.8", "starts_on": date(2026, 12, 1)},
    "a zaak": {"zaak": "Z-2026-17"},
    "a confidential department": {"departments": (*FACTS.departments, TAXES)},
    "no department": {"departments": ()},
    "begun by us": {"first_received_at": None, "citizens": ()},
    "no message at all": {"messages": 0, "first_at": None, "last_at": None},
    "some destroyed": {"destroyed": 2},
    "characters that XML has not": {"departments": (Department("a", "A\x00\x1b<&\ufffe", False),)},
    "several citizens and languages": {"citizens": ("a", "b"), "languages": ("ar", "nl")},
}


@pytest.mark.parametrize("case", CASES)
def test_dossier_is_valid(schema: Schema, case: str) -> None:
    assert schema.faults(described(**CASES[case])) == []


def test_documents_and_files_are_valid(schema: Schema) -> None:
    document = Document(name="x_bijlage-0001", title="Bijlage", events=(("Ontvangst", OPENED),))
    file = Reference("x.jpg", DESCRIBER.identify("x.jpg"))
    format = recognise("audio/aac", b"\xff\xf1")
    for made in (
        encode_object(DESCRIBER.describe_document(FACTS, document, [file])),
        encode_object(DESCRIBER.describe_beside(document, [file])),
        encode_file(DESCRIBER.describe_file("x.aac", 0, "00" * 32, format, file)),
    ):
        assert schema.faults(made) == []


def test_organisation_may_have_no_code_and_a_target_an_id(schema: Schema) -> None:
    target = Reference("Archief", DESCRIBER.identify("12"))
    other = msgspec.structs.replace(ORGANISATION, tooi="", target=target, activity="urn:x")
    made = encode_object(Describer(other, CLOSED).describe_dossier(FACTS, [], []))
    assert schema.faults(made) == []
    assert texts(made, "archiefvormer/verwijzingIdentificatie") == []
    assert texts(made, "isOnderdeelVan/verwijzingIdentificatie/identificatieKenmerk") == ["12"]
    assert texts(made, "activiteit/verwijzingIdentificatie/identificatieKenmerk") == ["urn:x"]


@pytest.mark.parametrize(
    ("case", "path", "expected"),
    [
        ("destroyed later", "waardering/begripCode", ["V"]),
        ("destroyed later", "bewaartermijn/termijnLooptijd", ["P1Y"]),
        ("destroyed later", "bewaartermijn/termijnStartdatumLooptijd", ["2026-11-22"]),
        ("destroyed later", "bewaartermijn/termijnEinddatum", ["2027-11-22"]),
        ("destroyed later", "dekkingInTijd/dekkingInTijdEinddatum", ["2026-11-22"]),
        ("destroyed later", "event/eventTijd",
         ["2026-11-20T09:14:03+01:00", "2026-11-22T00:30:00+01:00"]),
        ("for ever", "waardering/begripLabel", ["Blijvend te bewaren"]),
        ("for ever", "bewaartermijn", []),
        ("nobody said", "waardering/begripLabel", ["Nader te bepalen"]),
        ("nobody said", "informatiecategorie", []),
        ("waits for its begin", "bewaartermijn/termijnEinddatum", []),
        ("waits for its begin", "bewaartermijn/termijnLooptijd", ["P5Y"]),
        ("a begin was given", "bewaartermijn/termijnStartdatumLooptijd", ["2026-12-01"]),
        ("begun by us", "event/eventType/begripLabel", ["Creatie", "Bevriezing"]),
        ("a confidential department", "beperkingGebruik/beperkingGebruikType/begripLabel",
         ["Persoonsgegevens (AVG)", "Overig"]),
        ("a confidential department", "classificatie/begripCode", ["or", "belastingen"]),
        ("characters that XML has not", "classificatie/begripLabel", ["A\ufffd\ufffd<&\ufffd"]),
        ("some destroyed", "omschrijving",
         ["Gesprek met een inwoner via WhatsApp: 3 berichten, waarvan 2 vernietigd"]),
        ("a zaak", "gerelateerdInformatieobject/gerelateerdInformatieobjectVerwijzing"
         "/verwijzingIdentificatie/identificatieKenmerk", ["Z-2026-17"]),
    ],
)  # fmt: skip
def test_dossier_says(case: str, path: str, expected: list[str]) -> None:
    assert texts(described(**CASES[case]), path) == expected


def test_pseudonym_is_one_for_each_citizen_and_key() -> None:
    anna, bert = Identity("bsuid", "NL.1"), Identity("phone", "NL.1")
    names = {pseudonym_of(key, each) for key in (b"k" * 32, b"l" * 32) for each in (anna, bert)}
    assert len(names) == 4 and all(len(each) == 32 for each in names)
    assert pseudonym_of(b"k" * 32, anna) == pseudonym_of(b"k" * 32, Identity("bsuid", "NL.1"))


def slip(**changed: Any) -> Slip:
    made = Slip(
        title="T", organisation=ORGANISATION, contact="", made_at=CLOSED, digest="ab" * 32,
        totals=Totals(objects=3, files=5, bytes=7), dossiers=1, selection={"alles": "ja"},
        left_out={"held": 2, "open": 0}, missing=1, log_size=9,
    )  # fmt: skip
    return msgspec.structs.replace(made, **changed)


def test_slip_has_all_that_the_specification_asks_for() -> None:
    root = ElementTree.fromstring(encode_slip(slip(contact="archief@almelo.example")))
    assert {each.tag: each.text for each in root if not len(each)} == {
        "identificatie": identify_package("ab" * 32, ORGANISATION, 9),
        "titel": "T", "locatieDoelsysteem": "Archief <Almelo>", "hash": "ab" * 32,
        "gemaaktOp": "2026-11-22T00:30:00+01:00", "contact": "archief@almelo.example",
        "aantalDossiers": "1", "aantalInformatieobjecten": "3", "aantalBestanden": "13",
        "aantalBestandenZonderMetagegevens": "5", "omvangZonderMetagegevens": "7",
        "bijzonderheden": "1 bestanden van berichten ontbreken: nooit gekomen, of geweigerd door de"
        " scanner",
    }  # fmt: skip
    [left_out] = root.findall("weggelaten/gesprekken")
    assert (left_out.get("reden"), left_out.text) == ("vastgehouden", "2")


def test_id_of_a_package_is_of_its_content_and_target() -> None:
    other = msgspec.structs.replace(ORGANISATION, target=Reference("Elders"))
    cases = (
        ("ab", ORGANISATION, 9), ("ac", ORGANISATION, 9), ("ab", other, 9), ("ab", ORGANISATION, 8),
    )  # fmt: skip
    ids = {identify_package(*each) for each in cases}
    assert len(ids) == 4
    later = encode_slip(slip(made_at=OPENED)), encode_slip(slip())
    assert (
        identify_package("ab" * 32, ORGANISATION, 9).encode() in later[0] and later[0] != later[1]
    )


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ((b"<naam>", b"<naam/><naam>"), "not expected"),
        ((b"<taal>nl", b"<taal>een taal"), "is no xsd:language"),
        ((b"<termijnLooptijd>P1Y", b"<termijnLooptijd>P"), "is no xsd:duration"),
        ((b"2027-11-22", b"2027-13-22"), "is no xsd:gYear"),
        ((b"<waardering>", b"<waardering a='b'>"), "attributes"),
        ((b"beperkingGebruik>", b"trefwoord>"), "is missing"),
        ((b"http", b"hxxp"), "is not the root"),
    ],
)
def test_validator_finds_faults(schema: Schema, change: tuple[bytes, bytes], fault: str) -> None:
    """It decides as libxml2 does, which is not installed here."""
    assert any(fault in each for each in schema.faults(described().replace(*change)))
