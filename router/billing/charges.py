"""What Meta charged a message of ours as: one row for each, whatever statuses come. Pure.

`pricing` comes with `sent` and with one of `delivered` and `read`; what is delivered is charged. A
row says the same in the end in whatever order statuses come, and however often.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

DELIVERED = ("delivered", "read", "played")
"""Each says that it arrived; `delivered` is left out of a message that is read at once."""
SAID_BY = {"sent": 1, "played": 2, "read": 3, "delivered": 4}
"""Status -> how much its `pricing` counts: what was delivered is charged, so who says that it was
knows better than who says that it left."""
WORD = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What a word of Meta's may be that is kept and shown."""
Kind = Literal["free", "charged", "unknown"]


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """A message, and what it was charged as; '' and None for what no status said."""

    id: UUID
    tenant: str
    number: str
    department: str
    category: str = ""
    type: str = ""
    pricing_model: str = ""
    billable: bool | None = None
    said_by: str = ""
    """The status that the price came with."""
    delivered_at: datetime | None = None
    """By Meta's clock, the first that a status says of it: the month it counts in."""

    @property
    def charged(self) -> bool:
        return self.delivered_at is not None and kind(self.type, self.billable) == "charged"


def apply_pricing(charge: Charge, status: str, pricing: Mapping[str, Any], at: datetime) -> Charge:
    """What is known after one more status, which was at `at`."""
    if status in DELIVERED:
        first = min(at, charge.delivered_at or at)
        charge = msgspec.structs.replace(charge, delivered_at=first)
    priced = msgspec.structs.replace(charge, **_priced(status, pricing))
    return max(charge, priced, key=_weight)


def kind(type: str, billable: bool | None) -> Kind:
    """Meta's `type` decides; `billable` is about to go, and says it where there is no type."""
    if type:
        return "free" if type.startswith("free_") else "charged"
    return "unknown" if billable is None else "charged" if billable else "free"


def _priced(status: str, told: Mapping[str, Any]) -> dict[str, Any]:
    billable = told.get("billable")
    return {
        "category": _word(told.get("category")),
        "type": _word(told.get("type")),
        "pricing_model": _word(told.get("pricing_model")),
        "billable": billable if isinstance(billable, bool) else None,
        "said_by": status if told and status in SAID_BY else "",
    }


def _word(value: Any) -> str:
    return value if isinstance(value, str) and WORD.fullmatch(value) else ""


def _weight(charge: Charge) -> tuple[bool, int, str, str, str, str]:
    """Greater is what stands: a price before none, then who said it; what is left makes two that
    differ and are equal in this come out the same in either order."""
    return (
        kind(charge.type, charge.billable) != "unknown",
        SAID_BY.get(charge.said_by, 0),
        charge.type,
        charge.category,
        charge.pricing_model,
        str(charge.billable),
    )
