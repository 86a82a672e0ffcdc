"""The cost of many rules: 2,000 with 10,000 words, compared with 20 with 100 and with none.

Rounds alternate, and count CPU time, which other load on the machine affects little.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from bench.reports.results import Line, Report, TargetLine, spread
from bench.workloads.large_config import large_municipality, rule_words
from bench.workloads.receipts import Wave, receipts
from bench.workloads.texts import example_texts, subjects, write_texts
from router.handlers.batch import decide_batch
from router.handlers.units import parse_units
from router.model.hashes import Hashes
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import evaluate
from router.rules.matcher import MessageFacts
from router.ruleset.context import build_context
from services import clock
from services.config import loader
from services.lifecycle import freeze_gc

ROOT = Path(__file__).parent.parent
EXAMPLES = ROOT / "tests" / "examples" / "citizens" / "messages.toml"
NONE, FEW, MANY = SIZES = ((0, 0), (20, 100), (2000, 10_000))
"""Rules and words of a municipality."""
BATCH = 256
"""Messages decided together: a batch message of the gateway."""
MESSAGES = 10 * BATCH
"""Messages of each municipality in one round."""
CHECK_SECONDS, TIMES = 2.0, 1.5
"""Targets: for `postkamer check`, and for a decision by many rules in times one by few."""
Size = tuple[int, int]


class RulesSample(msgspec.Struct, frozen=True, kw_only=True):
    """One municipality in one round: seconds for all its rules, and for each message."""

    compile: float
    check: float
    matching: float
    new: float
    known: float


ROWS: tuple[tuple[str, Callable[[RulesSample], float], str], ...] = (
    ("read and compiled, s", lambda s: s.compile, ".2f"),
    ("postkamer check, s", lambda s: s.check, ".2f"),
    ("matching the rules, us", lambda s: s.matching * 1e6, ".0f"),
    ("decided, of a new citizen, us", lambda s: s.new * 1e6, ".0f"),
    ("decided, of a known one, us", lambda s: s.known * 1e6, ".0f"),
)
DEMANDS: tuple[tuple[str, Callable[[RulesSample], float], Size | None, float], ...] = (
    ("postkamer check, s", lambda s: s.check, None, CHECK_SECONDS),
    ("a new citizen, times 20 rules", lambda s: s.new, FEW, TIMES),
    ("a known citizen, times 20 rules", lambda s: s.known, FEW, TIMES),
)
"""Targets of 2,000 rules: the maximum, absolute or in times those of another size."""
Samples = Mapping[Size, Sequence[RulesSample]]


def measure(folder: Path, rounds: int, report: Report) -> None:
    """Measure and print `rounds` of each municipality, alternating."""
    paths = {size: write_municipality(folder / str(size[0]), size) for size in SIZES}
    about = subjects(rule_words(FEW[1]))  # known to both sizes with rules
    texts = example_texts(EXAMPLES.read_text())
    samples: dict[Size, list[RulesSample]] = {size: [] for size in SIZES}
    contexts = {size: compile_rules(path)[0] for size, path in paths.items()}
    freeze_gc()
    for turn in range(rounds):
        for size, path in paths.items():
            new_texts = write_texts(texts, about, seed=turn)
            samples[size].append(_measure_round(path, contexts[size], new_texts))
    for line in table(samples):
        report(line)


def write_municipality(folder: Path, size: Size) -> Path:
    """Write the configuration of a municipality of this size; return the path of its main file."""
    for name, text in large_municipality(*size).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder / "postkamer.toml"


def compile_rules(path: Path) -> tuple[RoutingContext, float]:
    """Return the routing context, and the CPU seconds that it took to build."""
    began = time.process_time()
    context = build_context(loader.load(path), Hashes(b"bench"))
    return context, time.process_time() - began


def _measure_round(path: Path, context: RoutingContext, texts: Iterator[str]) -> RulesSample:
    _, seconds = compile_rules(path)
    check = _measure_check(path)
    new, known = measure_decisions(context, texts)
    matching = _measure_matching(context, texts)
    return RulesSample(compile=seconds, check=check, matching=matching, new=new, known=known)


def _measure_check(path: Path) -> float:
    """Return the CPU seconds of `postkamer check`."""
    began = _children_cpu_seconds()
    command = [sys.executable, "-m", "cli.main", "check", "--config", str(path)]
    subprocess.run(command, cwd=ROOT, stdout=subprocess.DEVNULL, check=True)
    return _children_cpu_seconds() - began


def _children_cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def measure_decisions(
    context: RoutingContext, texts: Iterator[str], messages: int = MESSAGES
) -> tuple[float, float]:
    """Return the seconds for a message that opens a conversation, and for the next one in it."""
    seconds = [0.0, 0.0]
    for first in range(0, messages, BATCH):
        snapshot = Snapshot()
        for nth in range(2):
            work = _units(Wave(first, BATCH, nth), context, texts)
            began = time.process_time()
            batch = decide_batch(work, snapshot, context)
            seconds[nth] += time.process_time() - began
            assert not batch.faults and len(batch.new) == BATCH
    return seconds[0] / messages, seconds[1] / messages


def _units(wave: Wave, context: RoutingContext, texts: Iterator[str]) -> list[WorkUnit]:
    messages = receipts(wave, texts, clock.now())
    return [unit for _, receipt in messages for unit in parse_units(receipt, context)]


def _measure_matching(context: RoutingContext, texts: Iterator[str]) -> float:
    """Return the seconds in which the rules alone evaluate a message."""
    (table,) = context.rules.values()
    facts = [MessageFacts(at=clock.now(), text=next(texts)) for _ in range(MESSAGES)]
    began = time.process_time()
    for each in facts:
        evaluate(table, each)
    return (time.process_time() - began) / MESSAGES


def table(samples: Samples) -> Iterator[Line]:
    """Yield each measurement by size, then the targets."""
    yield f"{'rules':30}" + "".join(f"{rules:>22,}" for rules, _ in samples)
    yield f"{'words':30}" + "".join(f"{words:>22,}" for _, words in samples)
    for name, value, form in ROWS:
        values = (spread(map(value, rounds), form) for rounds in samples.values())
        yield f"{name:30}" + "".join(f"{text:>22}" for text in values)
    yield ""
    yield f"{'2,000 rules':38}{'target':>8}{'measured':>22}"
    for name, value, of, most in DEMANDS:
        measured = list(_compare(samples, value, of))
        met = statistics.median(measured) <= most
        yield TargetLine(f"{name:38}{most:8.1f}{spread(measured):>22}", met)


def _compare(
    samples: Samples, value: Callable[[RulesSample], float], of: Size | None
) -> Iterator[float]:
    """Yield the values of 2,000 rules, absolute or in times those of another size, by round."""
    if of is None:
        return map(value, samples[MANY])
    pairs = zip(samples[MANY], samples[of], strict=True)
    return (value(many) / value(few) for many, few in pairs)
