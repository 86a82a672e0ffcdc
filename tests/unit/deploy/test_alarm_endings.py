"""Each alarm goes off, and falls silent once its cause is gone: one row for each."""

from pathlib import Path

import pytest

from router.model.work import UNPROVEN
from tests.support.promtool import SCRAPED, AlarmCase, load_rules, needs_promtool, run_cases

ALARMS = [rule["alert"] for rule in load_rules()]
DAY = 86400

ONCE = "0x5 1x90"
"""A counter that rises once."""
TICKS = "0+1x20 20x90"
"""A counter that rises for 20 minutes, and then stops."""
RAISED = "0 1x20 0x90"
"""A gauge that is up for 20 minutes."""

SERVER = 'postkamer_server_certificate{server="broker",state="%s"}'
HEALTH = 'postkamer_number_health{number="1",check="%s",state="%s"}'

TARGET = 'up{job="postkamer",service="%s",instance="%s:9080"}'

ENDINGS = {
    "NoticeAlarm": ('postkamer_notice_alarms_total{field="security",event="PIN_CHANGED"}', ONCE),
    "UnprovenItems": (f'postkamer_quarantined_total{{reason="{UNPROVEN}"}}', ONCE),
    "FirstSighting": ('postkamer_first_sightings_total{kind="field"}', ONCE),
    "NumberStopped": ('postkamer_sends_total{number="1",outcome="stopped"}', ONCE),
    "NothingSent": ('postkamer_sends_total{number="1",outcome="later"}', TICKS),
    "SendsFail": ('postkamer_sends_total{number="1",outcome="failed"}', "0+3x20 60x90"),
    "Waiting": ('postkamer_waiting_seconds{destination="crm",partition="0"}', "400+60x20 0x90"),
    "WaitingNearlyFull": (
        'postkamer_waiting_bytes{destination="crm",partition="0"}',
        "6000000000x20 1000x90",
    ),
    "TokenRefused": ('postkamer_tokens_refused{service="gateway"}', RAISED),
    "DestructionsUncompared": ('postkamer_destructions_uncompared{service="router"}', RAISED),
    "TokenListOld": ('postkamer_token_list_age_seconds{service="gateway"}', "700x20 0x90"),
    "IdentityKeysOld": ('postkamer_identity_keys_age_seconds{provider="x"}', "4000+60x20 20x90"),
    "OwnerUnreached": ('postkamer_owner_unreached_seconds{destination="crm"}', "950x20 0x90"),
    "NumberSilent": ('postkamer_number_silent{number="1"}', RAISED),
    "NumberMoves": ('postkamer_number_stopped{number="1"}', "1x300 0x90"),
    "SilenceUnwatched": (
        "postkamer_silence_looked_timestamp_seconds", "60x25 1560+60x90"
    ),
    "SendsUnconfirmed": ('postkamer_sends_unconfirmed{number="1"}', RAISED),
    "DatabaseUnguarded": ('postkamer_database_unguarded{service="router"}', RAISED),
    "DatabaseAway": ('postkamer_database_waits{service="router"}', RAISED),
    "RulesRefused": ("postkamer_rules_refused", RAISED),
    "RulesWaiting": ("postkamer_rules_waiting", "1x1500 0x90"),
    "TimeoutsLate": ("postkamer_timeouts_late_seconds", "0 400+60x20 0x90"),
    "HeldLong": ("postkamer_held_seconds", "0 86500+60x20 0x90"),
    "DestinationPaused": ('postkamer_destination_paused{destination="crm"}', RAISED),
    "CertificateEnds": (
        'postkamer_destination_certificate_not_after_seconds{destination="crm"}',
        f"{20 * DAY}x20 {90 * DAY}x90",
    ),
    "CertificateEndsSoon": (
        'postkamer_destination_certificate_not_after_seconds{destination="crm"}',
        f"{3 * DAY}x20 {90 * DAY}x90",
    ),
    "DeliveryAside": ('postkamer_destination_aside{destination="crm"}', RAISED),
    "OpenKlantUnseen": (
        'postkamer_openklant_unseen_seconds{destination="ok"}', "7000+60x20 60x90"
    ),
    "OpenKlantUnerased": (
        'postkamer_openklant_unerased_seconds{destination="ok"}', f"{3 * DAY}x20 0x90"
    ),
    "OpenKlantActor": (
        'postkamer_openklant_looks_total{destination="ok",outcome="actor"}', ONCE
    ),
    "Parked": ('postkamer_parked{queue="crm"}', RAISED),
    "ParkedEnds": ('postkamer_parked_ends_seconds{queue="crm"}', "600000x20 7000000x90"),
    "DataOutlivesItsTerm": (
        'postkamer_rows_over_term_seconds{rows="router.inbox"}', "90000x20 0x90"
    ),
    "KeysOutliveTheirTerm": (
        'postkamer_working_key_due_timestamp_seconds{kind="queue"}', f"-{4 * DAY}x20 {DAY}x90"
    ),
    "RowsShut": ('postkamer_rows_shut_total{table="router.held"}', ONCE),
    "Quarantined": ('postkamer_quarantine{service="router"}', RAISED),
    "FilesWait": ('postkamer_media_waiting_seconds{state="fetched"}', "86500+60x20 0x90"),
    "FilesAreLost": (
        'postkamer_media_waiting_seconds{state="waiting"}', f"{2 * DAY + 100}+60x20 0x90"
    ),
    "FileQuarantined": ('postkamer_media_total{outcome="quarantined"}', ONCE),
    "FileDamaged": ("postkamer_media_damaged_total", ONCE),
    "ArchiveQueueGrows": (
        'rabbitmq_queue_messages_ready_bytes{queue="archiver.records"}', "6000000000x20 1000x90"
    ),
    "ArchiveStands": ('rabbitmq_queue_messages{queue="archiver.records"}', "7x30 0x90"),
    "ArchiveShut": ("postkamer_archive_shut_total", ONCE),
    "ArchiveForked": ("postkamer_archive_forks_total", ONCE),
    "WitnessMissing": ('postkamer_archive_witness_behind_seconds{witness="w"}', "1000x20 0x90"),
    "WitnessRefused": (
        'postkamer_archive_witness_answers_total{witness="w",outcome="refused"}', ONCE
    ),
    "OperationUnproven": ("postkamer_operations_unproven_total", ONCE),
    "RequestEnds": ('postkamer_requests{tenant="almelo",state="soon"}', RAISED),
    "RetentionUnset": ('postkamer_dossiers{state="unset"}', RAISED),
    "DestructionStandsStill": ("postkamer_destruction_still_seconds", "960x20 0x90"),
    "DestructionOverdue": ("postkamer_destruction_overdue_days", "31 32x20 0x90"),
    "RequestOverdue": ('postkamer_requests{tenant="almelo",state="overdue"}', RAISED),
    "HandoverParked": ('postkamer_handovers_waiting{state="parked"}', RAISED),
    "HandoverStandsStill": ("postkamer_handover_oldest_seconds", "22000x40 0x90"),
    "HoldToReview": ('postkamer_holds{tenant="almelo",state="overdue"}', RAISED),
    "BudgetNearlySpent": ('postkamer_budget_used_ratio{tenant="almelo"}', "0.9x20 0x90"),
    "BudgetSpent": ('postkamer_budget_used_ratio{tenant="almelo"}', "1.1x20 0x90"),
    "BalanceMissing": ('postkamer_balance_missing{equation="send"}', RAISED),
    "BalanceDiffers": ("postkamer_balance_differences", RAISED),
    "BalanceStands": ("postkamer_balance_round_timestamp_seconds", "60x25 1560+60x90"),
    "NoConsumer": ('rabbitmq_queue_consumers{queue="router.partition.0"}', "1 0x20 1x90"),
    "PartitionWaits": ('rabbitmq_queue_messages{queue="router.partition.0"}', "3x30 0x90"),
    "BrokerBlocked": ('postkamer_broker_blocked{service="gateway",link="publishing"}', RAISED),
    "DoorShut": ('postkamer_webhook_requests_total{status="503"}', TICKS),
    "DoorCrowded": ('postkamer_door_refused_total{bound="address"}', "0+9x20 180x90"),
    "WebhooksRefused": ("postkamer_webhooks_unproven_total", TICKS),
    "PublishesUnconfirmed": (
        'postkamer_unconfirmed_publishes_total{service="router",reason="full"}', "0+1x30 30x90"
    ),
    "ServerCertificateEnds": (SERVER % "warning", RAISED),
    "ServerCertificateEndsSoon": (SERVER % "wrong", RAISED),
    "CertificateRefused": (
        'postkamer_destination_certificate_refused{destination="crm"}', RAISED
    ),
    "SecretsRefused": ('postkamer_secrets_refused{service="gateway"}', RAISED),
    "NumberUnsubscribed": (HEALTH % ("subscription", "wrong"), RAISED),
    "NumberFieldsMissing": (HEALTH % ("fields", "warning"), RAISED),
    "NumberDisconnected": (HEALTH % ("connection", "wrong"), RAISED),
    "NumberPayment": (HEALTH % ("payment", "wrong"), RAISED),
    "NumberQuality": (HEALTH % ("quality", "warning"), RAISED),
    "NumberWarning": (HEALTH % ("connection", "warning"), RAISED),
    "TokenEnds": (
        'postkamer_number_token_expires_timestamp_seconds{number="1"}',
        f"{20 * DAY}x20 {90 * DAY}x90",
    ),
    "TokenEnded": (HEALTH % ("token", "wrong"), RAISED),
    "GraphVersionEnds": (
        'postkamer_graph_version_ends_timestamp_seconds{number="1"}',
        f"{60 * DAY}x20 {600 * DAY}x90",
    ),
    "WebhookCertificateEnds": (HEALTH % ("certificate", "warning"), RAISED),
    "WebhookCertificateEndsSoon": (HEALTH % ("certificate", "wrong"), RAISED),
    "NumberUnchecked": (
        'postkamer_number_looked_timestamp_seconds{number="1"}', "0x199 12000+60x40"
    ),
    "ArchiveUnstamped": ("postkamer_archive_unstamped_seconds", "90000x20 0x90"),
    "AttemptsUnrecorded": ("postkamer_attempts_unrecorded_total", ONCE),
    "DeskLoginsFail": ('postkamer_desk_logins_total{outcome="away"}', "0+3x20 60x90"),
    "DeskApiFails": (
        'postkamer_desk_api_requests_total{api="gateway",outcome="unanswered"}', "0+3x20 60x90"
    ),
    "DeskPagesFull": ("postkamer_desk_streams", "380x20 20x90"),
}  # fmt: skip
"""Alarm -> the one series that makes it go off and ends it."""
LONG = {
    "ServiceDown": SCRAPED | {TARGET % ("router", "router"): "1 0x20 1x90"},
    "InstanceDown": SCRAPED | {TARGET % ("archiver", "archiver"): "1 0x20 1x90"},
    "DeskDown": SCRAPED | {TARGET % ("desk", "desk"): "1 0x20 1x90"},
    "NotScraped": SCRAPED | {'up{job="rabbitmq"}': "1 0x20 1x90"},
    "ArchiveLate": {
        "postkamer_archive_lag_seconds": "400x90",
        'rabbitmq_queue_messages{queue="archiver.records"}': "5x20 0x90",
        'postkamer_archive_records_total{kind="message"}': "700+9x90",
    },
    "RulesDiffer": {
        'postkamer_rules_version{service="router",version="a"}': "1x90",
        'postkamer_rules_version{service="gateway",version="b"}': "1x20 stale",
        'postkamer_rules_version{service="gateway",version="a"}': "_x21 1x90",
    },
    "ArchiveUnsigned": {
        "postkamer_archive_checkpoint_timestamp_seconds": "60x20 1260+60x90",
        'postkamer_archive_records_total{kind="message"}': "700+9x90",
    },
    "BrokerDiskFills": {
        "rabbitmq_disk_space_available_bytes": "3000000000x20 9000000000x90",
        "rabbitmq_disk_space_available_limit_bytes": "2000000000x90",
    },
}
"""The same for alarms that compare series."""
TOGETHER = {
    "CertificateEndsSoon": ["CertificateEnds"],
    "BudgetSpent": ["BudgetNearlySpent"],
    "FilesAreLost": ["FilesWait"],
}
"""Alarms that go off with a milder one."""
AT = {
    "DoorShut": 12,
    "NotScraped": 15,
    "ArchiveStands": 25,
    "PartitionWaits": 18,
    "BalanceStands": 24,
    "SilenceUnwatched": 24,
    "NumberUnchecked": 195,
    "NumberMoves": 245,
    "RulesWaiting": 1445,
    "PublishesUnconfirmed": 25,
}
"""Minute at which an alarm has gone off, where that takes longer than 8 minutes."""
SILENT_AT = {
    "WebhooksRefused": 60,
    "NumberUnchecked": 215,
    "NumberMoves": 302,
    "RulesWaiting": 1505,
    "FirstSighting": 70,
    "OpenKlantActor": 70,
    "SendsFail": 52,
}
"""Minute at which an alarm is silent again, where it looks back further than 20 minutes."""


def case(alarm: str, series: dict[str, str]) -> AlarmCase:
    minute = AT.get(alarm, 18 if alarm in {"NothingSent", "ArchiveUnsigned"} else 8)
    names = sorted(f"Postkamer{each}" for each in [alarm, *TOGETHER.get(alarm, [])])
    return AlarmCase(alarm, series, minute, names, silent=(SILENT_AT.get(alarm, 45),))


CASES = {
    **{alarm: case(alarm, {series: values}) for alarm, (series, values) in ENDINGS.items()},
    **{alarm: case(alarm, series) for alarm, series in LONG.items()},
}


@pytest.mark.parametrize("alarm", ALARMS)
def test_alarm_has_a_row_here_that_ends(alarm: str) -> None:
    assert alarm.removeprefix("Postkamer") in CASES


@pytest.mark.slow
@needs_promtool
def test_alarms_go_off_and_fall_silent(tmp_path: Path) -> None:
    run_cases([*CASES.values()], tmp_path)
