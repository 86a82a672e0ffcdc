"""The desk, measured as its employees feel it: pages, and how soon a message is on their screens.

Everything runs as it ships. The people are an HTTP client that asks what a browser asks.
"""

import asyncio
from argparse import ArgumentParser, Namespace
from pathlib import Path

import aiohttp
import msgspec

from bench.desk.ceilings import Ceilings, serve_bare_page
from bench.desk.crowd import Crowd
from bench.desk.notes import INBOX, Notes
from bench.desk.people import employees
from bench.desk.report import Found, find, table
from bench.desk.seed import seed
from bench.desk.town import DeskTown, run_desk_town
from bench.reports.results import Report
from services import logs
from services.postgres.database import Pool, connection_pool

RATE = 5.0
"""Messages/s of citizens: 18,000 in an hour, a hundred times an ordinary one."""
WARM_SECONDS = 5.0
"""Length of the first load, which is not counted: pages are compiled, plans are made."""
WARM_MESSAGES = int(WARM_SECONDS * RATE)
QUICK = {"desk_seconds": 15.0, "open": [500]}


def add_options(parser: ArgumentParser) -> None:
    """Add the options of the desk to those of the benchmarks."""
    group = parser.add_argument_group("the desk")
    group.add_argument("--people", type=int, default=20, help="people with open pages (20)")
    group.add_argument(
        "--open",
        type=int,
        nargs="*",
        default=[500, 5000],
        help="open conversations of each load, rising (500 5000)",
    )
    group.add_argument("--desk-seconds", type=float, default=60.0, help="seconds of each load (60)")
    group.add_argument("--desk-json", type=Path, metavar="FILE", help="write the findings as JSON")


def measure(folder: Path, options: Namespace, report: Report) -> None:
    """Measure, print, and write the file that is wanted."""
    logs.log_to_stdout("bench", "error")
    with run_desk_town(folder, options.people) as town:
        findings = asyncio.run(_measure_town(town, options))
    for line in table(findings):
        report(line)
    if options.desk_json:
        written = msgspec.json.format(msgspec.json.encode(findings), indent=1)
        options.desk_json.write_bytes(written)


async def _measure_town(town: DeskTown, options: Namespace) -> list[Found]:
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=10)
    async with (
        aiohttp.ClientSession(connector=connector, timeout=timeout) as http,
        connection_pool(town.stage.database.url, "bench", 2) as pool,
    ):
        crowd, known, findings = Crowd(town, http), 0, list[Found]()
        await crowd.log_in(employees(options.people))
        for count in options.open:
            known = await seed(town, http, pool, known, count)
            found = await _measure_load(town, (crowd, http, pool), options, known)
            found.load.open, known = count, known + found.load.messages + WARM_MESSAGES
            findings.append(found)
    return findings


async def _measure_load(
    town: DeskTown, tools: tuple[Crowd, aiohttp.ClientSession, Pool], options: Namespace, first: int
) -> Found:
    """Measure one load, with new citizens from number `first` on."""
    crowd, http, pool = tools
    alone = await _look(crowd)
    with serve_bare_page(max(alone.bytes[INBOX]), town.stage.settings) as page:
        ceilings = Ceilings(http, page, pool)
        await crowd.spend(Notes(), ceilings, WARM_SECONDS, RATE, first)
        begin, notes = first + WARM_MESSAGES, Notes()
        load = await crowd.spend(notes, ceilings, options.desk_seconds, RATE, begin)
    return find(load, notes, alone)


async def _look(crowd: Crowd) -> Notes:
    """Look at every page, once to warm up and once to measure, while nothing else happens."""
    for _ in range(2):
        notes = Notes()
        await crowd.look(notes)
    return notes
