"""An employee who works in ITA on the tasks of a conversation, and rounds of polling after that."""

from collections.abc import Sequence

import aiohttp

from sandbox.ita.desk import Ita
from sandbox.ita.notifier import NotifierRun, run_notifier
from sandbox.ita.rules import CHANNELS, Employee, Registration, Task, Unit
from services.contract import AnyAction, Command
from tests.support.integration.destination_harness import NOON
from tests.support.openklant.register import NAMES, Register

SANNE, JOUKE = "sanne@almelo.nl", "jouke@almelo.nl"
SEND = "WhatsApp versturen"
"""Channel with which an answer is registered."""


class Desk:
    """ITA for one employee of a department."""

    def __init__(
        self, register: Register, http: aiohttp.ClientSession, email: str = SANNE, id: str = "afval"
    ) -> None:
        employee = Employee(email, email.partition("@")[0], (NAMES[id],), is_manager=True)
        self.register, self.channels = register, [*CHANNELS]
        self.ita = Ita(http, register.api, register.token, employee, channels=self.channels)
        self.nth = -1
        """Contact whose task the employee works on, of those with a task."""

    async def task(self, nth: int | None = None) -> Task:
        """Open the task of a contact by its number, as employees do."""
        numbers = [one["nummer"] for one in await self.register.contacts() if one["taken"]]
        return await self.ita.open_task(numbers[self.nth if nth is None else nth])

    async def answer(
        self, text: str, channel: str = SEND, *, close: bool = False, succeeded: bool = True
    ) -> str:
        form = Registration(text=text, channel=channel, succeeded=succeeded, close=close)
        return await self.ita.register(await self.task(), form)

    async def forward(self, id: str, employee: str = "", note: str = "") -> None:
        await self.ita.forward(await self.task(), self.unit(id), employee, note=note)

    def unit(self, id: str) -> Unit:
        return Unit("afd", f"{id}-{self.register.run}", NAMES.get(id, id))

    async def take(self) -> None:
        await self.ita.take(await self.task())

    async def close(self) -> None:
        task = await self.task()
        await self.register.change("internetaken", task.uuid, {"status": "verwerkt"})

    async def reopen(self) -> None:
        await self.ita.reopen(await self.task(), "toch niet klaar")

    async def notify(self) -> NotifierRun:
        """Run ITA's mailer past all tasks."""
        return await run_notifier(self.ita.api, lambda kind, id: [f"{kind}.{id}@ita.example"], NOON)


async def found_after(register: Register) -> Sequence[Command]:
    """Run a round of polling; return the commands for the router so far."""
    assert await register.poll()
    return await register.commands()


async def actions_after(register: Register) -> list[AnyAction]:
    return [command.action for command in await found_after(register)]
