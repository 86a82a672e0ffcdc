"""Town hall of the example that ships, at work without a broker or a database."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from router.model.changes import DecidedUnit
from router.model.hashes import Hashes
from router.model.work import RoutingContext, WorkUnit
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig, load
from services.contract import Command
from tests.support.router.decisions import DecisionView, decisions
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import content_of

EXAMPLE = Path(__file__).parents[3] / "deploy/examples/voorbeeldstad/postkamer.toml"
HASHES = Hashes(b"the town hall of the tests")
NUMBER, CITIZEN = "106540352242922", "31611111111"
CONTEXTS: dict[str, RoutingContext] = {}
"""Version -> routing context: compiling the rules of a town takes a second."""


def example() -> LoadedConfig:
    return load(EXAMPLE)


def open_town_hall(choices: LoadedConfig, start: datetime, *, few_texts: bool = False) -> Stadhuis:
    if choices.version not in CONTEXTS:
        CONTEXTS[choices.version] = build_context(choices, HASHES, few_texts=few_texts)
    return Stadhuis(start, context=CONTEXTS[choices.version], number=NUMBER)


def hear(hall: Stadhuis, said: dict[str, Any]) -> DecisionView:
    """Let a citizen write: `said` has type, text, from, number, late (a timedelta)."""
    type, phone = said.get("type", "text"), said.get("from", CITIZEN)
    more = {name: said[name] for name in ("choice", "kind", "to") if said.get(name)}
    return hall.hears(
        type=type,
        content=content_of(type, said.get("text", ""), **more),
        who={"bsuid": said.get("bsuid") or f"NL.{phone}", "phone": phone},
        number=said.get("number", NUMBER),
        late=said.get("late", timedelta()) / timedelta(minutes=1),
        beside={"referral": said["referral"]} if said.get("referral") else {},
    )


def tasks(done: Sequence[DecidedUnit]) -> int:
    """Number of times that work was given: by a message that asks for it, or by a silence. A
    message in a conversation that is work already gives no second task."""
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
    """True after an answer of a person, not of a machine, or a closing."""
    order = unit.entry
    if not isinstance(order, Command) or decision.kind != "accepted":
        return bool(decision.effect == "closed")
    if order.type == "close":
        return True
    person = order.author is not None and order.author.kind != "automated"
    return person and decision.status == "accepted"
