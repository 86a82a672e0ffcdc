"""Keyed hash over the row of a report: it says to which conversation a report belongs. Pure, but
for the keys.

A row that does not fit its hash was made or altered by hand, and is not acted on: what a citizen
writes would go to the report of another.
"""

from collections.abc import Mapping
from typing import Any

from services.sealing.columns import SIGNALEN, bind
from services.sealing.key_ring import RING

REPORT = "deliverer.report"
BOUND = ("destination", "event", "conversation", "signal")


def row_seal(row: Mapping[str, Any]) -> bytes:
    """Return the hash of a row. Raises NoWorkingKey."""
    return RING.hash(bind(REPORT, *(row[name] for name in BOUND)), SIGNALEN)
