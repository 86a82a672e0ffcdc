"""Fields of each resource in the newest version, in one table, as the server took them. Pure."""

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

Kind = Literal[
    "text", "choice", "yes", "moment", "metadata", "group", "ref", "refs", "ignored",
]  # fmt: skip
Form = Literal["", "digits", "phone", "older-phone", "email", "url"]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    kind: Kind = "text"
    form: Form = ""
    """Form of a text; '' for any."""
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
    variants: Mapping[str, "Field"] = {}
    """Field that is read instead of this one, by the value of the selector."""
    default: Any = ""
    """Value if the body leaves the field out."""
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


def address_value(phone: Form) -> Field:
    """Return the field of an address, whose form depends on the kind of address."""
    return Field(
        max_length=80,
        required=True,
        selector="soortDigitaalAdres",
        variants={
            "email": Field(form="email", max_length=80, required=True),
            "telefoonnummer": Field(form=phone, max_length=80, required=True),
        },
    )


def ignored(default: Any) -> Field:
    """Return a field that the server sets, or that no mailroom sends: it keeps its default."""
    return Field(kind="ignored", default=default)


NUMBER = Field(form="digits", max_length=10, null=True, blank=True, default=None)
YES = Field(kind="yes", required=True)
CONTACT_OR_NONE = Field(kind="ref", to="klantcontacten", null=True, default=None, survives=False)
IDENTIFIER_PARTS = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")
IDENTIFICATOR = Field(kind="group", null=True, parts=dict.fromkeys(IDENTIFIER_PARTS, text(200)))
ADDRESS_PARTS = (
    "nummeraanduidingId", "straatnaam", "huisnummertoevoeging", "postcode", "stad", "adresregel1",
    "adresregel2", "adresregel3", "land",
)  # fmt: skip
ADDRESS = ignored(dict.fromkeys(ADDRESS_PARTS, "") | {"huisnummer": None})

RESOURCES: Mapping[str, Fields] = {
    "actoren": {
        "naam": text(200, required=True),
        "soortActor": choice("medewerker", "geautomatiseerde_actor", "organisatorische_eenheid"),
        "indicatieActief": Field(kind="yes", default=True),
        "actoridentificator": IDENTIFICATOR,
        "actorIdentificatie": Field(
            kind="ignored",
            default=None,
            selector="soortActor",
            variants={
                "geautomatiseerde_actor": Field(
                    kind="group",
                    parts={"functie": text(40, required=True), "omschrijving": text(200)},
                ),
                "organisatorische_eenheid": Field(
                    kind="group",
                    parts={"omschrijving": text(200)}
                    | dict.fromkeys(("emailadres", "faxnummer", "telefoonnummer"), ignored("")),
                ),
            },
        ),
    },
    "actorklantcontacten": {
        "actor": parent("actoren"),
        "klantcontact": parent("klantcontacten"),
    },
    "betrokkenen": {
        "wasPartij": Field(kind="ref", to="partijen", null=True, default=None),
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
    },
    "digitaleadressen": {
        "verstrektDoorBetrokkene": Field(kind="ref", to="betrokkenen", null=True, default=None),
        "verstrektDoorPartij": Field(
            kind="ref", to="partijen", null=True, required=True, default=None
        ),
        "adres": address_value("phone"),
        "soortDigitaalAdres": choice("email", "telefoonnummer", "overig"),
        "isStandaardAdres": ignored(False),
        "omschrijving": text(40),
        "referentie": ignored(""),
        "verificatieDatum": ignored(None),
    },
    "internetaken": {
        "nummer": NUMBER,
        "referentienummer": NUMBER,
        "gevraagdeHandeling": text(200, required=True),
        "aanleidinggevendKlantcontact": parent("klantcontacten"),
        "toegewezenAanActoren": Field(kind="refs", to="actoren", default=()),
        "toelichting": text(1000),
        "status": choice("te_verwerken", "verwerkt"),
        "toegewezenOp": ignored(None),
        "afgehandeldOp": ignored(None),
    },
    "klantcontacten": {
        "nummer": NUMBER,
        "referentienummer": NUMBER,
        "kanaal": text(50, required=True),
        "onderwerp": text(200, required=True),
        "inhoud": text(1000),
        "reactie": text(4000),
        "indicatieContactGelukt": Field(kind="yes", null=True, default=None),
        "hoofdOnderwerpType": Field(form="url", max_length=200, blank=True),
        "verdereActieOndernomen": Field(kind="yes", default=False),
        "taal": text(3, required=True),
        "vertrouwelijk": YES,
        "plaatsgevondenOp": Field(kind="moment"),
        "metadata": Field(kind="metadata", max_length=255, default={}),
    },
    "onderwerpobjecten": {
        "klantcontact": CONTACT_OR_NONE,
        "wasKlantcontact": CONTACT_OR_NONE,
        "onderwerpobjectidentificator": IDENTIFICATOR,
    },
}
TOGETHER = "maak-klantcontact"
"""Endpoint that creates rows of three resources in one request; it has no list."""
PARTS: Mapping[str, tuple[str, str]] = {
    "klantcontact": ("klantcontacten", ""),
    "betrokkene": ("betrokkenen", "hadKlantcontact"),
    "onderwerpobject": ("onderwerpobjecten", "klantcontact"),
}
"""Parts of maak-klantcontact: their resource, and its field that refers to the contact."""

UNIQUE: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "klantcontacten": (("nummer",), ("referentienummer",)),
    "internetaken": (("nummer",), ("referentienummer",)),
    "actorklantcontacten": (("actor", "klantcontact"),),
}
"""Unique constraints of the database; null never equals null."""


def default_row(fields: Fields) -> dict[str, Any]:
    """Return a row with the default values."""
    return {
        name: default_row(field.parts) if field.kind == "group" else field.default
        for name, field in fields.items()
    }
