"""What Meta tells beside messages: what is counted, whom it wakes, and what we have never seen."""

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
from tests.support.router.webhooks import BORNE, NUMBER, WABA, body, change, inbound, receipt, text


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


ALARMING = [
    ("account_update", {"event": "ACCOUNT_RESTRICTION"}, "ACCOUNT_RESTRICTION"),
    ("account_update", {"event": "ACCOUNT_VIOLATION"}, "ACCOUNT_VIOLATION"),
    ("account_update", {"event": "DISABLED_UPDATE"}, "DISABLED_UPDATE"),
    ("account_update", {"event": "ACCOUNT_DELETED"}, "ACCOUNT_DELETED"),
    ("account_review_update", {"decision": "REJECTED"}, "REJECTED"),
    (
        "account_alerts",
        {"alert_info": {"alert_severity": "CRITICAL", "alert_type": "OBA_REJECTED"}},
        "OBA_REJECTED",
    ),
    (
        "account_alerts",
        {"alert_info": {"alert_severity": "WARNING", "alert_type": "a new one"}},
        OTHER,
    ),
    ("messages", {"errors": [{"code": 130429}, {"code": 131031}]}, "errors"),
    ("phone_number_name_update", {"decision": "DEFERRED"}, "DEFERRED"),
    ("phone_number_name_update", {"decision": "REJECTED"}, "REJECTED"),
    ("security", {"event": "PIN_CHANGED"}, "PIN_CHANGED"),
    ("security", {"event": "a new one"}, OTHER),
    (
        "template_category_update",
        {"new_category": "MARKETING", "previous_category": "UTILITY"},
        "MARKETING",
    ),
]
QUIET = [
    ("account_update", {"event": "VERIFIED_ACCOUNT"}, "VERIFIED_ACCOUNT"),
    ("account_review_update", {"decision": "APPROVED"}, "APPROVED"),
    (
        "account_alerts",
        {"alert_info": {"alert_severity": "INFORMATIONAL", "alert_type": "OBA_APPROVED"}},
        "OBA_APPROVED",
    ),
    ("messages", {"errors": [{"code": 130429}]}, "errors"),
    ("phone_number_name_update", {"decision": "APPROVED"}, "APPROVED"),
    ("phone_number_quality_update", {"event": "DOWNGRADE"}, "DOWNGRADE"),
    ("business_capability_update", {"max_phone_numbers_per_waba": 2}, "none"),
    (
        "template_category_update",
        {"new_category": "MARKETING", "previous_category": "AUTHENTICATION"},
        "MARKETING",
    ),
    (
        "template_category_update",
        {"new_category": "UTILITY", "previous_category": "MARKETING"},
        "UTILITY",
    ),
    ("message_template_status_update", {"event": "PAUSED"}, "PAUSED"),
]


@pytest.mark.parametrize(("field", "value", "event"), ALARMING)
def test_serious_notice_raises_an_alarm_in_known_words(
    field: str, value: dict[str, Any], event: str
) -> None:
    lines, samples = counted(told(field, **value))
    [line] = lines
    assert (line["event"], line["log_level"]) == ("notice.alarm", "error")
    assert (line["field"], line["kind"]) == (field, event)
    assert {s.name for s in samples} == {
        "postkamer_notices_total",
        "postkamer_notice_alarms_total",
    }
    assert [s.labels for s in samples] == [{"field": field, "event": event}] * 2


@pytest.mark.parametrize(("field", "value", "event"), QUIET)
def test_harmless_notice_is_archived_and_counted(
    field: str, value: dict[str, Any], event: str
) -> None:
    lines, [sample] = counted(told(field, **value))
    assert lines == []
    assert (sample.name, sample.labels) == (
        "postkamer_notices_total",
        {"field": field, "event": event},
    )


def test_a_notice_is_kept_whatever_it_holds_and_no_crm_hears_of_it() -> None:
    for field in sorted(FIELDS - {"messages", "history", "smb_message_echoes"}):
        for value in ({}, {"event": ["odd"], "message_template_name": "x" * 5000}):
            said = Router().takes(told(field, **value))
            assert events(said) == []
            assert [
                (d.kind, r.kind) for d, r in zip(decisions(said), records_of(said), strict=True)
            ] == [("archived", "notice")]


