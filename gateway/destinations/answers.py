"""Answers to the owner of a destination."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from gateway.commands import idempotency
from gateway.destinations.quarantine_store import QuarantineCounts
from services.api.json_body import FieldError
from services.config.organisation import CloudEventsDestination, Department, Destination
from services.http.problems import problem_response
from services.refusal import Refusal

KEY_USED = Refusal("key_used", "this Idempotency-Key came with another request before")
RUNNING = Refusal("resend_running", "another order for this destination is still running")
UNSIGNED = Refusal("unsigned", "events for this destination are not signed")


def signs(destination: Destination) -> bool:
    """Return True if the events of a destination are signed."""
    return isinstance(destination, CloudEventsDestination)


def no_destination() -> web.Response:
    return problem_response(404, "Not Found", "there is no such destination")


def no_resend() -> web.Response:
    return problem_response(404, "Not Found", "there is no such order")


def no_secret() -> web.Response:
    return problem_response(404, "Not Found", "there is no such secret in force")


def conflict(refusal: Refusal) -> web.Response:
    return problem_response(409, "Conflict", refusal.detail, code=refusal.code)


def ended(days: int, kept_since: datetime) -> web.Response:
    """Answer 410: what is asked for ended at its term."""
    detail = f"it has ended: what was delivered is kept for {days} days"
    return problem_response(410, "Gone", detail, code="ended", keptSince=kept_since)


def invalid_query(faults: Sequence[FieldError]) -> web.Response:
    detail = "the query is not what it should be"
    return problem_response(400, "Bad Request", detail, errors=faults)


def invalid_body(faults: Sequence[FieldError], key: str) -> web.Response:
    """Answer 400 with all faults; '' as key is one."""
    detail = "the body is not what it should be"
    if not key:
        detail = "the request is not what it should be"
        faults = [FieldError("", idempotency.REQUIREMENT, idempotency.HEADER), *faults]
    return problem_response(400, "Bad Request", detail, errors=faults)


def delivery_json(row: Mapping[str, Any], state: str) -> dict[str, Any]:
    """Return a delivery without its content."""
    return {
        "id": row["event"],
        "type": row["type"] or None,
        "state": state,
        "conversationId": row["conversation"],
        "sequence": row["sequence"],
        "at": row["at"],
        "attempts": row["attempts"],
        "status": row["status"] or None,
        "reason": row["reason"] or None,
    }


def destination_json(
    destination: Destination,
    departments: Sequence[Department],
    state: Mapping[str, Any],
    reasons: Sequence[Mapping[str, Any]],
    quarantined: QuarantineCounts,
) -> dict[str, Any]:
    """Return a destination with what does not arrive there, without content."""
    paused, failing = state["paused_since"], state["failing_since"]
    return {
        "id": destination.id,
        "kind": destination.kind,
        "departments": [
            {"id": each.id, "name": each.name, "confidential": each.confidential}
            for each in departments
        ],
        "paused": {"since": paused, "reason": state["pause_reason"]} if paused else None,
        "failing": {
            "since": failing,
            "needsPerson": state["refuses"],
            "reason": state["failure_reason"],
        }
        if failing
        else None,
        "sidelined": state["sidelined"],
        "resending": state["resending"],
        "resend": state["running"],
        "parked": [
            {
                "status": each["status"] or None,
                "reason": each["reason"] or None,
                "count": each["count"],
                "oldestAt": each["oldest_at"],
            }
            for each in reasons
        ],
        "quarantined": [
            quarantined_json(row)
            for row in quarantined.of(destination.id, (each.id for each in departments))
        ],
    }


def quarantined_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return how much was put aside for a reason, without what it is."""
    return {
        "place": row["place"],
        "reason": row["reason"],
        "count": row["count"],
        "oldestAt": row["oldest_at"],
    }


def unplaced_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same of what came in at a number, and belongs to no destination yet."""
    return {"number": row["name"]} | quarantined_json(row)


def resend_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return an order with its progress."""
    return {
        "id": row["id"],
        "status": "done" if row["finished_at"] else "running",
        "state": row["state"],
        "since": None if row["by_ids"] else row["since"],
        "until": row["until"],
        "perSecond": row["per_second"],
        "orderedAt": row["ordered_at"],
        "finishedAt": row["finished_at"],
        "waiting": row["waiting"] + row["to_come"],
        "delivered": row["delivered"],
        "parked": row["parked"],
        "ended": row["ended"],
    }


def secret_json(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a secret without its value."""
    return {
        "id": row["id"],
        "source": row["source"],
        "addedAt": row["added_at"],
        "endsAt": row["ends_at"],
    }
