"""Holds as they are shown: in a list without any person, and one with its steps and its extent."""

import asyncio
from datetime import date, datetime
from typing import Literal

import msgspec

from archiver.retention.hold import Ground, Hold, HoldEvent, Kind
from archiver.retention.hold_store import HoldStore
from services.contract import Identified

State = Literal["standing", "overdue", "lifted"]
COUNT_SECONDS = 20.0
"""Longest count of what a hold covers: a selection by its period alone reads each entry of it."""


class HoldSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A hold in the list. It names no citizen."""

    id: str
    tenant: str
    ground: Ground
    kind: Kind
    state: State
    review_on: date
    placed_by: str
    placed_at: datetime
    conversation: str
    departments: tuple[str, ...]
    since: datetime | None = msgspec.field(name="from")
    until: datetime | None
    lifted_by: str | None
    lifted_at: datetime | None


class HoldStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of a hold, as it is on the record."""

    at: datetime
    event: str
    by: str
    identified: Identified | None
    review_on: date
    text: str


class HoldDetails(msgspec.Struct, frozen=True, kw_only=True):
    hold: Hold
    steps: list[HoldStep]
    words: str
    conversations: int | None
    """Conversations that it covers now; None if they could not be counted in time."""


def summarise_hold(hold: Hold, today: date) -> HoldSummary:
    names = set(HoldSummary.__struct_fields__) - {"state"}
    fields = {name: getattr(hold, name) for name in names}
    return HoldSummary(state=state_of(hold, today), **fields)


def state_of(hold: Hold, today: date) -> State:
    if hold.lifted_at:
        return "lifted"
    return "overdue" if hold.is_overdue(today) else "standing"


async def load_hold(store: HoldStore, found: Hold, seconds: float | None) -> HoldDetails:
    """Return a hold with all that is known of it. A count that takes longer is left out, which
    also ends the transaction; None for one that may last."""
    steps = [present_step(at, step) for at, step in await store.steps(found)]
    words = (await store.secret(found)).words
    count = await count_covered(store, found, seconds)
    return HoldDetails(hold=found, steps=steps, words=words, conversations=count)


async def count_covered(store: HoldStore, found: Hold, seconds: float | None) -> int | None:
    """Count what a hold covers; None if that takes too long, which also ends the transaction."""
    try:
        async with asyncio.timeout(seconds):
            return await store.covered(found)
    except TimeoutError:
        return None


def present_step(at: datetime, step: HoldEvent) -> HoldStep:
    names = ("event", "by", "identified", "review_on", "text")
    return HoldStep(at=at, **{name: getattr(step, name) for name in names})
