"""Names of departments: asked for once in a while, and a gateway that is away is not waited for."""

import asyncio
from collections.abc import Mapping

from desk.postkamer.client import Unanswered
from desk.postkamer.department_names import AWAY_SECONDS, KEPT_SECONDS, DepartmentNames
from tests.support.virtual_clock import on_virtual_clock

NAMES = {"parkeren": "Parkeren"}


class Gateway:
    def __init__(self) -> None:
        self.asked: list[str] = []
        self.is_away = False

    async def names(self, token: str) -> Mapping[str, str]:
        self.asked.append(token)
        if self.is_away:
            raise Unanswered("TimeoutError")
        return NAMES


@on_virtual_clock
async def test_names_are_asked_for_again_after_a_while() -> None:
    gateway = Gateway()
    names = DepartmentNames(gateway.names)
    assert [await names.get(token) for token in ("a", "b")] == [NAMES, NAMES]
    await asyncio.sleep(KEPT_SECONDS)
    assert await names.get("c") == NAMES
    assert gateway.asked == ["a", "c"]


@on_virtual_clock
async def test_gateway_that_is_away_costs_one_wait_and_no_names() -> None:
    gateway = Gateway()
    names = DepartmentNames(gateway.names)
    gateway.is_away = True
    assert [await names.get(token) for token in ("a", "b")] == [{}, {}]
    assert gateway.asked == ["a"]
    gateway.is_away = False
    await asyncio.sleep(AWAY_SECONDS)
    assert await names.get("c") == NAMES
    gateway.is_away = True
    await asyncio.sleep(KEPT_SECONDS)
    assert await names.get("d") == NAMES  # those of before
