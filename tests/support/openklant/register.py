"""An Open Klant, over HTTP, and who hands over to it, to be interrupted.

The stand-in, or (`make openklant`) a real one: OPENKLANT_URL, the address of its API, and
OPENKLANT_TOKEN.
"""

import os
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest

from deliverer.destinations.openklant import payloads
from deliverer.destinations.openklant.client import OpenKlantClient
from deliverer.destinations.openklant.closing_store import ClosingStore
from deliverer.destinations.openklant.destination import ANSWER_BYTES
from deliverer.destinations.openklant.saga import OpenKlantReceiver
from deliverer.destinations.openklant.store import SagaStore
from deliverer.destinations.openklant.task_poller import PollIntervals, TaskPoller
from deliverer.transport.http_client import HttpClient, http_client
from sandbox.openklant.error_responses import BASE
from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings
from services.config.organisation import Department, OpenKlantDestination
from services.contract import Command, Delivery
from services.postgres.database import Pool
from services.postgres.outbox import LIMIT
from tests.support.integration.destination_harness import ARCHIVER, NOON
from tests.support.openklant.flaky_register import Died, Road

Json = dict[str, Any]
STEPS = ("maak-klantcontact", "digitaleadressen", "actoren", "actorklantcontacten", "internetaken")
"""What is posted for a message that is work."""
REAL = os.environ.get("OPENKLANT_URL", "").rstrip("/")
needs_stand_in = pytest.mark.skipif(bool(REAL), reason="a real one cannot be told to misbehave")
TYPE = "nl.postkamer.{}.v1"
NAMES = {"afval": "Openbare Ruimte", "burgerzaken": "Burgerzaken"}
ELSEWHERE = "belastingen"
"""A department whose work goes to another destination."""


