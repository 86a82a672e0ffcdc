"""A service is broken when a part of it ends that was not told to end."""

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from services import lifecycle
from services.lifecycle import first_failure
from services.tasks import background_task, cancel_and_wait


async def for_ever() -> None:
    await asyncio.Event().wait()


async def ends() -> None:
    await asyncio.sleep(0)


async def breaks() -> None:
    await asyncio.sleep(0)
    raise ValueError("broken")


async def is_cancelled_from_within() -> None:
    """A library cancels what it waits for: so do aiormq's closing channels."""
    inner: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    inner.cancel()
    await inner


@pytest.mark.parametrize(
    ("part", "error"),
    [
        (ends, RuntimeError("a part ended by itself")),
        (breaks, ValueError("broken")),
        (is_cancelled_from_within, RuntimeError("a part was cancelled by none of us")),
    ],
)
async def test_first_failure_is_the_part_that_ends(part: Any, error: Exception) -> None:
    async with background_task(for_ever()) as other, background_task(part()) as task:
        broken = first_failure(other, task)
        await asyncio.wait([broken])
        assert repr(broken.exception()) == repr(error)
        # Its siblings are still there: leaving the service stops them in their order.
        await asyncio.sleep(0)
        assert not other.done()


async def test_part_that_ends_while_a_service_stops_cancels_no_other() -> None:
    async with background_task(for_ever()) as link, background_task(ends()) as consumer:
        broken = first_failure(link, consumer)
        await asyncio.wait([consumer])
        await asyncio.sleep(0)
        assert broken.done() and not link.cancelling()


async def test_part_that_its_owner_cancels_is_no_failure() -> None:
    async with background_task(for_ever()) as one, background_task(for_ever()) as other:
        broken = first_failure(one, other)
        await cancel_and_wait(other)
        await asyncio.sleep(0)
        assert not broken.done()


@pytest.mark.slow
async def test_unread_failure_is_no_complaint_of_asyncio() -> None:
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, said: complaints.append(said))
    async with background_task(breaks()) as task:
        broken = first_failure(task)
        await asyncio.wait([broken])
    del broken, task
    gc.collect()
    assert complaints == []


async def test_background_task_ends_with_its_owner_whatever_it_raises() -> None:
    steps: list[str] = []

    async def stubborn() -> None:
        try:
            await for_ever()
        finally:
            await asyncio.sleep(0)
            steps.append("cleaned up")
            raise ValueError("and broke")

    async with background_task(stubborn()):
        await asyncio.sleep(0)
    assert steps == ["cleaned up"]


async def test_cancel_and_wait_can_be_cancelled() -> None:
    async def slow() -> None:
        try:
            await for_ever()
        except asyncio.CancelledError:
            await for_ever()

    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    ending = asyncio.create_task(cancel_and_wait(task))
    await asyncio.sleep(0)
    ending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await ending
    await cancel_and_wait(task)


class Waiting:
    """A service that waits for ever while it is entered."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator["asyncio.Future[object]"]:
        try:
            self.steps.append("waits")
            await for_ever()
        finally:
            self.steps.append("closed")
        yield asyncio.get_running_loop().create_future()


async def test_service_that_waits_at_its_start_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "forbid_core_dumps", lambda: None)
    service, loop = Waiting(), asyncio.get_running_loop()
    loop.call_later(0.05, os.kill, os.getpid(), signal.SIGTERM)
    assert await lifecycle.run(service) == 0
    assert service.steps == ["waits", "closed"]
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.remove_signal_handler(number)
