"""One call of a saga, done once whatever became of its answer; and a number that is ours."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

from deliverer.destinations.openklant.client import NUMBERS_EXHAUSTED, Json, OpenKlantClient, RequestRefused
from deliverer.destinations.openklant.events import EventData
from deliverer.destinations.openklant.store import Contact, Task
from services.contract import Delivery

MAX_NUMBERS = 5
"""Numbers that are tried for one contact or task, where others have them: they number alike."""
Row = TypeVar("Row", Contact, Task)


class DeliveryContext(NamedTuple):
    """One delivery in hand."""

    delivery: Delivery
    event: EventData
    calls: OpenKlantClient


class NumberTaken(Exception):
    """The number is somebody else's."""


async def create_once(
    post: Callable[[], Awaitable[Json]],
    find: Callable[[], Awaitable[Json | None]],
    *,
    may_exist: bool,
) -> Json:
    """It, there once: looked for first where it may be there, and where the answer leaves doubt."""
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
    """The same of what has a number, drawn `anew` where `find` says Taken."""
    for _ in range(MAX_NUMBERS):
        try:
            return row, await create_once(
                partial(post, row), partial(find, row), may_exist=not row.fresh
            )
        except NumberTaken:
            row = await renumber(row)
    raise RequestRefused(NUMBERS_EXHAUSTED)


def format_number(number: int) -> str:
    """As `referentienummer` is written: ten of them."""
    return f"{number:010}"
