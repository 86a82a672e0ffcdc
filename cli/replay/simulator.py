"""Messages of the past decided anew, by the router's own code, from what the archive has. Pure.

What people did then, transfers, answers, closings, they do again; what was due then is looked at
again, at that time. A conversation that had begun before keeps the department that it had.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

import msgspec

from cli.replay import recorded
from cli.replay.diff import Differences, Move
from cli.replay.initial_state import as_it_was
from cli.replay.recorded import Data, Row
from router.conversation import timers
from router.handlers.batch import decide_batch
from router.identity import resolver
from router.model.conversation import Conversation
from router.model.decision import Decision, Identity, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from router.rules.engine import OPENED
from services.config.numbers import Number
from services.whatsapp import items

CONVERSATIONS = 50_000
"""That are remembered, some 4 KB each: those of a large town in two months."""


NOBODY = UUID(int=0)
HANDLED = "handled"
"""Of a closing, where none was asked for then and a rule of now makes it needed."""


class Seen(msgspec.Struct):
    """Where a conversation of then is now, and how its messages have moved."""

    now: str
    heard: bool = False
    """Whether a message in it was decided anew."""
    moves: set[Move] = msgspec.field(default_factory=set)


class Replay:
    """`as_it_was`: each conversation is left where it was then, whatever is decided."""

    def __init__(
        self,
        ground: RoutingContext,
        examples: int = 0,
        room: int = CONVERSATIONS,
        *,
        as_it_was: bool = False,
    ) -> None:
        self.found = Differences(examples)
        self._ground, self._known, self._room = ground, Snapshot(), room
        self._as_it_was = as_it_was
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._met: set[str] = set()

    def unknown(self, rows: Iterable[Row]) -> list[str]:
        """Conversations of which nothing is remembered: they begin here, or have a past."""
        named = {id for row in rows for id in (row.conversation, row.data.other)}
        return list(named - self._seen.keys() - {""})

    def met(self, conversations: Iterable[str]) -> None:
        """Whoever begins one of these has been told how this works, in a conversation that is not
        looked at: they are not told again."""
        self._met.update(conversations)

    def resume(self, past: "Replay") -> None:
        """Go on where others were: with these conversations, and with who has them."""
        for then, seen in past._seen.items():
            before = past._known.conversations.get(seen.now)
            number = self._ground.config.number(before.number) if before else None
            if before and number:
                who = self._known_as(before, past._known.identities_of(before.person), number)
                self._known.conversation(msgspec.structs.replace(before, person=who))
                self._see(then, before.id)

    def _known_as(self, before: Conversation, names: list[Identity], number: Number) -> UUID:
        """The person who has these names, here."""
        at = before.last_inbound_at or before.opened_at
        unit = WorkUnit(before.id.encode(), recorded.receipt(NOBODY, at), scope=number.portfolio)
        called = resolver.SenderIdentities(
            tuple(items.Identity(n.kind, n.value) for n in names), at
        )
        who = resolver.resolve_person(unit, number, called, self._known, self._ground)
        for identity in who.changed:
            self._known.identity(identity)
        return who.person

    def take(self, rows: Iterable[Row]) -> None:
        """What happened next, in any order within a batch."""
        for row in recorded.in_order(rows):
            if row.heard:
                self._hear(row)
            elif row.said:
                self._say(row)
            elif row.ordered:
                self._obey(row)
            elif row.due:
                self._happens(row)
            elif row.automatic:
                self.found.effects.sent(row.data)
            self.found.unread += row.kind == recorded.UNREAD
            if self._as_it_was:
                self._settle(row)
        self._forget()

    def _settle(self, row: Row) -> None:
        seen = self._seen.get(row.conversation)
        now = self._known.conversations.get(seen.now) if seen else None
        if now:
            self._known.conversation(as_it_was(now, row, self._ground.config))

    def _hear(self, row: Row) -> None:
        """Decide anew."""
        item = recorded.message(row)
        if item is None:
            self.found.unread += 1
            return
        unit = recorded.heard(row, item, self._scope(row))
        if row.conversation in self._met:
            self._met.discard(row.conversation)
            self._has_met(unit, item)
        decision = self._decide(unit)
        seen = self._see(row.conversation, decision.conversation)
        self.found.saw(row.data, decision, seen.moves)
        self.found.conversations += not seen.heard
        seen.heard = True

    def _has_met(self, unit: WorkUnit, item: items.Message) -> None:
        """Who wrote it had written before."""
        number = self._ground.config.number(item.number)
        if number is None:
            return
        called = resolver.SenderIdentities(
            item.person.identities, resolver.written_at(unit, item.sent_at)
        )
        who = resolver.resolve_person(unit, number, called, self._known, self._ground)
        for identity in who.changed:
            self._known.identity(identity)
        self._known.last_heard.setdefault(who.person, unit.at)

    def _say(self, row: Row) -> None:
        """What a person wrote. To somebody who had not written it opens a conversation."""
        seen = self._seen.get(row.conversation)
        if seen:
            to = {"conversation": seen.now}
        else:
            department = row.data.department if row.data.decision.rule == OPENED else ""
            to = {"to": row.data.to or "", "department": department}
        decision = self._decide(recorded.ordered(row, row.data.type, self._scope(row), **to))
        if decision.kind == "accepted":
            self._see(row.conversation, decision.conversation)

    def _obey(self, row: Row) -> None:
        """What a person did with a conversation, or with a number."""
        given, data = row.data.order or row.data.event, row.data
        seen, other = self._seen.get(row.conversation), self._seen.get(data.other)
        if given not in ORDERS or not (seen or row.kind == "number"):
            return
        whom = {"conversation": seen.now if seen else "", "other": other.now if other else ""}
        self._decide(recorded.ordered(row, given, self._scope(row), **whom, **ORDERS[given](data)))

    def _happens(self, row: Row) -> None:
        """A time had come: what it brings is looked at again."""
        seen = self._seen.get(row.conversation)
        now = self._known.conversations.get(seen.now) if seen else None
        if now and (kind := DUE.get(row.data.event)):
            self._decide(recorded.due(row, now.id, kind(now)))

    def _decide(self, unit: WorkUnit) -> Decision:
        """One after the other, each by all that came before."""
        decision = decide_batch([unit], self._known, self._ground).new[0][1]
        self.found.effects.decided(decision)
        return decision

    def _scope(self, row: Row) -> str:
        number = self._ground.config.number(row.number)
        return number.portfolio if number else ""

    def _see(self, then: str, now: str) -> Seen:
        if then not in self._seen:
            self._seen[then] = Seen(now)
        self._seen.move_to_end(then)
        seen = self._seen[then]
        seen.now = now or seen.now
        return seen

    def _forget(self) -> None:
        """What no later decision needs, and those that were silent longest."""
        self._known.decided.clear()
        self._known.heard.clear()
        self._known.outgoing.clear()
        while len(self._seen) > self._room:
            _, seen = self._seen.popitem(last=False)
            self.found.forgotten += 1
            if gone := self._known.conversations.pop(seen.now, None):
                _forget_person(gone, self._known)


def _forget_person(gone: Conversation, known: Snapshot) -> None:
    key = gone.number, gone.person
    for names in (known.open, known.closed):
        if names.get(key) == gone.id:
            del names[key]
    for identity in known.people.pop(gone.person, ()):
        known.identities.pop(identity.key, None)
    known.last_heard.pop(gone.person, None)


ORDERS: dict[str, Callable[[Data], dict[str, Any]]] = {
    "transfer": lambda data: {"to_department": data.department},
    "close": lambda data: {"outcome": data.outcome or HANDLED},
    "release": lambda data: {},
    "merge": lambda data: {},
    "notice": lambda data: {"text": data.text, "until": data.until},
    "state": lambda data: {"text": data.text, "until": data.until, "state": data.state or ""},
}
"""What a person did then -> what is ordered now. The others change nothing that decides."""


DUE: dict[str, Callable[[Conversation], str]] = {
    "decided": lambda now: timers.MENU if now.state.menu else timers.BURST_ENDED,
    "said": lambda now: timers.BURST_ENDED,
    "returned": lambda now: timers.DEPARTMENT_OPENS,
    "waiting": lambda now: timers.WAITING,
    "closed": lambda now: timers.IDLE,
}
"""What a time that had come brought then -> the timer. Whom an alarm wakes, decides nothing."""
