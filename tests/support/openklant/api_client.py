"""Client of Open Klant's stand-in, its rows without HTTP, and bodies that it accepts."""

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
UNKNOWN_ID = "00000000-0000-4000-8000-000000000000"
NUMBER = "2000000417"

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
CONTACT: Json = {
    "kanaal": "WhatsApp",
    "onderwerp": "Container vol",
    "taal": "nld",
    "vertrouwelijk": True,
}


class FilledStore:
    """A store with an actor, a contact and its party; `bodies` are accepted, one per resource."""

    def __init__(self) -> None:
        self.store, self._created = Store(), 0
        self.bodies: dict[str, Json] = {"klantcontacten": CONTACT, "actoren": ACTORS[0]}
        actor, contact = (
            {"uuid": self.create(name)["uuid"]} for name in ("actoren", "klantcontacten")
        )
        self.bodies |= {
            "actorklantcontacten": {"actor": actor, "klantcontact": contact},
            "betrokkenen": {"hadKlantcontact": contact, "rol": "klant", "initiator": True},
            "digitaleadressen": ADDRESS,
            "internetaken": TASK
            | {"aanleidinggevendKlantcontact": contact, "toegewezenAanActoren": [actor]},
            "onderwerpobjecten": {"klantcontact": contact},
        }
        self.actor, self.contact = actor["uuid"], contact["uuid"]
        self.party = self.create("betrokkenen")["uuid"]

    def new_id(self) -> str:
        self._created += 1
        return f"00000000-0000-7000-8000-{self._created:012}"

    def faults(self, resource: str, body: object, previous: Row | None = None) -> list[str]:
        """Return the faults of a body as `name code`; none if it is accepted."""
        found = writes.check_write(self.store, resource, body, previous)
        return [] if isinstance(found, CheckedWrite) else [f"{f.name} {f.code}" for f in found]

    def check(self, resource: str, body: object, previous: Row | None = None) -> CheckedWrite:
        found = writes.check_write(self.store, resource, body, previous)
        assert isinstance(found, CheckedWrite), found
        return found

    def create(self, resource: str, **changed: Any) -> Row:
        checked = self.check(resource, self.bodies[resource] | changed)
        return writes.create(self.store, checked, Stamp(AT, self.new_id))

    def change(self, resource: str, row: Row, **changed: Any) -> Row:
        return writes.change(self.store, self.check(resource, changed, row), AT)


class Answer(NamedTuple):
    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def faults(self) -> list[tuple[str, str]]:
        return [(each["name"], each["code"]) for each in self.body["invalidParams"]]


class Client:
    def __init__(self, url: str, http: aiohttp.ClientSession) -> None:
        self.url, self.http = url, http

    async def ask(self, method: str, path: str, body: Any = None, **options: Any) -> Answer:
        headers = {"Authorization": f"Token {TOKEN}"} | options.pop("headers", {})
        options |= {"json": body} if body is not None else {}
        url = URL(path if "://" in path else self.url + BASE + path, encoded=True)
        async with self.http.request(method, url, headers=headers, **options) as answer:
            raw = await answer.text()
            found = json.loads(raw) if raw and answer.content_type == "application/json" else raw
            return Answer(answer.status, found, answer.headers)

    async def post(self, resource: str, body: Any) -> Json:
        answer = await self.ask("POST", f"/{resource}", body)
        assert answer.status == 201, answer
        found: Json = answer.body
        return found

    async def control(self, method: str, what: str, body: Any = None) -> Any:
        """Use a route of the stand-in itself: `mode`, `pace` or `summary`."""
        answer = await self.ask(method, f"{self.url}/openklant/{what}", body)
        assert answer.status in {200, 204}, answer
        return answer.body

    async def deliver_message(self) -> Json:
        """Post a message with all that a mailroom hangs on it; return the uuid of each object."""
        actor = {"uuid": (await self.post("actoren", ACTORS[0]))["uuid"]}
        created = await self.post("maak-klantcontact", MESSAGE)
        contact = {"uuid": created["klantcontact"]["uuid"]}
        party = {"uuid": created["betrokkene"]["uuid"]}
        bodies = {
            "digitaleadressen": ADDRESS | {"verstrektDoorBetrokkene": party},
            "actorklantcontacten": {"actor": actor, "klantcontact": contact},
            "onderwerpobjecten": {"klantcontact": contact, "wasKlantcontact": contact},
            "internetaken": TASK
            | {"aanleidinggevendKlantcontact": contact, "toegewezenAanActoren": [actor]},
        }
        uuids = {name: (await self.post(name, body))["uuid"] for name, body in bodies.items()}
        return uuids | {
            "actoren": actor["uuid"],
            "klantcontacten": contact["uuid"],
            "betrokkenen": party["uuid"],
        }
