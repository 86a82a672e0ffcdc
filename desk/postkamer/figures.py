"""The month's figures, as the router tells them. Pure."""

from datetime import date, datetime
from decimal import Decimal

import msgspec


class FirstAnswers(msgspec.Struct, frozen=True, rename="camel"):
    count: int = 0
    median_minutes: int | None = None
    p90_minutes: int | None = None


class RightAtOnce(msgspec.Struct, frozen=True, rename="camel"):
    """Conversations of which people showed if the rules had chosen the right department."""

    right: int = 0
    corrected: int = 0

    @property
    def percent(self) -> int | None:
        """Share that was right, in whole percents, rounded down; None without any."""
        judged = self.right + self.corrected
        return 100 * self.right // judged if judged else None


class JudgedRule(RightAtOnce, frozen=True, rename="camel"):
    rule: str = ""


class JudgedVersion(RightAtOnce, frozen=True, rename="camel"):
    version: str = ""
    first_at: datetime | None = None


class Costs(msgspec.Struct, frozen=True, rename="camel"):
    delivered: int = 0
    charged: int = 0
    amount: Decimal | None = None


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
    first_answers_open: FirstAnswers = FirstAnswers()
    windows_missed: int = 0
    transferred: int = 0
    right_at_once: RightAtOnce = RightAtOnce()
    closed: dict[str, int] = {}
    without_message: int = 0
    costs: Costs | None = None


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
    rules: tuple[JudgedRule, ...] = ()
    versions: tuple[JudgedVersion, ...] = ()
    care: dict[str, int | None] = {}
    """None for fewer than five."""
    currency: str | None = None
    report_from: date | None = None
    """First day on which the report can be made."""
