"""Pricing of messages in Meta's statuses, as of October 2026."""

from collections import Counter
from datetime import date, datetime

from sandbox.meta.webhook_payloads import Json, Sent
from services.config.pricing import FREE_SERVICE, month_of

TEMPLATES = "utility"
"""Category of all templates: those of a municipality are about a citizen's case."""


class MonthlyPrices:
    """Counts the free messages of each number this month; a municipality has few numbers."""

    def __init__(self) -> None:
        self._used: Counter[str] = Counter()
        self._month: date | None = None

    def price(self, sent: Sent, type: str, at: datetime, *, arrives: bool = True) -> Json:
        """Return the `pricing` of a message. A template is charged; other messages are charged
        after the free thousand that arrive each month."""
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
