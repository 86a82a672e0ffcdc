"""Rules of the Documenten API for a new `enkelvoudiginformatieobject`, by its OpenAPI 1.4 and the
rules of the standard beside it. Pure."""

import base64
import binascii
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any

import msgspec

Json = Mapping[str, Any]


class Fault(msgspec.Struct, frozen=True):
    """A fault in a field, as `invalidParams` has it."""

    name: str
    code: str
    reason: str


REQUIRED = ("bronorganisatie", "creatiedatum", "titel", "auteur", "taal", "informatieobjecttype")
LENGTHS = {
    "identificatie": (0, 40),
    "bronorganisatie": (1, 9),
    "titel": (1, 200),
    "auteur": (1, 200),
    "formaat": (0, 255),
    "taal": (3, 3),
    "bestandsnaam": (0, 255),
    "beschrijving": (0, 1000),
    "informatieobjecttype": (1, 200),
}
"""Text field -> its least and most characters."""
CHOICES = {
    "vertrouwelijkheidaanduiding": frozenset(
        ("", "openbaar", "beperkt_openbaar", "intern", "zaakvertrouwelijk", "vertrouwelijk",
         "confidentieel", "geheim", "zeer_geheim")
    ),
    "status": frozenset(("", "in_bewerking", "ter_vaststelling", "definitief", "gearchiveerd")),
}  # fmt: skip
ALGORITHMS = frozenset(
    ("crc_16", "crc_32", "crc_64", "fletcher_4", "fletcher_8", "fletcher_16", "fletcher_32",
     "hmac", "md5", "sha_1", "sha_256", "sha_512", "sha_3")
)  # fmt: skip
MOST_INTEGRITY = 128
RSIN_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2, -1)


def document_faults(fields: Json, types: frozenset[str]) -> list[Fault]:
    """Return the faults of a new document. `types` are the addresses of known types."""
    return [fault for rule in RULES for fault in rule(fields)] + [*_type_faults(fields, types)]


def _required(fields: Json) -> Iterator[Fault]:
    for name in REQUIRED:
        if name not in fields:
            yield Fault(name, "required", "Dit veld is vereist.")
        elif fields[name] is None:
            yield Fault(name, "null", "Dit veld mag niet leeg zijn.")


def _lengths(fields: Json) -> Iterator[Fault]:
    for name, (least, most) in LENGTHS.items():
        value = fields.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            yield Fault(name, "invalid", "Geen geldige tekst.")
        elif not value and least:
            yield Fault(name, "blank", "Dit veld mag niet leeg zijn.")
        elif len(value) < least:
            yield Fault(name, "min_length", f"Minstens {least} tekens.")
        elif len(value) > most:
            yield Fault(name, "max_length", f"Hoogstens {most} tekens.")


def _choices(fields: Json) -> Iterator[Fault]:
    for name, choices in CHOICES.items():
        if fields.get(name, "") not in choices:
            yield Fault(name, "invalid_choice", "Geen geldige keuze.")


def _days(fields: Json) -> Iterator[Fault]:
    if (day := fields.get("creatiedatum")) is not None and not _is_day(day):
        yield Fault("creatiedatum", "invalid", "Geen geldige datum.")


def _rsin(fields: Json) -> Iterator[Fault]:
    number = fields.get("bronorganisatie")
    if not isinstance(number, str) or not number:
        return
    if not re.fullmatch("[0-9]{9}", number):
        yield Fault("bronorganisatie", "invalid-length", "Waarde moet 9 cijfers lang zijn.")
    elif sum(w * int(d) for w, d in zip(RSIN_WEIGHTS, number, strict=True)) % 11:
        yield Fault("bronorganisatie", "invalid", "Onjuist RSIN nummer.")


def _content(fields: Json) -> Iterator[Fault]:
    content, size = fields.get("inhoud"), fields.get("bestandsomvang")
    if content is None:
        return
    try:
        length = len(base64.b64decode(content, validate=True))
    except (binascii.Error, TypeError, ValueError):
        yield Fault("inhoud", "invalid-base64", "Geen base64.")
        return
    if size is not None and size != length:
        yield Fault("bestandsomvang", "file-size", "Niet de omvang van de inhoud.")


def _integrity(fields: Json) -> Iterator[Fault]:
    integrity = fields.get("integriteit")
    if integrity is None:
        return
    if not isinstance(integrity, dict):
        yield Fault("integriteit", "invalid", "Geen object.")
        return
    if integrity.get("algoritme") not in ALGORITHMS:
        yield Fault("integriteit.algoritme", "invalid_choice", "Geen geldige keuze.")
    value = integrity.get("waarde")
    if not isinstance(value, str) or not 0 < len(value) <= MOST_INTEGRITY:
        yield Fault("integriteit.waarde", "invalid", "Geen geldige waarde.")
    if not _is_day(integrity.get("datum")):
        yield Fault("integriteit.datum", "invalid", "Geen geldige datum.")


def _rights(fields: Json) -> Iterator[Fault]:
    if fields.get("indicatieGebruiksrecht"):
        reason = "De indicatie wordt gezet door gebruiksrechten te maken."
        yield Fault("indicatieGebruiksrecht", "missing-gebruiksrechten", reason)


def _lock(fields: Json) -> Iterator[Fault]:
    if fields.get("lock"):
        yield Fault("lock", "invalid", "Een nieuw document heeft geen lock.")


def _type_faults(fields: Json, types: frozenset[str]) -> Iterator[Fault]:
    type = fields.get("informatieobjecttype")
    if isinstance(type, str) and type and type not in types:
        yield Fault("informatieobjecttype", "bad-url", "De URL wijst geen type aan.")


def _is_day(value: object) -> bool:
    try:
        date.fromisoformat(str(value))
    except ValueError:
        return False
    return isinstance(value, str)


RULES: tuple[Callable[[Json], Iterator[Fault]], ...] = (
    _required, _lengths, _choices, _days, _rsin, _content, _integrity, _rights, _lock,
)  # fmt: skip
