"""A day without Open Klant, and a day without us: all comes through afterwards, in order."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from urllib.parse import urlsplit, urlunsplit

import pytest

from deliverer.crm import breaker, response_policy, scheduler, session
from deliverer.crm.destination_kind import Credentials, Secrets
from deliverer.destinations.openklant import destination
from deliverer.destinations.openklant.desk import task_status
from deliverer.destinations.openklant.desk.task_poller import PacedSender
from deliverer.destinations.openklant.found_commands import FoundCommand, read_command
from deploy.local.rabbitmq import Broker
from deploy.local.state import free_port
from services import metrics
from services.config.organisation import OpenKlantDestination
from services.contract import (
    CloseConversation,
    Delivery,
    SendMessage,
    TransferConversation,
)
from services.postgres.database import Pool
from services.sealing.columns import ACTION, bind, unseal_json
from tests.support.faults.flaky_link import road_to
from tests.support.integration.destination_harness import Post
from tests.support.observer import until, until_true
from tests.support.openklant.desk import SEND, Desk
from tests.support.openklant.register import (
    NAMES,
    Conversation,
    Json,
    Register,
    Scene,
    needs_stand_in,
)

CONVERSATIONS = 40
FAILURES = 25
"""Failed attempts at each kind of absence: more than there are batches in hand."""
LONGEST_WAIT = 0.1
"""Longest wait, in seconds: between two probes, between two rounds, of a sidelined delivery, and
between two polls of the table."""
LOOK_SECONDS = 0.1
FOUND = """
select id, destination, conversation, department, employee, action, waits_for, found_at
from deliverer.found_command order by position
"""
ROUND_IS_DUE = "update deliverer.look set next_at = now()"
TIMES = 2
"""Conversations for each case of our own absence."""

pytestmark = needs_stand_in  # a real one has no modes of failure
Run = Callable[..., AbstractAsyncContextManager[None]]
Act = Callable[[Desk], Awaitable[object]]


@pytest.fixture
def run(broker: Broker, pool: Pool, register: Register, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the engine of the destination, at this address."""
    for module in (response_policy, task_status):
        monkeypatch.setattr(module, "LONGEST_WAIT", LONGEST_WAIT)
    for module in (breaker, scheduler):
        waits = (LONGEST_WAIT,) * len(breaker.SIDELINE_WAITS)
        monkeypatch.setattr(module, "SIDELINE_WAITS", waits)
    monkeypatch.setattr(session, "POLL_SECONDS", LONGEST_WAIT)
    monkeypatch.setattr(destination, "PacedSender", partial(PacedSender, pause=0.0))

    @asynccontextmanager
    async def running(
        url: str, look_seconds: float, given: Credentials | None = None
    ) -> AsyncIterator[None]:
        fields = {"id": "crm", "kind": "openklant", "url": url, "secret": "env:TOKEN"}
        valid = OpenKlantDestination.model_validate(fields | {"answer_channel": SEND})
        paced = valid.model_copy(update={"look_seconds": look_seconds})
        own = given or Credentials(Secrets((register.token.encode(),)))
        post = Post(broker, pool)
        async with post.runs(paced, own, register.department, register.departments):
            yield

    return running


def count(metric: str, outcome: str) -> float:
    labels = {"destination": "crm", "outcome": outcome}
    return metrics.REGISTRY.get_sample_value(f"postkamer_{metric}_total", labels) or 0.0


async def until_more(metric: str, outcome: str, more: int) -> None:
    """Wait until there were so many more of these outcomes than now."""
    expected = count(metric, outcome) + more
    await until_true(lambda: count(metric, outcome) >= expected, 20)


async def until_settled(post: Post, register: Register, deliveries: int) -> None:
    """Wait until all are settled; meanwhile the time passes in which a refused post is in doubt."""

    async def look() -> dict[str, int]:
        await register.settle_posts()
        return await post.states()

    await until(look, lambda states: states == {"settled": deliveries}, 30)


async def found(pool: Pool) -> dict[str, list[str]]:
    """Return the commands for the router so far: those of each conversation, in order."""
    commands: dict[str, list[str]] = {}
    for row in await pool.fetch(FOUND):
        bound = bind(row["id"], row["destination"], row["conversation"])
        action = unseal_json(row["action"], ACTION, bound)
        command = read_command(dict(row) | {"action": action})
        commands.setdefault(command.conversation, []).append(describe(command))
    return commands


def describe(command: FoundCommand) -> str:
    """Return the department on whose behalf it is, and what it does."""
    match command.action:
        case SendMessage(text=text):
            what = f"send {text}"
        case TransferConversation(to_department=to):
            what = f"to {to}"
        case CloseConversation(outcome=outcome):
            what = f"close {outcome}"
        case other:
            what = type(other).__name__
    return f"{command.department}: {what}"


def number_of(text: str) -> int:
    """Return the number of the conversation in the text of its contact."""
    return int(text.split()[1])


def department_of(n: int) -> str:
    """Return the department of a conversation in the end: half of them are transferred."""
    return ("burgerzaken", "afval")[n % 2]


def history(n: int) -> list[Delivery]:
    """Return two messages of a burst, a transfer if there is one, and a later message."""
    talk = Conversation(f"10000001-c{n}")
    first = [talk.message(f"Vraag {n}"), talk.message("Dorpsstraat 12", 60, task=False)]
    moved = [] if department_of(n) == "afval" else [talk.transfer("burgerzaken", 120)]
    return [*first, *moved, talk.message("Hij is nog vol", 7200)]


