"""What citizens and desks would notice beside where a message goes: counted, then and now. Pure."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from cli.replay.recorded import Data
from router.model.decision import Decision

Effect = tuple[str, str]
"""What it is, and which of them: ids of the configuration, never a word of a citizen."""
WHAT = (
    "text", "menu", "priority", "label", "due", "mask", "hold", "alarm", "standIn",
)  # fmt: skip
"""In the order in which they are shown. `text` and `menu` count what went out, each of which costs
money; the rest counts messages that came in."""
STANDS_IN = re.compile(r"; [^;]+ is gesloten$")
"""Ends the reason of a conversation that another department has meanwhile."""
ROW = re.compile(rb'"id": ?"menu:([^"]*)/')


class Effects:
    def __init__(self) -> None:
        self._then: Counter[Effect] = Counter()
        self._now: Counter[Effect] = Counter()
        self._differ: Counter[Effect] = Counter()
        """Messages that have it only then, or only now."""

    def sent(self, data: Data) -> None:
        """A text went out by itself then."""
        self._then.update(_going_out(data.name, data.content))

    def decided(self, now: Decision) -> None:
        """Of a message, or of what a person or the clock does."""
        if now.reply:
            self._now.update(_going_out(now.reply.name, now.reply.content))

    def heard(self, then: Data, now: Decision) -> None:
        """A message of a citizen."""
        before, after = set(_then(then)), set(_of(now))
        if then.due and now.due and then.due != now.due:
            after.add(("due", "earlier" if now.due < then.due else "later"))
        self._then.update(before)
        self._now.update(after)
        texts = {then.automatic} ^ {now.reply.name if now.reply else ""}
        self._differ.update(before ^ after | {("text", name) for name in texts if name})

    def shown(self) -> list[dict[str, Any]]:
        """All of them, as JSON has it."""
        every = self._then | self._now | self._differ
        return [
            self._row(effect) for effect in sorted(every, key=lambda e: (WHAT.index(e[0]), e[1]))
        ]

    def _row(self, effect: Effect) -> dict[str, Any]:
        what, which = effect
        then, now = self._then[effect], self._now[effect]
        differ = max(self._differ[effect], abs(then - now))
        return {"what": what, "which": which, "then": then, "now": now, "differ": differ}


def menu_in(content: bytes) -> str:
    """Path of the menu that a text asks; ''."""
    found = ROW.search(content)
    return found[1].decode() if found else ""


def _going_out(name: str, content: bytes) -> Iterator[Effect]:
    yield "text", name
    if menu := menu_in(content):
        yield "menu", menu


def _then(data: Data) -> Iterator[Effect]:
    yield from _marks(data)
    if data.asked:
        yield "alarm", f"{data.care}: {data.asked}"
    if STANDS_IN.search(data.decision.reason):
        yield "standIn", data.department


def _of(now: Decision) -> Iterator[Effect]:
    yield from _marks(now)
    if now.alarm:
        yield "alarm", f"{now.care}: {now.alarm.destination}"
    if STANDS_IN.search(now.reason):
        yield "standIn", now.department


def _marks(of: Data | Decision) -> Iterator[Effect]:
    if of.priority not in ("", "normal"):
        yield "priority", of.priority
    yield from (("label", tag) for tag in of.tags)
    yield from (("mask", kind) for kind in of.sensitive if kind in of.mask)
    if of.due:
        yield "due", "any"
    if of.held:
        yield "hold", ""


COLUMNS = ("what", "which", "then", "now", "differ")


def rows(shown: list[dict[str, Any]]) -> list[tuple[str, ...]]:
    """As a table, of what differs; nothing where nothing does."""
    differing = [each for each in shown if each["differ"] != 0]
    cells = [tuple(_cell(each[column]) for column in COLUMNS) for each in differing]
    return [COLUMNS, *cells] if cells else []


def _cell(value: Any) -> str:
    return str(value) or "-"
