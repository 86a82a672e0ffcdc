"""Open Klant's stand-in for tests: its store by itself, over HTTP, and bodies that it takes."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import aiohttp
from yarl import URL

from sandbox.openklant import writes
from sandbox.openklant.error_responses import BASE
from sandbox.openklant.store import Row, Store
from sandbox.openklant.writes import CheckedWrite, Stamp
from sandbox.settings import SandboxSettings

Json = dict[str, Any]

TOKEN = SandboxSettings().openklant_token

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
        found = writes.check_write(self.store, resource, body, before, partial=before is not None)
        return [] if isinstance(found, CheckedWrite) else [f"{f.name} {f.code}" for f in found]

    def take(self, resource: str, body: object) -> Row:
        found = writes.check_write(self.store, resource, body)
        assert isinstance(found, CheckedWrite), found
        return writes.create(self.store, found, Stamp(AT, self.new_id))

    def change(self, resource: str, row: Row, body: object) -> Row:
        found = writes.check_write(self.store, resource, body, row, partial=True)
        assert isinstance(found, CheckedWrite), found
        return writes.change(self.store, found, AT)

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


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(each["name"], each["code"]) for each in self.body["invalidParams"]]


class Client:
    """Speaks to the stand-in over HTTP."""

    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {"Authorization": f"Token {TOKEN}"} | options.pop("headers", {})
        more = {"json": body} if body is not None else options
        url = URL(path if "://" in path else self.url + BASE + path, encoded=True)
        async with self.http.request(method, url, headers=headers, **more) as answer:
            raw = await answer.text()
            found = json.loads(raw) if raw and answer.content_type == "application/json" else raw
            return Answer(answer.status, found, answer.headers)

    async def post(self, resource: str, body: Any) -> Json:
        answer = await self.ask("POST", f"/{resource}", body)
        assert answer.status == 201, answer
        found: Json = answer.body
        return found

    async def control(self, method: str, what: str, body: Any = None) -> Any:
        """Of the stand-in itself: `mode`, `pace`, `summary`."""
        answer = await self.ask(method, f"{self.url}/openklant/{what}", body)
        assert answer.status in {200, 204}, answer
        return answer.body

    async def filled(self) -> Json:
        """A contact with a party, an address, an object and a task; the uuid of each."""
        more = {"referentienummer": "0042", "nummer": "7", "inhoud": "De bak is vol"}
        contact = CONTACT | more | {"plaatsgevondenOp": "2026-11-20T08:00:00Z"}
        subject = {"onderwerpobjectidentificator": {"objectId": "wamid.X"}}
        body = {"klantcontact": contact, "betrokkene": PARTY, "onderwerpobject": subject}
        made = await self.post("maak-klantcontact", body)
        uuids = {name: made[name]["uuid"] for name in made}
        address = {
            "verstrektDoorBetrokkene": {"uuid": uuids["betrokkene"]},
            "verstrektDoorPartij": None,
            "adres": "+31612345678",
            "soortDigitaalAdres": "telefoonnummer",
        }
        await self.post("digitaleadressen", address)
        actor = await self.post("actoren", {"naam": "Reiniging", "soortActor": "medewerker"})
        task = {
            "aanleidinggevendKlantcontact": {"uuid": uuids["klantcontact"]},
            "gevraagdeHandeling": "Beantwoorden",
            "status": "te_verwerken",
            "toegewezenAanActor": {"uuid": actor["uuid"]},
        }
        await self.post("internetaken", task)
        return uuids | {"actor": actor["uuid"]}
