"""Nothing that is written, counted, answered in refusal or asked in an address tells of a citizen.

Thousands of messages go through a whole installation, and everything goes wrong that can; then
every line is read that any process wrote: ours, the sandbox, the broker, the database.
"""

import asyncio
import re
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest

from deploy.local.plan import REAL
from deploy.local.state import free_port
from tests.support.clamav import Clamd, clamd
from tests.support.e2e.api_requests import Asked
from tests.support.e2e.faulty_run import MESSAGES, Run, town_at
from tests.support.e2e.quoting_proxy import Between, between
from tests.support.installation import Installation
from tests.support.observer import Watch
from tests.support.pii_markers import KINDS, Marks, Trace
from tests.support.tokens import admitted, made

ROLES = ("send", "read", "kcc", "care")
SHOWN = 20
"""Traces that a failing test shows."""
COMMANDS = (
    "parked list",
    "parked list --json",
    "parked list --unreadable",
    "files list",
    "files list --json",
    "files list --state quarantined",
    "destination list",
    "destination list --json",
    "token list",
    "number list",
    "costs",
    "check",
    "topology show",
    "archive verify",
    "archive verify --media --json",
    "archive checkpoint",
    "archive key",
    "archive request list",
    "archive terms",
    "archive terms --permanent",
    "archive views --token sandbox",
    "archive processing --from 2026-01-01 --to 2036-01-01",
)
"""Commands of an operator's day; none has an option that shows a citizen's words."""
PARKED = 3
"""Number of parked deliveries that are looked at one by one."""
HAPPENED = {
    "metrics of router, before": (r"postkamer_messages_received_total\{.*[1-9]",),
    "metrics of router": (r"_duplicates_total .*[1-9]", r"_quarantined_total\{.*[1-9]"),
    "router.log": (r"batch\.refused", r"item\.quarantined", r"sighting\.new", r"notice\.alarm"),
    "deliverer.log": (r"destination\.paused", r"delivery\.parked", r"database\.away"),
    "archiver.log": (r"media_scanner", r"media_malware", r"media_unknown", r"database\.away"),
    "gateway.log": (r"api\.database_away",),
    "postgresql/postgresql.log": (r"violates check constraint",),
    "postgresql/postgresql.log.old": (r"ready to accept connections",),
    "rabbitmq/rabbitmq.log": (r"closing AMQP connection",),
    "postkamer parked list": (r"register  hengelo", r"crm  almelo"),
    "postkamer files list --state quarantined": (r"media_malware",),
    "names of files": (r"sealed/", r"upload/"),
    "addresses in answers": (r"/v1/messages/",),
    "requests to others": (r"/openklant/\S+\?", r"/graph/", r"/crm/events"),
    "events beside their data": (r"/v1/media/",),
}
"""Source -> what stands in it when that came about which is to be read: else nothing is shown."""
REFUSALS = {400, 401, 403, 404, 405, 409, 413, 415, 431, 451, 503}
"""Statuses with which something was refused."""
QUOTED = {
    "crm, for a while",
    "crm, for good",
    "openklant",
    "graph, a file",
    "graph, 131026",
    "graph, 131000",
    "graph, 100",
    "graph, 502",
    "graph, 130429",
}
"""Faults whose answer quoted the words of citizens."""
SAID_HERE_ALONE = {"path", "note", "user id", "error", "group", "username", "caption"}
"""Kinds that need not come as far as a CRM or Meta."""


@pytest.fixture(scope="module")
def port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def marks() -> Marks:
    return Marks(Random(secrets.randbits(64)))


@pytest.fixture(scope="module")
def scanner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clamd]:
    with clamd(tmp_path_factory.mktemp("clamd")) as one:
        yield one


@pytest.fixture(scope="module")
def town(
    tmp_path_factory: pytest.TempPathFactory, port: int, scanner: Clamd
) -> Iterator[Installation]:
    town = town_at(tmp_path_factory.mktemp("quiet"), port, scanner)
    try:
        town.start()
        yield town
    finally:
        town.discard()


@pytest.fixture
async def stand_in(town: Installation, port: int, marks: Marks) -> AsyncIterator[Between]:
    async with between(town.sandbox, port, marks) as one:
        yield one


