"""Judge rules by a table of messages: each gets the router's own decision. Pure.

A message is judged as the first of its conversation, at one hour, with every department open: the
question is where it belongs, and not who answers there this evening.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

import msgspec

from router.explanation import HASHES, build_unit, with_quoting_rules
from router.handlers.dispatch import decide
from router.message_table.table import MessageTable, TableRow
from router.model.decision import MessageDecision
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext
from services.calendar.opening_hours import AMSTERDAM
from services.config.model import Configuration
from services.config.numbers import Number

AT = datetime(2026, 11, 25, 10, tzinfo=AMSTERDAM)
"""Time of each message unless another is asked: the morning of an ordinary Wednesday. It is the
same at each reload, so that a rule with hours does not make one pass and the next fail."""


class JudgedRow(msgspec.Struct, frozen=True):
    """A message with the department, rule, reason and labels that it got. `missed` and `extra` are
    the labels of the table that it lacks, and that it should not have."""

    row: TableRow
    department: str
    rule: str
    reason: str
    missed: frozenset[str] = frozenset()
    extra: frozenset[str] = frozenset()

    @property
    def is_right(self) -> bool:
        return self.department == self.row.department

    @property
    def has_right_labels(self) -> bool:
        return not (self.missed or self.extra)


class Score(msgspec.Struct, frozen=True):
    """Number of messages, and of the right ones among them."""

    messages: int
    right: int

    @property
    def share(self) -> float:
        return self.right / self.messages


class LabelScore(msgspec.Struct, frozen=True):
    """Number of messages that should have a label, that have it rightly, and that have it
    wrongly."""

    label: str
    messages: int
    right: int
    extra: int


class Confusion(msgspec.Struct, frozen=True, order=True):
    """Number of messages of one department that went to one department."""

    expected: str
    got: str
    messages: int


def first_number(config: Configuration, tenant: str) -> Number | None:
    """Return the number at which the messages of a table come in; None without any."""
    return next((number for number in config.numbers if number.tenant == tenant), None)


def judge_rows(
    table: MessageTable, number: Number, at: datetime, context: RoutingContext
) -> Iterator[JudgedRow]:
    """Yield each message of a table with the decision on it."""
    context = msgspec.structs.replace(context, hours={}, hashes=HASHES)
    for row in table.rows:
        yield _judge_row(row, table.labels, number, at, context)


def quote_reason(row: TableRow, number: Number, at: datetime, context: RoutingContext) -> str:
    """Return the reason for a decision with the words that a pattern matches, as an explanation of
    the message has it."""
    context = msgspec.structs.replace(with_quoting_rules(context), hours={})
    return _judge_row(row, None, number, at, context).reason


def _judge_row(
    row: TableRow,
    labels: frozenset[str] | None,
    number: Number,
    at: datetime,
    context: RoutingContext,
) -> JudgedRow:
    decision, _ = decide(build_unit(row.text, number.id, at, "text"), Snapshot(), context)
    assert isinstance(decision, MessageDecision)
    got = frozenset(decision.labels.tags) & (labels or frozenset())
    return JudgedRow(
        row,
        decision.department,
        decision.rule,
        decision.reason,
        missed=row.labels - got if labels else frozenset(),
        extra=got - row.labels,
    )


def score_all(judged: Sequence[JudgedRow]) -> Score:
    return Score(len(judged), sum(each.is_right for each in judged))


def score_departments(judged: Iterable[JudgedRow]) -> dict[str, Score]:
    """Return the score of each department that the table names, by its id."""
    messages = Counter(each.row.department for each in judged)
    right = Counter(each.row.department for each in judged if each.is_right)
    return {id: Score(messages[id], right[id]) for id in sorted(messages)}


def count_confusions(judged: Iterable[JudgedRow]) -> list[Confusion]:
    """Return the departments that messages belong to and go to, the right ones too."""
    counts = Counter((each.row.department, each.department) for each in judged)
    return sorted(Confusion(*pair, messages) for pair, messages in counts.items())


def score_labels(judged: Sequence[JudgedRow], labels: Iterable[str]) -> list[LabelScore]:
    return [_score_label(judged, label) for label in sorted(labels)]


def _score_label(judged: Sequence[JudgedRow], label: str) -> LabelScore:
    expected = sum(label in each.row.labels for each in judged)
    missed = sum(label in each.missed for each in judged)
    return LabelScore(label, expected, expected - missed, sum(label in e.extra for e in judged))


def percent(share: float) -> str:
    """Return a share in percent, rounded down: what is below a bound never looks equal to it."""
    return f"{int(share * 1000 + 1e-9) / 10:g} %"


def describe_shortfall(judged: Sequence[JudgedRow], at_least: float) -> str:
    """Return the sentence about a table whose share of right messages is too small; '' for one
    with enough. It has no text of a message."""
    score = score_all(judged)
    if score.share >= at_least:
        return ""
    departments = score_departments(judged).items()
    wrong = sorted(((d.right - d.messages, id, d.messages) for id, d in departments))
    listed = ", ".join(f"{-n} of {messages} of {id}" for n, id, messages in wrong if n)
    return (
        f"{score.right} of {score.messages} messages ({percent(score.share)}) go to their"
        f" department, and {percent(at_least)} must: wrong are {listed}"
    )
