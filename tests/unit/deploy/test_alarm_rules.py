"""The alarms that Prometheus is given name what the services count, and go off when they should."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from deliverer.meta.graph_api import STOPPED, Failed, Sent
from router.model.work import UNPROVEN
from services.amqp import topology
from services.metrics import REGISTRY
from tests.support.promtool import FOLDER, goes_off, needs_promtool

RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "rules.yml").read_text())["groups"]
    for rule in group["rules"]
]
NOTICES = 'postkamer_notice_alarms_total{field="security",event="PIN_CHANGED"}'
SENDS = 'postkamer_sends_total{number="106540352242922",outcome="%s"}'
ENDS = 'postkamer_destination_certificate_not_after_seconds{destination="crm"}'
SPENT = 'postkamer_budget_used_ratio{tenant="almelo"}'
REQUESTS = 'postkamer_requests{tenant="almelo",state="%s"}'
DAY = 86400
UNCONFIRMED = 'postkamer_sends_unconfirmed{number="106540352242922"}'
UP = 'up{job="postkamer",service="deliverer",instance="deliverer:9082"}'
FAILS = ["PostkamerSendsFail"]
WAITS = 'postkamer_media_waiting_seconds{state="%s"}'
ENDED = 'postkamer_media_total{outcome="%s"}'
OF_THE_BROKER = ("rabbitmq_queue_messages_ready", "rabbitmq_queue_messages_ready_bytes")
"""Of each queue, as RabbitMQ's own plugin tells them."""
IN_QUEUE = 'rabbitmq_queue_messages_ready%s{queue="archiver.records",vhost="postkamer"}'
RECORDED = 'postkamer_archive_records_total{kind="message"}'
SIGNED = "postkamer_archive_checkpoint_timestamp_seconds"
QUARTER = 5 * 10**9
NAMES = r"\bup\b|(?:postkamer|rabbitmq)_\w+"
"""Metrics in an expression."""
QUARANTINED = 'postkamer_quarantined_total{service="router",reason="%s"}'
SIGHTED = 'postkamer_first_sightings_total{kind="field"}'
RULES_OF = 'postkamer_rules_version{service="%s",version="%s"}'
BESIDE: dict[str, tuple[dict[str, str], int, list[str]]] = {
    "a record that nobody writes": (
        {IN_QUEUE % "": "0+5x60", RECORDED: "700x60"}, 30, ["PostkamerArchiveStands"]
    ),
    "a record that catches up": ({IN_QUEUE % "": "0+5x60", RECORDED: "700+9x60"}, 30, []),
    "a record that nobody signs": (
        {SIGNED: "60x60", RECORDED: "700+9x60"}, 30, ["PostkamerArchiveUnsigned"]
    ),
    "a record that is signed": ({SIGNED: "0+60x60", RECORDED: "700+9x60"}, 30, []),
    "a record with nothing new to sign": ({SIGNED: "60x60", RECORDED: "700x60"}, 30, []),
    "the first after a night": ({SIGNED: "60x30 1860+60x30", RECORDED: "7x29 8+9x30"}, 31, []),
    "something that Meta has sent for over an hour": ({SIGHTED: "1x90"}, 70, []),
    "services with rules of their own": (
        {RULES_OF % ("router", "a"): "1x30", RULES_OF % ("gateway", "b"): "1x30"},
        7,
        ["PostkamerRulesDiffer"],
    ),
    "services with the same rules": (
        {RULES_OF % ("router", "a"): "1x30", RULES_OF % ("gateway", "a"): "1x30"}, 20, []
    ),
    "services that take rules one after the other": (
        {
            RULES_OF % ("router", "a"): "1x5 stale",
            RULES_OF % ("router", "b"): "_x6 1x30",
            RULES_OF % ("gateway", "a"): "1x8 stale",
            RULES_OF % ("gateway", "b"): "_x9 1x30",
        },
        11,
        [],
    ),
}  # fmt: skip
"""What two series tell together, the minute at which is looked, and what goes off."""
MIXED = {
    "a number of which each fails": ({"failed": "0+3x60"}, 7, FAILS),
    "a number of which each fails from the first": ({"failed": "_ _ _ 40x60"}, 7, FAILS),
    "a third that fails": ({"failed": "0+3x60", "sent": "0+6x60"}, 7, FAILS),
    "a third that began to fail": ({"failed": "5x60 5+3x30", "sent": "0+6x90"}, 85, FAILS),
    "a sixth that fails": ({"failed": "0+3x60", "sent": "0+15x60"}, 20, []),
    "a sixth that fails after a while": ({"failed": "0+3x60", "sent": "0+15x60"}, 55, []),
    "a handful that fails": ({"failed": "0 3 6 9x60"}, 20, []),
    "what failed an hour ago": ({"failed": "0+3x10 30x60", "sent": "0x60"}, 65, []),
    "what is put off but does not fail": ({"failed": "0x60", "sent": "0+1x60"}, 20, []),
}
"""Outcome -> how many of a number, then the minute at which is looked, and what goes off."""
CASES = {
    "a series that begins": (NOTICES, "_ _ 1 1 1", ["PostkamerNoticeAlarm"]),
    "a series that goes on": (NOTICES, "2x4 3 3 3", ["PostkamerNoticeAlarm"]),
    "nothing new": (NOTICES, "2x30", []),
    "a number that stops": (SENDS % "stopped", "_ _ _ _ 1 2 3 4", ["PostkamerNumberStopped"]),
    "a number that stops again": (SENDS % "stopped", "2x5 3 4", ["PostkamerNumberStopped"]),
    "a number that stood still once": (SENDS % "stopped", "1 2 2x30", []),
    "a number that sends": (SENDS % "sent", "0+9x30", []),
    "a number that is put off": (SENDS % "later", "0+2x30", ["PostkamerNothingSent"]),
    "a number that loses all": (SENDS % "unknown", "0+2x30", ["PostkamerNothingSent"]),
    "a number that lost two in a night": (SENDS % "unknown", "0x13 1 2 2x30", []),
    "a number that was put off once": (SENDS % "later", "0 1 1x30", []),
    "a service that is gone": (UP, "1 1 0x30", ["PostkamerServiceDown"]),
    "a service that was started again": (UP, "1 0 1x30", []),
    "a message of which nobody knows": (
        UNCONFIRMED,
        "0 0 0 0 1 1 1 1",
        ["PostkamerSendsUnconfirmed"],
    ),
    "a first scrape with one": (UNCONFIRMED, "_ _ _ 1 1 1 1", ["PostkamerSendsUnconfirmed"]),
    "a message that was confirmed late": (UNCONFIRMED, "0 1 1 0 0 0x30", []),
    "rules that are refused": (
        "postkamer_rules_refused",
        "0 0 0 0 1 1 1 1",
        ["PostkamerRulesRefused"],
    ),
    "rules that are taken": ("postkamer_rules_refused", "0 1 1 0 0 0x30", []),
    "a time-out that does not come": (
        "postkamer_timeouts_late_seconds",
        "400+60x30",
        ["PostkamerTimeoutsLate"],
    ),
    "a time-out that came late": ("postkamer_timeouts_late_seconds", "0 400 0x30", []),
    "a conversation that nobody lets go": (
        "postkamer_held_seconds",
        "86500+60x30",
        ["PostkamerHeldLong"],
    ),
    "a destination that takes nothing": (
        'postkamer_destination_paused{destination="crm"}',
        "1x30",
        ["PostkamerDestinationPaused"],
    ),
    "a destination that faltered": (
        'postkamer_destination_paused{destination="crm"}',
        "0 1 1 0 0 0x30",
        [],
    ),
    "a certificate for a while": (ENDS, f"{31 * DAY}x30", []),
    "a certificate for three weeks": (ENDS, f"{21 * DAY}x30", ["PostkamerCertificateEnds"]),
    "a certificate for three days": (
        ENDS,
        f"{3 * DAY}x30",
        ["PostkamerCertificateEnds", "PostkamerCertificateEndsSoon"],
    ),
    "a certificate that has ended": (
        ENDS,
        "60x30",
        ["PostkamerCertificateEnds", "PostkamerCertificateEndsSoon"],
    ),
    "a certificate that was replaced": (ENDS, f"{3 * DAY}x3 {90 * DAY}x30", []),
    "a message that fails alone": (
        'postkamer_destination_aside{destination="crm"}',
        "1x30",
        ["PostkamerDeliveryAside"],
    ),
    "tasks that nobody looks at": (
        'postkamer_openklant_unseen_seconds{destination="openklant"}',
        "6900+60x30",
        ["PostkamerOpenKlantUnseen"],
    ),
    "tasks that have their turn": (
        'postkamer_openklant_unseen_seconds{destination="openklant"}',
        "1500x30",
        [],
    ),
    "a delivery that is parked": (
        'postkamer_parked{queue="crm"}',
        "3 3 3 4x30",
        ["PostkamerParked"],
    ),
    "what is parked still": ('postkamer_parked{queue="crm"}', "3x30", []),
    "an archive's queue that grows": (
        IN_QUEUE % "_bytes",
        f"{QUARTER + 1}x30",
        ["PostkamerArchiveQueueGrows"],
    ),
    "an archive's queue after a night": (IN_QUEUE % "_bytes", f"{QUARTER - 1}x30", []),
    "a record that is late": (
        "postkamer_archive_lag_seconds",
        "310+60x30",
        ["PostkamerArchiveLate"],
    ),
    "a record that was late": ("postkamer_archive_lag_seconds", "0 400 400 2x30", []),
    "what cannot be opened": (
        "postkamer_archive_shut_total",
        "0 0 0 1x9",
        ["PostkamerArchiveShut"],
    ),
    "what could not be opened once": ("postkamer_archive_shut_total", "2x30", []),
    "what is put aside": (
        'postkamer_quarantined_total{service="archiver",reason="it cannot be sealed"}',
        "0 0 0 1x9",
        ["PostkamerArchiveAside"],
    ),
    "what the router cannot read": (
        'postkamer_quarantined_total{service="router",reason="frame unreadable"}',
        "0 0 0 1x9",
        [],
    ),
    "an item under the signature of another number": (
        QUARANTINED % UNPROVEN,
        "_ _ _ 1x9",
        ["PostkamerUnprovenItems"],
    ),
    "a second one of that number": (QUARANTINED % UNPROVEN, "2x4 3x9", ["PostkamerUnprovenItems"]),
    "items of long ago under another's signature": (QUARANTINED % UNPROVEN, "2x30", []),
    "something that Meta never sent before": (SIGHTED, "_ _ _ 1x9", ["PostkamerFirstSighting"]),
    "a message that failed alone once": (
        'postkamer_destination_aside{destination="crm"}',
        "0 1 1 0 0 0x30",
        [],
    ),
    "a budget that lasts": (SPENT, "0.1+0.02x30", []),
    "a budget that is nearly spent": (SPENT, "0.8x30", ["PostkamerBudgetNearlySpent"]),
    "a budget that is spent": (
        SPENT,
        "1x30",
        ["PostkamerBudgetNearlySpent", "PostkamerBudgetSpent"],
    ),
    "a budget of another month": (SPENT, "1.2x3 0 0x30", []),
    "a file that is not scanned": (WAITS % "fetched", "86500+60x30", ["PostkamerFilesWait"]),
    "a file that waits for now": (WAITS % "waiting", "3600+60x30", []),
    "a file that will be gone": (
        WAITS % "waiting",
        f"{5 * DAY + 60}+60x30",
        ["PostkamerFilesAreLost", "PostkamerFilesWait"],
    ),
    "a file that nobody may see": (ENDED % "quarantined", "0 0 1x9", ["PostkamerFileQuarantined"]),
    "a file that was altered": (
        "postkamer_media_damaged_total",
        "0 0 1x9",
        ["PostkamerFileDamaged"],
    ),
    "a file that was mended": ("postkamer_media_damaged_total", "0 1 1x30", []),
    "files as they should be": (ENDED % "available", "0+5x30", []),
    "a request with three weeks": (REQUESTS % "soon", "0x30", []),
    "a request that is due": (REQUESTS % "soon", "1x30", ["PostkamerRequestEnds"]),
    "a request that is overdue": (REQUESTS % "overdue", "1x30", ["PostkamerRequestOverdue"]),
    "a conversation that is held for now": ("postkamer_held_seconds", "3600+60x30", []),
}


