"""Failed attempts at a provider, for the record. Pure."""

from typing import Any
from uuid import UUID

from deliverer.audit.attempts import Attempt, FaultOwner
from deliverer.meta.accounts import Account
from deliverer.meta.closed_window import CLOSED
from deliverer.meta.graph_api import STOPPED, RetryLater, Unknown
from deliverer.meta.ledger_entry import LedgerEntry
from deliverer.transport.response import Response


def send_attempt(
    line: LedgerEntry, account: Account, status: int, verdict: RetryLater | Unknown
) -> Attempt:
    """Of a message; `status` is that of the answer, 0 where there was none."""
    of = {"number": line.number, "attempt": line.attempt, "status": status}
    return Attempt(
        tenant=account.tenant,
        conversation=line.conversation,
        message=line.id,
        data=of | _put_off(verdict),
    )


def upload_attempt(
    account: Account, media: UUID, attempt: int, answer: Response | None, later: RetryLater
) -> Attempt:
    """To bring one to the provider: of no message, for any number of them may wait for it. No
    answer: it was not asked, for the file could not be read or scanned."""
    of = {"number": account.number, "media": media, "attempt": attempt}
    if answer is None:
        data = of | {"status": 0} | _put_off(later) | {"whose": "postkamer"}
    else:
        data = of | {"status": answer.status} | _put_off(later)
    return Attempt(tenant=account.tenant, data=data)


def _put_off(verdict: RetryLater | Unknown) -> dict[str, Any]:
    if isinstance(verdict, Unknown):
        said: dict[str, Any] = {"code": 0, "outcome": "unknown"}
    else:
        said = {"code": verdict.code, "outcome": STOPPED if verdict.stop else "later"}
    return said | {"reason": verdict.reason, "whose": _whose(verdict)}


def _whose(verdict: RetryLater | Unknown) -> FaultOwner:
    if isinstance(verdict, RetryLater) and verdict.stop:
        return "account"
    if isinstance(verdict, RetryLater) and verdict.code == CLOSED:
        return "message"
    return "provider"
