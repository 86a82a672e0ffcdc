"""The keyed hash of a token's row: rights that were written by hand are found, and refused.

The key is derived from the standing working key, which lies in the database only under
POSTKAMER_WORKING_KEY: whoever can write the table and has not that cannot make a row that counts.
"""

import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from services.postgres.times import clamp_time
from services.sealing.key_ring import KeyRing

USE = "token"
LISTS = ("roles", "departments", "destinations")
PLAIN = (
    *("name", "tenant", "hash", "all_departments", "confidential"),
    *("people", "test", "per_second", "burst"),
)
"""Columns that give rights, beside the lists and the end. A note and times of before give none, and
a revoked token is not read at all."""
COLUMNS = ", ".join((*PLAIN, *LISTS, f"{clamp_time('expires_at')} as expires_at", "mac"))
"""Columns as they are read. An end that cannot be is read as another, and so has not its hash."""

_encode = msgspec.msgpack.Encoder(order="deterministic").encode


def compute_mac(row: Mapping[str, Any], ring: KeyRing) -> bytes:
    """Return the keyed hash of a row of access.token, 32 bytes. Raises NoWorkingKey."""
    ends: datetime | None = row["expires_at"]
    lists = {name: row[name] and sorted(row[name], key=str) for name in LISTS}
    fields = {name: row[name] for name in PLAIN} | lists
    fields["expires_at"] = None if ends is None else ends.timestamp()
    return ring.hash(_encode(fields), USE)


def is_genuine(row: Mapping[str, Any], ring: KeyRing) -> bool:
    """Return True if a row has the hash of what it says. Raises NoWorkingKey."""
    mac: bytes | None = row["mac"]
    return mac is not None and hmac.compare_digest(mac, compute_mac(row, ring))
