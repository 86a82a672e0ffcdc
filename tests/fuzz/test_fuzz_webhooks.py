"""Anything at all at the door: an answer that is documented, and nothing lost of what was taken.

`make fuzz` sends a hundred thousand; the ordinary suite a few thousand.
"""

import asyncio
import json
import os
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from accounts import DECIDED, Accounts, faults
from hostile_bodies import MARKS
from hypothesis import HealthCheck, given, settings
from requests_at_the_door import Request, posted, signed, volleys
from wire import Answer, Wires

from deploy.local.plan import REAL
from tests.citizens import text, webhook
from tests.installation import Installation
from tests.watching import until

INPUTS = int(os.environ.get("FUZZ_INPUTS", "3000"))
VOLLEY = 16
"""Requests under way at once: group commit has something to do, and two cores are not drowned."""
LOOKS = 100
"""At the memory of each service, over the whole run."""
GROWTH_MIB = 16
"""Of the most that is resident, from the second fifth of a run to its last: bodies of 4 MiB come
and go, so that what is held at one moment is chance; but the most does not rise."""
SETTLE_SECONDS = 120.0
SHOWN = 10
"""Of each kind of thing that is wrong, where there are many."""
ONCE = settings(
    database=None,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize="CI" in os.environ,
    print_blob=False,
)


class Run:
    """The requests of one run, what was answered, and the processes that are watched meanwhile."""

    def __init__(self, town: Installation, accounts: Accounts) -> None:
        self.town, self.accounts = town, accounts
        address = urlsplit(town.gateway)
        self._wires = Wires(str(address.hostname), int(address.port or 0), VOLLEY)
        self.pids = {name: town.services[name].pid for name in REAL}
        self.memory: dict[str, list[float]] = {name: [] for name in REAL}

    async def send(self, volley: list[Request]) -> list[Answer]:
        return await asyncio.gather(*(self._wires.ask(r.raw, alone=r.alone) for r in volley))

    def fire(self, volley: list[Request]) -> None:
        """Send these at once, and check each answer."""
        for request, answer in zip(volley, self.runner.run(self.send(volley)), strict=True):
            refused = answer.status >= 400 and answer.status != 503
            self.accounts.answered(answer.status, request.body, refused)
            assert answer.status in request.allowed, (answer, request)
            _is_proper(answer)
        done = self.accounts.inputs
        if _passed(done, len(volley), LOOKS):
            for name, seen in self.memory.items():
                seen.append(self.town.memory(name))
        if _passed(done, len(volley), 20):
            held = ", ".join(f"{name} {seen[-1]:.0f}" for name, seen in self.memory.items())
            print(f"  {done:,} of {INPUTS:,}; MiB: {held}", flush=True)

    def __enter__(self) -> "Run":
        self.runner = asyncio.Runner()
        return self

    def __exit__(self, *_: object) -> None:
        self.runner.run(self._wires.close())
        self.runner.close()


def _passed(done: int, last: int, parts: int) -> bool:
    """Whether with the last ones another part of all inputs is done."""
    return done * parts // INPUTS > (done - last) * parts // INPUTS


def grown(seen: list[float]) -> float:
    """How much higher the top of the last fifth is than that of the second."""
    fifth = max(1, len(seen) // 5)
    return max(seen[-fifth:]) - max(seen[fifth : 2 * fifth])


def _is_proper(answer: Answer) -> None:
    """Says what is wrong as every door of ours does, and nothing of what it was given."""
    for mark in MARKS:
        assert mark.encode() not in answer.head + answer.body
    if answer.status == 503:
        assert answer.header(b"Retry-After")
    if answer.header(b"Content-Type").startswith(b"application/problem+json"):
        assert json.loads(answer.body)["status"] == answer.status


def _large(n: int) -> Request:
    """Nearly as large as a body may be: what follows cannot need more room than these."""
    body = webhook(*(text("x" * 4000, f"wamid.large.{n}.{m}", m) for m in range(950)))
    return Request(posted(body, signed(body)), frozenset([200, 503]), body)


async def _settled(run: Run) -> None:
    """Everything that was promised has had the time to arrive."""
    town, accounts = run.town, run.accounts
    receipts = accounts.taken.total()
    records = accounts.items + accounts.unparseable
    sql = f"select count(*) filter (where kind = 'receipt'), count(*) filter (where {DECIDED})"

    async def look() -> tuple[int, ...]:
        row = await asyncio.to_thread(town.database.execute, f"{sql} from archiver.record")
        return tuple(map(int, row.split("|")))

    def arrived(seen: tuple[int, ...]) -> bool:
        return seen[0] >= receipts and seen[1] >= records

    try:
        await until(look, arrived, SETTLE_SECONDS)
    except AssertionError:
        print(f"  not settled: {receipts} receipts, {records} records", await look())


def _words_of_citizens(town: Installation) -> Iterator[str]:
    """Lines of logs and metrics with a mark of a citizen in them."""
    for name in REAL:
        with urllib.request.urlopen(f"{town.operations(name)}/metrics") as answer:
            yield from _marked(f"metrics of {name}", answer.read().decode())
        for path in town.folder.glob(f"{name}.log*"):
            yield from _marked(path.name, path.read_text(errors="replace"))


def _marked(where: str, text: str) -> Iterator[str]:
    for line in text.splitlines():
        if any(mark in line for mark in MARKS):
            yield f"{where}: {line[:400]}"


def _broken(town: Installation) -> list[str]:
    """Lines of the logs that say that a fault of ours came to light."""
    words = ('"level":"error"', "decision.failed", "http.failed", "Traceback")
    lines = [line for line in town.logs().splitlines() if any(word in line for word in words)]
    return [line[:400] for line in lines]


def _summary(run: Run) -> Iterator[str]:
    accounts = run.accounts
    yield f"{accounts.inputs:,} inputs, {accounts.bytes / 1e6:,.0f} MB of bodies"
    for status, times in sorted(accounts.answers.items()):
        yield f"  answered {status or 'by closing'}: {times:,}"
    yield f"{accounts.taken.total():,} receipts in the archive, each byte for byte"
    yield f"{accounts.items:,} items and {accounts.unparseable:,} unreadable bodies on the record"
    yield f"{'resident MiB':14}{'first':>8}{'most':>8}{'last':>8}{'grown':>8}"
    for name, seen in run.memory.items():
        yield f"{name:14}{seen[0]:8.0f}{max(seen):8.0f}{seen[-1]:8.0f}{grown(seen):8.0f}"


@pytest.mark.timeout(7200)
def test_whatever_comes_is_answered_and_what_is_taken_is_kept(
    town: Installation, tmp_path: Path
) -> None:
    with Run(town, Accounts(tmp_path)) as run:
        for _ in range(2):
            run.fire([_large(n) for n in range(4)])
        test = given(volleys(VOLLEY))(run.fire)
        settings(ONCE, max_examples=max(1, INPUTS // VOLLEY))(test)()
        asyncio.run(_settled(run))
        for line in _summary(run):
            print(f"  {line}")
    wrong = {
        "receipts": run.accounts.missing_receipts(town),
        "items": list(run.accounts.missing_items(town)),
        "faults": faults(town),
        "words of citizens": list(_words_of_citizens(town)),
        "logged": _broken(town),
        "started again": [n for n in REAL if town.services[n].pid != run.pids[n]],
        "grown": [n for n in REAL if grown(run.memory[n]) > GROWTH_MIB],
    }
    assert {what: found[:SHOWN] for what, found in wrong.items() if found} == {}
    for name in REAL:
        town.services[name].must_run()
