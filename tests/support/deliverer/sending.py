"""An account and entries of the ledger, for tests of what is sent to Meta."""

from datetime import timedelta
from typing import Any

from deliverer.meta.accounts import Account
from deliverer.meta.ledger_entry import LedgerEntry
from services import clock

NUMBER = "106540352242922"
ACCOUNT = Account(
    name=f"meta:{NUMBER}",
    number=NUMBER,
    tenant="almelo",
    messages_url="",
    media_url="",
    headers={},
    per_second=80,
    recent_contact=timedelta(days=56),
)


def ledger_entry(words: str = "Ja.", **changed: Any) -> LedgerEntry:
    fields: dict[str, Any] = {
        "id": clock.new_id(),
        "number": NUMBER,
        "conversation": "c",
        "address_kind": "phone",
        "address": "31612345678",
        "content": {"type": "text", "text": {"body": words}},
        "attempt": 1,
    }
    return LedgerEntry(**fields | changed)
