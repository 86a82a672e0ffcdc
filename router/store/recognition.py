"""The router's key, held against the citizens who are known under it."""

from contextlib import suppress
from typing import Any

from router.model.hashes import Hashes
from router.store.bindings import identity_seal
from services.keys.oldest_archive_key import OtherOldestKey
from services.postgres.database import Pool
from services.sealing.columns import ADDRESS
from services.sealing.key_ring import RING, KeyUnknown, Unsealable

LOOKED_AT = 100
"""Identities that are looked at: one that was altered, or was made under a wrong key, decides
nothing."""


async def check_recognition(pool: Pool, hashes: Hashes) -> None:
    """Raise OtherOldestKey if citizens are known here, and none of them under these hashes."""
    opened = [
        (row, value)
        for row in map(dict, await pool.fetch(_KNOWN, LOOKED_AT))
        if (value := _open_value(row))
    ]
    if opened and not any(_is_known(row, value, hashes) for row, value in opened):
        raise OtherOldestKey


def _open_value(row: dict[str, Any]) -> str:
    """Return the name in a row; '' for one that does not open, or was altered."""
    with suppress(KeyUnknown, Unsealable):
        if row["seal"] == identity_seal(row):
            return RING.unseal_text(row["value"], ADDRESS)
    return ""


def _is_known(row: dict[str, Any], value: str, hashes: Hashes) -> bool:
    known: bytes = row["hash"]
    return known == hashes.of(row["tenant"])(row["tenant"], row["kind"], value)


# A municipality that came from another installation has a key of its own.
_KNOWN = """
select tenant, kind, hash, value, person, scope, merged, seal from router.identity
where tenant not in (select tenant from router.brought_key) limit $1
"""