@pytest.fixture
async def run(watch: Watch, stand_in: Between, marks: Marks, scanner: Clamd) -> Run:
    token = await made(watch.town.database.url, "quiet", "almelo", roles=ROLES)
    for door in (watch.town.gateway, watch.town.archiver):
        await admitted(watch.session, door, token)
    return Run(watch, stand_in, Asked(watch, marks, token), scanner)


async def test_logs_metrics_refusals_and_addresses_have_no_personal_data(
    run: Run, marks: Marks
) -> None:
    await run.goes()
    found = await collect_texts(run)
    assert_it_happened(run, found)
    assert outside_the_log(found) == []
    traces = [trace for source, text in found.items() for trace in marks.traces(source, text)]
    assert not traces, list_traces(traces)
    assert await asyncio.to_thread(traces_on_disk, run.town, marks) == {}


def traces_on_disk(town: Installation, marks: Marks) -> dict[str, int]:
    """Traces in the files of the database (its WAL too), of the broker and of the object store, and
    in the list of processes: for each kind and place, how many files have one."""
    town.database.execute("checkpoint")
    folders = town.folder / "postgresql", town.folder / "rabbitmq", town.objects
    places = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {"pg_wal", "base"} <= {part for path in places for part in path.parts}
    places += Path("/proc").glob("[0-9]*/cmdline")
    found: Counter[str] = Counter()
    for path in places:
        with suppress(FileNotFoundError, ProcessLookupError):  # it was recycled, or has ended
            content = path.read_bytes()
            found.update(f"{kind} in {_place(path, town)}" for kind in marks.kinds_in(content))
    return dict(found)


def _place(path: Path, town: Installation) -> str:
    return (
        "/".join(path.relative_to(town.folder).parts[:4])
        if path.is_relative_to(town.folder)
        else path.name
    )


async def collect_texts(run: Run) -> dict[str, str]:
    """Everything that is to be read, by where it stands."""
    town, asked, stand_in = run.town, run.asked, run.stand_in
    found = run.counted | {
        "answers that refuse": "\n".join(asked.errors),
        "addresses in answers": "\n".join(asked.addresses),
        "requests to others": "\n".join(stand_in.asked),
        "events beside their data": "\n".join(stand_in.addresses),
    }
    objects = sorted(str(path.relative_to(town.objects)) for path in town.objects.rglob("*"))
    found["names of files"] = "\n".join(objects)
    for path in (path for end in ("log", "log.old") for path in town.folder.rglob(f"*.{end}")):
        found[str(path.relative_to(town.folder))] = path.read_text(errors="replace")
    for name in REAL:
        found[f"metrics of {name}"] = await run.metrics(name)
    parked = await asyncio.to_thread(town.says, "parked", "list")
    ids = re.findall(r"^\S+", parked, re.MULTILINE)[:PARKED]
    for command in (*COMMANDS, *(f"parked show {id}" for id in ids)):
        found[f"postkamer {command}"] = await asyncio.to_thread(town.says, *command.split())
    return found


def assert_it_happened(run: Run, found: dict[str, str]) -> None:
    missing = [
        (source, each)
        for source, expected in HAPPENED.items()
        for each in expected
        if not re.search(each, found.get(source, ""))
    ]
    assert missing == []
    assert all(f"{name}.log{old}" in found for name in REAL for old in ("", ".old"))
    assert len(run.stand_in.messages) > MESSAGES
    assert REFUSALS - run.asked.answers.keys() == set()
    assert QUOTED - run.stand_in.quoted.keys() == set()
    assert set(KINDS) - SAID_HERE_ALONE - run.stand_in.told == set()


def outside_the_log(found: dict[str, str]) -> list[str]:
    """Sources where a service wrote something other than a line of its log: nothing bounds that
    text."""
    ours = [f"{name}.log{old}" for name in REAL for old in ("", ".old")]
    lines = ((source, line) for source in ours for line in found[source].splitlines())
    return [source for source, line in lines if not line.startswith('{"')]


def list_traces(traces: list[Trace]) -> str:
    """Each kind of trace and its source with a count, then a line of each."""
    counts = Counter((trace.kind, trace.source) for trace in traces)
    lines = [f"{kind} in {source}: {n} times" for (kind, source), n in counts.most_common()]
    some = {(trace.kind, trace.source): trace for trace in traces}
    shown = [f"{t.source}:{t.line}: {t.shown}" for t in list(some.values())[:SHOWN]]
    return "\n".join(["", *lines, "", *shown])
