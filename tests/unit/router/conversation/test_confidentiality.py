"""Confidential departments and destinations: their CRM learns that something happened, not what."""

import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.conversation.confidentiality import DATA_BYTES, VISIBLE_FIELDS, redact_event
from services.config.model import parse
from services.contract import Delivery
from services.event_types import CARE_ALARM, CLOSED, RECEIVED, STATUS_CHANGED, TRANSFERRED
from tests.support.router.config_full import CONFIG, DISCREET, TOML
from tests.support.router.decisions import data, records_of
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import status

BY_DESTINATION = parse(
    TOML.replace('id = "zorg", kind', 'id = "zorg", confidential = true, kind'), "postkamer.toml"
)
SECRET = re.compile("jeugdzorg|Anna|3161|NL.anna|reden|regel|ZAAK|sanne|Goedemiddag")
"""Words of these conversations, their authors and reasons."""


@pytest.fixture(params=[DISCREET, BY_DESTINATION], ids=["its own", "its CRM"])
def hall(request: pytest.FixtureRequest) -> Stadhuis:
    """Town hall where youth care is confidential, by itself or by its destination."""
    return Stadhuis(given=request.param)


def events_of(hall: Stadhuis, *types: str) -> list[Delivery]:
    return [event for event in hall.told if event.type in types]


def is_redacted(event: Delivery) -> bool:
    return set(data(event)) <= VISIBLE_FIELDS and not SECRET.search(event.data.decode())


def test_message_is_published_without_its_words_and_with_its_place(hall: Stadhuis) -> None:
    decision = hall.hears("jeugdzorg, mijn bsn is 111222333")
    [event] = hall.told
    assert (event.type, event.department) == (RECEIVED, "zorg") and is_redacted(event)
    assert (data(event)["messageId"], data(event)["task"]) == (str(decision.message), True)
    assert event.dataref == f"/v1/messages/{decision.message}"


def test_every_event_of_a_confidential_department_is_redacted(hall: Stadhuis) -> None:
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
    assert all(event.dataref and is_redacted(event) for event in events)
    [closed] = events_of(hall, CLOSED)
    assert data(closed)["transcript"] == f"/v1/conversations/{hall.id}/transcript"


def test_automatic_text_is_no_employees_message_in_a_confidential_department(
    hall: Stadhuis,
) -> None:
    reply = hall.hears("ik wil dood").reply
    hall.brings("messages", {"statuses": [status("wamid.reply", "delivered", f"{reply.id}.1")]})
    [event] = events_of(hall, STATUS_CHANGED)
    assert data(event)["author"] == {"kind": "automated"} and is_redacted(event)


def test_later_events_of_another_department_hide_the_reason_of_the_transfer(
    hall: Stadhuis,
) -> None:
    hall.hears("jeugdzorg")
    hall.orders("transfer", to_department="klantcontact", reason="reden")
    hall.hears("dank u")
    told = [event for event in hall.told if event.department == "klantcontact"]
    assert {TRANSFERRED, RECEIVED} <= {event.type for event in told}
    assert not any("reden" in event.data.decode() for event in told)


def test_safety_alarm_hides_the_kind_of_danger(hall: Stadhuis) -> None:
    decision = hall.hears("ik wil dood")
    hall.after(minutes=11)
    assert (decision.department, decision.care) == ("zorg", "suicide")
    assert [data(alarm) for alarm in events_of(hall, CARE_ALARM)] == [
        {"conversationId": decision.conversation, "nth": nth} for nth in (1, 2)
    ]
    elsewhere = Stadhuis(given=DISCREET)
    elsewhere.hears("mijn container staat in brand")
    assert [data(alarm)["care"] for alarm in events_of(elsewhere, CARE_ALARM)] == ["emergency"]


