"""A row that does not open is passed over, counted once in a while, and forgets no other."""

import asyncio
from typing import Any

import msgspec
import pytest

from services.postgres import shut_rows
from services.postgres.shut_rows import (
    PASS_OVER_SECONDS,
    READ_SECONDS,
    RowShut,
    ShutRows,
    open_rows,
    opening,
)
from services.sealing.key_ring import KeyRing, KeyUnknown, NoWorkingKey, Unsealable
from tests.support.integration.shut_rows import shut_rows as count
from tests.support.virtual_clock import on_virtual_clock

ROWS = [{"id": n} for n in range(4)]


def read(row: dict[str, int]) -> int:
    if row["id"] in (1, 2):
        raise (Unsealable if row["id"] == 1 else msgspec.DecodeError)("x")
    return row["id"]


@on_virtual_clock
async def test_row_is_passed_over_for_a_while_and_then_tried_again() -> None:
    shut, before = ShutRows("test.while"), count("test.while")
    for _ in range(2):
        assert await shut.open_others(ROWS, read) == [0, 3]
        assert shut.passed_over() == [1, 2]
    assert count("test.while") == before + 2
    await asyncio.sleep(PASS_OVER_SECONDS + 1)
    assert shut.passed_over() == []
    await shut.open_others(ROWS, read)
    assert count("test.while") == before + 4


@on_virtual_clock
async def test_rows_that_are_passed_over_are_bounded() -> None:
    shut = ShutRows("test.bound")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shut_rows, "PASSED_OVER", 3)
        for n in range(5):
            await shut.open_others([{"id": 1, "n": n}], read)
            shut._until[f"other {n}"] = shut._until[1]
            await shut.open_others([], read)
        assert len(shut.passed_over()) == 3


class _Keys(KeyRing):
    """A ring whose next read brings the key."""

    def __init__(self) -> None:
        super().__init__()
        self.has_key = False

    def read(self, row: Any) -> int:
        if row["id"] == 1 and not self.has_key:
            raise self._unknown(b"key", "x")
        return int(row["id"])


@on_virtual_clock
async def test_key_of_a_moment_ago_is_waited_for() -> None:
    keys = _Keys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shut_rows, "RING", keys)

        async def refresh() -> None:
            await asyncio.sleep(1)
            keys.has_key = True
            keys.end_read(keys.begin_read())

        task = asyncio.create_task(refresh())
        assert await open_rows(ROWS, keys.read) == ([0, 1, 2, 3], [])
        await task
        keys.has_key = False  # it was read, and is gone: nobody waits
        began = asyncio.get_running_loop().time()
        assert await open_rows(ROWS, keys.read) == ([0, 2, 3], [ROWS[1]])
        assert asyncio.get_running_loop().time() - began < READ_SECONDS / 10


@on_virtual_clock
async def test_keys_that_are_not_read_are_a_fault_of_the_database() -> None:
    keys = _Keys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shut_rows, "RING", keys)
        with pytest.raises(NoWorkingKey):
            await open_rows(ROWS, keys.read)


def test_row_that_is_needed_is_named_with_its_table() -> None:
    with pytest.raises(RowShut) as shut, opening("router.conversation", "c"):
        raise KeyUnknown("x")
    assert (shut.value.table, shut.value.key, shut.value.lacks_key) == (
        "router.conversation",
        "c",
        True,
    )
