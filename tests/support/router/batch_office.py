"""A router of one partition, batch by batch, over the real tables; and what it is ordered."""

from datetime import datetime, timedelta
from typing import Any

import msgspec

from router.handlers.batch import decide_batch, make_outputs
from router.handlers.units import parse_units
from router.model.changes import Changes
from router.model.hashes import Hashes
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import compile_rule_tables
from router.store.store import Store
from services import clock
from services.config import loader
from services.contract import Command, Entry, Receipt
from tests.support.installation import EXAMPLE
from tests.support.router.commands import build_command
from tests.support.router.decisions import DecisionView

CONFIG = loader.load(EXAMPLE).config
GROUND = RoutingContext(CONFIG, compile_rule_tables(CONFIG), Hashes(b"k" * 32))
NUMBER = CONFIG.numbers[0].id
WABA = "102290129340398"
ANNA = 1111111
"""Citizen with telephone number 31611111111."""


class Office:
    """A router of one partition, batch by batch, with nothing but its tables between them."""

    def __init__(self, store: Store, epoch: int) -> None:
        self.store, self.epoch, self.ground = store, epoch, GROUND
        self.start = clock.now()
        self.count = 0
        self.sighted: list[tuple[str, str]] = []

    @property
    def later(self) -> datetime:
        """A moment later than all that came so far, and not after the next."""
        return self.start + timedelta(seconds=self.count + 0.5)

    async def takes(self, *entries: Entry) -> list[tuple[WorkUnit, DecisionView, Changes]]:
        todo = [unit for entry in entries for unit in parse_units(entry, self.ground)]
        batch = decide_batch(todo, await self.store.load(todo, self.ground), self.ground)
        assert batch.faults == []
        outputs = make_outputs(batch.new)
        self.sighted += (await self.store.commit(0, self.epoch, batch.new, outputs)).sightings
        return [(unit, DecisionView(made), changes) for unit, made, changes in batch.to_publish]

    def order(self, type: str = "text", **more: Any) -> Command:
        self.count += 1
        at = self.start + timedelta(seconds=self.count)
        return build_command(type, clock.new_id(), at, **{"number": NUMBER} | more)

    def came(self, body: bytes) -> Receipt:
        self.count += 1
        return Receipt(
            id=clock.new_id(),
            received_at=self.start + timedelta(seconds=self.count),
            door="/webhooks/whatsapp",
            proof="meta-sha256",
            signature="",
            body=body,
        )

    def told(self, field: str, **value: Any) -> Receipt:
        entry = {"id": WABA, "changes": [{"field": field, "value": value}]}
        return self.came(msgspec.json.encode({"object": "x", "entry": [entry]}))


def template(name: str = "markt") -> dict[str, Any]:
    """A template to Anna, with her consent."""
    content = {"type": "template", "template": {"name": name, "language": {"code": "nl"}}}
    return {"content": msgspec.json.encode(content), "to": "31611111111"} | consent()


def consent(purpose: str = "markt", **more: Any) -> dict[str, Any]:
    """Given just now."""
    return {"purpose": purpose, "given_at": clock.now(), "source": "balie"} | more
