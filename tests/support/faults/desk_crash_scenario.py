"""The story around the death of a deliverer while employees answer in ITA: citizens ask, employees
register answers there, the deliverer is killed on the way to the phone, and the next one starts.
"""

import asyncio
import random
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from deliverer.meta.ledger import UNKNOWN_SECONDS
from sandbox.ita.desk import Ita
from sandbox.ita.rules import Employee, Registration
from sandbox.openklant.error_responses import BASE
from sandbox.settings import SandboxSettings
from tests.support.citizens import phone, post, text, webhook
from tests.support.faults.flaky_link import Road
from tests.support.observer import Watch, until

TOKEN = SandboxSettings().openklant_token
UNIT, OURS, SEND, CALL = "Openbare ruimte", "WhatsApp", "WhatsApp versturen", "Telefoon"
"""Department of all questions; channels of our contacts, of answers for the phone, and of calls."""
EMPLOYEES = ("sanne@almelo.nl", "jouke@almelo.nl")
REACH_SECONDS, SETTLE_SECONDS = 20.0, 120.0
LIST, REFERENCE, CONTACT = REQUESTS = (
    f"GET {BASE}/klantcontacten?kanaal=",
    f"GET {BASE}/onderwerpobjecten",
    f"GET {BASE}/klantcontacten/",
)
"""First words of the requests on the way of an answer, in their order."""
BACKLOG = 3
"""Registrations that may wait for the deliverer. It reads one in two seconds or more."""


class Step(NamedTuple):
    channel: str
    close: bool = False


SCRIPTS = (
    (Step(SEND), Step(SEND, close=True)),
    (Step(CALL), Step(SEND)),
    (Step(SEND, close=True),),
    (Step(SEND), Step(CALL), Step(SEND, close=True)),
)
"""Registrations of employees on one task, in order; the next citizen has the next ones."""

STATES = """
select r.klantcontact, case when r.message is null then 'kept'
    when exists (select from deliverer.found_command f where f.id = r.message) then 'found'
    else coalesce((select l.state from deliverer.ledger l where l.id = r.message), 'published') end
from deliverer.registration r where r.klantcontact = any($1::uuid[])
"""
# A task whose answer is in doubt is open again, so nothing closes its conversation.
TO_CLOSE = """
select count(*) from deliverer.klantcontact k
join deliverer.internetaak t on (t.destination, t.contact) = (k.destination, k.event)
where k.klantcontact = any($1::uuid[]) and not t.ended and not exists (
    select from deliverer.ledger l where l.conversation = k.conversation and l.state <> 'sent')
"""
FOUND = "select coalesce(pg_sequence_last_value('deliverer.found_command_position_seq'), 0)"
WAITING = "select count(*) from deliverer.found_command"
# A closing waits for ever for an answer that is in doubt for ever.
TO_PUBLISH = f"""
{WAITING} f where not exists (
    select from deliverer.ledger l where l.id = f.waits_for and l.state = 'unconfirmed')
"""
ROUND_IS_DUE = "update deliverer.look set next_at = now()"
TAKEN = """
select count(*) from deliverer.ledger
where id = any($1::uuid[]) and state in ('sending', 'unknown')
"""
LONG_AGO = """
update deliverer.ledger set claimed_at = claimed_at - make_interval(secs => $1)
where state in ('sending', 'unknown')
"""


