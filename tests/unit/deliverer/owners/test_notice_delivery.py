"""A notice as an event, its attempts, and its record."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import msgspec

from deliverer.destinations import cloudevents
from deliverer.owners.notice import Notice
from deliverer.owners.notice_delivery import (
    GIVE_UP_AFTER,
    EndedNotice,
    OpenNotice,
    next_attempt,
    notice_delivery,
    notice_record,
)
from services.ids import uuid7

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)
ID = uuid7(NOON, bytes(10))


def opened(attempts: int = 1) -> OpenNotice:
    notice = Notice(destination="crm", state="refusing", since=NOON, status=401)
    data = msgspec.json.encode(notice)
    return OpenNotice(id=ID, position=3, destination="crm", at=NOON, data=data, attempts=attempts)


def test_event_says_the_state_and_leaves_out_what_does_not_apply() -> None:
    event = msgspec.json.decode(cloudevents.body(notice_delivery(opened(), "almelo"), ""))
    assert event["type"] == "nl.postkamer.destination-state-changed.v1"
    assert (event["id"], event["sequence"]) == (str(ID), "3")
    assert event["source"] == "urn:nld:gemeente-almelo.systeem:postkamer"
    assert event["data"] == {
        "destination": "crm",
        "state": "refusing",
        "since": "2026-11-25T12:00:00Z",
        "status": 401,
    }


def test_attempts_come_ever_later_and_end_after_a_day() -> None:
    now, moments = NOON, [NOON]
    for attempts in range(1, 100):
        due_at = next_attempt(opened(attempts), now)
        if due_at is None:
            break
        now = due_at
        moments.append(now)
    waits = [(b - a).total_seconds() for a, b in pairwise(moments)]
    assert waits[:7] == [60, 120, 240, 480, 960, 1920, 3600] and max(waits) == 3600
    assert GIVE_UP_AFTER <= now - NOON < GIVE_UP_AFTER + timedelta(hours=1)
    assert len(moments) < 35


def test_record_is_a_delivery_to_the_owner_and_the_same_each_time() -> None:
    ended = EndedNotice(
        id=ID,
        destination="crm",
        owner="beheer",
        state="refusing",
        since=NOON,
        outcome="given_up",
        attempts=30,
        status=422,
        reason="the destination refused this message: 422",
        ended_at=NOON + GIVE_UP_AFTER,
    )
    record = notice_record(ended)
    assert record.id == notice_record(ended).id != ID and record.kind == "delivery"
    data = msgspec.json.decode(record.data)
    assert (data["destination"], data["state"], data["attempts"]) == ("beheer", "dropped", 30)
    assert data["about"] == {
        "destination": "crm",
        "state": "refusing",
        "since": "2026-11-25T12:00:00Z",
    }
    assert UUID(data["event"]) == ID
