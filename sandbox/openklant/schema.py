"""Fields of each resource, in one table, made from what the server was seen to accept. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Kind = Literal[
    "text", "digits", "slug", "url", "phone", "email", "choice", "yes", "whole", "moment", "date",
    "metadata", "group", "variant", "chosen", "ref", "refs",
]  # fmt: skip


class Field(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind = "text"
    max_length: int = 0
    """Most characters (code points); 0 for no limit."""
    required: bool = False
    null: bool = False
    blank: bool = False
    one_of: tuple[str, ...] = ()
    to: str = ""
    """Resource that a reference points to."""
    parts: Mapping[str, "Field"] = {}
    """Fields of a group."""
    selector: str = ""
    """Name of the field that selects one of `variants`."""
    variants: Mapping[str, Mapping[str, "Field"]] = {}
    default: Any = ""
    """Value if the body leaves the field out."""
    set_by_server: bool = False
    """True if the server sets the field and ignores a client's value."""
    survives: bool = True
    """True if the row stays when the row that it refers to is removed; else it is removed too."""


Fields = Mapping[str, Field]


def text(max_length: int, *, required: bool = False) -> Field:
    """Return a text field; if it may be left out, it may be empty too."""
    return Field(max_length=max_length, required=required, blank=not required)


def parent(to: str) -> Field:
    """Return a reference without which the row cannot exist."""
    return Field(kind="ref", to=to, required=True, survives=False)


def choice(*values: str) -> Field:
    return Field(kind="choice", one_of=values, required=True)


NUMBER = Field(kind="digits", max_length=10, null=True, blank=True, default=None)
YES = Field(kind="yes", required=True)
PHONE = Field(kind="phone", max_length=20, blank=True)
EMAIL = Field(kind="email", max_length=254, blank=True)

IDENTIFICATOR = Field(
    kind="group",
    null=True,
    parts={
        name: text(200)
        for name in ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")
    },
)
ADDRESS = Field(
    kind="group",
    null=True,
    parts={
        "nummeraanduidingId": text(16),
        "straatnaam": text(255),
        "huisnummer": Field(kind="whole", null=True, default=None),
        "huisnummertoevoeging": text(20),
        "postcode": text(7),
        "stad": text(255),
        "adresregel1": text(80),
        "adresregel2": text(80),
        "adresregel3": text(80),
        "land": text(2),
    },
)

KLANTCONTACT: Fields = {
    "nummer": NUMBER,
    "referentienummer": NUMBER,
    "kanaal": text(50, required=True),
    "onderwerp": text(200, required=True),
    "inhoud": text(1000),
    "reactie": text(4000),
    "indicatieContactGelukt": Field(kind="yes", null=True, default=None),
    "hoofdOnderwerpType": Field(kind="url", max_length=200, blank=True),
    "verdereActieOndernomen": Field(kind="yes", default=False),
    "taal": text(3, required=True),
    "vertrouwelijk": YES,
    "plaatsgevondenOp": Field(kind="moment"),
    "metadata": Field(kind="metadata", max_length=255, default={}),
}
BETROKKENE: Fields = {
    "wasPartij": Field(kind="ref", to="partijen", null=True, default=None, survives=False),
    "hadKlantcontact": parent("klantcontacten"),
    "bezoekadres": ADDRESS,
    "correspondentieadres": ADDRESS,
    "contactnaam": Field(
        kind="group",
        null=True,
        parts={
            "voorletters": text(10),
            "voornaam": text(200),
            "voorvoegselAchternaam": text(10),
            "achternaam": text(200),
        },
    ),
    "rol": choice("vertegenwoordiger", "klant"),
    "organisatienaam": text(200),
    "initiator": YES,
}
DIGITAAL_ADRES: Fields = {
    "verstrektDoorBetrokkene": Field(kind="ref", to="betrokkenen", null=True, default=None),
    "verstrektDoorPartij": Field(kind="ref", to="partijen", null=True, required=True, default=None),
    "adres": text(80, required=True),
    "soortDigitaalAdres": choice("email", "telefoonnummer", "overig"),
    "isStandaardAdres": Field(kind="yes", default=False),
    "omschrijving": text(40),
    "referentie": Field(kind="slug", max_length=50, blank=True),
    "verificatieDatum": Field(kind="date", null=True, default=None),
}
INTERNETAAK: Fields = {
    "nummer": NUMBER,
    "referentienummer": NUMBER,
    "gevraagdeHandeling": text(200, required=True),
    "aanleidinggevendKlantcontact": parent("klantcontacten"),
    "toegewezenAanActor": Field(kind="ref", to="actoren", default=None),
    "toegewezenAanActoren": Field(kind="refs", to="actoren", default=()),
    "toelichting": text(1000),
    "status": choice("te_verwerken", "verwerkt"),
    "toegewezenOp": Field(kind="moment", set_by_server=True),
    "afgehandeldOp": Field(kind="moment", null=True, default=None),
}
ACTOR: Fields = {
    "naam": text(200, required=True),
    "soortActor": choice("medewerker", "geautomatiseerde_actor", "organisatorische_eenheid"),
    "indicatieActief": Field(kind="yes", default=True),
    "actoridentificator": IDENTIFICATOR,
    "actorIdentificatie": Field(
        kind="variant",
        selector="soortActor",
        default=None,
        variants={
            "medewerker": {
                "functie": text(40, required=True),
                "emailadres": EMAIL,
                "telefoonnummer": Field(kind="phone", max_length=20, required=True),
            },
            "geautomatiseerde_actor": {
                "functie": text(40, required=True),
                "omschrijving": text(200),
            },
            "organisatorische_eenheid": {
                "omschrijving": text(200),
                "emailadres": EMAIL,
                "faxnummer": text(20),
                "telefoonnummer": PHONE,
            },
        },
    ),
}
CONTACT_OR_NONE = Field(kind="ref", to="klantcontacten", null=True, default=None, survives=False)

RESOURCES: Mapping[str, Fields] = {
    "actoren": ACTOR,
    "actorklantcontacten": {
        "actor": parent("actoren"),
        "klantcontact": parent("klantcontacten"),
    },
    "betrokkenen": BETROKKENE,
    "bijlagen": {
        "wasBijlageVanKlantcontact": CONTACT_OR_NONE,
        "bijlageidentificator": IDENTIFICATOR,
    },
    "digitaleadressen": DIGITAAL_ADRES,
    "internetaken": INTERNETAAK,
    "klantcontacten": KLANTCONTACT,
    "onderwerpobjecten": {
        "klantcontact": CONTACT_OR_NONE,
        "wasKlantcontact": CONTACT_OR_NONE,
        "onderwerpobjectidentificator": IDENTIFICATOR,
    },
}
TOGETHER = "maak-klantcontact"
"""Endpoint that creates rows of three resources in one request; it has no list."""

UNIQUE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "klantcontacten": (("nummer",), ("referentienummer",)),
    "internetaken": (("nummer",), ("referentienummer",)),
    "actorklantcontacten": (("actor", "klantcontact"),),
}
"""Unique constraints of the database; null never equals null."""

SINGULAR: Mapping[str, str] = {
    "actoren": "Actor",
    "betrokkenen": "Betrokkene",
    "klantcontacten": "Klantcontact",
    "partijen": "Partij",
}
"""Name of a resource in the reason for a reference to a row that does not exist."""


def default_row(fields: Fields) -> dict[str, Any]:
    """Return a row with the default values."""
    return {
        name: default_row(field.parts) if field.kind == "group" else field.default
        for name, field in fields.items()
    }
