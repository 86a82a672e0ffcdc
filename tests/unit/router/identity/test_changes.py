"""Changes of identifiers: one record for each moment, before the record of its cause."""

from typing import Any

import pytest

from router.model.changes import DecidedUnit
from services.contract import Record
from tests.support.router.decisions import data, records_of
from tests.support.router.harness import Router
from tests.support.router.names import NUMBER, stamp
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import body, change, inbound, receipt, text

ANNA, BERT = {"bsuid": "NL.anna"}, {"bsuid": "NL.bert"}
OLD, NEW = {"phone": "31611111111"}, {"phone": "31622222222"}


def heard(sent: float, **who: str) -> dict[str, Any]:
    return text(f"wamid.{sent}", "hallo", sent=sent, **who)


def system(sent: float, **given: str) -> dict[str, Any]:
    return {
        "id": f"wamid.{sent}",
        "from": OLD["phone"],
        "timestamp": stamp(sent),
        "type": "system",
        "system": {"body": "changed"} | given,
    }


def said(*messages: dict[str, Any]) -> list[DecidedUnit]:
    """One message after the other, long after they were written; what is said of the last."""
    router = Router()
    return [router.takes(inbound(each, second=n)) for n, each in enumerate(messages, 100)][-1]


def identity(records: list[Record]) -> list[Record]:
    return [record for record in records if record.kind == "identity"]


def changes(records: list[Record]) -> list[tuple[str, str, str]]:
    [record] = identity(records)
    found = data(record)["changes"]
    return [(each["event"], each["kind"], each["value"]) for each in found]


Changes = list[tuple[str, str, str]]
NEW_NUMBER = {"type": "user_changed_number", "wa_id": NEW["phone"]}
NEW_BSUID = {"type": "user_changed_user_id", "user_id": "NL.new", "previous_user_id": "NL.anna"}


@pytest.mark.parametrize(
    ("messages", "found"),
    [
        ([heard(1, **ANNA, **OLD)], []),
        ([heard(1, **ANNA, **OLD), heard(2, **ANNA, **OLD)], []),
        ([heard(1, **ANNA, **OLD), heard(2, **OLD)], []),
        ([heard(1, **ANNA, **OLD), heard(2, **BERT, **NEW)], []),
        ([heard(2, **ANNA, **NEW), heard(1, **ANNA, **OLD)], []),  # late: brings nothing back
        ([heard(1, **NEW), system(2, **NEW_NUMBER)], []),
        ([heard(1, **ANNA), heard(2, **ANNA, **OLD)], [("gained", "phone", OLD["phone"])]),
        ([heard(1, **OLD), heard(2, **ANNA, **OLD)], [("gained", "bsuid", "NL.anna")]),
        (
            [heard(1, **ANNA, **OLD), heard(2, **BERT, **OLD)],  # a SIM card handed out again
            [("moved", "phone", OLD["phone"])],
        ),
        (
            [heard(1, **ANNA), heard(2, **NEW), heard(3, **ANNA, **NEW)],
            [("moved", "phone", NEW["phone"])],
        ),
        (
            [heard(1, **OLD), system(2, **NEW_NUMBER)],
            [("ended", "phone", OLD["phone"]), ("gained", "phone", NEW["phone"])],
        ),
        ([heard(1, **ANNA, **OLD), system(2, **NEW_BSUID)], [("gained", "bsuid", "NL.new")]),
    ],
)
def test_identity_changes_of_one_moment_are_on_one_record(
    messages: list[dict[str, Any]], found: Changes
) -> None:
    records = records_of(said(*messages))
    assert changes(records) == found if found else identity(records) == []


def test_record_of_an_identity_change_precedes_its_cause() -> None:
    records = records_of(said(heard(1, **ANNA), heard(2, **ANNA, **OLD)))
    [changed], [message] = identity(records), [r for r in records if r.kind == "message"]
    assert records.index(changed) < records.index(message)
    same = ("at", "tenant", "conversation", "receipt", "sequence")
    assert [getattr(changed, name) for name in same] == [getattr(message, name) for name in same]
    assert (changed.message, changed.raw) == (None, b"")
    assert (data(changed)["department"], data(changed)["cause"]) == ("klantcontact", "message")


def test_identity_change_by_a_system_message_records_that_cause() -> None:
    [record] = identity(records_of(said(heard(1, **OLD), system(2, **NEW_NUMBER))))
    assert data(record)["cause"] == "system"


def test_identity_change_by_a_notice_is_archived_in_no_conversation() -> None:
    router = Router()
    router.takes(inbound(heard(1, **ANNA), second=1))
    told = {"category": "marketing_messages", "value": "stop", "timestamp": stamp(2)}
    whose = {"wa_id": OLD["phone"], "user_id": "NL.anna"}
    notice = change(NUMBER, "user_preferences", user_preferences=[told | whose])
    records = records_of(router.takes(receipt(body(notice), second=2)))
    assert changes(records) == [("gained", "phone", OLD["phone"])]
    [record] = identity(records)
    assert (record.tenant, record.conversation, record.sequence) == ("almelo", "", 0)
    assert data(record) | {"changes": []} == {"department": "", "changes": [], "cause": "notice"}


def test_merged_person_has_the_identities_of_both() -> None:
    hall = Stadhuis()
    anna = hall.hears("mijn container").conversation
    bert = hall.hears("mijn container ook", who=BERT | NEW).conversation
    hall.id = anna
    merged = hall.orders("merge", other=bert)
    assert merged.kind == "accepted"
    assert {(each.event, each.kind, each.value) for each in merged.renamed} == {
        ("moved", "bsuid", "NL.bert"),
        ("moved", "phone", NEW["phone"]),
    }
    [record] = identity(records_of(hall.done))
    assert (record.conversation, data(record)["cause"]) == (anna, "merge")


def test_repeated_identity_change_has_the_same_record_id() -> None:
    router = Router()
    router.takes(inbound(heard(1, **ANNA), second=1))
    again = inbound(heard(2, **ANNA, **OLD), second=2)
    first = identity(records_of(router.takes(again)))
    assert identity(records_of(router.takes(again))) == first != []