def test_transfer_to_or_from_a_confidential_department_hides_its_reason(hall: Stadhuis) -> None:
    hall.hears("mijn container")
    [plain] = hall.told
    assert plain.dataref == "" and data(plain)["text"] == "mijn container"
    for to in ("zorg", "groen"):
        hall.orders("transfer", to_department=to, reason="reden")
    transfers = events_of(hall, TRANSFERRED)
    assert len(transfers) == 4
    hidden = {"conversationId", "department", "windowUntil"}
    fields = [set(data(event)) for event in transfers]
    # The department that takes over needs the terms of its work; nobody else learns more.
    assert fields == [hidden, hidden, hidden | {"priority"}, hidden]
    for event in transfers:
        assert event.dataref == f"/v1/conversations/{event.conversation}"
    hall.hears("nog iets over mijn container")
    assert data(hall.told[-1])["text"] == "nog iets over mijn container"
    assert {"text", "from", "decision"} <= set(data(hall.told[-1]))


def test_danger_and_deadline_go_along_out_of_a_confidential_department(hall: Stadhuis) -> None:
    hall.hears("ik maak bezwaar tegen mijn container en ik sla jullie")
    for to in ("zorg", "groen"):
        hall.orders("transfer", to_department=to, reason="reden")
    taken = data(events_of(hall, TRANSFERRED)[2])
    assert taken["care"] and taken["due"] and not taken.keys() & {"reason", "tags", "by", "from"}


LABELLING = TOML.replace(
    'public_name = "een collega"', 'public_name = "een collega"\nconfidential = true'
).replace('words = ["jeugdzorg"]', 'words = ["jeugdzorg"], tag = ["gezin"]')
TAGGED = parse(LABELLING, "postkamer.toml")
"""Youth care is confidential, and its rule sets a label."""
ESCALATING = parse(
    LABELLING.replace('mask = ["bsn"]', 'mask = ["bsn"]\nescalate_to = "groen"'), "postkamer.toml"
)


def test_case_and_labels_of_a_confidential_department_stay_behind() -> None:
    hall = Stadhuis(given=TAGGED)
    hall.hears("ik maak bezwaar tegen jeugdzorg")
    hall.orders("link", zaak="ZAAK-1")
    assert (hall.state.tags, hall.conversation.zaak) == (("officieel", "gezin"), "ZAAK-1")
    hall.orders("transfer", to_department="zorg", employee="piet")
    assert (hall.state.tags, hall.conversation.zaak) == (("officieel", "gezin"), "ZAAK-1")
    told, done = len(hall.told), len(hall.done)
    hall.orders("transfer", to_department="groen")
    hall.hears("dank u")
    hall.orders("transfer", to_department="teamleider")
    later = [event for event in hall.told[told:] if event.department in ("groen", "teamleider")]
    said = [event.data for event in later] + [each.data for each in records_of(hall.done[done:])]
    assert not any(b"gezin" in each or b"ZAAK-1" in each for each in said)
    # An official request is closed with its outcome, whoever closes it.
    assert (hall.state.tags, hall.conversation.zaak) == (("officieel",), "")


def test_escalation_out_of_a_confidential_department_leaves_its_labels_too() -> None:
    hall = Stadhuis(given=ESCALATING)
    hall.hears("jeugdzorg")
    hall.after(minutes=61)
    assert (hall.conversation.department, hall.state.tags) == ("groen", ())
    told = [event for event in hall.told if event.department == "groen"]
    assert told and not any(b"gezin" in event.data or b"jeugd" in event.data for event in told)
    hall.hears("nu over mijn container")
    assert "jeugd" not in hall.told[-1].data.decode()


@pytest.mark.slow
@given(st.integers(DATA_BYTES - 2000, DATA_BYTES + 2000))
def test_event_that_would_be_too_large_is_redacted(size: int) -> None:
    hall = Stadhuis(given=CONFIG)
    hall.hears("mijn container")
    [event] = hall.told
    padded = data(event) | {"text": "x" * (size - len(event.data) + len("mijn container"))}
    event = msgspec.structs.replace(event, data=msgspec.json.encode(padded))
    assert len(event.data) == size
    told = redact_event(event, confidential=False)
    assert (told.dataref == "") == (size <= DATA_BYTES)
    assert len(told.data) <= DATA_BYTES and data(told)["messageId"] == str(event.message)