class Register:
    """`url` is the stand-in's; what it has, a real one has under REAL."""

    def __init__(
        self, url: str, http: aiohttp.ClientSession, pool: Pool, sender: HttpClient
    ) -> None:
        self.url, self._http, self._pool, self.sender = url, http, pool, sender
        self.api = REAL or url + BASE
        self.token = os.environ.get("OPENKLANT_TOKEN") or SandboxSettings().openklant_token
        self._runs = [secrets.token_hex(8)]

    def deliverer(self, road: Road, **given: Any) -> OpenKlantReceiver:
        """Of a process that starts now."""
        known = {"id": "crm", "kind": "openklant", "url": self.api, "secret": "env:TOKEN"}
        destination = OpenKlantDestination.model_validate(known | given)
        terms = payloads.PayloadOptions(
            destination.channel, ARCHIVER, "https://desk.example/{conversation}"
        )
        book, asking = (
            SagaStore(self._pool, "crm"),
            lambda: OpenKlantClient(road, self.api, self.token),
        )
        return OpenKlantReceiver(destination, terms, self._department, book, asking)

    def _department(self, tenant: str, id: str) -> Department | None:
        """With an actor of this run's own: a real one knows those of earlier ones still."""
        found = department(tenant, id)
        return found and found.model_copy(update={"register_id": f"{id}-{self._runs[-1]}"})

    def closings(self) -> ClosingStore:
        return ClosingStore(self._pool)

    async def looks(self, road: Road) -> bool:
        """A round, when the next one is due."""
        await self._pool.execute("delete from deliverer.look")
        asking = lambda: OpenKlantClient(road, self.api, self.token)  # noqa: E731
        return await TaskPoller("crm", self.closings(), asking, PollIntervals(60, 0)).poll_once()

    async def closes(self) -> list[Command]:
        """What waits for the router to be told."""
        return await self.closings().outbox.fetch_unpublished(LIMIT, [])

    async def does(self, contact: int = 0, task: int = -1) -> None:
        """An employee does this task of this contact, and says so where the task is."""
        taken = (await self.holds())[contact]["taken"][task]
        await self.change("internetaken", taken["uuid"], {"status": "verwerkt"})

    async def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        async with self._http.request(method, self.url + path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def has(self, resource: str, body: Json) -> Json:
        """Somebody else's."""
        return await OpenKlantClient(self.sender, self.api, self.token).post(resource, body)

    async def change(self, resource: str, uuid: str, body: Json | None) -> None:
        """As an employee does; None takes it away."""
        headers = {"Authorization": f"Token {self.token}"}
        url, method = f"{self.api}/{resource}/{uuid}", "PATCH" if body else "DELETE"
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()

    async def mode(self, mode: str, **more: Any) -> None:
        await self.ask("POST", "/openklant/mode", {"mode": mode, **more})

    async def forget(self) -> None:
        """Begin anew: as far as we know there is nothing there; nor is there, of the stand-in."""
        self._runs.append(secrets.token_hex(8))
        tables = ("klantcontact", "internetaak", "closing", "look")
        await self._pool.execute(f"truncate {', '.join(f'deliverer.{name}' for name in tables)}")
        await self.ask("DELETE", "/openklant/summary")

    async def departments(self) -> list[Json]:
        """Their actors, of all its runs."""
        ids = [f"{name}-{run}" for run in self._runs for name in NAMES]
        found = [await self.all("actoren", actoridentificatorObjectId=id) for id in ids]
        return [actor for each in found for actor in each]

    async def holds(self) -> list[Json]:
        """Its contacts, each with what hangs on it, the first one first: all that it has, and of a
        real one those that are ours."""
        if REAL:
            rows = await self._pool.fetch("select number from deliverer.klantcontact order by 1")
            found = [await self._contact(f"{row['number']:010}") for row in rows]
            return [one for one in found if one]
        found = await self.ask("GET", "/openklant/summary")
        return [found["contacts"][number] for number in sorted(found["contacts"])]

    async def _contact(self, number: str) -> Json | None:
        """As the stand-in's summary tells it."""
        there = await OpenKlantClient(self.sender, self.api, self.token).find(
            "klantcontacten", referentienummer=number
        )
        if there is None:
            return None
        uuid = there["uuid"]
        parties = await self.all("betrokkenen", hadKlantcontact__uuid=uuid)
        for party in parties:
            held = await self.all("digitaleadressen", verstrektDoorBetrokkene__uuid=party["uuid"])
            party["adressen"] = [
                {"adres": one["adres"], "soort": one["soortDigitaalAdres"]} for one in held
            ]
        tasks = await self.all("internetaken", klantcontact__uuid=uuid)
        for task in tasks:
            task["actoren"] = [await self._name(each) for each in task["toegewezenAanActoren"]]
        links = await self.all("actorklantcontacten", klantcontact__uuid=uuid)
        return there | {
            "betrokkenen": parties,
            "taken": sorted(tasks, key=lambda task: task["referentienummer"] or "~"),
            "actoren": [await self._name(one["actor"]) for one in links],
            "onderwerpen": [
                {"wasKlantcontact": one["wasKlantcontact"]["uuid"]}
                for one in await self.all("onderwerpobjecten", klantcontact__uuid=uuid)
            ],
        }

    async def all(self, resource: str, **filters: str) -> list[Json]:
        headers = {"Authorization": f"Token {self.token}"}
        async with self._http.get(
            f"{self.api}/{resource}", params=filters, headers=headers
        ) as answer:
            assert answer.status == 200, await answer.text()
            return list((await answer.json())["results"])

    async def _name(self, actor: Json) -> str:
        there = await OpenKlantClient(self.sender, self.api, self.token).get(
            "actoren", actor["uuid"]
        )
        return there["naam"] if there else ""


@asynccontextmanager
async def register(pool: Pool) -> AsyncIterator[Register]:
    """As fast as it goes; empty."""
    asked = SandboxSettings(port=0, seed=1)
    async with (
        run_sandbox(asked) as sandbox,
        aiohttp.ClientSession() as http,
        http_client(8, networks=[ip_network("127.0.0.0/8")], answer_bytes=ANSWER_BYTES) as sender,
    ):
        made = Register(sandbox.url, http, pool, sender)
        await made.ask("POST", "/openklant/pace", {"factor": 0})
        if REAL:  # numbers of earlier runs are there still
            start = 5_000_000_000 + secrets.randbelow(4_000_000_000)
            await pool.execute(f"alter sequence deliverer.referentienummer restart with {start}")
        yield made
        if REAL:  # who assigns work there would see them among its departments
            for actor in await made.departments():
                await made.change("actoren", actor["uuid"], None)


def department(tenant: str, department: str) -> Department | None:
    if department not in {*NAMES, ELSEWHERE}:
        return None
    destination = "other" if department == ELSEWHERE else "crm"
    given = {"id": department, "tenant": tenant, "destination": destination}
    return Department.model_validate(given | {"name": NAMES.get(department, department)})


class Conversation:
    """Its events, in order."""

    def __init__(self, conversation: str = "10000001-c1") -> None:
        self.conversation, self.n = conversation, 0
        self.base = secrets.randbits(64)

    def event(self, type: str, after: float, data: Json, **more: Any) -> Delivery:
        """So many seconds after the start."""
        self.n += 1
        at = NOON + timedelta(seconds=after)
        return Delivery(
            id=UUID(int=self.base << 32 | self.n),
            type=TYPE.format(type),
            tenant="almelo",
            conversation=self.conversation,
            department="afval",
            sequence=self.n,
            time=at,
            received_at=at,
            data=msgspec.json.encode({"conversationId": self.conversation} | data),
            **more,
        )

    def message(self, text: str, after: float = 0.0, **data: Any) -> Delivery:
        at: datetime = NOON + timedelta(seconds=after)
        said = {
            "department": "afval",
            "type": "text",
            "text": text,
            "from": {"identities": [{"kind": "phone", "value": "31612345678"}], "name": "Sam"},
            "receivedAt": at,
            "sentAt": at,
            "decision": {"rule": "afval", "reason": '"container" staat erin'},
        }
        return self.event("message-received", after, said | data, message=UUID(int=self.n + 1))

    def moved(self, to: str, after: float) -> Delivery:
        data = {"department": to, "from": "afval", "reason": "verkeerd"}
        return self.event("conversation-transferred", after, data)

    def closed(self, after: float) -> Delivery:
        data = {"department": "afval", "reason": "afgehandeld", "outcome": "handled"}
        return self.event("conversation-closed", after, data)


def burst() -> list[Delivery]:
    """Two messages of one burst, which is passed on, and closed."""
    talk = Conversation()
    return [
        talk.message("De container is vol.", task=True),
        talk.message("Dorpsstraat 12", after=60),
        talk.moved("burgerzaken", after=120),
        talk.closed(after=180),
    ]


async def taken(deliverer: OpenKlantReceiver, delivery: Delivery) -> None:
    answer = await deliverer.deliver(delivery)
    assert answer.status == 200, answer
    assert deliverer.judge(answer).outcome == "settled"


async def handed(town_hall: Register, deliveries: Sequence[Delivery], road: Road) -> None:
    """All of them, by as many processes as it takes."""
    left = list(deliveries)
    deliverer = town_hall.deliverer(road)
    while left:
        try:
            await taken(deliverer, left[0])
        except Died:
            deliverer = town_hall.deliverer(road)
            continue
        del left[0]


def shape(contacts: list[Json]) -> Any:
    """What there is, but for ids and numbers."""
    return [
        {
            "said": (one["kanaal"], one["onderwerp"], one["inhoud"], one["plaatsgevondenOp"]),
            "by": [(p["rol"], p["initiator"], p["adressen"]) for p in one["betrokkenen"]],
            "registered by": one["actoren"],
            "about": len(one["onderwerpen"]),
            "tasks": [(t["actoren"], t["status"], t["toelichting"]) for t in one["taken"]],
        }
        for one in contacts
    ]


def told(closings: list[Command]) -> list[tuple[str, str, int]]:
    return [(each.conversation, each.department, each.last_seen_sequence) for each in closings]
