"""What many rules cost: 2,000 of them with 10,000 words, beside 20 with 100 and beside none.

In turns, and in seconds of processor time: what else the machine does counts little.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.large_config import large_municipality, rule_words
from bench.receipts import Wave, receipts
from bench.results import spread
from bench.texts import example_texts, subjects, write_texts
from router.handlers.batch import decide_batch
from router.handlers.units import keyed_hash, units
from router.model.decision import RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from router.rules.engine import evaluate
from router.rules.matcher import MessageFacts
from router.ruleset.context import build_context
from services import clock
from services.config import loader
from services.lifecycle import freeze_gc

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "tests" / "examples" / "citizens" / "messages.toml"
NONE, FEW, MANY = SIZES = ((0, 0), (20, 100), (2000, 10_000))
"""Rules and words of a town."""
BATCH = 256
"""Messages decided together: an envelope of the gateway's."""
MESSAGES = 10 * BATCH
"""Of each town in one round."""
CHECK_SECONDS, TIMES = 2.0, 1.5
"""Asked of `postkamer check`; and of a decision by many rules beside one by few."""
Size = tuple[int, int]


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """One town in one round: seconds for all its rules, and for each message."""

    compile: float
    check: float
    matching: float
    new: float
    known: float


ROWS: tuple[tuple[str, Callable[[Sample], float], str], ...] = (
    ("read and compiled, s", lambda s: s.compile, ".2f"),
    ("postkamer check, s", lambda s: s.check, ".2f"),
    ("what the rules say of it, us", lambda s: s.matching * 1e6, ".0f"),
    ("decided, of a new citizen, us", lambda s: s.new * 1e6, ".0f"),
    ("decided, of a known one, us", lambda s: s.known * 1e6, ".0f"),
)
DEMANDS: tuple[tuple[str, Callable[[Sample], float], Size | None, float], ...] = (
    ("postkamer check, s", lambda s: s.check, None, CHECK_SECONDS),
    ("a new citizen, times 20 rules", lambda s: s.new, FEW, TIMES),
    ("a known citizen, times 20 rules", lambda s: s.known, FEW, TIMES),
)
"""What was asked of 2,000 rules, at most: by itself, or in times those of another size."""
Samples = Mapping[Size, Sequence[Sample]]


def measure(folder: Path, rounds: int, report: Callable[[str], None]) -> None:
    """Measure and print; `rounds` of each town, in turns."""
    paths = {size: write_municipality(folder / str(size[0]), size) for size in SIZES}
    about = subjects(rule_words(FEW[1]))  # both towns know these
    texts = example_texts(EXAMPLES.read_text())
    samples: dict[Size, list[Sample]] = {size: [] for size in SIZES}
    grounds = {size: compile_rules(path)[0] for size, path in paths.items()}
    freeze_gc()
    for turn in range(rounds):
        for size, path in paths.items():
            new_ones = write_texts(texts, about, seed=turn)
            samples[size].append(_sample(path, grounds[size], new_ones))
    for line in table(samples):
        report(line)


def write_municipality(folder: Path, size: Size) -> Path:
    """A town of this size, as files; the path of the first."""
    for name, text in large_municipality(*size).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "postkamer.toml"


def compile_rules(path: Path) -> tuple[RoutingContext, float]:
    """What is decided by, and the seconds that it took to make."""
    began = time.process_time()
    ground = build_context(loader.load(path), keyed_hash(b"bench"))
    return ground, time.process_time() - began


def _sample(path: Path, ground: RoutingContext, texts: Iterator[str]) -> Sample:
    _, seconds = compile_rules(path)
    check = _checking(path)
    new, known = measure_decisions(ground, texts)
    matching = _matching(ground, texts)
    return Sample(compile=seconds, check=check, matching=matching, new=new, known=known)


def _checking(path: Path) -> float:
    """Seconds of the command, from its start to its end."""
    began = _of_children()
    command = [sys.executable, "-m", "cli.main", "check", "--config", str(path)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return _of_children() - began


def _of_children() -> float:
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    return spent.ru_utime + spent.ru_stime


def measure_decisions(
    ground: RoutingContext, texts: Iterator[str], messages: int = MESSAGES
) -> tuple[float, float]:
    """Seconds for a message that opens a conversation, and for the next one in it."""
    spent = [0.0, 0.0]
    for first in range(0, messages, BATCH):
        known = Snapshot()
        for nth in range(2):
            todo = _units(Wave(first, BATCH, nth), ground, texts)
            began = time.process_time()
            batch = decide_batch(todo, known, ground)
            spent[nth] += time.process_time() - began
            assert not batch.faults and len(batch.new) == BATCH
    return spent[0] / messages, spent[1] / messages


def _units(wave: Wave, ground: RoutingContext, texts: Iterator[str]) -> list[WorkUnit]:
    given = receipts(wave, texts, clock.now())
    return [unit for _, receipt in given for unit in units(receipt, ground)]


def _matching(ground: RoutingContext, texts: Iterator[str]) -> float:
    """Seconds for what the rules alone make of a message."""
    (table,) = ground.rules.values()
    facts = [MessageFacts(at=clock.now(), text=next(texts)) for _ in range(MESSAGES)]
    began = time.process_time()
    for each in facts:
        evaluate(table, each)
    return (time.process_time() - began) / MESSAGES


def table(samples: Samples) -> Iterator[str]:
    """Each measure beside each other, and what was asked."""
    yield f"{'rules':30}" + "".join(f"{rules:>22,}" for rules, _ in samples)
    yield f"{'words':30}" + "".join(f"{words:>22,}" for _, words in samples)
    for name, value, form in ROWS:
        values = (spread(map(value, taken), form) for taken in samples.values())
        yield f"{name:30}" + "".join(f"{shown:>22}" for shown in values)
    yield ""
    yield f"{'2,000 rules':38}{'asked':>8}{'measured':>22}"
    for name, value, of, most in DEMANDS:
        measured = list(_beside(samples, value, of))
        verdict = "yes" if statistics.median(measured) <= most else "NO"
        yield f"{name:38}{most:8.1f}{spread(measured):>22}  {verdict}"


def _beside(samples: Samples, value: Callable[[Sample], float], of: Size | None) -> Iterator[float]:
    """Round by round, since the machine is another one each minute."""
    if of is None:
        return map(value, samples[MANY])
    pairs = zip(samples[MANY], samples[of], strict=True)
    return (value(many) / value(few) for many, few in pairs)