SCENARIOS = [
    *(({series}, alerts) for series, _, alerts in CASES.values()),
    *((set(series), alerts) for series, _, alerts in BESIDE.values()),
    *(({SENDS % each for each in outcomes}, alerts) for outcomes, _, alerts in MIXED.values()),
]
"""Series of every case, and what goes off."""


def metrics() -> dict[str, set[str]]:
    """Name -> labels of everything that the services count, and of what Prometheus adds."""
    found = {"up": {"job", "service", "instance"}}
    found |= {name: {"queue", "vhost"} for name in OF_THE_BROKER}
    for metric in REGISTRY._collector_to_names:
        for name in REGISTRY._collector_to_names[metric]:
            found[name] = set(getattr(metric, "_labelnames", ()))
    return found


def test_every_metric_and_label_in_an_alarm_is_one_of_ours() -> None:
    known = metrics()
    for rule in RULES:
        names = re.findall(NAMES, rule["expr"])
        assert names and set(names) <= known.keys(), rule["alert"]
        used = re.findall(r"\$labels\.(\w+)", rule["annotations"]["summary"])
        assert set(used) <= set.union(*(known[name] for name in names)), rule["alert"]
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_the_alarm_about_signatures_names_the_reason_as_the_router_writes_it() -> None:
    [rule] = [rule for rule in RULES if rule["alert"] == "PostkamerUnprovenItems"]
    assert set(re.findall(r'reason="(.*?)"', rule["expr"])) == {UNPROVEN}


