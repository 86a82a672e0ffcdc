"""The packing slip (`pakbon`) of a package, as the MDTO SIP specification asks for it. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Literal
from uuid import NAMESPACE_URL, uuid5
from xml.etree.ElementTree import Element, SubElement

import msgspec

from archiver.transfer.description import Organisation
from archiver.transfer.mdto import encode_xml, format_time, printable

NAME = "pakbon.xml"
HASH = (
    "SHA-256 over de regels '<sha256>  <map>' van alle mappen, op naam; die van een map over de"
    " regels '<sha256>  <pad>' van haar bestanden, op pad"
)

Reason = Literal["open", "held", "destroyed", "later", "damaged"]
"""open: not closed. held: a hold covers it. later: it changed after the checkpoint. damaged: a file
of it is not what was stored."""
REASONS: dict[Reason, str] = {
    "open": "nog niet gesloten",
    "held": "vastgehouden",
    "destroyed": "vernietigd",
    "later": "gewijzigd na het controlepunt",
    "damaged": "een bestand is beschadigd of weg",
}
MISSING = "{} bestanden van berichten ontbreken: nooit gekomen, of geweigerd door de scanner"


class Totals(msgspec.Struct, frozen=True, kw_only=True):
    """Numbers of a package or a part of it. `bytes` and `contents` leave out the metadata."""

    objects: int = 0
    files: int = 0
    """Files of contents, each with a sidecar."""
    bytes: int = 0

    def __add__(self, other: "Totals") -> "Totals":
        return Totals(
            objects=self.objects + other.objects,
            files=self.files + other.files,
            bytes=self.bytes + other.bytes,
        )


class Slip(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    organisation: Organisation
    contact: str
    made_at: datetime
    digest: str
    """Hash of the whole package, in hex."""
    totals: Totals
    dossiers: int
    selection: Mapping[str, str]
    """Condition -> value, as it was asked."""
    left_out: Mapping[Reason, int]
    """Reason -> conversations that the selection has and the package has not."""
    missing: int
    """Files of messages that never came, or that the scanner refused."""
    log_size: int
    """Size of the checkpoint as of which it was exported."""


def identify_package(digest: str, organisation: Organisation, log_size: int) -> str:
    """Return the id of a package: another one for other content, sender or target."""
    name = "\n".join((digest, organisation.tenant, organisation.target.name, str(log_size)))
    return f"urn:uuid:{uuid5(NAMESPACE_URL, name)}"


def encode_slip(slip: Slip) -> bytes:
    root = Element("pakbon", {"versie": "1"})
    digest, organisation = slip.digest, slip.organisation
    _add(root, "identificatie", identify_package(digest, organisation, slip.log_size))
    _add(root, "titel", slip.title)
    _add(root, "locatieDoelsysteem", organisation.target.name)
    _add(root, "hash", digest, algoritme="SHA-256", over=HASH)
    _add(root, "gemaaktOp", format_time(slip.made_at))
    creator = SubElement(root, "archiefvormer")
    _add(creator, "naam", organisation.name)
    _add(creator, "tooi", organisation.tooi)
    _add(root, "contact", slip.contact)
    _add_numbers(root, slip)
    asked = SubElement(root, "selectie", {"standVanHetLogboek": str(slip.log_size)})
    for name, value in slip.selection.items():
        _add(asked, "voorwaarde", value, naam=name)
    left_out = SubElement(root, "weggelaten")
    for reason, words in REASONS.items():
        if number := slip.left_out.get(reason, 0):
            _add(left_out, "gesprekken", str(number), reden=words)
    if slip.missing:
        _add(root, "bijzonderheden", MISSING.format(slip.missing))
    return encode_xml(root)


def _add_numbers(root: Element, slip: Slip) -> None:
    """Add the numbers. Each object and each file has a sidecar; the slip itself is not counted."""
    totals = slip.totals
    numbers = {
        "aantalDossiers": slip.dossiers,
        "aantalInformatieobjecten": totals.objects,
        "aantalBestanden": totals.objects + 2 * totals.files,
        "aantalBestandenZonderMetagegevens": totals.files,
        "omvangZonderMetagegevens": totals.bytes,
    }
    for name, number in numbers.items():
        _add(root, name, str(number))


def _add(at: Element, name: str, text: str, **attributes: str) -> None:
    if text:
        SubElement(at, name, attributes).text = printable(text)