@pytest.mark.parametrize(
    "value",
    [
        {"message_template_name": "x" * 513, "message_template_language": "nl"},
        {"message_template_name": "x", "message_template_language": "n" * 65},
        {"message_template_language": "nl"},
    ],
)
def test_a_name_that_no_index_takes_is_kept_in_the_record_alone(value: dict[str, Any]) -> None:
    router = Router()
    router.takes(told("message_template_status_update", event="PAUSED", **value))
    assert router.templates == {}


@pytest.mark.parametrize(
    "value",
    [
        {"value": "stop"},
        {"value": "maybe", "wa_id": "31611111111"},
        {"value": "stop", "wa_id": "31611111111", "category": "x" * 65},
    ],
)
def test_a_preference_that_says_nothing_of_anybody_changes_nothing(value: dict[str, Any]) -> None:
    router = Router()
    router.takes(receipt(body(change(NUMBER, "user_preferences", user_preferences=[value]))))
    assert router.opt_outs == router.identities == {}


def test_latest_marketing_preference_wins() -> None:
    router = Router()
    for n, (value, timestamp) in enumerate([("stop", 1795600060), ("resume", "1795600000")]):
        said = {"wa_id": "31611111111", "value": value, "timestamp": timestamp}
        content = body(change(NUMBER, "user_preferences", user_preferences=[said]))
        router.takes(receipt(content, second=n))
    assert [c.opt_out.value for c in router.changes if c.opt_out] == ["stop", "resume"]
    assert [choice.value for choice in router.opt_outs.values()] == ["stop"]


TEMPLATE = {
    "message_template_name": "afspraak",
    "message_template_language": "nl",
    "event": "DISABLED",
    "new_category": "MARKETING",
}


@pytest.mark.parametrize("field", sorted(FIELDS - {"messages", "history", "smb_message_echoes"}))
@pytest.mark.parametrize("number", [NUMBER, BORNE, "99999999"])
def test_account_notice_that_names_a_number_is_only_archived(field: str, number: str) -> None:
    """Its proof was asked about the number, which may be the sender's own or unknown: of the
    account beside it, whose municipality is another one, it proves nothing."""
    router = Router()
    said = router.takes(receipt(body(change(number, field, **TEMPLATE))))
    assert [r.kind for r in records_of(said)] == ["notice"]
    [changes] = router.changes
    assert msgspec.structs.replace(changes, sighting=None) == Changes()
    router.takes(told(field, **TEMPLATE))
    assert bool(router.templates) is (field in account_event.ACCOUNT_HANDLERS)


def test_a_preference_is_of_the_municipality_whose_number_it_came_for() -> None:
    router = Router()
    said = {"wa_id": "31611111111", "value": "stop"}
    for number in ("99999999", BORNE):
        content = body(change(number, "user_preferences", user_preferences=[said]))
        router.takes(receipt(content))
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


def test_a_first_sighting_is_an_alarm() -> None:
    metrics.first_sightings.clear()
    with capture_logs() as lines:
        decision_metrics.count_unknown_vocabulary(
            [("field", "brand_new_field"), ("type", "hologram")]
        )
    assert [(line["event"], line["log_level"]) for line in lines] == [("sighting.new", "error")] * 2
    assert [(line["kind"], line["what"]) for line in lines] == [
        ("field", "brand_new_field"),
        ("type", "hologram"),
    ]


def test_every_label_is_of_a_closed_vocabulary() -> None:
    labels = {
        account_event.event_label(Notice(raw=b"{}", field=field, event=event))
        for field in FIELDS
        for event in ("", "31611111111", "ACCOUNT_DELETED", "errors")
    }
    assert labels == {"none", OTHER, "ACCOUNT_DELETED", "errors"}
    acts = account_event.ACCOUNT_HANDLERS.keys() | account_event.NUMBER_HANDLERS.keys()
    assert account_event.ALARMS.keys() | acts <= KNOWN.keys()
