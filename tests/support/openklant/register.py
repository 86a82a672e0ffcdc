"""An Open Klant over HTTP, and deliverers to it that can be interrupted.

The stand-in, or (`make openklant`) a real one: OPENKLANT_URL, the address of its API, and
OPENKLANT_TOKEN.
"""

import os
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import aiohttp
import msgspec
import pytest

from deliverer.destinations.openklant.client import OpenKlantClient, Server
from deliverer.destinations.openklant.desk.desk_store import DeskStore, command_outbox
from deliverer.destinations.openklant.desk.logbook import ObjectsApi
from deliverer.destinations.openklant.desk.poll_round import Desk
from deliverer.destinations.openklant.desk.task_poller import TaskPoller
from deliverer.destinations.openklant.destination import ANSWER_BYTES
from deliverer.destinations.openklant.events import PayloadOptions
from deliverer.destinations.openklant.saga import OpenKlantReceiver
from deliverer.destinations.openklant.store import SagaStore
from deliverer.transport.http_client import HttpClient, http_client
from sandbox.openklant.error_responses import BASE
from sandbox.service import run_sandbox
from sandbox.settings import SandboxSettings
from services.config.organisation import Department, OpenKlantDestination
from services.contract import CloseConversation, Command, Delivery
from services.postgres.database import Pool
from services.postgres.outbox import LIMIT
from tests.support.integration.destination_harness import ARCHIVER, NOON
from tests.support.integration.sealed_lines import seal_lines
from tests.support.openklant.link import Link, ProcessEnded

Json = dict[str, Any]
STEPS = ("maak-klantcontact", "digitaleadressen", "actoren", "actorklantcontacten", "internetaken")
"""Resources of the posts for a message that asks for a task."""
REAL = os.environ.get("OPENKLANT_URL", "").rstrip("/")
needs_stand_in = pytest.mark.skipif(bool(REAL), reason="a real one has no modes of failure")
NAMES = {"afval": "Openbare Ruimte", "burgerzaken": "Burgerzaken"}
ELSEWHERE = "belastingen"
"""Department of another destination."""
ANSWER, SECOND_ANSWER = UUID(int=77), UUID(int=78)
"""Ids of answers of an employee."""
FULL = "De container is vol."
OPEN_TASKS = "select count(*) from deliverer.internetaak where not ended"


