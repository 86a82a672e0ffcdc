"""An employee who works in ITA, and the citizens who ask, with all services running."""

import asyncio
from typing import Any

import aiohttp

from sandbox.ita.desk import Ita
from sandbox.ita.rules import Employee, Registration, Unit
from sandbox.openklant.error_responses import BASE
from tests.support.e2e.phone import Phone
from tests.support.observer import Watch, until
from tests.support.openklant.desk import SEND
from tests.support.openklant.town import TOKEN, OpenKlant, closings
from tests.support.pii_markers import Marks

SECONDS = 40.0
"""Time in which an action in ITA takes effect: three rounds, and the calls of each."""
STREETS, YOUTH = (
    Unit("afd", "openbare-ruimte", "Openbare ruimte"),
    Unit("afd", "jeugd", "Jeugdzorg"),
)
ANSWERED = "Afgehandeld in Open Klant|answered|openklant:crm|system"
SILENT_CLOSING = "Afgehandeld in Open Klant|silent|openklant:crm|system"


class ItaDesk:
    """An employee in ITA, and the citizens who ask."""

    def __init__(self, watch: Watch, session: aiohttp.ClientSession, marks: Marks) -> None:
        self.watch, self._session, self.marks = watch, session, marks
        self.open_klant = OpenKlant(watch.town, session)
        self.employee = f"{marks['user id']}@almelo.nl"
        employee = Employee(self.employee, marks["name"], (STREETS.name,), is_manager=True)
        self.ita = Ita(session, watch.town.sandbox + BASE, TOKEN, employee)

    def phone(self, number: str) -> Phone:
        return Phone(self.watch, self._session, number)

    async def ask(self, phone: Phone, words: str) -> "Question":
        """Ask the department of streets as a citizen; return the question once it has its task."""
        text = f"Mijn container is vol {words} {self.marks['text']}"
        await phone.writes(text, name=self.marks["name"])
        [contact] = await until(lambda: self.open_klant.contacts_with_task(text), bool, SECONDS)
        return Question(self, contact)

    async def contacts_of(self, unit: Unit) -> list[dict[str, Any]]:
        """Return the contacts with a task of this department."""
        contacts = await self.open_klant.contacts_with_task("")
        return [one for one in contacts if one["taken"][0]["actoren"] == [unit.name]]

    async def logs(self) -> str:
        """Return all that any process wrote, servers and sandbox included."""
        paths = self.watch.town.folder.rglob("*.log*")
        texts = (path.read_text(errors="replace") for path in paths)
        return await asyncio.to_thread("\n".join, texts)

    async def select(self, sql: str) -> list[str]:
        found = await asyncio.to_thread(self.watch.town.database.execute, sql)
        return found.splitlines()


class Question:
    """A contact of a citizen, as the employee sees it in ITA."""

    def __init__(self, desk: ItaDesk, contact: dict[str, Any]) -> None:
        self._desk, self.nummer = desk, str(contact["nummer"])
        self.uuid, self.conversation = contact["uuid"], contact["metadata"]["gesprek"]

    async def contact(self) -> dict[str, Any]:
        contacts = await self._desk.open_klant.contacts()
        return next(one for one in contacts if one["uuid"] == self.uuid)

    async def task(self) -> dict[str, Any]:
        """Return the only task that the contact ever had."""
        [task] = (await self.contact())["taken"]
        return dict(task)

    async def later_texts(self) -> list[str]:
        """Return the text of each message after the first one."""
        _, *later = (await self.contact())["inhoud"].split("\n\n")
        return later

    async def answer(self, text: str, *, close: bool = True) -> None:
        """Register an answer to send."""
        form = Registration(text=text, channel=SEND, close=close)
        ita = self._desk.ita
        await ita.register(await ita.open_task(self.nummer), form)

    async def forward(self, unit: Unit) -> None:
        ita = self._desk.ita
        await ita.forward(await ita.open_task(self.nummer), unit)

    async def until_task_has(self, status: str, remark: str) -> None:
        await until(
            self.task,
            lambda task: task["status"] == status and remark in task["toelichting"],
            SECONDS,
        )

    async def transfers(self) -> list[str]:
        """Return departments, reason, and token of each transfer on the record."""
        return await self._desk.select(
            "select concat_ws('|', data->>'from', data->>'to', data->>'reason',"
            " data->'by'->>'token') from opened.record where kind = 'conversation'"
            f" and conversation = '{self.conversation}' and data->>'event' = 'transferred'"
        )

    async def closings(self) -> list[str]:
        return await closings(self._desk.watch, self.conversation)

    async def until_closed(self, *expected: str) -> None:
        await until(self.closings, lambda found: found == list(expected), SECONDS)
