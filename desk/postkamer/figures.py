"""Calls of the router about the month's figures."""

from datetime import date

import msgspec

from desk.postkamer.client import PostkamerClient


class FirstAnswers(msgspec.Struct, frozen=True, rename="camel"):
    count: int = 0
    median_minutes: int | None = None
    p90_minutes: int | None = None


class Figures(msgspec.Struct, frozen=True, rename="camel"):
    """Counts of a department, or of all."""

    opened: int = 0
    begun: int = 0
    reopened: int = 0
    received: int = 0
    by_employees: int = 0
    by_systems: int = 0
    automatic: int = 0
    undelivered: int = 0
    first_answers: FirstAnswers = FirstAnswers()
    windows_missed: int = 0
    transferred: int = 0
    closed: dict[str, int] = {}


class DepartmentFigures(msgspec.Struct, frozen=True):
    id: str
    name: str
    figures: Figures


class Month(msgspec.Struct, frozen=True, rename="camel"):
    month: str
    departments: tuple[DepartmentFigures, ...]
    total: Figures
    is_over: bool = False
    counted_since: date | None = None


class FigureReader:
    def __init__(self, client: PostkamerClient) -> None:
        self._client = client

    async def month(self, token: str, month: str = "") -> Month:
        """Return the figures of a month, by default of the present one. Raises Refused and
        Unanswered."""
        query = f"?month={month}" if month else ""
        answer = await self._client.ask("GET", f"/v1/figures{query}", token)
        return msgspec.json.decode(answer.body, type=Month)