def one_by_one(conversations: range) -> list[Delivery]:
    """Return the deliveries of each conversation, then those of the next."""
    return [delivery for n in conversations for delivery in history(n)]


def in_turn(conversations: range) -> list[Delivery]:
    """Return the first delivery of each conversation, then the second of each."""
    return sorted(one_by_one(conversations), key=lambda delivery: delivery.sequence)


async def test_exchanged_token_lets_in_what_waits(
    register: Register, run: Run, broker: Broker, pool: Pool
) -> None:
    post, own = Post(broker, pool), Credentials(Secrets((b"a-token-of-before",)))
    await post.receives_each(*history(0))
    async with run(register.api, LOOK_SECONDS, own):
        await until_more("deliveries", "paused", 1)
        assert await register.contacts() == []
        own.secrets = Secrets((register.token.encode(),))
        await until_settled(post, register, len(history(0)))
    assert len(await register.contacts()) == 1


async def test_all_deliveries_of_an_absence_of_open_klant_come_through_in_order_once(
    register: Register, run: Run, broker: Broker, pool: Pool, desk: Desk
) -> None:
    half = CONVERSATIONS // 2
    earlier, later = one_by_one(range(half)), in_turn(range(half, CONVERSATIONS))
    post, port, api = Post(broker, pool), free_port(), urlsplit(register.api)
    assert api.port
    await post.receives_each(*earlier)
    async with run(urlunsplit(api._replace(netloc=f"127.0.0.1:{port}")), LOOK_SECONDS):
        await until_more("deliveries", "paused", FAILURES)  # nothing listens there
        await post.receives_each(*later)
        await register.set_mode("refuse")
        async with road_to(api.port, port):
            await until_more("deliveries", "paused", FAILURES)
            await until_more("openklant_rounds", "away", 1)
            assert set(await post.states()) == {"aside"} and await register.contacts() == []
            await register.set_mode("ok")
            await until_settled(post, register, len(earlier + later))
            contacts = await register.contacts()
            check_contacts(contacts)
            last = number_of(contacts[-1]["inhoud"])
            await desk.close()
            [[closing]] = (await until(lambda: found(pool), bool, 20)).values()
    assert closing == f"{department_of(last)}: close silent"


def check_contacts(contacts: list[Json]) -> None:
    """Assert that each conversation has one contact with all its messages in order, and one task,
    of its last department."""
    texts = [f"Vraag {n}\n\nDorpsstraat 12\n\nHij is nog vol" for n in range(CONVERSATIONS)]
    assert sorted(one["inhoud"] for one in contacts) == sorted(texts)
    contacts = sorted(contacts, key=lambda one: number_of(one["inhoud"]))
    assert all(one["nummer"] for one in contacts)
    assert [[(task["status"], task["actoren"]) for task in one["taken"]] for one in contacts] == [
        [("te_verwerken", [NAMES[department_of(n)]])] for n in range(CONVERSATIONS)
    ]


async def answer_twice(desk: Desk) -> None:
    await desk.answer("Eerst dit.")
    await desk.answer("En dan dat.", close=True)


async def answer_and_forward(desk: Desk) -> None:
    await desk.answer("Wij vragen het na.")
    await desk.forward("burgerzaken")


async def forward_and_close(desk: Desk) -> None:
    await desk.forward("burgerzaken")
    await desk.close()


async def close_by_telephone(desk: Desk) -> None:
    await desk.answer("Gebeld.", "Telefoon", close=True)


async def close_in_another_program(desk: Desk) -> None:
    await desk.close()


async def close_and_reopen(desk: Desk) -> None:
    await desk.close()
    await desk.reopen()


ABSENCE: tuple[tuple[Act, list[str]], ...] = (
    (
        answer_twice,
        ["afval: send Eerst dit.", "afval: send En dan dat.", "afval: close answered"],
    ),
    (answer_and_forward, ["afval: to burgerzaken", "burgerzaken: send Wij vragen het na."]),
    (forward_and_close, ["afval: to burgerzaken", "burgerzaken: close silent"]),
    (close_by_telephone, ["afval: close handled"]),
    (close_in_another_program, ["afval: close silent"]),
    (close_and_reopen, []),
)
"""Acts of employees in our absence -> commands for the router after it."""


async def test_all_work_of_employees_in_our_absence_is_found_in_one_round_in_order(
    register: Register, run: Run, broker: Broker, pool: Pool, desk: Desk
) -> None:
    register.answer_channel = SEND
    cases = ABSENCE * TIMES
    scenes = [Scene(register, f"10000001-c{n}") for n in range(len(cases) + 1)]
    for n, scene in enumerate(scenes):
        await scene.ask(f"Vraag {n}")
    assert await register.poll()
    for desk.nth, (act, _) in enumerate(cases):
        await act(desk)
    desk.nth = len(cases)
    await desk.close()
    asked_meanwhile = scenes[-1].talk.message("Is hij al leeg?", 7200)
    post = Post(broker, pool)
    await post.receives_each(asked_meanwhile)
    await pool.execute(ROUND_IS_DUE)
    async with run(register.api, 60):
        await until_more("openklant_rounds", "looked", 1)
        await post.until_states(settled=1)
    commands = await found(pool)
    commands.pop(scenes[-1].talk.id, None)  # its closing is refused by the router
    expected = {scenes[n].talk.id: each for n, (_, each) in enumerate(cases) if each}
    assert commands == expected
    *_, asked, again = await register.contacts()
    assert [[task["status"] for task in one["taken"]] for one in (asked, again)] == [
        ["verwerkt"],
        ["te_verwerken"],
    ]
    assert again["inhoud"] == "Is hij al leeg?"
