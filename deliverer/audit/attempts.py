"""Attempts that settled nothing, for the record. Pure.

What is settled in the end leaves a record of its own, with how many attempts it took; these say of
each one before the last what it came to.

    outcome    what follows                                  whose fault it may be
    paused     the destination is probed until it works      destination, token endpoint
    aside      it waits with its conversation; others go     message
    later      it did not go, and is tried again             provider; message: too late for it;
                                                             postkamer: its store or scanner
    stopped    the same, and a person must mend something    account: of ours, or the way to it
    unknown    it may have gone; a status may still say so   provider
"""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

import msgspec

from deliverer.crm.lanes import Job
from deliverer.crm.response_policy import Verdict
from deliverer.meta.accounts import Account
from deliverer.meta.closed_window import CLOSED
from deliverer.meta.graph_api import STOPPED, Later, Unknown
from deliverer.meta.ledger_entry import Line
from deliverer.transport.response import Answer
from services.contract import Record

Whose = Literal["destination", "token endpoint", "message", "provider", "account", "postkamer"]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One; `data` is what the record says of it, without personal data."""

    tenant: str
    conversation: str = ""
    message: UUID | None = None
    data: dict[str, Any]


def at_a_destination(job: Job, destination: str, answer: Answer, verdict: Verdict) -> Attempt:
    delivery = job.delivery
    return Attempt(
        tenant=delivery.tenant,
        conversation=delivery.conversation,
        message=delivery.message,
        data={
            "destination": destination,
            "event": delivery.id,
            "attempt": job.before + job.attempts,
            "status": answer.status,
            "outcome": verdict.outcome,
            "reason": verdict.reason,
            "whose": "message" if verdict.outcome == "aside" else answer.whose,
        },
    )


def at_the_provider(line: Line, account: Account, status: int, verdict: Later | Unknown) -> Attempt:
    """Of a message; `status` is that of the answer, 0 where there was none."""
    of = {"number": line.number, "attempt": line.attempt, "status": status}
    return Attempt(
        tenant=account.tenant,
        conversation=line.conversation,
        message=line.id,
        data=of | _put_off(verdict),
    )


def with_a_file(
    account: Account, media: UUID, attempt: int, answer: Answer | None, later: Later
) -> Attempt:
    """To bring one to the provider: of no message, for any number of them may wait for it. No
    answer: it was not asked, for the file could not be read or scanned."""
    of = {"number": account.number, "media": media, "attempt": attempt}
    if answer is None:
        data = of | {"status": 0} | _put_off(later) | {"whose": "postkamer"}
    else:
        data = of | {"status": answer.status} | _put_off(later)
    return Attempt(tenant=account.tenant, data=data)


def _put_off(verdict: Later | Unknown) -> dict[str, Any]:
    if isinstance(verdict, Unknown):
        said: dict[str, Any] = {"code": 0, "outcome": "unknown"}
    else:
        said = {"code": verdict.code, "outcome": STOPPED if verdict.stop else "later"}
    return said | {"reason": verdict.reason, "whose": _whose(verdict)}


def _whose(verdict: Later | Unknown) -> Whose:
    if isinstance(verdict, Later) and verdict.stop:
        return "account"
    if isinstance(verdict, Later) and verdict.code == CLOSED:
        return "message"
    return "provider"


def record(attempt: Attempt, id: UUID, at: datetime) -> Record:
    """An attempt happens once, so its id is one of its own."""
    return Record(
        id=id,
        kind="attempt",
        at=at,
        data=msgspec.json.encode(attempt.data),
        tenant=attempt.tenant,
        conversation=attempt.conversation,
        message=attempt.message,
    )
