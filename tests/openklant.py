"""Open Klant's stand-in for tests: its store by itself and bodies that it takes."""

from datetime import UTC, datetime
from typing import Any

from sandbox.openklant import taking
from sandbox.openklant.store import Row, Store
from sandbox.openklant.taking import Checked, Stamp

Json = dict[str, Any]

AT = datetime(2026, 11, 24, 22, tzinfo=UTC)
NOWHERE = "00000000-0000-4000-8000-000000000000"


NUMBER = "2000000417"
"""Of MESSAGE, which with those below is what a mailroom hands over."""
ACTORS: list[Json] = [
    {
        "naam": "Openbare Ruimte",
        "soortActor": "organisatorische_eenheid",
        "indicatieActief": True,
        "actoridentificator": {
            "objectId": "OR",
            "codeObjecttype": "afd",
            "codeRegister": "obj",
            "codeSoortObjectId": "idf",
        },
        "actorIdentificatie": {"omschrijving": "Afdeling Openbare Ruimte"},
    },
    {
        "naam": "WhatsApp-gateway",
        "soortActor": "geautomatiseerde_actor",
        "indicatieActief": True,
        "actorIdentificatie": {"functie": "Berichtenkoppeling", "omschrijving": "WhatsApp"},
    },
    {"naam": "Sam", "soortActor": "medewerker"},
]
MESSAGE: Json = {
    "klantcontact": {
        "referentienummer": NUMBER,
        "kanaal": "WhatsApp",
        "onderwerp": "Container vol, Dorpsstraat",
        "inhoud": "Goedemorgen, de container is vol.",
        "indicatieContactGelukt": True,
        "taal": "nld",
        "vertrouwelijk": True,
        "plaatsgevondenOp": "2026-11-20T08:14:03Z",
        "metadata": {"waMessageId": "wamid.X", "conversatieId": "c1"},
    },
    "betrokkene": {
        "rol": "klant",
        "initiator": True,
        "organisatienaam": "",
        "wasPartij": None,
        "contactnaam": {
            "voorletters": "",
            "voornaam": "Sam",
            "voorvoegselAchternaam": "",
            "achternaam": "",
        },
    },
}


ADDRESS: Json = {
    "verstrektDoorPartij": None,
    "adres": "+31612345678",
    "soortDigitaalAdres": "telefoonnummer",
    "omschrijving": "WhatsApp",
}
TASK: Json = {
    "referentienummer": "3000000417",
    "gevraagdeHandeling": "Beantwoorden via WhatsApp",
    "toelichting": "",
    "status": "te_verwerken",
}
FILE: Json = {
    "bijlageidentificator": {
        "objectId": "8f1d",
        "codeObjecttype": "informatieobject",
        "codeRegister": "open-zaak",
        "codeSoortObjectId": "uuid",
    }
}


class Register:
    """A store with a contact, a party of it and an actor."""

    def __init__(self) -> None:
        self.store = Store()
        self.made = 0
        self.actor = self.take("actoren", ACTOR)["uuid"]
        self.contact = self.take("klantcontacten", CONTACT)["uuid"]
        self.party = self.take("betrokkenen", self.body("betrokkenen"))["uuid"]

    def new_id(self) -> str:
        self.made += 1
        return f"00000000-0000-7000-8000-{self.made:012}"

    def check(self, resource: str, body: object, before: Row | None = None) -> list[str]:
        """Each fault as `name code`; none when it is taken."""
        found = taking.check(self.store, resource, body, before, partial=before is not None)
        return [] if isinstance(found, Checked) else [f"{f.name} {f.code}" for f in found]

    def take(self, resource: str, body: object) -> Row:
        found = taking.check(self.store, resource, body)
        assert isinstance(found, Checked), found
        return taking.create(self.store, found, Stamp(AT, self.new_id))

    def change(self, resource: str, row: Row, body: object) -> Row:
        found = taking.check(self.store, resource, body, row, partial=True)
        assert isinstance(found, Checked), found
        return taking.change(self.store, found, AT)

    def body(self, resource: str) -> Json:
        """One that is taken."""
        contact = {"uuid": getattr(self, "contact", "")}
        return {
            "klantcontacten": CONTACT,
            "actoren": ACTOR,
            "betrokkenen": {"hadKlantcontact": contact, "rol": "klant", "initiator": True},
            "digitaleadressen": {
                "verstrektDoorPartij": None,
                "adres": "+31612345678",
                "soortDigitaalAdres": "telefoonnummer",
            },
            "internetaken": {
                "gevraagdeHandeling": "Beantwoorden",
                "aanleidinggevendKlantcontact": contact,
                "status": "te_verwerken",
                "toegewezenAanActoren": [],
            },
            "actorklantcontacten": {"actor": {"uuid": self.actor}, "klantcontact": contact},
            "bijlagen": {"wasBijlageVanKlantcontact": contact},
            "onderwerpobjecten": {"klantcontact": contact},
        }[resource]


CONTACT: Json = {
    "kanaal": "WhatsApp",
    "onderwerp": "Container vol",
    "taal": "nld",
    "vertrouwelijk": True,
}
PARTY: Json = {"rol": "klant", "initiator": True, "contactnaam": {"voornaam": "Sam"}}
ACTOR: Json = {"naam": "Openbare Ruimte", "soortActor": "organisatorische_eenheid"}
