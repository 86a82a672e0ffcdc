"""Where two versions of rules send the same messages: compared, counted, and as a table. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

import msgspec

from cli.replay.recorded import Row, read_message
from router.conversation.interpretation import collect_facts
from router.model.decision import RoutingContext, WorkUnit
from router.rules.engine import FALLBACK, Outcome, evaluate
from services.config.numbers import Number
from services.whatsapp import items

NONE = "-"
"""Stands where there is no department, no rule or no care."""


class Place(msgspec.Struct, frozen=True):
    """Where rules send a message, and why."""

    department: str = NONE
    rule: str = NONE
    reason: str = ""
    care: str = NONE
    tags: frozenset[str] = frozenset()


Move = tuple[str, str, str, str]
"""Department before and after, rule before and after."""


class Example(msgspec.Struct, frozen=True):
    """A text of a citizen that would go elsewhere: personal data."""

    text: str
    then: str
    now: str


def place_of(message: WorkUnit, ground: RoutingContext) -> Place:
    """Where rules send a message that begins a conversation; nowhere where its number is gone."""
    item = message.item
    assert isinstance(item, items.Message)
    number = ground.config.number(item.number)
    if number is None:
        return Place()
    facts = collect_facts(message, item, None, number, ground)
    return _place(evaluate(ground.rules[number.tenant], facts), number)


def _place(found: Outcome, number: Number) -> Place:
    care, verdict, tags = found.care, found.verdict, frozenset(found.annotations.tags)
    kind = care.kind if care else NONE
    if care and care.department:
        return Place(care.department, care.id, found.care_reason, kind, tags)
    if verdict is None:
        return Place(number.fallback, NONE, FALLBACK, kind, tags)
    there = verdict.department or number.fallback
    return Place(there, verdict.rule, verdict.reason, kind, tags)


class Differences:
    """Counts, while messages are compared one after the other."""

    def __init__(self, before: RoutingContext, after: RoutingContext, examples: int = 0) -> None:
        self._before, self._after, self._room = before, after, examples
        self.messages = self.unread = self.moved = self.other_rule = 0
        self.conversations: set[str] = set()
        self.moves: defaultdict[Move, Counter[tuple[str, str]]] = defaultdict(Counter)
        """Reasons before and after, and how often."""
        self.moved_in: defaultdict[Move, set[str]] = defaultdict(set)
        """Conversations of each move."""
        self.tags: dict[str, Counter[str]] = {"more": Counter(), "fewer": Counter()}
        self.care: Counter[tuple[str, str]] = Counter()
        self.examples: list[Example] = []

    def compare(self, row: Row) -> None:
        """One record of a message."""
        message = read_message(row)
        if row.data is None or message is None:
            self.unread += 1
            return
        before, after = place_of(message, self._before), place_of(message, self._after)
        self.messages += 1
        self.conversations.add(row.conversation)
        self.tags["more"].update(after.tags - before.tags)
        self.tags["fewer"].update(before.tags - after.tags)
        if before.care != after.care:
            self.care[before.care, after.care] += 1
        if before.department != after.department:
            self._move(row, row.data.text, before, after)
        elif before.rule != after.rule:
            self.other_rule += 1

    def _move(self, row: Row, text: str, before: Place, after: Place) -> None:
        self.moved += 1
        move = before.department, after.department, before.rule, after.rule
        self.moves[move][before.reason, after.reason] += 1
        self.moved_in[move].add(row.conversation)
        if text and len(self.examples) < self._room:
            self.examples.append(Example(text, before.department, after.department))

    def shown(self) -> dict[str, Any]:
        """As JSON has it; no word of a citizen but in `examples`."""
        moves = [self._shown_move(move) for move in self.moves]
        tags = sorted(self.tags["more"] | self.tags["fewer"])
        found = {
            "messages": self.messages,
            "conversations": len(self.conversations),
            "elsewhere": {
                "messages": self.moved,
                "conversations": len(set().union(*self.moved_in.values())),
            },
            "otherRule": self.other_rule,
            "unread": self.unread,
            "moves": sorted(moves, key=lambda m: (-m["messages"], m["from"], m["to"])),
            "tags": [{"tag": t} | {how: n[t] for how, n in self.tags.items()} for t in tags],
            "care": [
                {"then": then, "now": now, "messages": count}
                for (then, now), count in sorted(self.care.items())
            ],
        }
        return found | ({"examples": self.examples} if self._room else {})

    def _shown_move(self, move: Move) -> dict[str, Any]:
        """`reasonThen` and `reasonNow` are the most frequent ones."""
        reasons = self.moves[move]
        ((then, now), _), *_ = reasons.most_common(1)
        there = dict(zip(("from", "to", "ruleThen", "ruleNow"), move, strict=True))
        counts = {"messages": reasons.total(), "conversations": len(self.moved_in[move])}
        return there | {"reasonThen": then, "reasonNow": now} | counts


COLUMNS = ("from", "to", "messages", "conversations", "rule then", "rule now", "why now, mostly")
KEYS = ("from", "to", "messages", "conversations", "ruleThen", "ruleNow", "reasonNow")


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for the terminal."""
    yield f"{found['messages']} messages in {found['conversations']} conversations"
    if found["unread"]:
        yield f"{found['unread']} records cannot be read any more"
    elsewhere = found["elsewhere"]
    yield (
        f"{elsewhere['messages']} messages in {elsewhere['conversations']} conversations would go"
        f" elsewhere, {found['otherRule']} to the same department by another rule"
    )
    if found["moves"]:
        yield ""
        yield from _table([COLUMNS, *(tuple(str(m[k]) for k in KEYS) for m in found["moves"])])
        yield ""
    for tag in found["tags"]:
        yield f"label {tag['tag']}: {tag['more']} messages more, {tag['fewer']} fewer"
    for care in found["care"]:
        yield f"care {care['then']} -> {care['now']}: {care['messages']} messages"
    for example in found.get("examples", ()):
        text = msgspec.json.encode(example.text).decode()
        yield f"{example.then} -> {example.now}: {text}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
