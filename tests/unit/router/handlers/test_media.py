"""What is told of a file once it came, or could not be got; and to whom."""

from typing import Any
from uuid import UUID

import msgspec
import pytest

from router.conversation.confidentiality import VISIBLE_FIELDS
from router.output.crm_events import MEDIA_AVAILABLE
from services.contract import Delivery, MediaOutcome
from services.ids import uuid7
from tests.support.router.commands import command
from tests.support.router.config_full import DISCREET
from tests.support.router.decisions import addressed_events, data, decisions, events, records_of
from tests.support.router.harness import Router
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import NUMBER, at, inbound, text

ANNA = {"bsuid": "NL.anna", "phone": "31611111111"}
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


def photo(router: Router) -> Delivery:
    """The event of a photograph of Anna's."""
    [event] = events(router.takes(inbound(text("wamid.1", "mijn container", **ANNA, kind="image"))))
    return event


def test_available_file_is_told_to_the_department_and_archived() -> None:
    router = Router()
    first = photo(router)
    assert first.message
    said = router.takes(file(first.message, first.conversation))
    [(destination, event)] = addressed_events(said)
    assert (destination, event.type, event.sequence) == ("buiten", MEDIA_AVAILABLE, 2)
    assert msgspec.json.decode(event.data) == {
        "conversationId": first.conversation,
        "department": "groen",
        "messageId": str(first.message),
        "media": [
            {
                "id": str(first.message),
                "mimeType": "image/jpeg",
                "link": f"/v1/media/{first.message}",
                "size": 48213,
                "sha256": SHA256,
            }
        ],
        "state": "available",
        "reason": "",
        "scanned": True,
        "at": "2026-11-25T12:00:09Z",
    }
    [record] = records_of(said)
    assert (record.kind, record.message, record.sequence) == ("media", first.message, 2)
    assert record.conversation == first.conversation
    data = msgspec.json.decode(record.data)
    assert (data["department"], data["object"]) == ("groen", OBJECT)


@pytest.mark.parametrize("state", ["quarantined", "lost"])
def test_unavailable_file_is_told_with_its_reason(state: str) -> None:
    router = Router()
    first = photo(router)
    assert first.message
    reason = "media_expired: Meta bewaart bestanden 7 dagen, en dit is ouder"
    outcome = file(first.message, first.conversation, state=state, reason=reason)
    [event] = events(router.takes(outcome))
    said = msgspec.json.decode(event.data)
    assert (said["state"], said["reason"]) == (state, reason)


def test_told_twice_it_is_said_twice_the_same_and_decided_once() -> None:
    router = Router()
    first = photo(router)
    assert first.message
    outcome = file(first.message, first.conversation)
    once, again = events(router.takes(outcome)), events(router.takes(outcome))
    assert once == again
    assert [event.sequence for event in again] == [2]
    later = file(first.message, first.conversation, state="quarantined", reason="media_malware: x")
    assert [event.sequence for event in events(router.takes(later))] == [3]


def test_available_file_is_told_to_the_department_of_its_message() -> None:
    router = Router()
    first = photo(router)
    assert first.message
    moved = command("transfer", conversation=first.conversation, to_department="belastingen")
    router.takes(moved)
    [(destination, event)] = addressed_events(router.takes(file(first.message, first.conversation)))
    assert (destination, event.department) == ("buiten", "groen")


def test_a_department_that_is_gone_has_whoever_has_the_conversation_now() -> None:
    router = Router()
    first = photo(router)
    assert first.message
    outcome = file(first.message, first.conversation, department="opgeheven")
    [(_, event)] = addressed_events(router.takes(outcome))
    assert event.department == "groen"


def test_a_file_of_no_conversation_is_on_the_record_and_told_to_nobody() -> None:
    router = Router()
    said = router.takes(file(uuid7(at(0), bytes(10)), "", department=""))
    assert events(said) == []
    [record] = records_of(said)
    assert (record.kind, record.conversation) == ("media", "")
    [decision] = decisions(said)
    assert decision.kind == "media"


def test_confidential_department_is_told_of_a_file_without_its_details() -> None:
    hall = Stadhuis(given=DISCREET)
    decision = hall.hears("jeugdzorg")
    assert decision.message
    outcome = file(decision.message, decision.conversation, "zorg")
    [event] = events(hall.router.takes(msgspec.structs.replace(outcome, tenant=decision.tenant)))
    assert set(data(event)) <= VISIBLE_FIELDS
    assert event.dataref == f"/v1/messages/{decision.message}"
