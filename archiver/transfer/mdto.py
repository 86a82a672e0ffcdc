"""MDTO 1.0.1: an information object and a file as XML, in the order of the schema. Pure.

The labels and the names of the lists are those of the National Archive's MDTO-Metagegevensschema
(8749d98, `markdown/begrippenlijsten.md`) and of the examples in its MDTO-XSD.
"""

import re
from collections.abc import Iterable
from datetime import date, datetime
from typing import Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import msgspec

from services.calendar.opening_hours import AMSTERDAM

NAMESPACE = "https://www.nationaalarchief.nl/mdto"
SCHEMA = f"{NAMESPACE} {NAMESPACE}/MDTO-XML1.0.1.xsd"
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
LEVELS, EVENTS = "Begrippenlijst Aggregatieniveaus MDTO", "Begrippenlijst EventTypeLijst MDTO"
APPRAISALS = "Begrippenlijst Waarderingen MDTO"
INVOLVED = "Begrippenlijst Relatietypen (betrokkene) MDTO"
RELATED = "Begrippenlijst Relatietypen (informatieobject) MDTO"
CHECKSUMS, PRONOM = "Begrippenlijst ChecksumAlgoritme MDTO", "PRONOM-register"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>'
OWN: Final = "Begrippenlijst Postkamer"
"""List of the terms that the open lists of MDTO have not; docs/municipality/mdto.md is that."""

_UNPRINTABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold, section 2.2."""


class Concept(msgspec.Struct, frozen=True):
    """A term (`begrip`) of a list of terms."""

    label: str
    list: str
    code: str = ""


class Identification(msgspec.Struct, frozen=True):
    key: str
    source: str
    """Register or system in which the key is unique."""


class Reference(msgspec.Struct, frozen=True):
    """Reference (`verwijzing`) to an object, an actor or a list."""

    name: str
    id: Identification | None = None


class Event(msgspec.Struct, frozen=True):
    label: str
    at: datetime
    actor: Reference


class Coverage(msgspec.Struct, frozen=True):
    """Period that the content is about."""

    type: Concept
    begin: date
    end: date


class RetentionTerm(msgspec.Struct, frozen=True):
    """Term of keeping: what starts it, and as far as they are known its days."""

    trigger: Concept | None = None
    begin: date | None = None
    duration: str = ""
    """ISO 8601, such as P1Y."""
    end: date | None = None


class Restriction(msgspec.Struct, frozen=True):
    type: Concept
    description: str = ""


class Involved(msgspec.Struct, frozen=True):
    relation: Concept
    actor: Reference


class Related(msgspec.Struct, frozen=True):
    reference: Reference
    relation: Concept


class InformationObject(msgspec.Struct, frozen=True, kw_only=True):
    """An `informatieobject`. Its fields are in the order of the schema."""

    id: Identification
    name: str
    level: str
    classification: tuple[Concept, ...] = ()
    description: str = ""
    coverage: Coverage | None = None
    languages: tuple[str, ...] = ()
    events: tuple[Event, ...] = ()
    appraisal: Concept
    term: RetentionTerm | None = None
    category: Concept | None = None
    part_of: Reference
    parts: tuple[Reference, ...] = ()
    representations: tuple[Reference, ...] = ()
    additional: tuple[Reference, ...] = ()
    """Files with more metadata (`aanvullendeMetagegevens`)."""
    related: tuple[Related, ...] = ()
    creator: Reference
    involved: tuple[Involved, ...] = ()
    activity: Reference | None = None
    restrictions: tuple[Restriction, ...]

    @property
    def reference(self) -> Reference:
        return Reference(self.name, self.id)


class FileObject(msgspec.Struct, frozen=True, kw_only=True):
    """A `bestand`."""

    id: Identification
    name: str
    size: int
    """Bytes."""
    format: Concept
    sha256: str
    """In hex."""
    hashed_at: datetime
    represents: Reference

    @property
    def reference(self) -> Reference:
        return Reference(self.name, self.id)


def encode_object(item: InformationObject) -> bytes:
    """Encode the metadata of an information object."""
    root, at = _root("informatieobject")
    _identification(at, "identificatie", item.id)
    _text(at, "naam", item.name)
    _concept(at, "aggregatieniveau", Concept(item.level, LEVELS))
    for each in item.classification:
        _concept(at, "classificatie", each)
    _text(at, "omschrijving", item.description)
    if item.coverage:
        _coverage(at, item.coverage)
    for language in item.languages:
        _text(at, "taal", language)
    for event in item.events:
        _event(at, event)
    _concept(at, "waardering", item.appraisal)
    if item.term:
        _term(at, item.term)
    if item.category:
        _concept(at, "informatiecategorie", item.category)
    _references(at, "isOnderdeelVan", (item.part_of,))
    _references(at, "bevatOnderdeel", item.parts)
    _references(at, "heeftRepresentatie", item.representations)
    _references(at, "aanvullendeMetagegevens", item.additional)
    _context(at, item)
    return encode_xml(root)


def _context(at: Element, item: InformationObject) -> None:
    """Add the part behind the files: relations, who made it, and who may use it."""
    for related in item.related:
        group = SubElement(at, "gerelateerdInformatieobject")
        _references(group, "gerelateerdInformatieobjectVerwijzing", (related.reference,))
        _concept(group, "gerelateerdInformatieobjectTypeRelatie", related.relation)
    _references(at, "archiefvormer", (item.creator,))
    for involved in item.involved:
        group = SubElement(at, "betrokkene")
        _concept(group, "betrokkeneTypeRelatie", involved.relation)
        _references(group, "betrokkeneActor", (involved.actor,))
    if item.activity:
        _references(at, "activiteit", (item.activity,))
    for restriction in item.restrictions:
        group = SubElement(at, "beperkingGebruik")
        _concept(group, "beperkingGebruikType", restriction.type)
        _text(group, "beperkingGebruikNadereBeschrijving", restriction.description)


def encode_file(item: FileObject) -> bytes:
    """Encode the metadata of a file."""
    root, at = _root("bestand")
    _identification(at, "identificatie", item.id)
    _text(at, "naam", item.name)
    _text(at, "omvang", str(item.size))
    _concept(at, "bestandsformaat", item.format)
    checksum = SubElement(at, "checksum")
    _concept(checksum, "checksumAlgoritme", Concept("SHA-256", CHECKSUMS))
    _text(checksum, "checksumWaarde", item.sha256)
    _text(checksum, "checksumDatum", format_time(item.hashed_at))
    _references(at, "isRepresentatieVan", (item.represents,))
    return encode_xml(root)


def format_time(at: datetime) -> str:
    """Return a time in Amsterdam, to the second."""
    return at.astimezone(AMSTERDAM).replace(microsecond=0).isoformat()


def printable(text: str) -> str:
    """Return the text without the characters that XML cannot hold."""
    return _UNPRINTABLE.sub("\ufffd", text)


def _root(kind: str) -> tuple[Element, Element]:
    names = {"xmlns": NAMESPACE, "xmlns:xsi": INSTANCE, "xsi:schemaLocation": SCHEMA}
    root = Element("MDTO", names)
    return root, SubElement(root, kind)


def encode_xml(root: Element) -> bytes:
    """Encode a document, indented."""
    ElementTree.indent(root)
    text: str = ElementTree.tostring(root, encoding="unicode")  # three times as fast as to bytes
    return f"{DECLARATION}\n{text}\n".encode()


def _text(at: Element, name: str, text: str) -> None:
    if text:
        SubElement(at, name).text = printable(text)


def _identification(at: Element, name: str, id: Identification) -> None:
    group = SubElement(at, name)
    _text(group, "identificatieKenmerk", id.key)
    _text(group, "identificatieBron", id.source)


def _references(at: Element, name: str, references: Iterable[Reference]) -> None:
    for each in references:
        group = SubElement(at, name)
        _text(group, "verwijzingNaam", each.name)
        if each.id:
            _identification(group, "verwijzingIdentificatie", each.id)


def _concept(at: Element, name: str, concept: Concept) -> None:
    group = SubElement(at, name)
    _text(group, "begripLabel", concept.label)
    _text(group, "begripCode", concept.code)
    _references(group, "begripBegrippenlijst", (Reference(concept.list),))


def _coverage(at: Element, coverage: Coverage) -> None:
    group = SubElement(at, "dekkingInTijd")
    _concept(group, "dekkingInTijdType", coverage.type)
    _text(group, "dekkingInTijdBegindatum", coverage.begin.isoformat())
    _text(group, "dekkingInTijdEinddatum", coverage.end.isoformat())


def _event(at: Element, event: Event) -> None:
    group = SubElement(at, "event")
    _concept(group, "eventType", Concept(event.label, EVENTS))
    _text(group, "eventTijd", format_time(event.at))
    _references(group, "eventVerantwoordelijkeActor", (event.actor,))


def _term(at: Element, term: RetentionTerm) -> None:
    group = SubElement(at, "bewaartermijn")
    if term.trigger:
        _concept(group, "termijnTriggerStartLooptijd", term.trigger)
    _text(group, "termijnStartdatumLooptijd", term.begin.isoformat() if term.begin else "")
    _text(group, "termijnLooptijd", term.duration)
    _text(group, "termijnEinddatum", term.end.isoformat() if term.end else "")
