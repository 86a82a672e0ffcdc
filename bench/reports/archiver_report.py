"""Report of the archiver's measurements: rounds in, tables out. Pure."""

import statistics
from collections.abc import Iterator, Sequence

import msgspec

from bench.reports.results import Line, at_least, spread

ARCHIVER, WHOLE, KEYED, PLAIN = KINDS = (
    "archiver",
    "COPY, all of it",
    "COPY, with its key",
    "COPY, no index",
)
"""The archiver; a COPY of the entries and of the rows beside them (search, people, processing)
with all their indexes; and two copies of the entries alone."""
OF_BARE = 0.4
"""Target: share of the rate of a bare COPY of the same rows."""
PROCESSES = {"process": "archiver", "postgresql": "PostgreSQL", "rabbitmq": "RabbitMQ"}


class ArchiverSample(msgspec.Struct, frozen=True):
    """Records/s of each kind, CPU seconds of each process for a record, and the archiver's peak
    memory in MiB."""

    rates: dict[str, float]
    spent: dict[str, float]
    memory: float


def table(rounds: Sequence[ArchiverSample]) -> Iterator[Line]:
    """Yield each kind compared with the archiver, its resource usage, then the targets."""
    yield ""
    yield f"{'':22}{'records/s':>26}{'archiver, of it':>22}"
    for kind in KINDS:
        rates = spread((one.rates[kind] for one in rounds), ",.0f")
        yield f"{kind:22}{rates:>26}{spread(_shares(rounds, kind)):>22}"
    yield ""
    yield f"{'':22}{'CPU us a record':>26}{'MiB':>8}"
    for process, name in PROCESSES.items():
        spent = spread((one.spent[process] * 1e6 for one in rounds), ".0f")
        memory = f"{max(one.memory for one in rounds):8.0f}" if process == "process" else ""
        yield f"{name:22}{spent:>26}{memory}"
    yield ""
    yield f"{'One archiver':44}{'target':>10}{'measured':>10}"
    for kind in (WHOLE, KEYED, PLAIN):
        measured = statistics.median(_shares(rounds, kind))
        yield at_least(f"of the rate of a {kind}", OF_BARE, measured)


def _shares(rounds: Sequence[ArchiverSample], of: str) -> list[float]:
    return [one.rates[ARCHIVER] / one.rates[of] for one in rounds]
