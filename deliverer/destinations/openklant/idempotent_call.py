"""Idempotent calls of a saga: each creates its object once, even if an answer is lost."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Generic, NamedTuple, TypeVar

from deliverer.destinations.openklant.client import (
    NUMBERS_EXHAUSTED,
    UNSETTLED,
    Json,
    OpenKlantClient,
    RequestRefused,
)
from deliverer.destinations.openklant.events import EventData
from deliverer.destinations.openklant.store import Contact, SagaStore, Task
from services.contract import Delivery

MAX_NUMBERS = 5
"""Numbers that we try for one contact or task. Another client may number in the same range."""
Row = TypeVar("Row", Contact, Task)


class NumberedCalls(NamedTuple, Generic[Row]):
    """Calls that create an object with a number."""

    post: Callable[[Row], Awaitable[Json]]
    find: Callable[[Row], Awaitable[Json | None]]
    give_number: Callable[[Row, Json], Awaitable[Json]]
    """Numbers an object that has no number: a server that was upgraded meanwhile drew none."""
    renumber: Callable[[Row], Awaitable[Row]]


class DeliveryContext(NamedTuple):
    """Delivery in hand, its decoded event, and the client that makes its calls."""

    delivery: Delivery
    event: EventData
    calls: OpenKlantClient


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


async def create_numbered(row: Row, calls: NumberedCalls[Row]) -> tuple[Row, Json]:
    """Create an object with a number once; draw another number if ours is taken."""
    may_exist = not row.fresh
    for _ in range(MAX_NUMBERS):
        try:
            post, find = partial(_post_settled, row, calls.post), partial(calls.find, row)
            created = await create_once(post, find, may_exist=may_exist)
            return row, await calls.give_number(row, created)
        except RequestRefused as refused:
            if not refused.has("unique"):
                raise
        row, may_exist = await calls.renumber(row), True
    raise RequestRefused(NUMBERS_EXHAUSTED)


async def _post_settled(row: Row, post: Callable[[Row], Awaitable[Json]]) -> Json:
    """Post, unless an earlier post may still be carried out: it has no number of ours that would
    make it unique."""
    if row.unsettled:
        raise RequestRefused(UNSETTLED)
    return await post(row)


async def post_numbered(
    calls: OpenKlantClient, store: SagaStore, row: Row, post: Callable[[Json], Awaitable[Json]]
) -> Json:
    """Post with the fields of a number. Where Open Klant numbers by itself there are none, and the
    row says so until the answer is here: only that keeps a second post from being made."""
    await calls.learn_version()
    if calls.server.takes_numbers:
        return await post(numbers(row.number))
    async with calls.server.numbering:
        await store.set_posting(row, True)
        try:
            return await post({})
        except RequestRefused as refused:
            if refused.is_certain:
                await store.set_posting(row, False)
            raise


def numbers(number: int) -> Json:
    """Return both fields of a number, in ten digits. ITA and KISS read `nummer`, which is
    deprecated from Open Klant 2.16 on."""
    return {"nummer": f"{number:010}", "referentienummer": f"{number:010}"}
