"""The story around the death of a deliverer. Desks write to citizens, it is killed on the way to
Meta, time passes without a wait, and the next one starts."""

import asyncio
import signal
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import asyncpg

from deliverer.meta.ledger import SENDING_SECONDS, UNKNOWN_SECONDS
from tests.support.citizens import post, text, webhook
from tests.support.faults.event_recorder import Witness
from tests.support.faults.flaky_link import Road
from tests.support.faults.message_evidence import Arrivals, arriving, decided
from tests.support.faults.phones import LATE, SOON, Phones
from tests.support.integration.outcomes import open_outcome
from tests.support.observer import BEARER, Watch, until

SESSIONS = "pg_stat_activity where application_name like 'postkamer-deliverer %'"
IN_FLIGHT = "('queued', 'sending', 'unknown')"
OVERTAKEN = f"""
select count(*) from deliverer.ledger b join deliverer.ledger a using (person, number)
where a.position > b.position and b.state in {IN_FLIGHT} and a.attempt > 0
"""
LINES = "select id::text, state, attempt from deliverer.ledger"
UNTOLD = "select id, number, body from deliverer.outcome where published_at is null"
AUTHOR = {"kind": "employee", "id": "sanne"}
REACH_SECONDS, SETTLE_SECONDS = 20.0, 60.0
CLAIMED, SETTLED, PUBLISHED, GIVEN_UP = "claimed", "settled", "published", "given up"
"""Points of a message at the deliverer's death, beside those of Meta. Meta has heard nothing of it;
the outcome is stored; the outcome is published too, which is not noted; it is stored as unknown."""

Left = dict[str, tuple[int, str]]
"""Message -> its attempt, and the outcome that is not known to be published; '': it is underway."""


