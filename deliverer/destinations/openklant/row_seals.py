"""Keyed hashes over rows that say whose an object in an Open Klant is. Pure, but for the keys.

Its columns are looked up, so that nothing in the row can be sealed to them. A row that does not fit
its hash was made or altered by hand, and is not acted on: an answer that an employee registers
there would go to another conversation.
"""

from collections.abc import Mapping
from typing import Any

from services.sealing.columns import OPEN_KLANT, bind
from services.sealing.key_ring import RING, Unsealable

CONTACT, TASK = "deliverer.klantcontact", "deliverer.internetaak"
REGISTRATION = "deliverer.registration"
BOUND = {
    CONTACT: ("event", "conversation", "answers", "klantcontact", "betrokkene"),
    TASK: ("event", "contact", "conversation", "tenant", "internetaak"),
    REGISTRATION: ("klantcontact", "contact", "message"),
}
"""Table -> columns that say whose an object is; `destination` is always with them."""


def row_seal(table: str, destination: str, row: Mapping[str, Any]) -> bytes:
    """Return the hash of a row. Raises NoWorkingKey."""
    bound = bind(table, destination, *(row[name] for name in BOUND[table]))
    return RING.hash(bound, OPEN_KLANT)


def fits(table: str, destination: str, row: Mapping[str, Any]) -> bool:
    return bool(row["seal"] == row_seal(table, destination, row))


def fitting(table: str, destination: str, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row without its hash. Raises Unsealable if it does not fit."""
    if not fits(table, destination, row):
        raise Unsealable(f"a row of {table} does not fit its hash")
    return {name: row[name] for name in row.keys() if name != "seal"}  # noqa: SIM118
