"""Outcomes of citizens' files: what is published and archived, and to which department."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from router.conversation.confidentiality import VISIBLE_FIELDS
from services.contract import MediaOutcome
from services.event_types import MEDIA_AVAILABLE
from services.ids import uuid7
from tests.support.router.commands import command
from tests.support.router.config_full import DISCREET
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.harness import Router
from tests.support.router.names import ANNA, NUMBER, at
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import inbound, text

SHA256 = "6c1b29ad7d6a6e6a1f29a8ef2b6a7a0bb5d2a40ce2b49e0a0d6b5b9f3ad94c17"
OBJECT = SHA256[::-1]


def file(message: UUID, conversation: str, department: str = "groen", **more: Any) -> MediaOutcome:
    given: dict[str, Any] = {"state": "available", "size": 48213, "sha256": SHA256} | more
    given |= {"mime_type": "image/jpeg", "scanned": True, "at": at(9), "object": OBJECT}
    return MediaOutcome(
        id=uuid7(at(9), message.bytes[:9] + given["state"][:1].encode()),
        message=message,
        tenant="almelo",
        number=NUMBER,
        conversation=conversation,
        department=department,
        **given,
    )


def photo() -> tuple[Router, UUID, str]:
    """A router that has a photograph of Anna's, and the ids of its message and conversation."""
    router = Router()
    image = text("wamid.1", "mijn container", **ANNA, kind="image")
    [event] = events(router.takes(inbound(image)))
    assert event.message
    return router, event.message, event.conversation


def test_available_file_is_published_to_its_department_and_archived() -> None:
    router, message, conversation = photo()
    said = router.takes(file(message, conversation))
    [(destination, event)] = addressed_events(said)
    assert (destination, event.type, event.sequence) == ("buiten", MEDIA_AVAILABLE, 2)
    link = {"link": f"/v1/media/{message}", "size": 48213, "sha256": SHA256}
    assert data(event) == {
        "conversationId": conversation,
        "department": "groen",
        "messageId": str(message),
        "media": [{"id": str(message), "mimeType": "image/jpeg"} | link],
        "state": "available",
        "reason": "",
        "scanned": True,
        "at": "2026-11-25T12:00:09Z",
    }
    [record] = records_of(said)
    assert (record.kind, record.message, record.sequence) == ("media", message, 2)
    assert record.conversation == conversation
    assert (data(record)["department"], data(record)["object"]) == ("groen", OBJECT)


@pytest.mark.parametrize("state", ["available", "quarantined", "lost"])
def test_sent_file_is_archived_and_tells_no_department(state: str) -> None:
    router, *ids = photo()
    said = router.takes(file(*ids, state=state, is_outgoing=True))
    [record] = records_of(said)
    assert (record.kind, data(record)["state"], data(record)["sha256"]) == ("media", state, SHA256)
    assert events(said) == []
    later = file(*ids, state="lost" if state == "available" else "available")
    assert [event.sequence for event in events(router.takes(later))] == [2], "none was taken"


@pytest.mark.parametrize("state", ["quarantined", "lost"])
def test_unavailable_file_is_published_with_its_reason(state: str) -> None:
    router, *ids = photo()
    reason = "media_expired: Meta bewaart bestanden 7 dagen, en dit is ouder"
    [event] = events(router.takes(file(*ids, state=state, reason=reason)))
    assert (data(event)["state"], data(event)["reason"]) == (state, reason)


def test_repeated_media_outcome_is_published_alike_and_another_has_the_next_sequence() -> None:
    router, *ids = photo()
    once, again = (events(router.takes(file(*ids))) for _ in range(2))
    assert once == again and [event.sequence for event in again] == [2]
    later = file(*ids, state="quarantined", reason="media_malware: x")
    assert [event.sequence for event in events(router.takes(later))] == [3]


def test_file_is_published_to_the_department_of_its_message_after_a_transfer() -> None:
    router, message, conversation = photo()
    given = {"conversation": conversation, "to_department": "belastingen"}
    router.takes(command("t", "transfer", **given))
    [(destination, event)] = addressed_events(router.takes(file(message, conversation)))
    assert (destination, event.department) == ("buiten", "groen")


def test_file_of_a_removed_department_is_published_to_the_owner_of_the_conversation() -> None:
    router, *ids = photo()
    [event] = events(router.takes(file(*ids, department="opgeheven")))
    assert event.department == "groen"


def test_file_of_no_conversation_is_archived_and_not_published() -> None:
    said = Router().takes(file(uuid7(at(0), bytes(10)), "", department=""))
    [record], [decision] = records_of(said), decisions(said)
    assert (record.kind, record.conversation, decision.kind) == ("media", "", "media")
    assert events(said) == []


def test_confidential_department_gets_a_file_without_its_details() -> None:
    hall = Stadhuis(given=DISCREET)
    decision = hall.hears("jeugdzorg")
    outcome = file(decision.message, decision.conversation, "zorg")
    [event] = events(hall.router.takes(msgspec.structs.replace(outcome, tenant=decision.tenant)))
    assert set(data(event)) <= VISIBLE_FIELDS
    assert event.dataref == f"/v1/messages/{decision.message}"
