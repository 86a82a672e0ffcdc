"""Idempotent calls of a saga: each creates its object once, even if an answer is lost."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

from deliverer.destinations.openklant.client import (
    NUMBERS_EXHAUSTED,
    Json,
    OpenKlantClient,
    RequestRefused,
)
from deliverer.destinations.openklant.events import EventData
from deliverer.destinations.openklant.store import Contact, Task
from services.contract import Delivery

MAX_NUMBERS = 5
"""Numbers that we try for one contact or task. Another client may number in the same range."""
Row = TypeVar("Row", Contact, Task)


class DeliveryContext(NamedTuple):
    """Delivery in hand, its decoded event, and the client that makes its calls."""

    delivery: Delivery
    event: EventData
    calls: OpenKlantClient


class NumberTaken(Exception):
    """Another client has used the number."""


async def create_once(
    post: Callable[[], Awaitable[Json]],
    find: Callable[[], Awaitable[Json | None]],
    *,
    may_exist: bool,
) -> Json:
    """Return the object, created once. Look for it first if it may exist, and again if the answer
    is doubtful."""
    if may_exist and (existing := await find()):
        return existing
    try:
        return await post()
    except RequestRefused as refused:
        if refused.is_doubtful and (existing := await find()):
            return existing
        raise


async def create_numbered(
    row: Row,
    post: Callable[[Row], Awaitable[Json]],
    find: Callable[[Row], Awaitable[Json | None]],
    renumber: Callable[[Row], Awaitable[Row]],
) -> tuple[Row, Json]:
    """Create an object with a number once; draw another number if `find` raises NumberTaken."""
    for _ in range(MAX_NUMBERS):
        try:
            return row, await create_once(
                partial(post, row), partial(find, row), may_exist=not row.fresh
            )
        except NumberTaken:
            row = await renumber(row)
    raise RequestRefused(NUMBERS_EXHAUSTED)


def format_number(number: int) -> str:
    """Return a number as `referentienummer`, in ten digits."""
    return f"{number:010}"