def test_the_alarm_about_a_number_names_the_outcome_as_the_deliverer_counts_it() -> None:
    [rule] = [rule for rule in RULES if rule["alert"] == "PostkamerNumberStopped"]
    assert set(re.findall(r'outcome="(.*?)"', rule["expr"])) == {STOPPED}


def test_the_alarm_about_what_fails_names_outcomes_as_the_deliverer_counts_them() -> None:
    [rule] = [rule for rule in RULES if rule["alert"] == "PostkamerSendsFail"]
    outcomes = {
        each
        for found in re.findall(r'outcome=~?"(.*?)"', rule["expr"])
        for each in found.split("|")
    }
    assert outcomes == {verdict.__name__.lower() for verdict in (Failed, Sent)}


def test_the_alarm_about_the_archives_queue_goes_off_at_a_quarter_of_its_limit() -> None:
    [rule] = [rule for rule in RULES if rule["alert"] == "PostkamerArchiveQueueGrows"]
    [queue] = [queue for queue in topology.queues(0, ()) if queue.kind == "archive"]
    assert re.findall(r"\d{4,}", rule["expr"]) == [str(queue.max_bytes // 4)] == [str(QUARTER)]
    for each in RULES:
        assert set(re.findall(r'queue="(.*?)"', each["expr"])) <= {topology.ARCHIVE_QUEUE}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_each_alarm_fires_in_one_case_and_stays_silent_in_another(rule: dict[str, Any]) -> None:
    """A case in which its metric has no series says nothing of an alarm."""
    names = set(re.findall(NAMES, rule["expr"]))
    fires = [
        rule["alert"] in alerts
        for series, alerts in SCENARIOS
        if names & {each.partition("{")[0] for each in series}
    ]
    assert set(fires) == {True, False}


def test_prometheus_loads_the_rules() -> None:
    configured = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert configured["rule_files"] == ["rules.yml"]


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("name", CASES)
def test_an_alarm_goes_off_for_what_is_new_and_for_nothing_else(name: str, tmp_path: Path) -> None:
    series, values, alerts = CASES[name]
    goes_off({series: values}, 7 if alerts else 20, alerts, tmp_path)


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("name", MIXED)
def test_an_alarm_about_what_fails_looks_at_what_goes_too(name: str, tmp_path: Path) -> None:
    outcomes, minute, alerts = MIXED[name]
    goes_off(
        {SENDS % each: counted for each, counted in outcomes.items()}, minute, alerts, tmp_path
    )


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize("name", BESIDE)
def test_an_alarm_about_the_record_looks_at_what_comes_in_too(name: str, tmp_path: Path) -> None:
    series, minute, alerts = BESIDE[name]
    goes_off(series, minute, alerts, tmp_path)
