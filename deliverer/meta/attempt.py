"""Failed attempts at a provider, for the archive. Pure."""

from typing import Any
from uuid import UUID

from deliverer.audit.attempts import Attempt, FaultOwner
from deliverer.meta.accounts import Account
from deliverer.meta.graph_api import STOPPED, RetryLater, Unknown
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.transport.response import Response
from services.whatsapp.delivery_status import WINDOW_CLOSED_CODE


def send_attempt(
    entry: LedgerEntry, account: Account, status: int, verdict: RetryLater | Unknown
) -> Attempt:
    """Return the failed attempt at a message. `status` is 0 if there was no answer."""
    fields = {"number": entry.number, "attempt": entry.attempt, "status": status}
    return Attempt(
        tenant=account.tenant,
        conversation=entry.conversation,
        message=entry.id,
        data=fields | _verdict_fields(verdict),
    )


def upload_attempt(
    account: Account, media: UUID, attempt: int, answer: Response | None, verdict: RetryLater
) -> Attempt:
    """Return the failed attempt at an upload. It names no message, for several may wait for the
    file. Without an answer the provider was not asked: the file could not be read or scanned."""
    fields = {"number": account.number, "media": media, "attempt": attempt}
    if answer is None:
        data = fields | {"status": 0} | _verdict_fields(verdict) | {"whose": "postkamer"}
    else:
        data = fields | {"status": answer.status} | _verdict_fields(verdict)
    return Attempt(tenant=account.tenant, data=data)


def _verdict_fields(verdict: RetryLater | Unknown) -> dict[str, Any]:
    if isinstance(verdict, Unknown):
        fields: dict[str, Any] = {"code": 0, "outcome": "unknown"}
    else:
        fields = {"code": verdict.code, "outcome": STOPPED if verdict.stop else "later"}
    return fields | {"reason": verdict.reason, "whose": _fault_owner(verdict)}


def _fault_owner(verdict: RetryLater | Unknown) -> FaultOwner:
    if isinstance(verdict, RetryLater) and verdict.stop:
        return "account"
    if isinstance(verdict, RetryLater) and verdict.code == WINDOW_CLOSED_CODE:
        return "message"
    return "provider"
