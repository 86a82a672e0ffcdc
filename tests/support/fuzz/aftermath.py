"""Logs, metrics, processes and their memory, as a fuzz run leaves them."""

import urllib.request
from collections.abc import Iterator

from deploy.local.plan import REAL
from tests.support.fuzz.hostile_bodies import MARKS
from tests.support.installation import Installation

LOOKS = 100
"""Looks at the memory of each service, over a whole run."""
GROWTH_MIB = 16
"""Growth of the highest resident memory from the second fifth of a run to its last. Bodies of 4 MiB
come and go, so that the memory of one moment is chance; but the highest does not rise."""
SHOWN = 10
"""Examples shown of each kind of fault, where there are many."""
FAULTS = ("decision.failed", "http.failed", "service.broken", "Traceback")


class Processes:
    """The services as they are at the beginning, and what they hold from then on."""

    def __init__(self, town: Installation) -> None:
        self._town = town
        self._pids = {name: town.services[name].pid for name in REAL}
        self.memory: dict[str, list[float]] = {name: [] for name in REAL}

    def look(self) -> None:
        for name, seen in self.memory.items():
            seen.append(self._town.memory(name))

    def now(self) -> str:
        return ", ".join(f"{name} {self._town.memory(name):.0f}" for name in REAL)

    def table(self) -> Iterator[str]:
        yield f"{'resident MiB':14}{'first':>8}{'most':>8}{'last':>8}{'grown':>8}"
        for name, seen in self.memory.items():
            yield f"{name:14}{seen[0]:8.0f}{max(seen):8.0f}{seen[-1]:8.0f}{grown(seen):8.0f}"

    def wrong(self) -> dict[str, list[str]]:
        """Everything that may not be after a run, by kind; without what is as it should be."""
        for name in REAL:
            self._town.services[name].must_run()
        found = {
            "words of citizens": list(_words_of_citizens(self._town)),
            "faults logged": _faults(self._town),
            "started again": [n for n in REAL if self._town.services[n].pid != self._pids[n]],
            "grown": [n for n, seen in self.memory.items() if grown(seen) > GROWTH_MIB],
        }
        return {what: lines[:SHOWN] for what, lines in found.items() if lines}


def passed(done: int, last: int, parts: int, whole: int) -> bool:
    """True when the last inputs complete another part of the whole."""
    return done * parts // whole > (done - last) * parts // whole


def grown(seen: list[float]) -> float:
    """Difference between the highest value of the last fifth and that of the second."""
    fifth = max(1, len(seen) // 5)
    early = seen[fifth : 2 * fifth] or seen[:1]
    return max(seen[-fifth:]) - max(early)


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


def _faults(town: Installation) -> list[str]:
    """Lines of the logs that say that a fault of ours came to light."""
    lines = town.logs().splitlines()
    return [line[:400] for line in lines if any(word in line for word in FAULTS)]
