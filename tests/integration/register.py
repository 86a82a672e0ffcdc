"""The stand-in for Open Klant, over HTTP, and who hands over to it, to be interrupted."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID

import aiohttp
import msgspec

from deliverer.answers import Answer, Body
from deliverer.openklant import bodies
from deliverer.openklant.book import Book
from deliverer.openklant.calls import Calls
from deliverer.openklant.saga import OpenKlant
from deliverer.sender import Sender, sending
from deliverer.service import OPEN_KLANT_BYTES
from sandbox.openklant.answers import BASE
from sandbox.service import running
from sandbox.settings import SandboxSettings
from services.contract import Delivery
from services.database import Pool
from services.town import Department, Destination
from tests.integration.handing import ARCHIVER, NOON

Json = dict[str, Any]
TYPE = "nl.postkamer.{}.v1"
NAMES = {"afval": "Openbare Ruimte", "burgerzaken": "Burgerzaken"}
ELSEWHERE = "belastingen"
"""A department whose work goes to another destination."""


class Died(Exception):
    """The process, between two of its steps."""


class Road:
    """A sender that ends its process before the `nth` request, or when its answer is there."""

    def __init__(self, sender: Sender, nth: int = 0, *, answered: bool = False) -> None:
        self._sender, self._nth, self._answered = sender, nth, answered
        self.requests: list[tuple[str, str, bytes]] = []
        self.answers: list[tuple[str, str, int]] = []
        """Method, path and status."""

    async def request(
        self, method: str, url: str, body: Body, headers: Mapping[str, str]
    ) -> Answer:
        assert isinstance(body, bytes)
        path = url.partition(BASE)[2]
        self.requests.append((method, path, body))
        ends = len(self.requests) == self._nth
        if ends and not self._answered:
            raise Died
        answer = await self._sender.request(method, url, body, headers)
        self.answers.append((method, path, answer.status))
        if ends:
            raise Died
        return answer


class Register:
    def __init__(self, url: str, http: aiohttp.ClientSession, pool: Pool, sender: Sender) -> None:
        self.url, self._http, self._pool, self.sender = url, http, pool, sender

    def deliverer(self, road: Road, **given: Any) -> OpenKlant:
        """Of a process that starts now."""
        url = self.url + BASE
        known = {"id": "crm", "kind": "openklant", "url": url, "secret": "env:TOKEN"}
        destination = Destination.model_validate(known | given)
        terms = bodies.Terms(destination.channel, ARCHIVER, "https://desk.example/{conversation}")
        asking = lambda: Calls(road, url, SandboxSettings().openklant_token)  # noqa: E731
        return OpenKlant(destination, terms, department, Book(self._pool, "crm"), asking)

    async def ask(self, method: str, path: str, body: Json | None = None) -> Any:
        async with self._http.request(method, self.url + path, json=body) as answer:
            assert answer.status < 300, await answer.text()
            return await answer.json() if answer.status != 204 else None

    async def has(self, resource: str, body: Json) -> Json:
        """Somebody else's."""
        calls = Calls(self.sender, self.url + BASE, SandboxSettings().openklant_token)
        return await calls.post(resource, body)

    async def change(self, resource: str, uuid: str, body: Json | None) -> None:
        """As an employee does; None takes it away."""
        headers = {"Authorization": f"Token {SandboxSettings().openklant_token}"}
        url, method = f"{self.url}{BASE}/{resource}/{uuid}", "PATCH" if body else "DELETE"
        async with self._http.request(method, url, json=body, headers=headers) as answer:
            assert answer.status < 300, await answer.text()

    async def mode(self, mode: str, **more: Any) -> None:
        await self.ask("POST", "/openklant/mode", {"mode": mode, **more})

    async def holds(self) -> list[Json]:
        """Its contacts, each with what hangs on it, the first one first."""
        found = await self.ask("GET", "/openklant/summary")
        return [found["contacts"][number] for number in sorted(found["contacts"])]


@asynccontextmanager
async def register(pool: Pool) -> AsyncIterator[Register]:
    """As fast as it goes; empty."""
    asked = SandboxSettings(port=0, seed=1)
    async with (
        running(asked) as sandbox,
        aiohttp.ClientSession() as http,
        sending(8, networks=[ip_network("127.0.0.0/8")], answer_bytes=OPEN_KLANT_BYTES) as sender,
    ):
        made = Register(sandbox.url, http, pool, sender)
        await made.ask("POST", "/openklant/pace", {"factor": 0})
        yield made


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

    def event(self, type: str, after: float, data: Json, **more: Any) -> Delivery:
        """So many seconds after the start."""
        self.n += 1
        at = NOON + timedelta(seconds=after)
        return Delivery(
            id=UUID(int=(hash(self.conversation) & 0xFFFF_FFFF) << 32 | self.n),
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
