"""Meta's charge for an outgoing message: one row a message, built from its statuses. Pure.

`pricing` comes with `sent` and with one of `delivered` and `read`; a delivered message is charged.
The row ends up the same in whatever order statuses come, and however often.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

DELIVERED = ("delivered", "read", "played")
"""Statuses of a message that arrived. Meta omits `delivered` for a message that is read at once."""
PRECEDENCE = {"sent": 1, "played": 2, "read": 3, "delivered": 4}
"""Status -> precedence of its `pricing`: a message is charged on delivery, so `delivered` knows
better than `sent`."""
WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""Form of a word of Meta's that we store and show."""
Kind = Literal["free", "charged", "unknown"]


class Charge(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """The charge for one message; '' and None for what no status has said."""

    id: UUID
    tenant: str
    number: str
    department: str
    category: str = ""
    type: str = ""
    pricing_model: str = ""
    billable: bool | None = None
    said_by: str = ""
    """Status that the price came with."""
    delivered_at: datetime | None = None
    """First delivery time in a status, by Meta's clock. It decides in which month this counts."""

    @property
    def is_charged(self) -> bool:
        return (
            self.delivered_at is not None and classify_charge(self.type, self.billable) == "charged"
        )


def apply_pricing(charge: Charge, status: str, pricing: Mapping[str, Any], at: datetime) -> Charge:
    """Return the charge after one more status, which happened at `at`."""
    if status in DELIVERED:
        first = min(at, charge.delivered_at or at)
        charge = msgspec.structs.replace(charge, delivered_at=first)
    priced = msgspec.structs.replace(charge, **_read_pricing(status, pricing))
    return max(charge, priced, key=_precedence)


def classify_charge(type: str, billable: bool | None) -> Kind:
    """Classify a charge: by Meta's `type`, or without one by the deprecated `billable`."""
    if type:
        return "free" if type.startswith("free_") else "charged"
    return "unknown" if billable is None else "charged" if billable else "free"


def _read_pricing(status: str, pricing: Mapping[str, Any]) -> dict[str, Any]:
    billable = pricing.get("billable")
    return {
        "category": _word(pricing.get("category")),
        "type": _word(pricing.get("type")),
        "pricing_model": _word(pricing.get("pricing_model")),
        "billable": billable if isinstance(billable, bool) else None,
        "said_by": status if pricing and status in PRECEDENCE else "",
    }


def _word(value: Any) -> str:
    return value if isinstance(value, str) and WORD.fullmatch(value) else ""


def _precedence(charge: Charge) -> tuple[bool, int, str, str, str, str]:
    """Sort key; the greatest charge counts: one with a price first, then by its status.

    The other elements only break ties, so that the order of statuses makes no difference.
    """
    return (
        classify_charge(charge.type, charge.billable) != "unknown",
        PRECEDENCE.get(charge.said_by, 0),
        charge.type,
        charge.category,
        charge.pricing_model,
        str(charge.billable),
    )
