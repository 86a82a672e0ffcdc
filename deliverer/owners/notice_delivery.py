"""Notice on its way: an event for the owner's destination, and at the end a record. Pure."""

import hashlib
from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from services.backoff import delay
from services.contract import Delivery, Record
from services.event_types import DESTINATION_STATE_CHANGED
from services.ids import created_at, uuid7

FIRST_WAIT, LONGEST_WAIT = 60.0, 3600.0
"""Seconds between two attempts, doubling from the first to the longest."""
GIVE_UP_AFTER = timedelta(hours=24)


class OpenNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Notice to send."""

    id: UUID
    position: int
    destination: str
    at: datetime
    data: bytes
    attempts: int


class EndedNotice(msgspec.Struct, frozen=True, kw_only=True):
    """Notice that was sent or given up."""

    id: UUID
    destination: str
    owner: str
    state: str
    since: datetime
    outcome: str
    attempts: int
    status: int
    reason: str
    ended_at: datetime


def notice_delivery(notice: OpenNotice, tenant: str) -> Delivery:
    """Return the event, the same at each attempt. It is about no conversation."""
    return Delivery(
        id=notice.id,
        type=DESTINATION_STATE_CHANGED,
        tenant=tenant,
        conversation="",
        department="",
        sequence=notice.position,
        time=notice.at,
        received_at=notice.at,
        data=notice.data,
    )


def next_attempt(notice: OpenNotice, now: datetime) -> datetime | None:
    """Return the time of the next attempt after a failed one; None to give up."""
    if now - notice.at >= GIVE_UP_AFTER:
        return None
    return now + timedelta(seconds=delay(notice.attempts - 1, FIRST_WAIT, LONGEST_WAIT))


def notice_record(notice: EndedNotice) -> Record:
    """Return the record of a notice: a delivery to the destination of the owner. Its id follows
    from the notice, so that a record published twice is one record."""
    data = {
        "destination": notice.owner,
        "event": notice.id,
        "state": "settled" if notice.outcome == "sent" else "dropped",
        "attempts": notice.attempts,
        "status": notice.status,
        "reason": notice.reason,
        "about": {
            "destination": notice.destination,
            "state": notice.state,
            "since": notice.since,
        },
    }
    digest = hashlib.blake2b(f"owner notice {notice.id}".encode(), digest_size=10)
    return Record(
        id=uuid7(created_at(notice.id), digest.digest()),
        kind="delivery",
        at=notice.ended_at,
        data=msgspec.json.encode(data),
    )
