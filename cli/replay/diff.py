"""Compare where two versions of rules send the same messages; count the differences. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from cli.replay.recorded import MessageRecord, read_message
from cli.support.output import count, format_table
from router.conversation.interpretation import collect_facts
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import Outcome, evaluate
from services.config.numbers import Number
from services.whatsapp import items

NONE = "-"
"""Shown for no department, no rule or no safety rule."""


class Place(msgspec.Struct, frozen=True):
    """The department that rules send a message to, and why."""

    department: str = NONE
    rule: str = NONE
    reason: str = ""
    care: str = NONE
    tags: frozenset[str] = frozenset()


Move = tuple[str, str, str, str]
"""Department before and after, rule before and after."""


class Example(msgspec.Struct, frozen=True):
    """A text of a citizen that would go to another department: personal data."""

    text: str
    then: str
    now: str


def place_of(message: WorkUnit, context: RoutingContext) -> Place:
    """Return where rules send a message that begins a conversation. An empty place if its number is
    no longer configured."""
    item = message.item
    assert isinstance(item, items.Message)
    number = context.config.number(item.number)
    if number is None:
        return Place()
    facts = collect_facts(message, item, None, number, context)
    outcome = evaluate(context.rules[number.tenant], facts)
    return _place(outcome, number, context.reasons.fallback)


def _place(outcome: Outcome, number: Number, fallback_reason: str) -> Place:
    care, verdict, tags = outcome.care, outcome.verdict, frozenset(outcome.annotations.tags)
    kind = care.kind if care else NONE
    if care and care.department:
        return Place(care.department, care.id, outcome.care_reason, kind, tags)
    if verdict is None:
        return Place(number.fallback, NONE, fallback_reason, kind, tags)
    department = verdict.department or number.fallback
    return Place(department, verdict.rule, verdict.reason, kind, tags)


class Differences:
    """Compares messages one by one and counts the differences."""

    def __init__(self, before: RoutingContext, after: RoutingContext, examples: int = 0) -> None:
        self._before, self._after, self._max_examples = before, after, examples
        self.messages = self.unread = self.moved = self.other_rule = 0
        self.conversations: set[str] = set()
        self.moves: defaultdict[Move, Counter[tuple[str, str]]] = defaultdict(Counter)
        """Move -> (reason before, reason after) -> number of messages."""
        self.moved_in: defaultdict[Move, set[str]] = defaultdict(set)
        """Move -> its conversations."""
        self.tags: dict[str, Counter[str]] = {"more": Counter(), "fewer": Counter()}
        self.care: Counter[tuple[str, str]] = Counter()
        self.examples: list[Example] = []

    def compare(self, row: MessageRecord) -> None:
        """Compare the message in one record."""
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

    def _move(self, row: MessageRecord, text: str, before: Place, after: Place) -> None:
        self.moved += 1
        move = before.department, after.department, before.rule, after.rule
        self.moves[move][before.reason, after.reason] += 1
        self.moved_in[move].add(row.conversation)
        if text and len(self.examples) < self._max_examples:
            self.examples.append(Example(text, before.department, after.department))

    def to_json(self) -> dict[str, Any]:
        """Return the differences as JSON. Only `examples` has texts of citizens."""
        moves = [self._move_json(move) for move in self.moves]
        tags = sorted(self.tags["more"] | self.tags["fewer"])
        result = {
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
        return result | ({"examples": self.examples} if self._max_examples else {})

    def _move_json(self, move: Move) -> dict[str, Any]:
        """Return a move; `reasonThen` and `reasonNow` are the most frequent reasons."""
        reasons = self.moves[move]
        ((then, now), _), *_ = reasons.most_common(1)
        names = dict(zip(("from", "to", "ruleThen", "ruleNow"), move, strict=True))
        counts = {"messages": reasons.total(), "conversations": len(self.moved_in[move])}
        return names | {"reasonThen": then, "reasonNow": now} | counts


KEYS = ("from", "to", "messages", "conversations", "ruleThen", "ruleNow", "reasonNow")
WORDS = {
    "nl": {
        "columns": "van|naar|berichten|gesprekken|regel toen|regel nu|waarom nu, meestal",
        "messages": "bericht|berichten",
        "conversations": "gesprek|gesprekken",
        "all": "{} in {}",
        "unread": "niet meer te lezen: {}",
        "elsewhere": "{} in {} zouden elders terechtkomen,"
        " {} bij dezelfde afdeling door een andere regel",
        "tag": "label {}: {} erbij, {} eraf",
        "care": "zorg {} -> {}: {}",
    },
    "en": {
        "columns": "from|to|messages|conversations|rule then|rule now|why now, mostly",
        "messages": "message|messages",
        "conversations": "conversation|conversations",
        "all": "{} in {}",
        "unread": "no longer readable: {}",
        "elsewhere": "{} in {} would go elsewhere, {} to the same department by another rule",
        "tag": "label {}: {} more, {} fewer",
        "care": "care {} -> {}: {}",
    },
}


def format_differences(differences: dict[str, Any], lang: str = "nl") -> Iterator[str]:
    """Yield the differences as lines for a terminal."""
    words, elsewhere = WORDS[lang], differences["elsewhere"]
    yield words["all"].format(*_counts(differences, words))
    if differences["unread"]:
        yield words["unread"].format(differences["unread"])
    yield words["elsewhere"].format(*_counts(elsewhere, words), differences["otherRule"])
    if differences["moves"]:
        yield ""
        moves = ([str(move[key]) for key in KEYS] for move in differences["moves"])
        yield from format_table([words["columns"].split("|"), *moves])
        yield ""
    for tag in differences["tags"]:
        yield words["tag"].format(tag["tag"], count(tag["more"], words["messages"]), tag["fewer"])
    for care in differences["care"]:
        messages = count(care["messages"], words["messages"])
        yield words["care"].format(care["then"], care["now"], messages)
    for example in differences.get("examples", ()):
        text = msgspec.json.encode(example.text).decode()
        yield f"{example.then} -> {example.now}: {text}"


def _counts(group: Mapping[str, int], words: Mapping[str, str]) -> list[str]:
    return [count(group[name], words[name]) for name in ("messages", "conversations")]
