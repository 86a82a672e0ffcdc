"""How Meta says that a message is charged, since October 2026."""

from collections import Counter
from datetime import date, datetime

from sandbox.meta.webhook_payloads import Json, Sent
from services.config.pricing import FREE_SERVICE, month_of

TEMPLATES = "utility"
"""Category of templates: what a municipality has of them is about somebody's case."""


class Prices:
    """Counts what each number has had free this month; the numbers of a town are few."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()
        self._month: date | None = None

    def of(self, sent: Sent, type: str, at: datetime, *, arrives: bool = True) -> Json:
        """The `pricing` of a message: a template is charged, and anything else after the thousand
        that arrive for nothing each month."""
        if type == "template":
            return _pricing(TEMPLATES, free=False)
        if (month := month_of(at)) != self._month:
            self._month = month
            self._used.clear()
        free = self._used[sent.number.id] < FREE_SERVICE
        self._used[sent.number.id] += arrives
        return _pricing("service", free=free)


def _pricing(category: str, *, free: bool) -> Json:
    return {
        "billable": not free,
        "pricing_model": "PMP",
        "category": category,
        "type": "free_customer_service" if free else "regular",
    }
