"""ITA for one employee: list, open, take, forward, register, close and reopen tasks."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Any

import aiohttp
import msgspec

from sandbox.ita import rules
from sandbox.ita.client import ApiError, Json, OpenKlantClient
from sandbox.ita.notifier import NotifierRun, run_notifier
from sandbox.ita.rules import (
    AddressOf,
    Employee,
    Refusal,
    Refused,
    Registration,
    Task,
    Unit,
    View,
)
from services import clock

PAGE_SIZE = "20"


class LogEntry(msgspec.Struct, frozen=True):
    """Line of the logbook, which ITA keeps in the Objecten API; Open Klant has nothing of it."""

    task: str
    at: datetime
    employee: Employee
    type: str
    note: str = ""
    about: tuple[tuple[rules.Codes, str], ...] = ()
    """Codes and id of the new actors, or of the contact."""
    shown: str = ""
    """Channel and text of the contact."""


def mailbox_of_each(kind: str, id: str) -> list[str]:
    """Return a mail address for anyone: each department has a mailbox."""
    return [f"{kind}.{id}@ita.example"]


class Ita:
    """`log` and `mails` hold what ITA writes elsewhere than in Open Klant."""

    def __init__(
        self,
        http: aiohttp.ClientSession,
        url: str,
        token: str,
        employee: Employee,
        *,
        address_of: AddressOf = mailbox_of_each,
        channels: Sequence[str] = rules.CHANNELS,
    ) -> None:
        self.api = OpenKlantClient(http, url, token)
        self.employee, self._address_of, self._channels = employee, address_of, channels
        self.log: list[LogEntry] = []
        self.mails: list[tuple[str, str]] = []
        """Address and subject."""

    async def department_tasks(
        self, name: str, status: str = "te_verwerken"
    ) -> AsyncIterator[Task]:
        """Yield the tasks of the actors with exactly this name, newest first."""
        query = {"status": status, "actoren__naam": name, "pageSize": PAGE_SIZE}
        async for page in self.api.pages("internetaken", **query):
            for row in page:
                yield await self._load(row)

    async def open_task(self, nummer: str) -> Task:
        """Open the task of the contact with this number."""
        if not nummer:
            raise Refused(rules.NO_NUMBER)
        found = await self.api.first_page("internetaken", klantcontact__nummer=nummer)
        check(rules.opening_refusal(found))
        task = await self._load(found[0])
        check(None if rules.may_open(self.employee, task) else rules.NO_ACCESS)
        return task

    async def show(self, nummer: str) -> View:
        return rules.show_task(await self.open_task(nummer))

    async def take(self, task: Task) -> None:
        """Assign to oneself: the employee replaces other employees, units stay."""
        await self._check_status(task, "te_verwerken")
        actor = await self._own_actor()
        row = await self.api.get(f"internetaken/{task.uuid}")
        actors = [one for one in await self._actors(row) if one["soortActor"] != "medewerker"]
        await self._assign(task, [*actors, actor])
        self._note(task, "toegewezen", about=((rules.ACTOR, actor["uuid"]),))

    async def forward(
        self, task: Task, unit: Unit, employee: str = "", name: str = "", note: str = ""
    ) -> None:
        """Forward to a department or group, and to one of its employees by identification. The new
        actors replace all others; the note goes only into the logbook."""
        await self._check_status(task, "te_verwerken")
        actors: list[Json] = []
        if employee:
            actors.append(await self._find_actor(rules.EMPLOYEE, employee, name or employee))
        actors.append(await self._find_actor(rules.UNITS[unit.kind], unit.id, unit.name))
        addresses = rules.find_addresses(actors, self._address_of)
        check(None if addresses else rules.NO_MAILBOX[unit.kind])
        await self._assign(task, actors)
        contact = await self.api.get(f"klantcontacten/{task.contact['uuid']}")
        if contact["nummer"]:
            subject = f"Contactverzoek Doorgestuurd - {contact['nummer']}"
            self.mails += [(address, subject) for address in addresses]
        to = (rules.EMPLOYEE, employee), (rules.UNITS[unit.kind], unit.id)
        self._note(task, "doorsturen", note, about=to if employee else to[1:])

    async def register(self, task: Task, form: Registration) -> str:
        """Register a contact with the citizen, and close the task if the form says so. Return the
        uuid of the new contact. A failure half-way is not undone, and nothing is sent."""
        check(rules.registration_refusal(form, self._channels))
        await self._check_status(task, "te_verwerken")
        try:
            answer = await self._create_answer(task.contact, form)
            if form.close:
                await self.api.patch("internetaken", task.uuid, {"status": "verwerkt"})
        except ApiError as error:
            raise Refused(Refusal(409, f"UNEXPECTED_ERROR: {error}")) from error
        about, shown = ((rules.CONTACT, answer),), f"{form.channel}: {form.text}"
        self._note(task, "klantcontact", form.note, about=about, shown=shown)
        if form.close:
            self._note(task, "verwerkt")
        return answer

    async def reopen(self, task: Task, reason: str) -> None:
        """Reopen a task that is done. An employee who left makes room for the units."""
        check(None if self.employee.is_manager else rules.MANAGERS_ONLY)
        await self._check_status(task, "verwerkt")
        row = await self.api.get(f"internetaken/{task.uuid}")
        actors = await self._actors(row)
        units = [one for one in actors if one["soortActor"] == "organisatorische_eenheid"]
        others = [one for one in actors if one["soortActor"] == "medewerker"]
        if not all(one["indicatieActief"] for one in others):
            check(None if units else rules.NO_UNIT)
            await self._assign(task, units)
        await self.api.patch("internetaken", task.uuid, {"status": "te_verwerken"})
        self._note(task, "heropend", reason)

    async def run_notifier(self, state: datetime) -> NotifierRun:
        """Run the mailer of new tasks once; `state` is where its last run ended."""
        return await run_notifier(self.api, self._address_of, state)

    async def find_faults(self, channel: str) -> list[str]:
        """Return what ITA cannot work with, of all contacts of a channel."""
        return [
            fault
            async for page in self.api.pages("klantcontacten", kanaal=channel)
            for contact in page
            for fault in rules.find_faults(contact, await self._tasks_of(contact))
        ]

    async def _tasks_of(self, contact: Json) -> list[Task]:
        links = contact["leiddeTotInterneTaken"]
        rows = [await self.api.get(f"internetaken/{one['uuid']}") for one in links]
        return [Task(row, contact, await self._actors(row)) for row in rows]

    async def _load(self, row: Json) -> Task:
        uuid = row["aanleidinggevendKlantcontact"]["uuid"]
        contact = await self.api.get(f"klantcontacten/{uuid}", expand=rules.EXPANSION)
        return Task(row, contact, await self._actors(row))

    async def _actors(self, row: Json) -> list[Json]:
        return [await self.api.get(f"actoren/{one['uuid']}") for one in row["toegewezenAanActoren"]]

    async def _check_status(self, task: Task, status: str) -> None:
        """Read the status again before a change."""
        row = await self.api.get(f"internetaken/{task.uuid}")
        wrong = rules.DONE if status == "te_verwerken" else rules.NOT_DONE
        check(None if row["status"] == status else wrong)

    async def _assign(self, task: Task, actors: Sequence[Json]) -> None:
        uuids = [{"uuid": one["uuid"]} for one in actors]
        await self.api.patch("internetaken", task.uuid, {"toegewezenAanActoren": uuids})

    async def _own_actor(self) -> Json:
        return await self._find_actor(rules.LOGGED_IN, self.employee.email, self.employee.name)

    async def _find_actor(self, codes: rules.Codes, object_id: str, name: str) -> Json:
        """Return the first active actor with these codes, or a new one."""
        new = rules.new_actor(codes, object_id, name)
        parts = new["actoridentificator"].items()
        query = {f"actoridentificator{part[0].upper()}{part[1:]}": text for part, text in parts}
        query |= {"soortActor": new["soortActor"], "indicatieActief": "true"}
        found = await self.api.first_page("actoren", **query)
        return found[0] if found else await self.api.post("actoren", new)

    async def _create_answer(self, question: Json, form: Registration) -> str:
        previous = await self._chain_end(question["uuid"])
        actor = await self._own_actor()
        body = rules.answer_contact(question, form, clock.now())
        answer = {"uuid": (await self.api.post("klantcontacten", body))["uuid"]}
        link = {"actor": {"uuid": actor["uuid"]}, "klantcontact": answer}
        await self.api.post("actorklantcontacten", link)
        subject = {
            "klantcontact": answer,
            "wasKlantcontact": {"uuid": previous},
            "onderwerpobjectidentificator": rules.identifier(rules.CONTACT, previous),
        }
        await self.api.post("onderwerpobjecten", subject)
        parties = question["_expand"]["hadBetrokkenen"]
        if parties and (party := parties[0]["wasPartij"]):
            person = {"wasPartij": {"uuid": party["uuid"]}, "hadKlantcontact": answer}
            await self.api.post("betrokkenen", person | {"rol": "klant", "initiator": True})
        return str(answer["uuid"])

    async def _chain_end(self, question: str) -> str:
        """Return the last contact of the chain of answers, each of which names the one before; the
        question if there is none."""
        chain: list[str] = []
        waiting = [question]
        while waiting:
            if (uuid := waiting.pop()) not in chain:
                chain.append(uuid)
                query = {"onderwerpobject__onderwerpobjectidentificatorObjectId": uuid}
                found = await self.api.first_page("klantcontacten", **query)
                waiting += [one["uuid"] for one in reversed(found)]
        return chain[-1]

    def _note(self, task: Task, type: str, note: str = "", **more: Any) -> None:
        entry = LogEntry(task.uuid, clock.now(), self.employee, type, note, **more)
        self.log.append(entry)


def check(refusal: Refusal | None) -> None:
    if refusal:
        raise Refused(refusal)
