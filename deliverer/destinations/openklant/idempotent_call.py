"""One call of a saga, done once whatever became of its answer; and a number that is ours."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import NamedTuple, TypeVar

from deliverer.destinations.openklant.client import ALL_TAKEN, Json, OpenKlantClient, RequestRefused
from deliverer.destinations.openklant.events import EventData
from deliverer.destinations.openklant.store import Contact, Task
from services.contract import Delivery

NUMBERS = 5
"""Numbers that are tried for one contact or task, where others have them: they number alike."""
Row = TypeVar("Row", Contact, Task)


class DeliveryContext(NamedTuple):
    """One delivery in hand."""

    delivery: Delivery
    said: EventData
    calls: OpenKlantClient


class NumberTaken(Exception):
    """The number is somebody else's."""


async def create_once(
    post: Callable[[], Awaitable[Json]],
    find: Callable[[], Awaitable[Json | None]],
    *,
    doubt: bool,
) -> Json:
    """It, there once: looked for first where it may be there, and where the answer leaves doubt."""
    if doubt and (there := await find()):
        return there
    try:
        return await post()
    except RequestRefused as refused:
        if refused.is_doubtful and (there := await find()):
            return there
        raise


async def create_numbered(
    row: Row,
    post: Callable[[Row], Awaitable[Json]],
    find: Callable[[Row], Awaitable[Json | None]],
    anew: Callable[[Row], Awaitable[Row]],
) -> tuple[Row, Json]:
    """The same of what has a number, drawn `anew` where `find` says Taken."""
    for _ in range(NUMBERS):
        try:
            return row, await create_once(
                partial(post, row), partial(find, row), doubt=not row.fresh
            )
        except NumberTaken:
            row = await anew(row)
    raise RequestRefused(ALL_TAKEN)


def digits(number: int) -> str:
    """As `referentienummer` is written: ten of them."""
    return f"{number:010}"
