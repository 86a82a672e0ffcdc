"""Anything at all at the door: an answer that is documented, and nothing lost of what was taken.

`make fuzz` sends a hundred thousand; the ordinary suite a few thousand.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import strategies as st

from tests.support.citizens import text, webhook
from tests.support.fuzz.accepted_bodies import DECIDED, Accounts, faults
from tests.support.fuzz.aftermath import LOOKS, SHOWN, Processes, passed
from tests.support.fuzz.hostile_bodies import MARKS, MOST_BYTES, large
from tests.support.fuzz.rounds import WHOLE, fuzz
from tests.support.fuzz.webhook_requests import Request, posted, signed, volleys
from tests.support.fuzz.wire import Answer, Wires
from tests.support.installation import Installation
from tests.support.observer import until

SHARE = 0.8
"""Share of webhooks in all inputs; the others are calls of the API."""
INPUTS = int(WHOLE * SHARE)
VOLLEY = 16
"""Requests under way at once: group commit has something to do, and two cores are not drowned."""
LARGE = 2
"""Large webhooks in each round. A process keeps the memory of many at once, and a leak would hide
in that; many at once are a question of overload."""
WARM, LARGE_ROUNDS = 6, 12
"""Largest webhooks, and pairs of other large ones, that are sent before memory is looked at. They
take most of the time of a short run: each is a thousand messages."""
SETTLE_SECONDS = 120.0
TAKEN_SHARE = 0.5
"""Smallest share of inputs that is taken: a door that refuses everything would lose nothing
either."""


class Run:
    """The requests of one run, what was answered, and the processes that are watched meanwhile."""

    def __init__(self, town: Installation, accounts: Accounts) -> None:
        self.town, self.accounts = town, accounts
        address = urlsplit(town.gateway)
        self.wires = Wires(str(address.hostname), int(address.port or 0), VOLLEY)
        self._large = asyncio.Semaphore(LARGE)
        self.processes = Processes(town)

    async def send(self, volley: list[Request]) -> list[Answer]:
        return await asyncio.gather(*(self._ask(request) for request in volley))

    async def _ask(self, request: Request) -> Answer:
        async with self._large if request.is_large else nullcontext():
            return await self.wires.ask(request.raw, alone=request.alone)

    def fire(self, volley: list[Request]) -> None:
        """Send these at once, and check each answer."""
        for request, answer in zip(volley, self.runner.run(self.send(volley)), strict=True):
            refused = answer.status >= 400 and answer.status != 503
            self.accounts.answered(answer.status, request.body, refused)
            assert answer.status in request.allowed, (answer, request)
            _is_proper(answer)
        done = self.accounts.inputs
        if passed(done, len(volley), LOOKS, INPUTS):
            self.processes.look()
        if passed(done, len(volley), 20, INPUTS):
            print(f"  {done:,} of {INPUTS:,}; MiB: {self.processes.now()}", flush=True)

    def __enter__(self) -> "Run":
        self.runner = asyncio.Runner()
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(self.wires.close())
        self.runner.close()


def _is_proper(answer: Answer) -> None:
    """Says what is wrong as every door of ours does, and nothing of what it was given."""
    for mark in MARKS:
        assert mark.encode() not in answer.head + answer.body
    if answer.status == 503:
        assert answer.header(b"Retry-After")
    if answer.status >= 400:
        assert answer.header(b"Content-Type") == b"application/problem+json", answer
        assert answer.header(b"API-Version"), answer
        assert json.loads(answer.body)["status"] == answer.status


def _large(n: int) -> Request:
    """Nearly as large as a body may be: what follows cannot need more room than these."""
    body = webhook(*(text("x" * 4000, f"wamid.large.{n}.{m}", m) for m in range(950)))
    return Request(posted(body, signed(body)), frozenset([200, 503]), body)


def large_ones() -> st.SearchStrategy[list[Request]]:
    """Two of whatever is large in what follows: it sets the height that memory is measured from."""
    one = large().filter(lambda body: len(body) <= MOST_BYTES)
    asked = one.map(lambda body: Request(posted(body, signed(body)), frozenset([200, 503]), body))
    return st.lists(asked, min_size=2, max_size=2)


def _settle(run: Run) -> None:
    """Wait with no connection open: the door closes one that is idle for a minute, and a request
    that is sent on it meanwhile has no answer."""
    run.runner.run(run.wires.close())
    asyncio.run(_wait_until_settled(run))


async def _wait_until_settled(run: Run) -> None:
    """Everything that was promised has had the time to arrive."""
    town, accounts = run.town, run.accounts
    receipts = accounts.taken.total()
    records = accounts.items + accounts.unparseable
    sql = f"select count(*) filter (where kind = 'receipt'), count(*) filter (where {DECIDED})"

    async def look() -> tuple[int, ...]:
        row = await asyncio.to_thread(town.database.execute, f"{sql} from opened.record")
        return tuple(map(int, row.split("|")))

    def arrived(seen: tuple[int, ...]) -> bool:
        return seen[0] >= receipts and seen[1] >= records

    try:
        await until(look, arrived, SETTLE_SECONDS)
    except AssertionError:
        print(f"  not settled: {receipts} receipts, {records} records", await look())


def _summary(run: Run) -> Iterator[str]:
    accounts = run.accounts
    yield f"{accounts.inputs:,} inputs, {accounts.bytes / 1e6:,.0f} MB of bodies"
    for status, times in sorted(accounts.answers.items()):
        yield f"  answered {status or 'by closing'}: {times:,}"
    yield f"{accounts.taken.total():,} receipts in the archive, each byte for byte"
    yield f"{accounts.items:,} items and {accounts.unparseable:,} unreadable bodies on the record"
    yield from run.processes.table()


@pytest.mark.timeout(7200)
def test_every_webhook_is_answered_and_every_accepted_one_is_kept(
    town: Installation, tmp_path: Path
) -> None:
    with Run(town, Accounts(tmp_path)) as run:
        run.fire([_large(n) for n in range(WARM)])
        fuzz(run.fire, large_ones(), examples=LARGE_ROUNDS)
        _settle(run)  # in the archiver too, or its height is none yet
        while (left := INPUTS - run.accounts.inputs) > 0:
            fuzz(run.fire, volleys(VOLLEY), examples=-(-left // VOLLEY))
        _settle(run)
        for line in _summary(run):
            print(f"  {line}")
    assert run.accounts.taken.total() > TAKEN_SHARE * INPUTS
    kept = {
        "receipts": run.accounts.missing_receipts(town),
        "items": list(run.accounts.missing_items(town)),
        "put aside": faults(town),
    }
    wrong = {what: found[:SHOWN] for what, found in kept.items() if found}
    assert wrong | run.processes.wrong() == {}
