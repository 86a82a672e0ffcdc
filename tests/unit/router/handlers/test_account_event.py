"""Notices of Meta beside messages: counted, alarming where serious, and sighted where unknown."""

from typing import Any

import msgspec
import pytest
from prometheus_client.samples import Sample
from structlog.testing import capture_logs

from router.handlers import account_event
from router.handlers.meta_vocabulary import FIELDS, KNOWN, OTHER
from router.model.changes import Changes
from router.partition import decision_metrics
from services import metrics
from services.contract import Receipt
from services.whatsapp.items import Notice
from tests.support.router.decisions import decisions, events, records_of
from tests.support.router.harness import Router
from tests.support.router.names import BORNE, NUMBER, WABA
from tests.support.router.webhooks import body, change, inbound, receipt, text


def told(field: str, **value: Any) -> Receipt:
    return receipt(body({"field": field, "value": value}), name=f"{field} {value}")


def status(word: str) -> Receipt:
    said = {"id": "w", "status": word, "timestamp": "1795000000", "recipient_id": "31611111111"}
    return receipt(body(change(NUMBER, "messages", statuses=[said])), name=word)


def counted(came: Receipt) -> tuple[list[Any], list[Sample]]:
    """The log and the counters of one receipt."""
    said = Router().takes(came)
    metrics.notices.clear()
    metrics.notice_alarms.clear()
    with capture_logs() as lines:
        decision_metrics.count_decisions(said)
    samples = [
        sample
        for metric in (metrics.notices, metrics.notice_alarms)
        for family in metric.collect()
        for sample in family.samples
        if sample.name.endswith("_total")
    ]
    return lines, samples


def alert(severity: str, type: str) -> dict[str, Any]:
    return {"alert_info": {"alert_severity": severity, "alert_type": type}}


def moved(new: str, previous: str) -> dict[str, Any]:
    return {"new_category": new, "previous_category": previous}


ACCOUNT, NAME = "account_update", "phone_number_name_update"
CATEGORY = "template_category_update"
ALARMING = [
    (ACCOUNT, {"event": "ACCOUNT_RESTRICTION"}, "ACCOUNT_RESTRICTION"),
    (ACCOUNT, {"event": "ACCOUNT_VIOLATION"}, "ACCOUNT_VIOLATION"),
    (ACCOUNT, {"event": "DISABLED_UPDATE"}, "DISABLED_UPDATE"),
    (ACCOUNT, {"event": "ACCOUNT_DELETED"}, "ACCOUNT_DELETED"),
    ("account_review_update", {"decision": "REJECTED"}, "REJECTED"),
    ("account_alerts", alert("CRITICAL", "OBA_REJECTED"), "OBA_REJECTED"),
    ("account_alerts", alert("WARNING", "a new one"), OTHER),
    ("messages", {"errors": [{"code": 130429}, {"code": 131031}]}, "errors"),
    (NAME, {"decision": "DEFERRED"}, "DEFERRED"),
    (NAME, {"decision": "REJECTED"}, "REJECTED"),
    ("security", {"event": "PIN_CHANGED"}, "PIN_CHANGED"),
    ("security", {"event": "a new one"}, OTHER),
    (CATEGORY, moved("MARKETING", "UTILITY"), "MARKETING"),
]
QUIET = [
    (ACCOUNT, {"event": "VERIFIED_ACCOUNT"}, "VERIFIED_ACCOUNT"),
    ("account_review_update", {"decision": "APPROVED"}, "APPROVED"),
    ("account_alerts", alert("INFORMATIONAL", "OBA_APPROVED"), "OBA_APPROVED"),
    ("messages", {"errors": [{"code": 130429}]}, "errors"),
    (NAME, {"decision": "APPROVED"}, "APPROVED"),
    ("phone_number_quality_update", {"event": "DOWNGRADE"}, "DOWNGRADE"),
    ("business_capability_update", {"max_phone_numbers_per_waba": 2}, "none"),
    (CATEGORY, moved("MARKETING", "AUTHENTICATION"), "MARKETING"),
    (CATEGORY, moved("UTILITY", "MARKETING"), "UTILITY"),
    ("message_template_status_update", {"event": "PAUSED"}, "PAUSED"),
]
ARCHIVED_FIELDS = sorted(FIELDS - {"messages", "history", "smb_message_echoes"})


@pytest.mark.parametrize(
    ("field", "value", "event", "alarms"),
    [*((*row, True) for row in ALARMING), *((*row, False) for row in QUIET)],
)
def test_notice_is_counted_and_a_serious_one_raises_an_alarm_in_known_words(
    field: str, value: dict[str, Any], event: str, alarms: bool
) -> None:
    lines, samples = counted(told(field, **value))
    logged = [(each["event"], each["log_level"], each["field"], each["kind"]) for each in lines]
    assert logged == [("notice.alarm", "error", field, event)] * alarms
    names = ["postkamer_notices_total", *["postkamer_notice_alarms_total"] * alarms]
    labels = {"field": field, "event": event}
    assert [(s.name, s.labels) for s in samples] == [(name, labels) for name in names]


@pytest.mark.parametrize("value", [{}, {"event": ["odd"], "message_template_name": "x" * 5000}])
def test_notice_of_any_content_is_archived_and_not_published(value: dict[str, Any]) -> None:
    for field in ARCHIVED_FIELDS:
        said = Router().takes(told(field, **value))
        assert events(said) == []
        assert [d.kind for d in decisions(said)] == ["archived"]
        assert [r.kind for r in records_of(said)] == ["notice"]


