"""Decrypt entries, as far as the keys of their conversations exist."""

from collections.abc import Iterable
from typing import Any

import structlog

from archiver.encryption.key_store import KeyStore, Row
from archiver.encryption.sealing import unseal_entry
from services import metrics
from services.sealing.wrapping import CannotDecrypt

log = structlog.get_logger()


def decrypt_rows(rows: Iterable[Row], keys: KeyStore) -> Iterable[dict[str, Any]]:
    """Yield rows with their content. Rows that were destroyed are left out. Rows that do not
    decrypt are left out too, counted and logged; `postkamer archive verify` names them."""
    for row in rows:
        if row["salt"] is None or row["wrapped"] is None:
            continue
        try:
            conversation_key = keys.key_of_row(row)
            content = unseal_entry(conversation_key, row)
        except CannotDecrypt as error:
            metrics.archive_shut.inc()
            log.error("entry.shut", record=row["id"], reason=str(error))
            continue
        yield dict(row) | {
            "data": content.data,
            "raw": content.raw,
            "contact": content.contact,
        }


COLUMNS = """
e.id, e.position, e.kind, e.at, e.tenant, e.conversation, e.department, e.message, e.receipt,
    e.item, e.sequence, e.salt, e.sealed, k.version, k.wrapped, m.wrapped as above, m.master,
    k.tenant as under_tenant, k.conversation as under
"""
SELECT_COLUMNS = f"select {COLUMNS}"
JOIN_KEYS = """
left join archiver.conversation_key k on (k.tenant, k.conversation) = (
    case when e.kind = 'destruction' then '' else e.tenant end,
    case when e.kind = 'destruction' then '' else e.conversation end)
left join archiver.municipality_key m
    on (m.tenant, m.purpose, m.version) = (k.tenant, k.purpose, k.version)
"""
RECORDS = f"{SELECT_COLUMNS} from archiver.entry e {JOIN_KEYS}"
"""Select entries with their keys, if those exist."""
