"""A transcript as the Documenten API is given it, and the faults in its answers. Pure.

The content goes along in base64: a transcript has 32 MiB at most, and the standard has a provider
take 4 GiB in one request. So a document is there whole or not at all.
"""

import base64
import hashlib
import re
from datetime import date
from typing import Any

import msgspec

from services.config.handover import Handover

TYPES = {"pdf": "application/pdf", "html": "text/html"}
LANGUAGE = "dut"
"""Dutch in ISO 639-2/B, as the standard wants it."""
TITLE = "Afschrift van een WhatsApp-gesprek, gesloten op {:%d-%m-%Y}"
IDENTIFICATION = "postkamer-{}"
IDENTIFICATION_DIGITS = 30
"""Hexadecimal digits after our name: with it they are the 40 characters that the standard takes."""
LONGEST_AUTHOR = 200
CODE = re.compile(r"[A-Za-z0-9_.-]{1,60}")
"""Form of the name of a field and of a code. Anything else in an answer is not repeated."""
MOST_CODES = 5
UNIQUE_CODES = frozenset({"identificatie-niet-uniek", "unique"})
"""Codes of an answer that says that it is there already."""


class Content(msgspec.Struct, frozen=True):
    """A transcript as it goes out."""

    body: bytes
    closed_on: date
    author: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


def identify(tenant: str, target: str, conversation: str, sequence: int) -> str:
    """Return our own `identificatie` for a closing, by which the document is found again. It is a
    hash: it says nothing to who has no record."""
    name = f"{tenant} {target} {conversation} {sequence}"
    digest = hashlib.sha256(name.encode()).hexdigest()
    return IDENTIFICATION.format(digest[:IDENTIFICATION_DIGITS])


def title_of(closed_on: date) -> str:
    return TITLE.format(closed_on)


def document_json(target: Handover, identification: str, content: Content) -> dict[str, Any]:
    """Return an `enkelvoudiginformatieobject`. A zaak closes only if `indicatieGebruiksrecht` of
    each of its documents is known."""
    return {
        "identificatie": identification,
        "bronorganisatie": target.bronorganisatie,
        "creatiedatum": content.closed_on,
        "titel": title_of(content.closed_on),
        "vertrouwelijkheidaanduiding": target.vertrouwelijkheidaanduiding,
        "auteur": content.author[:LONGEST_AUTHOR],
        "status": "definitief",
        "formaat": TYPES[target.format],
        "taal": LANGUAGE,
        "bestandsnaam": f"gesprek.{target.format}",
        "inhoud": base64.b64encode(content.body).decode(),
        "bestandsomvang": len(content.body),
        "indicatieGebruiksrecht": False,
        "integriteit": {
            "algoritme": "sha_256",
            "waarde": content.sha256,
            "datum": content.closed_on,
        },
        "informatieobjecttype": target.informatieobjecttype,
    }


class Fault(msgspec.Struct, frozen=True):
    name: str = ""
    code: str = ""


class _Problem(msgspec.Struct, frozen=True, rename="camel"):
    code: str = ""
    invalid_params: tuple[Fault, ...] = ()


_read_problem = msgspec.json.Decoder(_Problem, strict=False).decode


def read_faults(body: bytes) -> tuple[Fault, ...]:
    """Return the faults in a problem of a ZGW API; of anything else none."""
    try:
        problem = _read_problem(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ()
    return problem.invalid_params or (Fault("", problem.code),)


def is_there_already(faults: tuple[Fault, ...]) -> bool:
    return any(each.code in UNIQUE_CODES for each in faults)


def describe_faults(faults: tuple[Fault, ...]) -> str:
    """Return names of fields and codes, never the words beside them: those may quote what was
    sent."""
    words = (
        " ".join(filter(CODE.fullmatch, (each.name, each.code))) for each in faults[:MOST_CODES]
    )
    return ", ".join(filter(None, words))