class Letters:
    """`conversations` are the citizens', each message of a desk's is known by its id."""

    def __init__(self, watch: Watch, witness: Witness, phones: Phones, road: Road) -> None:
        self.watch, self.town, self.witness = watch, watch.town, witness
        self.phones, self.road = phones, road
        self.run, self.words = "", ""
        self.kills = self._lives = 0
        self.database: asyncpg.Connection[asyncpg.Record]
        self.told: Arrivals
        self.conversations: list[str] = []
        self.accepted: dict[str, list[str]] = {}
        """Conversation -> its messages, in the order in which they were accepted."""
        self.hits: list[tuple[str, str]] = []
        """(message, where it was) for every death that met one on its way."""

    async def opens(self, run: str, citizens: int, first: int) -> None:
        """Citizens write, so that there is a conversation with each; nothing sends yet."""
        await self.ends()
        await self.gone()
        self.run, self.told = run, await arriving(self.watch, run)
        said = [text(f"{run} {n}", f"wamid.{run}.{n}", first + n) for n in range(citizens)]
        assert await post(self.watch.session, self.town.gateway, webhook(*said)) == 200
        found = await until(
            lambda: decided(self.watch, run), lambda all: len(all) == citizens, REACH_SECONDS
        )
        self.conversations = [decision.conversation for _, decision in found]

    async def order(self, conversations: Collection[str], each: int, words: str) -> list[str]:
        """So many messages to each citizen, in order; the first of each. Once they are accepted."""
        self.words = words
        ids = await asyncio.gather(*(self._write(one, each) for one in conversations))
        there = "select count(*) from deliverer.ledger where id = any($1::uuid[])"
        every = [id for of_one in ids for id in of_one]
        await until(lambda: self.one(there, every), lambda n: n == len(every), REACH_SECONDS)
        return [of_one[0] for of_one in ids]

    async def _write(self, conversation: str, each: int) -> list[str]:
        before = self.accepted.setdefault(conversation, [])
        for n in range(len(before), len(before) + each):
            order = {"conversationId": conversation, "type": "text", "author": AUTHOR}
            order["text"] = {"body": f"{self.words} antwoord {n}"}
            headers = BEARER | {"Idempotency-Key": f"{conversation} {n}"}
            url = f"{self.town.gateway}/v1/messages"
            async with self.watch.session.post(url, json=order, headers=headers) as answer:
                assert answer.status == 202, await answer.text()
                before.append((await answer.json())["id"])
        return before[-each:]

    async def one(self, sql: str, *arguments: Any) -> Any:
        return await self.database.fetchval(sql, *arguments)

    async def states(self) -> dict[str, tuple[str, int]]:
        """Message -> its state and attempt in the ledger."""
        return {row[0]: (row[1], row[2]) for row in await self.database.fetch(LINES)}

    async def untold(self) -> dict[str, str]:
        """Messages with an outcome that is not known to be published, and which."""
        found = [open_outcome(*row) for row in await self.database.fetch(UNTOLD)]
        return {str(outcome.message): outcome.state for outcome in found}

    async def free(self) -> list[str]:
        """Conversations in which nothing is on its way, those that waited longest first."""
        busy = f"select distinct conversation from deliverer.ledger where state in {IN_FLIGHT}"
        taken = {row[0] for row in await self.database.fetch(busy)}
        free = [one for one in self.conversations if one not in taken]
        return sorted(free, key=lambda one: len(self.accepted.get(one, [])))

    @property
    def runs(self) -> bool:
        return self.phones.asker > 0

    async def starts(self) -> None:
        self.phones.asker = self._lives = self._lives + 1
        await asyncio.to_thread(self.town.restart, "deliverer")

    async def dies(self) -> None:
        """Kill the deliverer by SIGKILL, so that it does nothing at its end."""
        await self.ends()
        assert self.town.services["deliverer"].exit_code == -signal.SIGKILL
        self.kills += 1

    async def ends(self) -> None:
        self.town.services["deliverer"].send(signal.SIGKILL)  # at once; then its end is awaited
        self.phones.asker = 0
        await asyncio.to_thread(self.town.kill, "deliverer")

    async def succeeded(self) -> None:
        """The next one is there while the database still does what the last one asked for; until it
        asks for something too."""
        await self.starts()
        since = await self.one("select now()")
        new = f"select count(*) from {SESSIONS} and backend_start > $1"
        await until(lambda: self.one(new, since), lambda n: n > 0, REACH_SECONDS)

    async def noticed(self) -> None:
        """The database knows at once that nobody is there any more, and does what is left undone
        no more; else it does it when it can."""
        await self.database.execute(f"select pg_terminate_backend(pid) from {SESSIONS}")
        await self.gone()

    async def gone(self) -> None:
        """Wait until the dead deliverer's statements are done, or never will be."""
        left = f"select count(*) from {SESSIONS}"
        await until(lambda: self.one(left), lambda n: n == 0, REACH_SECONDS)

    async def going(self) -> int:
        """Messages that are on their way now, or could be."""
        return int(await self.one(GOING))

    async def all_read(self) -> None:
        """Meta has seen what had come to it."""

        async def standing() -> int:
            return self.phones.standing

        await until(standing, lambda n: n == 0, REACH_SECONDS)

    async def left(self) -> Left:
        """States that a death left. No message has overtaken another or arrived twice."""
        assert self.phones.twice() == []
        assert await self.one(OVERTAKEN) == 0
        untold = await self.untold()
        return {
            id: (attempt, "" if state == "sending" else untold[id])
            for id, (state, attempt) in (await self.states()).items()
            if state == "sending" or id in untold
        }

    def met(self, left: Left, step: str) -> set[str]:
        """Note where a death met what it left; the messages that were at `step`."""
        where = {}
        for id, (attempt, outcome) in left.items():
            if outcome:
                settled = step if step == PUBLISHED else SETTLED
                where[id] = GIVEN_UP if outcome == "unknown" else settled
            else:
                where[id] = self.phones.reached.get(f"{id}.{attempt}", CLAIMED)
        self.hits += where.items()
        return {id for id, place in where.items() if place == step}

    async def time_passes(self) -> None:
        """Statuses come when they must; who is dead for long enough, and unknown for long enough,
        has been so. Only while no deliverer runs."""
        await self.told.read()
        await self._tell("unknown", SOON)
        await self._tell("unconfirmed", LATE)
        for sql, *seconds in AGES:
            await self.database.execute(sql, *seconds)

    async def _tell(self, state: str, when: str) -> None:
        """Bring the statuses of what is in a state, and those of AT_ONCE; until they are known."""
        ids = {id for id, (now, _) in (await self.states()).items() if now == state}
        self.phones.tell(self.phones.of(ids, when))
        async with asyncio.timeout(REACH_SECONDS):
            await self.phones.all_told()
        known = (
            "select count(*) from deliverer.ledger where id = any($1::uuid[]) and state = 'sent'"
        )
        told = list(self.phones.told)
        await until(lambda: self.one(known, told), lambda n: n == len(told), REACH_SECONDS)

    async def finish(self) -> None:
        """Run one deliverer until no message is on its way, and every outcome is told."""
        left = f"select count(*) from deliverer.ledger where state in {IN_FLIGHT}"
        async with asyncio.timeout(SETTLE_SECONDS):
            while await self.one(left):
                await self.time_passes()
                await self.starts()
                await until(lambda: self.one(GOING), lambda n: n == 0, REACH_SECONDS)
                await self.ends()
                await self.gone()
        await self.time_passes()
        await self.starts()
        await until(lambda: self.one(UNPUBLISHED), lambda n: n == 0, SETTLE_SECONDS)

    async def said(self) -> dict[str, list[tuple[str, str]]]:
        """Message -> (event, word) of all that a CRM was told of it, repeats left out."""
        await self.told.read()
        found: dict[str, list[tuple[str, str]]] = {}
        for event in self.told.all:
            data = event["event"]["data"]
            if event["type"] == "nl.postkamer.message-status-changed.v1":
                words = found.setdefault(data["messageId"], [])
                if (event["id"], data["status"]) not in words:
                    words.append((event["id"], data["status"]))
        return found


GOING = f"""
select count(*) from deliverer.ledger q where q.state = 'sending'
    or q.state = 'unknown' and q.claimed_at < now() - interval '{UNKNOWN_SECONDS} s'
    or q.state = 'queued' and q.due_at <= now()
    and not exists (select from deliverer.ledger b where b.person = q.person
        and b.number = q.number and b.position < q.position and b.state = 'unknown')
"""
UNPUBLISHED = "select count(*) from deliverer.outcome where published_at is null"
_PASSED = "update deliverer.ledger set claimed_at = claimed_at - make_interval(secs => $1) where "
AGES = (
    (f"{_PASSED} state = 'unknown'", UNKNOWN_SECONDS),
    (f"{_PASSED} state = 'sending'", SENDING_SECONDS + 1),
    # Meta's limit for one citizen, which is not what is looked at here.
    (f"{_PASSED} state in ('sent', 'failed')", 300),
    ("update deliverer.ledger set due_at = now() where state = 'queued'",),
)


def led(watch: Watch, meta: str, database: int) -> None:
    """Have the deliverer, from its next start, send there and go to the database by this port."""
    process = watch.town.services["deliverer"]
    url = process.program.environment["POSTKAMER_DATABASE_URL"]
    there, _, name = url.rpartition("@")
    changed = dict(process.program.environment) | {
        "POSTKAMER_META_GRAPH_URL": meta,
        "POSTKAMER_DATABASE_URL": f"{there}@127.0.0.1:{database}/{name.partition('/')[2]}",
    }
    process.program = replace(process.program, environment=changed)