class Register:
    """`url` is the stand-in's; a real one is at REAL."""

    def __init__(
        self, url: str, http: aiohttp.ClientSession, pool: Pool, sender: HttpClient
    ) -> None:
        self.url, self._http, self._pool, self.sender = url, http, pool, sender
        self.api = REAL or url + BASE
        self.token = os.environ.get("OPENKLANT_TOKEN") or SandboxSettings().openklant_token
        self._runs = [secrets.token_hex(8)]
        self.link, self.desk_store = Link(sender), DeskStore(pool, "crm")
        self.server, self.unreferenced = Server("crm"), Counter[str]()
        self.channel, self.answer_channel = "WhatsApp", ""
        self.objects: ObjectsApi | None = None

    @property
    def run(self) -> str:
        """Suffix of the ids of departments, by which the actors of this run are known."""
        return self._runs[-1]

    def client(self, link: Link | None = None) -> OpenKlantClient:
        return OpenKlantClient(link or self.sender, self.api, self.token, self.server)

    def deliverer(self, link: Link | None = None, **settings: Any) -> OpenKlantReceiver:
        """Return the receiver of a process that starts now."""
        fixed = {"id": "crm", "kind": "openklant", "url": self.api, "secret": "env:TOKEN"}
        fixed["channel"] = self.channel
        destination = OpenKlantDestination.model_validate(fixed | settings)
        options = PayloadOptions(
            destination.channel,
            ARCHIVER,
            "https://desk.example/{conversation}",
            destination.cases_url,
        )
        return OpenKlantReceiver(
            destination,
            options,
            self.department,
            SagaStore(self._pool, "crm"),
            lambda: self.client(link or self.link),
        )

    @property
    def departments(self) -> list[Department]:
        return [one for id in (*NAMES, ELSEWHERE) if (one := self.department("almelo", id))]

    def department(self, tenant: str, id: str) -> Department | None:
        """Return a department with an actor of this run: a real one still has those of others."""
        found = department(tenant, id)
        return found and found.model_copy(update={"register_id": f"{id}-{self._runs[-1]}"})

    async def poll(self, link: Link | None = None) -> bool:
        """Run a round of the poller at once."""
        await self._pool.execute("update deliverer.look set next_at = now()")
        desk = Desk(
            "crm", self.desk_store, lambda: self.departments, {}, self.unreferenced, self.objects
        )
        new_client = lambda: self.client(link or self.link)  # noqa: E731
        return await TaskPoller(desk, self.answer_channel, new_client, 60).poll_once()

    async def commands(self) -> list[Command]:
        """Return the commands for the router that wait for nothing, in order."""
        return await command_outbox(self._pool).fetch_unpublished(LIMIT, [])

    async def closings(self) -> list[tuple[str, str, int | None]]:
        """Return conversation, department and last place of each closing for the router."""
        return [
            (command.conversation, command.department, command.action.last_seen_sequence)
            for command in await self.commands()
            if isinstance(command.action, CloseConversation)
        ]

    async def settle_posts(self) -> None:
        """Let the minute pass in which a post without an answer may still be carried out."""
        for table in ("klantcontact", "internetaak"):
            sql = f"update deliverer.{table} set posted_at = posted_at - interval '121 s'"
            await self._pool.execute(sql)

    async def complete_task(self, contact: int = 0, task: int = -1) -> None:
        """Complete a task of a contact as an employee does."""
        uuid = (await self.contacts())[contact]["taken"][task]["uuid"]
        await self.change("internetaken", uuid, {"status": "verwerkt"})

    async def create(self, resource: str, body: Json) -> Json:
        """Create an object of another client."""
        return await self.client().post(resource, body)

    async def change(self, resource: str, uuid: str, body: Json) -> None:
        await self.client().patch(resource, uuid, body)

    async def remove(self, resource: str, uuid: str) -> None:
        headers = {"Authorization": f"Token {self.token}"}
        async with self._http.delete(f"{self.api}/{resource}/{uuid}", headers=headers) as answer:
            assert answer.status == 204, await answer.text()

    async def control(self, method: str, what: str, body: Json | None = None) -> Any:
        url = f"{self.url}/openklant/{what}"
        async with self._http.request(method, url, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def set_mode(self, mode: str, **restrictions: Any) -> None:
        await self.control("POST", "mode", {"mode": mode, **restrictions})

    async def reset(self) -> None:
        """Start anew: nothing is in our tables, nor in the stand-in."""
        self._runs.append(secrets.token_hex(8))
        tables = ("klantcontact", "internetaak", "registration", "found_command", "look")
        await self._pool.execute(f"truncate {', '.join(f'deliverer.{name}' for name in tables)}")
        await self.control("DELETE", "summary")
        if REAL:
            await self.remove_answers()

    async def remove_answers(self) -> None:
        """Remove the answers of earlier runs from a real one: their messages have the same ids."""
        for message in (ANSWER, SECOND_ANSWER):
            mark = {"onderwerpobject__onderwerpobjectidentificatorObjectId": str(message)}
            for contact in await self.list("klantcontacten", **mark):
                await self.remove("klantcontacten", contact["uuid"])

    async def add_answer(
        self,
        conversation: str,
        author: str = "employee",
        *,
        id: UUID = ANSWER,
        place: int = 100,
        **content: Any,
    ) -> None:
        """Store an answer as sent; `place` is where the gateway accepted it."""
        text = content or {"type": "text", "text": {"body": "Wij legen hem morgen."}}
        sql = """
            insert into deliverer.ledger (id, number, conversation, place, person, address_kind,
                address, content, created_at, due_at, author_kind, author)
            values ($1, '10000001', $2, $3, $1, 'phone', '31612345678', $4, now(), now(), $5,
                'sanne@almelo.nl')
        """
        raw = msgspec.json.encode(text).decode()
        await self._pool.execute(sql, id, conversation, place, raw, author)
        await seal_lines(self._pool)

    async def department_actors(self) -> list[Json]:
        """Return the actors of departments, of all runs."""
        ids = [f"{name}-{run}" for run in self._runs for name in NAMES]
        found = [await self.list("actoren", actoridentificatorObjectId=id) for id in ids]
        return [actor for each in found for actor in each]

    async def contacts(self) -> list[Json]:
        """Return all contacts with the objects that refer to them; of a real one only ours."""
        if REAL:
            sql = (
                "select klantcontact from deliverer.klantcontact where klantcontact is not null"
                " order by number"
            )
            found = [
                await self._contact(row["klantcontact"]) for row in await self._pool.fetch(sql)
            ]
            return [without_mark(one) for one in found if one]
        contacts = (await self.control("GET", "summary"))["contacts"]
        return [without_mark(one) for one in contacts.values() if is_marked(one)]

    async def _contact(self, id: UUID) -> Json | None:
        """Return a contact of a real one in the form of the stand-in's summary."""
        contact = await self.client().get("klantcontacten", str(id))
        if contact is None:
            return None
        uuid = contact["uuid"]
        parties = await self.list("betrokkenen", hadKlantcontact__uuid=uuid)
        for party in parties:
            held = await self.list("digitaleadressen", verstrektDoorBetrokkene__uuid=party["uuid"])
            party["adressen"] = [
                {"adres": one["adres"], "soort": one["soortDigitaalAdres"]}
                for one in held[::-1]  # oldest first
            ]
        tasks = await self.list("internetaken", klantcontact__uuid=uuid)
        for task in tasks:
            task["actoren"] = [await self._name(each) for each in task["toegewezenAanActoren"]]
        links = await self.list("actorklantcontacten", klantcontact__uuid=uuid)
        return contact | {
            "betrokkenen": parties,
            "taken": tasks[::-1],  # oldest first
            "actoren": [await self._name(one["actor"]) for one in links],
            "onderwerpen": [
                {"wasKlantcontact": (one["wasKlantcontact"] or {}).get("uuid")}
                | one["onderwerpobjectidentificator"]
                for one in await self.list("onderwerpobjecten", klantcontact__uuid=uuid)
            ],
        }

    async def list(self, resource: str, **filters: str) -> "list[Json]":
        headers = {"Authorization": f"Token {self.token}"}
        url = f"{self.api}/{resource}"
        async with self._http.get(url, params=filters, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            results: list[Json] = (await answer.json())["results"]
            return results

    async def _name(self, actor: Json) -> str:
        found = await self.client().get("actoren", actor["uuid"])
        return found["naam"] if found else ""


@asynccontextmanager
async def run_register(pool: Pool) -> AsyncIterator[Register]:
    """Run the stand-in without its delay, empty."""
    async with (
        run_sandbox(SandboxSettings(port=0, seed=1)) as sandbox,
        aiohttp.ClientSession() as http,
        http_client(8, networks=[ip_network("127.0.0.0/8")], answer_bytes=ANSWER_BYTES) as sender,
    ):
        register = Register(sandbox.url, http, pool, sender)
        await register.control("POST", "pace", {"factor": 0})
        if REAL:  # it still has the numbers of earlier runs
            start = 5_000_000_000 + secrets.randbelow(3_000_000_000)
            await pool.execute(f"alter sequence deliverer.referentienummer restart with {start}")
            await register.remove_answers()
        await register.client().learn_version()
        yield register
        if REAL:  # employees would see them among its departments
            for actor in await register.department_actors():
                await register.remove("actoren", actor["uuid"])


def is_marked(contact: Json) -> bool:
    """Return True if a contact of the stand-in's summary has our mark."""
    return any(one["codeRegister"] == "postkamer" for one in contact["onderwerpen"])


def without_mark(contact: Json) -> Json:
    """Return a contact without the mark by which it is found again."""
    subjects = [one for one in contact["onderwerpen"] if one["codeRegister"] != "postkamer"]
    return contact | {"onderwerpen": subjects}


def department(tenant: str, id: str) -> Department | None:
    if id not in {*NAMES, ELSEWHERE}:
        return None
    destination = "other" if id == ELSEWHERE else "crm"
    fields = {"id": id, "tenant": tenant, "destination": destination, "name": NAMES.get(id, id)}
    return Department.model_validate(fields)


class Conversation:
    """Makes the events of a conversation, in order; `after` is in seconds since its start."""

    def __init__(self, id: str = "10000001-c1") -> None:
        self.id, self.sequence = id, 0
        self._base = secrets.randbits(64)

    def event(self, type: str, after: float, data: Json, **fields: Any) -> Delivery:
        self.sequence += 1
        at = NOON + timedelta(seconds=after)
        return Delivery(
            id=UUID(int=self._base << 32 | self.sequence),
            type=f"nl.postkamer.{type}.v1",
            tenant="almelo",
            conversation=self.id,
            department="afval",
            sequence=self.sequence,
            time=at,
            received_at=at,
            data=msgspec.json.encode({"conversationId": self.id} | data),
            **fields,
        )

    def message(
        self, text: str = FULL, after: float = 0.0, *, task: bool = True, **more: Any
    ) -> Delivery:
        at = NOON + timedelta(seconds=after)
        data = {
            "department": "afval",
            "type": "text",
            "text": text,
            "task": task,
            "from": {"identities": [{"kind": "phone", "value": "31612345678"}], "name": "Sam"},
            "receivedAt": at,
            "sentAt": at,
            "decision": {"rule": "afval", "reason": '"container" staat erin'},
        }
        id = UUID(int=self.sequence + 1)
        return self.event("message-received", after, data | more, message=id)

    def transfer(self, to: str, after: float, dataref: str = "", **more: Any) -> Delivery:
        data = {
            "department": to,
            "from": "afval",
            "reason": "verkeerd",
            "priority": "high",
            "due": "2027-01-06",
            "windowUntil": NOON + timedelta(days=1),
        }
        return self.event("conversation-transferred", after, data | more, dataref=dataref)

    def close(self, after: float) -> Delivery:
        data = {"department": "afval", "reason": "afgehandeld", "outcome": "handled"}
        return self.event("conversation-closed", after, data)

    def reopen(self, after: float, **more: Any) -> Delivery:
        data = {"department": "afval", "reason": "toch niet klaar"}
        return self.event("conversation-reopened", after, data | more)

    def refusal(self, order: str, reason: str, id: UUID | None = None) -> Delivery:
        """Return the refusal of something that an employee did in Open Klant."""
        data = {"department": "afval", "order": order, "reason": reason}
        return self.event("command-refused", 7200, data, message=id)

    def status(self, status: str, after: float, id: UUID = ANSWER, **more: Any) -> Delivery:
        """Return a status of an answer."""
        dataref = more.pop("dataref", "")
        data = {"status": status, "department": "afval", "reason": "131026: onbereikbaar"} | more
        return self.event("message-status-changed", after, data, message=id, dataref=dataref)


class Scene:
    """A conversation, and the deliverer that delivers its events."""

    def __init__(self, register: Register, id: str = "10000001-c1") -> None:
        self.register, self.talk = register, Conversation(id)
        self.deliverer = register.deliverer()

    async def ask(self, text: str = FULL, after: float = 0.0, *, task: bool = True) -> None:
        await deliver(self.deliverer, self.talk.message(text, after, task=task))

    async def transfer(self, to: str = "burgerzaken", after: float = 60, **more: Any) -> None:
        await deliver(self.deliverer, self.talk.transfer(to, after, **more))

    async def close(self, after: float = 120) -> None:
        await deliver(self.deliverer, self.talk.close(after))

    async def reopen(self, after: float = 180, **more: Any) -> None:
        await deliver(self.deliverer, self.talk.reopen(after, **more))

    async def refusal(self, order: str, reason: str, id: UUID | None = None) -> None:
        await deliver(self.deliverer, self.talk.refusal(order, reason, id))

    async def accept_answer(self, id: UUID = ANSWER, **content: Any) -> None:
        """An employee answers, at this place in the conversation."""
        self.talk.sequence += 1
        place = self.talk.sequence
        await self.register.add_answer(self.talk.id, id=id, place=place, **content)

    async def status(
        self, status: str, after: float = 7260, id: UUID = ANSWER, **more: Any
    ) -> None:
        await deliver(self.deliverer, self.talk.status(status, after, id, **more))

    async def tasks(self) -> list[list[str]]:
        """Return the status of each task of each contact, also of contacts that are answers."""
        contacts = await self.register.contacts()
        return [[task["status"] for task in one["taken"]] for one in contacts]


def burst() -> list[Delivery]:
    """Return two messages of one burst, a transfer and a closing."""
    talk = Conversation()
    return [
        talk.message(),
        talk.message("Dorpsstraat 12", after=60, task=False),
        talk.transfer("burgerzaken", after=120),
        talk.close(after=180),
    ]


def answered_question() -> list[Delivery]:
    """Return two messages of one burst, and two statuses of the answer."""
    talk = Conversation()
    return [
        talk.message(),
        talk.message("Dorpsstraat", 60, task=False),
        talk.status("sent", 120),
        talk.status("read", 130),
    ]


async def deliver(deliverer: OpenKlantReceiver, delivery: Delivery) -> None:
    answer = await deliverer.deliver(delivery)
    assert answer.status == 200, answer
    assert deliverer.judge(answer).outcome == "settled"


async def deliver_all(
    register: Register, deliveries: Sequence[Delivery], link: Link | None = None
) -> None:
    """Deliver all, each time that the process ends by a new one."""
    deliverer = register.deliverer(link)
    for delivery in deliveries:
        try:
            await deliver(deliverer, delivery)
        except ProcessEnded:
            await register.settle_posts()
            deliverer = register.deliverer(link)
            await deliver(deliverer, delivery)


def outline(contacts: list[Json]) -> Any:
    """Return the contacts without ids and numbers."""
    return [
        {
            "text": (one["kanaal"], one["onderwerp"], one["inhoud"], one["plaatsgevondenOp"]),
            "parties": [(p["rol"], p["initiator"], p["adressen"]) for p in one["betrokkenen"]],
            "actors": one["actoren"],
            "subjects": len(one["onderwerpen"]),
            "tasks": [(t["actoren"], t["status"], t["toelichting"]) for t in one["taken"]],
        }
        for one in contacts
    ]