@pytest.mark.parametrize(
    "value",
    [
        {"message_template_name": "x" * 513, "message_template_language": "nl"},
        {"message_template_name": "x", "message_template_language": "n" * 65},
        {"message_template_language": "nl"},
    ],
)
def test_template_with_an_impossible_name_is_not_stored(value: dict[str, Any]) -> None:
    router = Router()
    router.takes(told("message_template_status_update", event="PAUSED", **value))
    assert router.templates == {}


def preference(number: str = NUMBER, second: float = 0, **value: Any) -> Receipt:
    content = body(change(number, "user_preferences", user_preferences=[value]))
    return receipt(content, second=second)


@pytest.mark.parametrize(
    "value",
    [
        {"value": "stop"},
        {"value": "maybe", "wa_id": "31611111111"},
        {"value": "stop", "wa_id": "31611111111", "category": "x" * 65},
    ],
)
def test_preference_without_a_citizen_or_a_known_value_changes_nothing(
    value: dict[str, Any],
) -> None:
    router = Router()
    router.takes(preference(**value))
    assert router.opt_outs == router.identities == {}


def test_latest_marketing_preference_wins() -> None:
    router = Router()
    for n, (value, timestamp) in enumerate([("stop", 1795600060), ("resume", "1795600000")]):
        router.takes(preference(second=n, wa_id="31611111111", value=value, timestamp=timestamp))
    assert [c.opt_out.value for c in router.changes if c.opt_out] == ["stop", "resume"]
    assert [len(c.withdrawals) for c in router.changes] == [1, 0], "only a stop ends consent"
    assert [choice.value for choice in router.opt_outs.values()] == ["stop"]


TEMPLATE = {
    "message_template_name": "afspraak",
    "message_template_language": "nl",
    "event": "DISABLED",
    "new_category": "MARKETING",
}


@pytest.mark.parametrize("field", ARCHIVED_FIELDS)
@pytest.mark.parametrize("number", [NUMBER, BORNE, "99999999"])
def test_account_notice_that_names_a_number_is_only_archived(field: str, number: str) -> None:
    """Its origin was verified for the number, which says nothing of the account beside it."""
    router = Router()
    said = router.takes(receipt(body(change(number, field, **TEMPLATE))))
    assert [r.kind for r in records_of(said)] == ["notice"]
    [changes] = router.changes
    assert msgspec.structs.replace(changes, sighting=None) == Changes()
    router.takes(told(field, **TEMPLATE))
    assert bool(router.templates) is (field in account_event.ACCOUNT_HANDLERS)


def test_preference_belongs_to_the_municipality_of_its_number() -> None:
    router = Router()
    for number in ("99999999", BORNE):
        router.takes(preference(number, wa_id="31611111111", value="stop"))
    assert {choice.tenant for choice in router.opt_outs.values()} == {"borne"}
    assert {identity.tenant for identity in router.identities.values()} == {"borne"}


def sightings(*came: Receipt) -> list[Any]:
    router = Router()
    router.takes(*came)
    return [changes.sighting for changes in router.changes]


@pytest.mark.parametrize(
    ("came", "sighting"),
    [
        (told("brand_new_field", x=1), ("field", "brand_new_field")),
        (told("Not A Field 31611111111", x=1), ("field", OTHER)),
        (told("x" * 65, x=1), ("field", OTHER)),
        (inbound(text("w", "", phone="31611111111", kind="hologram")), ("type", "hologram")),
        (inbound(text("w", "", phone="31611111111", kind="31611111111")), ("type", "other")),
        (inbound(text("w", "", phone="31611111111", kind="+31 6")), ("type", OTHER)),
        (told("account_update", event="NEW_WORD"), ("event", "account_update_new_word")),
        (told("account_update", event="Anna 06"), ("event", OTHER)),
        (told("account_update", event="ACCOUNT_DELETED"), None),
        (status("teleported"), ("status", "teleported")),
        (status("read"), None),
        (inbound(text("w", "hallo", phone="31611111111")), None),
        (told("messages"), None),
        (told(""), None),
        (receipt(b"no JSON"), None),
    ],
)
def test_unknown_field_or_type_is_a_first_sighting(came: Receipt, sighting: Any) -> None:
    assert sightings(came) == [sighting]


def test_unverified_item_is_no_first_sighting() -> None:
    came = receipt(body({"field": "brand_new_field", "value": {}}), keys=[f"waba:{WABA}"])
    assert sightings(msgspec.structs.replace(came, unproven=[f"waba:{WABA}"])) == [None]


def test_first_sighting_is_an_alarm() -> None:
    metrics.first_sightings.clear()
    sighted = [("field", "brand_new_field"), ("type", "hologram")]
    with capture_logs() as lines:
        decision_metrics.count_unknown_vocabulary(sighted)
    assert [(line["event"], line["log_level"]) for line in lines] == [("sighting.new", "error")] * 2
    assert [(line["kind"], line["what"]) for line in lines] == sighted


def test_every_label_of_a_notice_is_of_a_closed_vocabulary() -> None:
    labels = {
        account_event.event_label(Notice(raw=b"{}", field=field, event=event))
        for field in FIELDS
        for event in ("", "31611111111", "ACCOUNT_DELETED", "errors")
    }
    assert labels == {"none", OTHER, "ACCOUNT_DELETED", "errors"}
    acts = account_event.ACCOUNT_HANDLERS.keys() | account_event.NUMBER_HANDLERS.keys()
    assert account_event.ALARMS.keys() | acts <= KNOWN.keys()
