"""The month's figures, as the router tells them. Pure."""

from datetime import date

import msgspec


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
