"""Names of departments: asked for once in a while, and never waited for twice."""

import asyncio
from collections.abc import Mapping

import pytest

from desk.postkamer.client import Unanswered
from desk.postkamer.department_names import AWAY_SECONDS, KEPT_SECONDS, DepartmentNames
from tests.support.virtual_clock import virtual_time


class Asked:
    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.is_away = False

    async def __call__(self, token: str) -> Mapping[str, str]:
        self.tokens.append(token)
        if self.is_away:
            raise Unanswered("TimeoutError")
        return {"parkeren": "Parkeren"}
