"""A conversation in an Open Klant with a history drawn at random: of the citizen, of the router, of
employees in ITA, of processes that end, and of an Open Klant that is upgraded or set back."""

from collections.abc import Awaitable, Callable
from random import Random
from uuid import UUID

from sandbox.ita import rules
from sandbox.ita.rules import Refused, Registration, Task
from services.contract import (
    AddNote,
    CloseConversation,
    Command,
    Delivery,
    ReopenConversation,
    SendMessage,
    TransferConversation,
)
from tests.support.openklant.desk import Desk
from tests.support.openklant.link import Link, ProcessEnded
from tests.support.openklant.register import REAL, Conversation, Register, deliver

VERSIONS = ("2.15", "2.16", "2.17", "2.18")
MEANWHILE = frozenset({rules.DONE.text, rules.NOT_DONE.text})
"""Refusals of ITA that are no fault: a colleague was first."""
LAST = "Mijn laatste vraag."


class History:
    """Draws steps and takes them; `taken` names them, for who reads a failure."""

    def __init__(self, register: Register, desk: Desk, random: Random, id: str) -> None:
        self.register, self.desk, self.random = register, desk, random
        self.talk, self.taken = Conversation(id), list[str]()
        self.clock, self.answers = 0.0, list[UUID]()
        self.department, self.handled = "afval", set[UUID]()
        self._steps: tuple[Callable[[], Awaitable[None]], ...] = (
            self.ask, self.ask, self.thank, self.transfer, self.answer, self.fail_answer,
            self.close, self.reopen, self.forward, self.take, self.telephone, self.reply,
            self.finish, self.open_again, self.remove, self.poll, self.poll, self.change_version,
        )  # fmt: skip

    async def run(self, steps: int) -> None:
        for _ in range(steps):
            step = self.random.choice(self._steps)
            self.taken.append(step.__name__)
            await step()
        self.taken.append("last")
        if self.random.random() < 0.5:
            await self.poll()
        await self.ask(LAST)

    async def ask(self, text: str = "", *, task: bool = True) -> None:
        self.clock += self.random.choice((30, 3000))
        words = text or f"Vraag {self.talk.sequence + 1}. " + "Nog iets. " * self.random.randint(
            0, 40
        )
        await self._deliver(self.talk.message(words, self.clock, task=task))

    async def thank(self) -> None:
        await self.ask("Dank u wel.", task=False)

    async def transfer(self, to: str = "") -> None:
        self.department = to or self.random.choice(("afval", "burgerzaken"))
        await self._deliver(self.talk.transfer(self.department, self.clock))

    async def answer(self) -> None:
        """An employee answers elsewhere."""
        await self._accept(UUID(int=self.random.getrandbits(120)))

    async def _accept(self, id: UUID) -> None:
        self.talk.sequence += 1
        await self.register.add_answer(self.talk.id, id=id, place=self.talk.sequence)
        self.answers.append(id)
        await self._deliver(self.talk.status("sent", self.clock, id))

    async def fail_answer(self) -> None:
        if self.answers:
            status = self.random.choice(("failed", "unknown"))
            id = self.random.choice(self.answers)
            await self._deliver(self.talk.status(status, self.clock, id))

    async def close(self) -> None:
        await self._deliver(self.talk.close(self.clock))

    async def reopen(self) -> None:
        await self._deliver(self.talk.reopen(self.clock))

    async def forward(self) -> None:
        unit = self.desk.unit(self.random.choice(("afval", "burgerzaken", "griffie")))
        await self._at_desk(lambda task: self.desk.ita.forward(task, unit))

    async def take(self) -> None:
        await self._at_desk(self.desk.ita.take)

    async def telephone(self) -> None:
        await self._register("Telefoon")

    async def reply(self) -> None:
        await self._register(self.register.answer_channel)

    async def _register(self, channel: str) -> None:
        form = Registration(text="Gebeld.", channel=channel, close=self.random.random() < 0.5)
        await self._at_desk(lambda task: self.desk.ita.register(task, form))

    async def finish(self) -> None:
        async def finish(task: Task) -> None:
            await self.register.change("internetaken", task.uuid, {"status": "verwerkt"})

        await self._at_desk(finish)

    async def open_again(self) -> None:
        await self._at_desk(lambda task: self.desk.ita.reopen(task, "toch niet klaar"))

    async def remove(self) -> None:
        """Open Archiefbeheer, or a person, deletes a contact."""
        if self.random.random() < 0.3 and (contacts := await self._contacts()):
            await self.register.remove("klantcontacten", self.random.choice(contacts)["uuid"])

    async def poll(self) -> None:
        """A round, and what the router makes of its commands."""
        assert await self.register.poll()
        for command in await self.register.commands():
            if command.id not in self.handled:
                self.handled.add(command.id)
                await self._obey(command)

    async def _obey(self, command: Command) -> None:
        match command.action:
            case TransferConversation(to_department=to):
                await self.transfer(to)
            case CloseConversation():
                await self.close()
            case ReopenConversation():
                await self.reopen()
            case SendMessage():
                if self.random.random() < 0.3:
                    refused = self.talk.refusal("text", "het venster is dicht", command.id)
                    await self._deliver(refused)
                else:
                    await self._accept(command.id)
            case AddNote():
                pass

    async def change_version(self) -> None:
        version = self.random.choice(VERSIONS)
        if not REAL:
            await self.register.control("POST", "version", {"version": version})

    async def _at_desk(self, act: Callable[[Task], Awaitable[object]]) -> None:
        """Open a task by its number, as an employee does, and do something with it."""
        contacts = [one for one in await self._contacts() if one["taken"]]
        if not contacts:
            return
        try:
            await act(await self.desk.ita.open_task(self.random.choice(contacts)["nummer"]))
        except Refused as refused:
            if refused.refusal.text not in MEANWHILE:
                raise

    async def _contacts(self) -> list[dict[str, object]]:
        return await self.register.contacts()

    async def _deliver(self, delivery: Delivery) -> None:
        """Deliver an event: at times the process ends at some request, or it is done twice."""
        link = Link(self.register.sender)
        if self.random.random() < 0.3:
            nth, answered = self.random.randint(1, 6), self.random.random() < 0.5
            link = Link(self.register.sender, nth, answered=answered)
        try:
            await self.register.deliverer(link).deliver(delivery)
        except ProcessEnded:
            self.taken.append("(ended)")
            await self.register.settle_posts()
        if self.random.random() < 0.2:
            await deliver(self.register.deliverer(), delivery)
        await deliver(self.register.deliverer(), delivery)
