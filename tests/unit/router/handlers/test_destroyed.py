"""A conversation that was destroyed: who hears it, and that nothing is said of its citizen."""

from typing import Any

from services.contract import ConversationDestroyed
from services.event_types import DESTROYED
from services.ids import uuid7
from tests.support.router.config_full import DISCREET
from tests.support.router.decisions import addressed_events, data, records_of
from tests.support.router.harness import Router
from tests.support.router.names import NUMBER, at
from tests.support.router.simulation import Stadhuis

CONVERSATION = f"{NUMBER}-{'a' * 26}"


def destroyed(*departments: str, **more: Any) -> ConversationDestroyed:
    given: dict[str, Any] = {"tenant": "almelo", "list": "VL-2026-0001", "ground": "term"} | more
    return ConversationDestroyed(
        id=uuid7(at(9), b"destroyed.."[:10]),
        number=NUMBER,
        conversation=CONVERSATION,
        departments=list(departments),
        sequence=7,
        at=at(9),
        **given,
    )


def test_each_destination_of_its_departments_hears_it_once_with_ids_alone() -> None:
    router = Router()
    said = router.takes(destroyed("groen", "kcc", "groen", "gone"))
    heard = addressed_events(said)
    assert [event.type for _, event in heard] == [DESTROYED] * len(heard)
    destinations = [destination for destination, _ in heard]
    assert len(destinations) == len(set(destinations)) >= 1 and "buiten" in destinations
    [event] = [event for destination, event in heard if destination == "buiten"]
    assert (event.conversation, event.sequence, event.message) == (CONVERSATION, 7, None)
    assert data(event) == {
        "conversationId": CONVERSATION,
        "department": "groen",
        "list": "VL-2026-0001",
        "ground": "term",
        "at": data(event)["at"],
    }
    assert records_of(said) == [], "the archiver wrote the record of the destruction"


def test_confidential_department_hears_the_same() -> None:
    router = Stadhuis(given=DISCREET).router
    [(destination, event)] = addressed_events(router.takes(destroyed("zorg", tenant="hengelo")))
    assert (destination, data(event)["list"], event.dataref) == ("zorg", "VL-2026-0001", "")


def test_another_municipality_hears_nothing() -> None:
    assert addressed_events(Router().takes(destroyed("groen", tenant="hengelo"))) == []
