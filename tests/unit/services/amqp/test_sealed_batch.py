"""Messages whose key is not known: waited for, then given up one by one."""

import asyncio

import msgspec
import pytest

from services import clock
from services.amqp.sealed_batch import read_batch, seal_batch
from services.contract import ArchiveBatch
from services.sealing.key_ring import RING
from services.tasks import background_task
from tests.support.integration.shut_rows import shut_rows
from tests.support.virtual_clock import on_virtual_clock
from tests.support.working_keys import read_keys, seal_under_lost_key, shared_keys

BATCH = ArchiveBatch(records=[])
LONG = 3600.0
"""Seconds for which the database is away."""


@on_virtual_clock
async def test_message_whose_key_is_gone_cannot_be_read_and_is_counted() -> None:
    before = shut_rows("queue")
    async with background_task(read_keys()):
        for _ in range(2):
            with pytest.raises(msgspec.DecodeError, match="its key is gone"):
                await read_batch(*seal_under_lost_key(BATCH))
    assert shut_rows("queue") == before + 2


@on_virtual_clock
async def test_message_waits_until_the_keys_were_read() -> None:
    name, body = seal_batch(BATCH)
    today, before = clock.now().date(), shut_rows("queue")
    RING.forget([key.id for key in shared_keys(today)])
    reading = asyncio.create_task(read_batch(name, bytes(body)))
    await asyncio.sleep(LONG)
    assert not reading.done()
    missed = RING.begin_read()
    RING.install(shared_keys(today), today)
    RING.end_read(missed)
    assert await reading == BATCH
    assert shut_rows("queue") == before


@on_virtual_clock
async def test_message_of_a_newer_version_is_not_given_up() -> None:
    name, body = seal_batch(BATCH)
    with pytest.raises(KeyError):
        await read_batch(f"archive-batch.v2{name[len('archive-batch.v1') :]}", bytes(body))