class Question(msgspec.Struct, kw_only=True):
    """Contact of a citizen in Open Klant, and what employees have still to register on its task."""

    citizen: int
    conversation: str
    klantcontact: UUID
    nummer: str
    steps: list[Step]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Registration of an employee."""

    klantcontact: UUID
    question: Question
    author: str
    text: str
    step: Step
    at: float
    """Time of the event loop at which it was complete."""

    @property
    def on_phone(self) -> tuple[str, str]:
        return phone(self.question.citizen), self.text


class AnswerDesk:
    """ITA, its employees and the deliverer. `hits` counts where deaths met answers: `listed` in
    Open Klant, stored with a command that was `found` and not yet known to be published, later
    `published`, or in that state of the ledger."""

    def __init__(self, watch: Watch, pool: Any, road: Road) -> None:
        self.watch, self.town, self.pool = watch, watch.town, pool
        road.hear = self._hear
        self.questions: list[Question] = []
        self.registered: list[Answer] = []
        self.requests: Counter[str] = Counter()
        """Requests of the deliverer to Open Klant on the way of an answer, by what they ask for."""
        self.hits: Counter[str] = Counter()
        self.kills = self.kills_on_the_way = 0
        self.is_closing_time = False
        self._listed_at = 0.0
        """Time at which the living deliverer last asked for answers."""

    def _hear(self, data: bytes) -> None:
        line = data.partition(b"\r\n")[0].decode(errors="replace")
        found = [each for each in REQUESTS if each in line]
        self.requests.update(found)
        if LIST in found:
            self._listed_at = asyncio.get_running_loop().time()

    async def one(self, sql: str, *arguments: Any) -> Any:
        return await self.pool.fetchval(sql, *arguments)

    # Citizens and employees

    async def ask(self, citizens: int) -> None:
        """Have so many more citizens ask; until each has a task in Open Klant."""
        first = len(self.questions)
        words = {n: f"Mijn container is vol, zegt {n}." for n in range(first, first + citizens)}
        said = [text(each, f"wamid.desk.{n}", n) for n, each in words.items()]
        assert await post(self.watch.session, self.town.gateway, webhook(*said)) == 200

        async def asked() -> dict[str, Any]:
            return {one["inhoud"]: one for one in await self.contacts(OURS) if one["taken"]}

        found = await until(asked, lambda all: all.keys() >= set(words.values()), REACH_SECONDS)
        for n, each in words.items():
            one = found[each]
            self.questions.append(
                Question(
                    citizen=n,
                    conversation=one["metadata"]["gesprek"],
                    klantcontact=UUID(one["uuid"]),
                    nummer=one["nummer"],
                    steps=list(SCRIPTS[n % len(SCRIPTS)]),
                )
            )

    async def contacts(self, channel: str) -> list[dict[str, Any]]:
        """Contacts in Open Klant, with their tasks."""
        async with self.watch.session.get(f"{self.town.sandbox}/openklant/summary") as answer:
            found = (await answer.json())["contacts"].values()
        return [one for one in found if one["kanaal"] == channel]

    def unfinished(self) -> list[Question]:
        return [question for question in self.questions if question.steps]

    async def work(self) -> None:
        """Register answers as long as there are questions, never far ahead of the deliverer."""
        while not self.is_closing_time:
            if self.unfinished() and await self.backlog() < BACKLOG:
                await self.register(self.unfinished()[0])
            await asyncio.sleep(random.uniform(0, 0.3))  # any moment, not a condition

    async def register(self, question: Question) -> None:
        """Register the next step of a question in ITA."""
        nth = len(self.registered)
        author, words = EMPLOYEES[nth % len(EMPLOYEES)], f"Antwoord {nth}: wij komen morgen."
        ita, step = self.ita(author), question.steps.pop(0)
        form = Registration(text=words, channel=step.channel, close=step.close)
        uuid = await ita.register(await ita.open_task(question.nummer), form)
        self.registered.append(
            Answer(
                klantcontact=UUID(uuid),
                question=question,
                author=author,
                text=words,
                step=step,
                at=asyncio.get_running_loop().time(),
            )
        )

    def ita(self, email: str) -> Ita:
        employee = Employee(email, email.partition("@")[0], (UNIT,))
        return Ita(self.watch.session, self.town.sandbox + BASE, TOKEN, employee)

    def answers(self) -> list[Answer]:
        """Registrations that go to a citizen's phone."""
        return [one for one in self.registered if one.step.channel == SEND]

    async def states(self) -> dict[UUID, str]:
        """Answer -> its state; those that the deliverer has not found are missing."""
        ids = [one.klantcontact for one in self.answers()]
        return dict(await self.pool.fetch(STATES, ids))

    async def backlog(self) -> int:
        """Answers that the deliverer has not found, and tasks whose end it has not."""
        unread = len(self.answers()) - len(await self.states())
        closed = [one.question.klantcontact for one in self.registered if one.step.close]
        return unread + int(await self.one(TO_CLOSE, closed))

    async def arrivals(self) -> list[dict[str, Any]]:
        """Messages on the phones, with repeats."""
        found: list[dict[str, Any]] = []
        while True:
            url = f"{self.town.sandbox}/phone/received?after={len(found)}"
            async with self.watch.session.get(url) as answer:
                page = await answer.json()
            if not page:
                return found
            found += page

    # The deliverer

    async def start(self) -> None:
        """Start a deliverer; the time until its round is due has passed."""
        await self.pool.execute(ROUND_IS_DUE)
        self._listed_at = 0.0
        await asyncio.to_thread(self.town.restart, "deliverer")

    async def stop(self) -> None:
        """Kill the deliverer by SIGKILL, so that it does nothing at its end."""
        self.town.services["deliverer"].send(signal.SIGKILL)  # at once; then its end is awaited
        await asyncio.to_thread(self.town.kill, "deliverer")
        assert self.town.services["deliverer"].exit_code == -signal.SIGKILL

    async def kill(self) -> None:
        """Kill the deliverer, and note where that met answers."""
        listed_at = self._listed_at
        await self.stop()
        self.kills += 1
        states = await self.states()
        read = {one.klantcontact for one in self.answers() if one.at < listed_at}
        met = Counter(states.get(id, "listed") for id in read | states.keys())
        del met["sent"]
        self.hits += met
        self.kills_on_the_way += bool(met)

    async def statuses_came(self) -> None:
        """Wait until Meta has told of all that is on the phones."""

        async def untold() -> int:
            ids = [one["opaque"].partition(".")[0] for one in await self.arrivals()]
            return int(await self.one(TAKEN, ids))

        await until(untold, lambda n: n == 0, REACH_SECONDS)

    async def finish(self) -> None:
        """Register what is left, and run one deliverer until nothing is on its way. A message that
        did not arrive has been unknown for long enough."""
        for question in self.unfinished():
            while question.steps:
                await self.register(question)
        await self.statuses_came()
        await self.pool.execute(LONG_AGO, UNKNOWN_SECONDS + 1)
        await self.start()
        await until(self.unsettled, lambda left: not left, SETTLE_SECONDS)

    async def unsettled(self) -> dict[str, int]:
        states = await self.states()
        going = Counter(states.get(one.klantcontact, "unread") for one in self.answers())
        for state in ("sent", "unconfirmed", "failed"):
            del going[state]
        going["to close"] = await self.backlog()
        going["commands"] = await self.one(TO_PUBLISH)
        return {where: n for where, n in going.items() if n}


@asynccontextmanager
async def answer_desk(watch: Watch, road: Road) -> AsyncIterator[AnswerDesk]:
    async with asyncpg.create_pool(watch.town.database.url, min_size=1, max_size=4) as pool:
        yield AnswerDesk(watch, pool, road)
