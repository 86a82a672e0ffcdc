"""Requests of the deliverer are accepted by the stand-ins for Meta and a CRM."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from deliverer.destinations import cloudevents
from deliverer.meta import closed_window, graph_api
from sandbox.crm import event_validation
from sandbox.meta import send_validation
from sandbox.meta.send_validation import Send
from sandbox.settings import crm_secret
from services.contract import Delivery
from services.http.webhook_signature import key_of
from tests.support.deliverer.sending import ACCOUNT, ledger_entry

NOW = datetime(2026, 11, 20, 8, 14, 3, tzinfo=UTC)
ID = UUID("0190a1b2-0000-7000-8000-000000000000")
DELIVERY = Delivery(
    id=ID,
    type="nl.postkamer.message-received.v1",
    tenant="almelo",
    conversation="106540352242922-a",
    department="burgerzaken",
    sequence=17,
    time=NOW,
    received_at=NOW,
    data='{"conversationId":"106540352242922-a","text":"één"}'.encode(),
)


@pytest.mark.parametrize(
    ("kind", "address", "phone", "bsuid"),
    [("phone", "31600000011", "31600000011", ""), ("bsuid", "NL.A1", "", "NL.A1")],
)
def test_a_message_of_the_deliverer_is_accepted_by_meta(
    kind: str, address: str, phone: str, bsuid: str
) -> None:
    content = {"type": "text", "text": {"body": "Goedemorgen"}}
    body = msgspec.json.decode(graph_api.message_request(kind, address, content, f"{ID}.1"))
    sent = send_validation.validate(body)
    assert isinstance(sent, Send)
    assert (sent.phone, sent.bsuid, sent.opaque) == (phone, bsuid, f"{ID}.1")


def test_a_late_answer_that_goes_directly_is_accepted_by_meta() -> None:
    account = msgspec.structs.replace(ACCOUNT, direct_send=True)
    line = ledger_entry("x" * closed_window.MAX_DIRECT_CHARACTERS, last_inbound_at=NOW)
    content = closed_window.direct_content(line, account, NOW)
    assert content
    body = graph_api.message_request("phone", "31600000011", content, line.opaque)
    sent = send_validation.validate(msgspec.json.decode(body))
    assert isinstance(sent, Send) and (sent.category, sent.is_template) == ("utility", True)


@pytest.mark.parametrize("secret", ["plain", "whsec_c2VjcmV0"])
def test_an_event_of_the_deliverer_is_accepted_by_a_crm(secret: str) -> None:
    body = cloudevents.body(DELIVERY, "")
    headers = cloudevents.headers(DELIVERY, body, [key_of(secret)], NOW)
    assert (
        event_validation.signature_fault(headers, body, crm_secret(secret), NOW.timestamp()) == ""
    )
    assert event_validation.split_batch(headers["Content-Type"], body) == [body]
    event = event_validation.read_event(body)
    assert isinstance(event, event_validation.Event)
    assert (event.id, event.sequence, event.conversation) == (str(ID), 17, "106540352242922-a")
