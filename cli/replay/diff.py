"""What would change: counted while messages are decided anew, and as a table. Pure."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from cli.replay.effects_diff import Effects, menu_in, rows
from cli.replay.recorded import Data
from router.model.decision import Decision

NONE = "-"
"""Stands where there is no department, no rule or no care."""
Move = tuple[str, str, str, str]
"""Department then and now, rule then and now."""


class Example(msgspec.Struct, frozen=True):
    """A text of a citizen that would go elsewhere: personal data."""

    text: str
    then: str
    now: str


class Differences:
    def __init__(self, examples: int = 0) -> None:
        self.messages = self.conversations = 0
        self.unread = 0
        """Records of then that cannot be read any more."""
        self.forgotten = 0
        """Conversations that there was no more room for."""
        self.moved = self.moved_conversations = 0
        self.other_rule = 0
        """Messages that another rule would send to the same department."""
        self.versions: Counter[str] = Counter()
        self.moves: Counter[Move] = Counter()
        self.first_moves: Counter[Move] = Counter()
        """The same, counting each conversation once."""
        self.more: Counter[str] = Counter()
        self.fewer: Counter[str] = Counter()
        """Tag -> messages that would have it, or would not any more."""
        self.care: Counter[tuple[str, str]] = Counter()
        self.effects = Effects()
        self.examples: list[Example] = []
        self._room = examples

    def saw(self, then: Data, now: Decision, moves: set[Move]) -> None:
        """One message; `moves` are those of its conversation so far, and grow."""
        self.messages += 1
        self.versions[then.decision.version] += 1
        there = now.department if now.kind == "message" else ""
        rules = then.decision.rule or NONE, now.rule or NONE
        if there != then.department:
            by = rules[0], now.rule or _without_rule(then, now)
            self._moved((then.department or NONE, there or NONE, *by), moves)
            if len(self.examples) < self._room and then.text:
                self.examples.append(Example(then.text, then.department, there or NONE))
        elif rules[0] != rules[1]:
            self.other_rule += 1
        self.more.update(set(now.tags) - set(then.tags))
        self.fewer.update(set(then.tags) - set(now.tags))
        self.effects.heard(then, now)
        if then.care != now.care:
            self.care[then.care or NONE, now.care or NONE] += 1

    def _moved(self, move: Move, moves: set[Move]) -> None:
        self.moved += 1
        self.moves[move] += 1
        self.moved_conversations += not moves
        self.first_moves[move] += move not in moves
        moves.add(move)

    def shown(self) -> dict[str, Any]:
        """As JSON has it; no word of anybody's but in `examples`."""
        moves = [
            {
                "from": move[0],
                "to": move[1],
                "ruleThen": move[2],
                "ruleNow": move[3],
                "messages": count,
                "conversations": self.first_moves[move],
            }
            for move, count in sorted(self.moves.items(), key=lambda each: (-each[1], each[0]))
        ]
        tags = [
            {"tag": tag, "more": self.more[tag], "fewer": self.fewer[tag]}
            for tag in sorted(self.more | self.fewer)
        ]
        care = [{"then": t, "now": n, "messages": m} for (t, n), m in sorted(self.care.items())]
        found = {
            "messages": self.messages,
            "conversations": self.conversations,
            "elsewhere": {"messages": self.moved, "conversations": self.moved_conversations},
            "otherRule": self.other_rule,
            "unread": self.unread,
            "forgotten": self.forgotten,
            "decidedBy": dict(sorted(self.versions.items())),
            "moves": moves,
            "tags": tags,
            "care": care,
            "effects": self.effects.shown(),
        }
        return found | ({"examples": self.examples} if self._room else {})


def _without_rule(then: Data, now: Decision) -> str:
    """What a rule did that names no department: it leaves no id in the decision."""
    if now.held and not then.held:
        return "(hold)"
    menu = menu_in(now.reply.content) if now.reply else ""
    return f"(menu {menu})" if menu else NONE


COLUMNS = ("from", "to", "messages", "conversations", "rule then", "rule now")
KEYS = ("from", "to", "messages", "conversations", "ruleThen", "ruleNow")


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The same for who reads it in a terminal."""
    yield f"{found['messages']} messages in {found['conversations']} conversations"
    if found["unread"]:
        yield f"{found['unread']} records cannot be read any more"
    if found["forgotten"]:
        yield f"{found['forgotten']} conversations were too many to remember: begun again"
    elsewhere = found["elsewhere"]
    yield (
        f"{elsewhere['messages']} messages in {elsewhere['conversations']} conversations would go"
        f" elsewhere, {found['otherRule']} to the same department by another rule"
    )
    if found["moves"]:
        yield ""
        yield from _table([COLUMNS, *(tuple(str(m[k]) for k in KEYS) for m in found["moves"])])
        yield ""
    if table := rows(found["effects"]):
        yield from ("what else would be noticed, in messages:", "", *_table(table), "")
    for care in found["care"]:
        yield f"care {care['then']} -> {care['now']}: {care['messages']} messages"
    for example in found.get("examples", ()):
        text = msgspec.json.encode(example.text).decode()
        yield f"{example.then} -> {example.now}: {text}"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip()
