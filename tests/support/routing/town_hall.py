"""The town hall of the example that ships, at work without a broker or a database: citizens write,
colleagues answer, time passes; and what came of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec

from router.handlers.batch import decide_batch
from router.handlers.units import keyed_hash, parse_units
from router.model.changes import Changes, DecidedUnit, Identity, OutgoingStatus, Timer
from router.model.conversation import Conversation
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig, load
from services.contract import Command, Entry, Receipt
from tests.support.router.commands import SANNE, build_command
from tests.support.router.decisions import DecisionView, decisions
from tests.support.router.timer_delivery import timeout

EXAMPLE = Path(__file__).parents[3] / "deploy/examples/voorbeeldstad/postkamer.toml"
HASH = keyed_hash(b"the town hall of the tests")
CITIZEN = "31611111111"


class TownHall:
    """One partition's router with its tables in memory; `now` goes on when it is told to."""

    def __init__(self, choices: LoadedConfig, start: datetime) -> None:
        self.ground = ground_of(choices)
        self.now = start
        self.count = 0
        self.done: list[DecidedUnit] = []
        self.tables = Snapshot()
        self.timers: dict[tuple[str, str], Timer] = {}
        self.body = b""

    def passes(self, time: timedelta) -> None:
        """Time, and everything that was waited for meanwhile."""
        end = self.now + time
        while due := [t for t in self.timers.values() if t.due_at <= end]:
            first = min(due, key=lambda timer: timer.due_at)
            self.now = max(self.now, first.due_at)
            self.takes(timeout(first))
        self.now = end

    def hears(self, said: dict[str, Any]) -> DecisionView:
        """A citizen's message: `said` has type, text, from, number, late (a timedelta)."""
        self.body = webhook(said, self.count + 1, self.now)
        return decisions(self._receives(self.body))[0]

    def hears_again(self) -> list[DecidedUnit]:
        """Meta brings the last message once more; what comes of it."""
        return self._receives(self.body)

    def _receives(self, body: bytes) -> list[DecidedUnit]:
        self.count += 1
        receipt = Receipt(
            id=self._id("receipt"),
            received_at=self.now,
            door="/webhooks/whatsapp",
            proof="meta-sha256",
            signature="",
            body=body,
        )
        return self.takes(receipt)

    def orders(self, type: str, conversation: str, **more: Any) -> DecisionView:
        """A colleague's answer, transfer, closing ..."""
        number = conversation.partition("-")[0]
        given = {"text": "Goedemiddag", "conversation": conversation, "number": number}
        return self._orders(type, **given | more)

    def says(self, type: str, number: str, **more: Any) -> DecisionView:
        """A notice or state that the contact centre sets for a number."""
        return self._orders(type, number=number, token="kcc", **more)

    def _orders(self, type: str, **fields: Any) -> DecisionView:
        self.count += 1
        order = build_command(type, self._id("order"), self.now, **{"author": SANNE} | fields)
        return decisions(self.takes(order))[0]

    def takes(self, entry: Entry) -> list[DecidedUnit]:
        todo: list[WorkUnit] = list(parse_units(entry, self.ground))
        batch = decide_batch(todo, self.tables, self.ground)
        assert not batch.faults, batch.faults
        for _, _, changes in batch.new:
            self._timers(changes)
        self.done += batch.to_publish
        return batch.to_publish

    def _timers(self, changes: Changes) -> None:
        self.timers = {k: t for k, t in self.timers.items() if t.id != changes.fired_timer}
        self.timers |= {(t.conversation, t.kind): t for t in changes.timers}

    def _id(self, purpose: str) -> UUID:
        return UUID(bytes=HASH(purpose, str(self.count)))

    @property
    def conversations(self) -> dict[str, Conversation]:
        return self.tables.conversations


GROUNDS: dict[str, RoutingContext] = {}
"""Version -> what is decided by it: compiling the rules of a town takes a second."""


def ground_of(choices: LoadedConfig) -> RoutingContext:
    if choices.version not in GROUNDS:
        GROUNDS[choices.version] = build_context(choices, HASH)
    return GROUNDS[choices.version]


def example() -> LoadedConfig:
    return load(EXAMPLE)


def webhook(said: dict[str, Any], n: int, now: datetime) -> bytes:
    """As Meta sends it."""
    type = said.get("type", "text")
    sent = now - said.get("late", timedelta())
    phone = said.get("from", CITIZEN)
    message = {
        "id": said.get("id", f"wamid.{n}"),
        "from": phone,
        "from_user_id": said.get("bsuid") or f"NL.{phone}",
        "timestamp": str(int(sent.astimezone(UTC).timestamp())),
        "type": type,
        type: _content(type, said),
    }
    if referral := said.get("referral"):
        message["referral"] = referral
    metadata = {"phone_number_id": said.get("number", "106540352242922")}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "messages": [message]}
    entry = {"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}
    return msgspec.json.encode({"object": "whatsapp_business_account", "entry": [entry]})


def _content(type: str, said: dict[str, Any]) -> Any:
    text = said.get("text", "")
    media = {"id": "1234", "mime_type": "image/jpeg"}
    contents: dict[str, Any] = {
        "text": {"body": text},
        "reaction": {"message_id": "wamid.0", "emoji": text},
        "location": {"latitude": 52.3, "longitude": 6.6, "name": text},
        "button": {"text": text, "payload": said.get("choice", text)},
        "interactive": {
            "type": "list_reply",
            "list_reply": {"id": said.get("choice", ""), "title": text},
        },
        "unsupported": {"type": said.get("kind", "edit")},
        "contacts": [{"name": {"formatted_name": text}, "phones": []}],
        "sticker": media,
        "audio": media | {"voice": True},
        "voice": media,
        "revoke": {"original_message_id": "wamid.1"},
        "system": {
            "type": "user_changed_number",
            "wa_id": said.get("to", ""),
            "user_id": f"NL.{said.get('to', '')}",
            "previous_user_id": f"NL.{said.get('from', CITIZEN)}",
        },
    }
    return contents.get(type, media | {"caption": text})


def texts(done: Sequence[DecidedUnit]) -> list[str]:
    """Ids of the texts that went out by themselves, in order."""
    return [decision.reply.name for decision in decisions(done) if decision.reply]


def tasks(done: Sequence[DecidedUnit]) -> int:
    """How often somebody was given work: a message that asks for it, or a silence that does. What
    follows in a conversation that is somebody's work already is no second task."""
    open: set[str] = set()
    count = 0
    for (unit, *_), decision in zip(done, decisions(done), strict=True):
        asks = (decision.kind == "message" and decision.task) or decision.effect == "decided"
        if asks and decision.conversation not in open:
            open.add(decision.conversation)
            count += 1
        if _is_done(unit, decision):
            open.discard(decision.conversation)
    return count


def _is_done(unit: WorkUnit, decision: DecisionView) -> bool:
    """By an answer of a person, for what a machine says is none, or by closing."""
    order = unit.entry
    if not isinstance(order, Command) or decision.kind != "accepted":
        return decision.effect == "closed"
    if order.type == "close":
        return True
    person = order.author is not None and order.author.kind != "automated"
    return person and decision.status == "accepted"


__all__ = ["Identity", "OutgoingStatus", "TownHall", "example", "tasks", "texts"]
