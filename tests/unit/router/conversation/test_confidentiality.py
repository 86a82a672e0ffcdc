"""Of a confidential department or destination a CRM is told that something happened, not what."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation.confidentiality import DATA_BYTES, VISIBLE_FIELDS, redact_event
from router.output.crm_events import CARE_ALARM, CLOSED, RECEIVED, STATUS_CHANGED, TRANSFERRED
from services.config.model import Configuration, parse
from services.contract import Delivery
from tests.support.router.config_full import CONFIG, DISCREET, TOML
from tests.support.router.decisions import data
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import status

BY_DESTINATION = parse(
    TOML.replace('id = "zorg", kind', 'id = "zorg", confidential = true, kind'), "postkamer.toml"
)
SECRET = re.compile("jeugdzorg|Anna|3161|NL.anna|reden|regel|ZAAK|sanne|Goedemiddag")
"""What was said in these conversations, by whom, and why."""
each = pytest.mark.parametrize("config", [DISCREET, BY_DESTINATION], ids=["its own", "its CRM"])


def said(event: Delivery) -> set[str]:
    return set(data(event))


@each
def test_a_message_is_told_without_a_word_of_it_and_with_where_it_is(config: Configuration) -> None:
    hall = Stadhuis(given=config)
    decision = hall.hears("jeugdzorg, mijn bsn is 111222333")
    [event] = hall.told
    assert (event.type, event.department) == (RECEIVED, "zorg")
    assert said(event) <= VISIBLE_FIELDS and not SECRET.search(event.data.decode())
    assert (data(event)["messageId"], data(event)["task"]) == (str(decision.message), True)
    assert event.dataref == f"/v1/messages/{decision.message}"


@each
def test_nor_is_anything_else_that_happens_there(config: Configuration) -> None:
    hall = Stadhuis(given=config)
    hall.hears("jeugdzorg")
    hall.orders("link", zaak="ZAAK-1")
    answer = hall.orders("text")
    delivered = status("wamid.answer", "delivered", f"{answer.message}.1")
    hall.brings("messages", {"statuses": [delivered]})
    hall.after(minutes=61)
    hall.orders("transfer", to_department="zorg", employee="piet", reason="reden")
    hall.orders("close", reason="reden", outcome="handled")
    events = [event for event in hall.told if event.type != CARE_ALARM]
    assert {RECEIVED, STATUS_CHANGED, TRANSFERRED, CLOSED} <= {event.type for event in events}
    assert all(event.dataref for event in events)
    for event in events:
        assert said(event) <= VISIBLE_FIELDS and not SECRET.search(event.data.decode()), event.type


@each
def test_why_it_was_passed_on_does_not_go_with_it(config: Configuration) -> None:
    """To a department that is not confidential: in what it is told, then and later."""
    hall = Stadhuis(given=config)
    hall.hears("jeugdzorg")
    hall.orders("transfer", to_department="klantcontact", reason="reden")
    hall.hears("dank u")
    told = [event for event in hall.told if event.department == "klantcontact"]
    assert {TRANSFERRED, RECEIVED} <= {event.type for event in told}
    assert not any("reden" in event.data.decode() for event in told)


@each
def test_safety_alarm_hides_the_kind_of_danger(config: Configuration) -> None:
    hall = Stadhuis(given=config)
    decision = hall.hears("ik wil dood")
    hall.after(minutes=11)
    assert (decision.department, decision.care) == ("zorg", "suicide")
    alarms = [event for event in hall.told if event.type == CARE_ALARM]
    assert [data(alarm) for alarm in alarms] == [
        {"conversationId": decision.conversation, "nth": nth} for nth in (1, 2)
    ]
    elsewhere = Stadhuis(given=config)
    elsewhere.hears("mijn container staat in brand")
    [alarm] = [event for event in elsewhere.told if event.type == CARE_ALARM]
    assert data(alarm)["care"] == "emergency"


@each
def test_transfer_to_or_from_a_confidential_department_hides_its_reason(
    config: Configuration,
) -> None:
    hall = Stadhuis(given=config)
    hall.hears("mijn container")
    [plain] = hall.told
    assert plain.dataref == "" and data(plain)["text"] == "mijn container"
    hall.orders("transfer", to_department="zorg", reason="reden")
    there = [event for event in hall.told if event.type == TRANSFERRED]
    hall.orders("transfer", to_department="groen", reason="reden")
    back = [event for event in hall.told if event.type == TRANSFERRED][len(there) :]
    assert len(there) == len(back) == 2
    for event in (*there, *back):
        assert said(event) == {"conversationId", "department"}
        assert event.dataref == f"/v1/conversations/{event.conversation}"
    hall.hears("nog iets over mijn container")
    assert data(hall.told[-1])["text"] == "nog iets over mijn container"


def test_ordinary_department_gets_the_whole_event() -> None:
    hall = Stadhuis(given=DISCREET)
    hall.hears("mijn paspoort")
    assert {"text", "from", "decision"} <= said(hall.told[-1])


@pytest.mark.slow
@given(st.integers(DATA_BYTES - 2000, DATA_BYTES + 2000))
def test_an_event_that_would_be_too_large_is_told_so_too(size: int) -> None:
    hall = Stadhuis(given=CONFIG)
    hall.hears("mijn container")
    [event] = hall.told
    padded = data(event) | {"text": "x" * (size - len(event.data) + len("mijn container"))}
    event = msgspec.structs.replace(event, data=msgspec.json.encode(padded))
    assert len(event.data) == size
    told = redact_event(event, confidential=False)
    assert (told.dataref == "") == (size <= DATA_BYTES)
    assert len(told.data) <= DATA_BYTES and data(told)["messageId"] == str(event.message)
