"""Alarms of Prometheus: they name metrics that the services count, and go off when they should."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from deliverer.destinations.openklant.desk.task_status import TaskStatus
from deliverer.meta.graph_api import OUTCOMES as SEND_OUTCOMES
from deliverer.meta.graph_api import STOPPED, Failed, RetryLater, Sent, Unknown
from deliverer.meta.health.finding import MUST_BE_SHOWN
from deliverer.owners.notice_sender import OUTCOMES
from desk.pages.login import FAILURES
from desk.postkamer.client import API_OUTCOMES
from desk.web.stream import MAX_PAGES
from router.model.work import UNPROVEN
from router.partition.waiting import WAITING_BYTES
from services.amqp import topology
from tests.support.promql import OF_THE_BROKER, expression_faults, known_metrics, names_in
from tests.support.promtool import FOLDER, SCRAPED, AlarmCase, load_rules, needs_promtool, run_cases

RULES = load_rules()
QUARTER = 5 * 10**9
MAY_WAKE = 6
"""More are no longer answered by night."""
DAY = 86400

NOTICES = 'postkamer_notice_alarms_total{field="security",event="PIN_CHANGED"}'
SENDS = 'postkamer_sends_total{number="106540352242922",outcome="%s"}'
UNCONFIRMED = 'postkamer_sends_unconfirmed{number="106540352242922"}'
ENDS = 'postkamer_destination_certificate_not_after_seconds{destination="crm"}'
PAUSED = 'postkamer_destination_paused{destination="crm"}'
ASIDE = 'postkamer_destination_aside{destination="crm"}'
ACTOR = 'postkamer_openklant_looks_total{destination="openklant",outcome="%s"}'
UNSEEN = 'postkamer_openklant_unseen_seconds{destination="openklant"}'
UNERASED = 'postkamer_openklant_unerased_seconds{destination="openklant"}'
PARKED = 'postkamer_parked{queue="crm"}'
PARKED_ENDS = 'postkamer_parked_ends_seconds{queue="crm"}'
OVER_TERM = 'postkamer_rows_over_term_seconds{rows="router.inbox"}'
KEY_DUE = 'postkamer_working_key_due_timestamp_seconds{kind="queue"}'
SPENT = 'postkamer_budget_used_ratio{tenant="almelo"}'
DOSSIERS, OVERDUE = 'postkamer_dossiers{state="%s"}', "postkamer_destruction_overdue_days"
STILL = 'postkamer_destruction_still_seconds{tenant="almelo"}'
REQUESTS = 'postkamer_requests{tenant="almelo",state="%s"}'
HANDOVERS = 'postkamer_handovers_waiting{state="%s"}'
HANDOVER_AGE = "postkamer_handover_oldest_seconds"
HOLDS = 'postkamer_holds{tenant="almelo",state="%s"}'
UNGUARDED = 'postkamer_database_unguarded{service="router"}'
WAITS_FOR_DATABASE = 'postkamer_database_waits{service="router"}'
UP = 'up{job="postkamer",service="%s",instance="%s:9082"}'
KEYS = 'postkamer_identity_keys_age_seconds{provider="entra"}'
UNCOMPARED = "postkamer_destructions_uncompared"
TOKEN_LIST = "postkamer_token_list_age_seconds"
UNREACHED = 'postkamer_owner_unreached_seconds{destination="crm"}'
TOLD = 'postkamer_owner_notices_total{destination="crm",outcome="%s"}'
WAITS = 'postkamer_media_waiting_seconds{state="%s"}'
ENDED = 'postkamer_media_total{outcome="%s"}'
DAMAGED = "postkamer_media_damaged_total"
IN_QUEUE = 'rabbitmq_queue_messages%s{queue="archiver.records",vhost="postkamer"}'
RECORDED = 'postkamer_archive_records_total{kind="message"}'
SIGNED = "postkamer_archive_checkpoint_timestamp_seconds"
UNSTAMPED = "postkamer_archive_unstamped_seconds"
ROWS_SHUT = 'postkamer_rows_shut_total{table="router.waiting"}'
LAG, SHUT = "postkamer_archive_lag_seconds", "postkamer_archive_shut_total"
WITNESS = 'postkamer_archive_witness_%s{witness="witness.example.org/w1"%s}'
UNDECIDED = 'postkamer_quarantine{service="router"}'
QUARANTINED = 'postkamer_quarantined_total{service="router",reason="%s"}'
SIGHTED = 'postkamer_first_sightings_total{kind="field"}'
REFUSED, LATE = "postkamer_rules_refused", "postkamer_timeouts_late_seconds"
RULES_WAIT = "postkamer_rules_waiting"
HELD = "postkamer_held_seconds"
GONE, DIFFERENCES = 'postkamer_balance_missing{equation="%s"}', "postkamer_balance_differences"
DRAWN_UP = "postkamer_balance_round_timestamp_seconds"
CONSUMERS = 'rabbitmq_queue_consumers{queue="%s",vhost="postkamer"}'
IN_PARTITION = 'rabbitmq_queue_messages{queue="router.partition.0",vhost="postkamer"}'
BLOCKED = 'postkamer_broker_blocked{service="gateway",link="%s"}'
FREE, LIMIT = OF_THE_BROKER
WEBHOOKS = 'postkamer_webhook_requests_total{service="gateway",status="%s"}'
CROWD = 'postkamer_door_refused_total{service="gateway",bound="%s"}'
UNPROVEN_OPERATOR = "postkamer_operations_unproven_total"
UNPROVEN_WEBHOOKS = 'postkamer_webhooks_unproven_total{service="gateway"}'
UNCONFIRMED_PUBLISHES = 'postkamer_unconfirmed_publishes_total{service="router",reason="full"}'
SHOWN = 'postkamer_server_certificate{server="broker",state="%s"}'
UNUSABLE = 'postkamer_destination_certificate_refused{destination="crm"}'
SECRETS = 'postkamer_secrets_refused{service="gateway"}'
UNRECORDED = "postkamer_attempts_unrecorded_total"
MOVING = 'postkamer_number_stopped{number="106540352242922",instance="%s"}'
OF_STOPPED = 'postkamer_webhooks_stopped_total{service="gateway"}'
SILENT = 'postkamer_number_silent{number="106540352242922"}'
SILENCE_LOOKED = 'postkamer_silence_looked_timestamp_seconds{instance="%s"}'
WAITING = 'postkamer_waiting_%s{destination="crm",partition="%d"}'
RULES_OF = 'postkamer_rules_version{service="%s",version="%s"}'
NUMBER = 'postkamer_number_health{number="106540352242922",check="%s",state="%s",instance="%s"}'
TOKEN_ENDS = 'postkamer_number_token_expires_timestamp_seconds{number="106540352242922"}'
VERSION_ENDS = 'postkamer_graph_version_ends_timestamp_seconds{number="106540352242922"}'
LOGINS = 'postkamer_desk_logins_total{outcome="%s"}'
API = 'postkamer_desk_api_requests_total{api="gateway",outcome="%s"}'
STREAMS = 'postkamer_desk_streams{instance="%s"}'
LOOKED = 'postkamer_number_looked_timestamp_seconds{number="106540352242922",instance="%s"}'


def case(name: str, series: dict[str, str], minute: int, *alarms: str) -> AlarmCase:
    return AlarmCase(name, series, minute, [f"Postkamer{alarm}" for alarm in alarms])


def one(name: str, series: str, values: str, *alarms: str) -> AlarmCase:
    """A case of one series: soon for an alarm, later for none."""
    return case(name, {series: values}, 7 if alarms else 20, *alarms)


def sends(name: str, minute: int, *alarms: str, **outcomes: str) -> AlarmCase:
    """A case of the outcomes of one number."""
    return case(name, {SENDS % each: n for each, n in outcomes.items()}, minute, *alarms)


def number(name: str, check: str, state: str, values: str, *alarms: str) -> AlarmCase:
    """A case of one check, which two deliverers show."""
    both = {NUMBER % (check, state, instance): values for instance in ("a", "b")}
    return case(name, both, 7 if alarms else 20, *alarms)


CASES = [
    one("a series that begins", NOTICES, "_ _ 1 1 1", "NoticeAlarm"),
    one("a series that goes on", NOTICES, "2x4 3 3 3", "NoticeAlarm"),
    one("nothing new", NOTICES, "2x30"),
    one("a number that stops", SENDS % "stopped", "_ _ _ _ 1 2 3 4", "NumberStopped"),
    one("a number that stops again", SENDS % "stopped", "2x5 3 4", "NumberStopped"),
    one("a number that stood still once", SENDS % "stopped", "1 2 2x30"),
    one("a number that sends", SENDS % "sent", "0+9x30"),
    one("a number that is put off", SENDS % "later", "0+2x30", "NothingSent"),
    one("a number that loses all", SENDS % "unknown", "0+2x30", "NothingSent"),
    one("a number that lost two in a night", SENDS % "unknown", "0x13 1 2 2x30"),
    one("a number that was put off once", SENDS % "later", "0 1 1x30"),
    sends("a number of which each fails", 7, "SendsFail", failed="0+3x60"),
    sends("a number of which each fails from the first", 7, "SendsFail", failed="_ _ 0 40x60"),
    sends("a third that fails", 7, "SendsFail", failed="0+3x60", sent="0+6x60"),
    sends("a third that began to fail", 85, "SendsFail", failed="5x60 5+3x30", sent="0+6x90"),
    sends("a sixth that fails", 20, failed="0+3x60", sent="0+15x60"),
    sends("a sixth that fails after a while", 55, failed="0+3x60", sent="0+15x60"),
    sends("a handful that fails", 20, failed="0 3 6 9x60"),
    sends("failures of an hour ago", 65, failed="0+3x10 30x60", sent="0x60"),
    sends("messages put off that do not fail", 20, failed="0x60", sent="0+1x60"),
    one("a message of unknown outcome", UNCONFIRMED, "0 0 0 0 1 1 1 1", "SendsUnconfirmed"),
    one("a first scrape with one", UNCONFIRMED, "_ _ _ 1 1 1 1", "SendsUnconfirmed"),
    one("a message that was confirmed late", UNCONFIRMED, "0 1 1 0 0 0x30"),
    one("a database without a stand-by", UNGUARDED, "0 1x30", "DatabaseUnguarded"),
    one("a stand-by that is replaced in time", UNGUARDED, "0 1x3 0x26"),
    one("a database that is away", WAITS_FOR_DATABASE, "0 1x30", "DatabaseAway"),
    one("a database that was started again", WAITS_FOR_DATABASE, "0 1 1 0x30"),
    case("a service that is gone", {UP % ("router", "a"): "1 1 0x30"}, 8, "ServiceDown"),
    case("a machine that is started again", {UP % ("deliverer", "a"): "1 0x3 1x30"}, 4),
    case("a router with a stand-by that is gone",
         {UP % ("router", "a"): "1x30", UP % ("router", "b"): "1 0x30"}, 7, "InstanceDown"),
    case("both routers", {UP % ("router", "a"): "1 0x30", UP % ("router", "b"): "1 0x30"},
         7, "ServiceDown"),
    case("an archiver that is gone", {UP % ("archiver", "a"): "1 0x30"}, 7, "InstanceDown"),
    case("a broker that is not scraped", SCRAPED | {'up{job="rabbitmq"}': "1 0x30"},
         15, "NotScraped"),
    case("a service that is no target", {up: n for up, n in SCRAPED.items() if "router" not in up},
         15, "NotScraped"),
    case("all targets answer", SCRAPED, 15),
    one("rules that are refused", REFUSED, "0 0 0 0 1 1 1 1", "RulesRefused"),
    one("rules that are taken", REFUSED, "0 1 1 0 0 0x30"),
    case("rules that wait for a day", {RULES_WAIT: "0 1x1500"}, 1445, "RulesWaiting"),
    case("rules that wait for an hour", {RULES_WAIT: "0 1x60 0x1500"}, 1445),
    case("services with rules of their own",
         {RULES_OF % ("router", "a"): "1x30", RULES_OF % ("gateway", "b"): "1x30"},
         7, "RulesDiffer"),
    case("services with the same rules",
         {RULES_OF % ("router", "a"): "1x30", RULES_OF % ("gateway", "a"): "1x30"}, 20),
    case("services that take rules one after the other",
         {RULES_OF % ("router", "a"): "1x5 stale", RULES_OF % ("router", "b"): "_x6 1x30",
          RULES_OF % ("gateway", "a"): "1x8 stale", RULES_OF % ("gateway", "b"): "_x9 1x30"}, 11),
    one("a time-out that does not come", LATE, "400+60x30", "TimeoutsLate"),
    one("a time-out that came late", LATE, "0 400 0x30"),
    one("a conversation held for a day", HELD, "86500+60x30", "HeldLong"),
    one("a conversation held for an hour", HELD, "3600+60x30"),
    one("a destination that takes nothing", PAUSED, "1x30", "DestinationPaused"),
    one("a destination that faltered", PAUSED, "0 1 1 0 0 0x30"),
    one("a certificate for a while", ENDS, f"{31 * DAY}x30"),
    one("a certificate for three weeks", ENDS, f"{21 * DAY}x30", "CertificateEnds"),
    one("a certificate for three days", ENDS, f"{3 * DAY}x30",
        "CertificateEnds", "CertificateEndsSoon"),
    one("a certificate that has ended", ENDS, "60x30", "CertificateEnds", "CertificateEndsSoon"),
    one("a certificate that was replaced", ENDS, f"{3 * DAY}x3 {90 * DAY}x30"),
    one("a message that fails alone", ASIDE, "1x30", "DeliveryAside"),
    one("a message that failed alone once", ASIDE, "0 1 1 0 0 0x30"),
    one("tasks that are not polled", UNSEEN, "6900+60x30", "OpenKlantUnseen"),
    one("tasks that are polled", UNSEEN, "1500x30"),
    one("contacts that were to be erased", UNERASED, "172800+60x30", "OpenKlantUnerased"),
    one("contacts that go within a day", UNERASED, "86400-60x30"),
    one("a task for an unknown department", ACTOR % "actor", "_ _ 1 1 1", "OpenKlantActor"),
    one("another task for one", ACTOR % "actor", "2x4 3 3 3", "OpenKlantActor"),
    case("a task for one of two hours ago", {ACTOR % "actor": "1 2 2x180"}, 120),
    one("tasks that are moved", ACTOR % "moved", "0+1x30"),
    one("a delivery that is parked", PARKED, "0 0 0 1x30", "Parked"),
    one("deliveries that were parked before Prometheus ran", PARKED, "3x30", "Parked"),
    one("deliveries that were replayed", PARKED, "3x5 0x30"),
    one("a parked delivery of almost its term", PARKED_ENDS, f"{7 * DAY}-60x30", "ParkedEnds"),
    one("a parked delivery with a week left", PARKED_ENDS, f"{7 * DAY}x30"),
    one("rows that are over their term", OVER_TERM, f"{DAY}+60x30", "DataOutlivesItsTerm"),
    one("rows that the next round clears", OVER_TERM, f"{DAY}x30"),
    one("a key that is due for four days", KEY_DUE, f"-{4 * DAY}x30", "KeysOutliveTheirTerm"),
    one("a key of a destination that was down for days", KEY_DUE, f"-{4 * DAY - 3600}x30"),
    one("an archive queue over a quarter", IN_QUEUE % "_ready_bytes", f"{QUARTER + 1}x30",
        "ArchiveQueueGrows"),
    one("an archive queue after a night", IN_QUEUE % "_ready_bytes", f"{QUARTER - 1}x30"),
    case("an archive that writes nothing", {IN_QUEUE % "": "0+5x60", RECORDED: "700x60"},
         30, "ArchiveStands"),
    case("an archive that cannot write one record", {IN_QUEUE % "": "1x60", RECORDED: "700x60"},
         30, "ArchiveStands"),
    case("an archive that catches up", {IN_QUEUE % "": "0+5x60", RECORDED: "700+9x60"}, 30),
    case("an archive that is not signed", {SIGNED: "60x60", RECORDED: "700+9x60"},
         30, "ArchiveUnsigned"),
    case("an archive that is signed", {SIGNED: "0+60x60", RECORDED: "700+9x60"}, 30),
    one("a log without a time stamp for a day", UNSTAMPED, "86300+60x30", "ArchiveUnstamped"),
    one("a log that is stamped each hour", UNSTAMPED, "0+60x59 0x30"),
    case("an archive with nothing new to sign", {SIGNED: "60x60", RECORDED: "700x60"}, 30),
    case("the first record after a night",
         {SIGNED: "60x30 1860+60x30", RECORDED: "7x29 8+9x30"}, 31),
    case("an archive that is late",
         {LAG: "310+60x30", IN_QUEUE % "": "9x30", RECORDED: "700+9x30"}, 7, "ArchiveLate"),
    case("an archive that was late",
         {LAG: "0 400 400 2x30", IN_QUEUE % "": "9x30", RECORDED: "700+9x30"}, 20),
    case("an old record, and no other since",
         {LAG: "0 1263x30", IN_QUEUE % "": "0 1 0x30", RECORDED: "700 701x30"}, 20),
    one("a record that cannot be opened", SHUT, "0 0 0 1x9", "ArchiveShut"),
    one("a record that could not be opened once", SHUT, "2x30"),
    one("a log that was bent", "postkamer_archive_forks_total", "0 0 0 1x9", "ArchiveForked"),
    one("a log that was bent the day before", "postkamer_archive_forks_total", "2x30"),
    one("a witness that is away", WITNESS % ("behind_seconds", ""), "840+60x30", "WitnessMissing"),
    one("a witness that came back", WITNESS % ("behind_seconds", ""), "840 960 0x30"),
    one("a witness that saw another log", WITNESS % ("answers_total", ',outcome="refused"'),
        "0 0 0 1x9", "WitnessRefused"),
    one("a witness that was behind", WITNESS % ("answers_total", ',outcome="behind"'), "0 0 0 1x9"),
    one("an operator whom nothing proves", UNPROVEN_OPERATOR, "0 0 0 1x9", "OperationUnproven"),
    one("an operator of the day before", UNPROVEN_OPERATOR, "2x30"),
    one("a row that does not open", ROWS_SHUT, "0 0 0 1x9", "RowsShut"),
    one("a row that stays and is met again", ROWS_SHUT, "0 1x9 2x9 3x9", "RowsShut"),
    one("a row that did not open once", ROWS_SHUT, "2x30"),
    one("something the router could not decide", UNDECIDED, "0 1x9", "Quarantined"),
    one("a person had it decided again", UNDECIDED, "1x5 0x9"),
    one("records wait aside", UNDECIDED.replace("router", "archiver"), "2x9", "Quarantined"),
    one("a batch that the router cannot read", QUARANTINED % "frame unreadable", "0 0 0 1x9"),
    one("an item signed for another number", QUARANTINED % UNPROVEN, "_ _ _ 1x9",
        "UnprovenItems"),
    one("a second one of that number", QUARANTINED % UNPROVEN, "2x4 3x9", "UnprovenItems"),
    one("old items signed for another number", QUARANTINED % UNPROVEN, "2x30"),
    one("a field that Meta never sent before", SIGHTED, "_ _ _ 1x9", "FirstSighting"),
    case("a field that Meta has sent for over an hour", {SIGHTED: "1x90"}, 70),
    one("a budget that lasts", SPENT, "0.1+0.02x30"),
    one("a budget that is nearly spent", SPENT, "0.8x30", "BudgetNearlySpent"),
    one("a budget that is spent", SPENT, "1x30", "BudgetNearlySpent", "BudgetSpent"),
    one("a budget of another month", SPENT, "1.2x3 0 0x30"),
    one("a file that is not scanned", WAITS % "fetched", "86500+60x30", "FilesWait"),
    one("a file that waits for now", WAITS % "waiting", "3600+60x30"),
    one("a file that will be gone", WAITS % "waiting", f"{2 * DAY + 60}+60x30",
        "FilesAreLost", "FilesWait"),
    one("a file in quarantine", ENDED % "quarantined", "0 0 1x9", "FileQuarantined"),
    one("files as they should be", ENDED % "available", "0+5x30"),
    one("a file that was altered", DAMAGED, "0 0 1x9", "FileDamaged"),
    one("a file that was mended", DAMAGED, "0 1 1x30"),
    one("a request with three weeks", REQUESTS % "soon", "0x30"),
    one("a request that is due", REQUESTS % "soon", "1x30", "RequestEnds"),
    one("a request that is overdue", REQUESTS % "overdue", "1x30", "RequestOverdue"),
    one("a conversation with a result", DOSSIERS % "destroy", "9x30"),
    one("a conversation without a result", DOSSIERS % "unset", "1x30", "RetentionUnset"),
    one("a conversation that is due for a month", OVERDUE, "31x30"),
    one("a conversation that is due for longer", OVERDUE, "32x30", "DestructionOverdue"),
    one("a transcript that is parked", HANDOVERS % "parked", "1x30", "HandoverParked"),
    one("a transcript that waits", HANDOVERS % "waiting", "1x30"),
    one("transcripts since the night", HANDOVER_AGE, "22000x40", "HandoverStandsStill"),
    one("transcripts of this hour", HANDOVER_AGE, "3600x40"),
    one("a hold to review", HOLDS % "overdue", "1x30", "HoldToReview"),
    one("a hold that stands", HOLDS % "standing", "1x30"),
    one("a list of which nothing goes on", STILL, "960x30", "DestructionStandsStill"),
    one("a list that goes on", STILL, "960x4 0x30"),
    one("a delivery that is nowhere", GONE % "delivery", "0 0 0 1x9", "BalanceMissing"),
    one("a batch that did not come", GONE % "batch", "0 0 0 1x9", "BalanceMissing"),
    one("a balance without a gap", GONE % "batch", "0x30"),
    one("a balance that does not add up", DIFFERENCES, "0 1x30", "BalanceDiffers"),
    one("a balance between two counts", DIFFERENCES, "0 1 1 0x30"),
    case("a balance of an hour ago", {DRAWN_UP: "60x60"}, 30, "BalanceStands"),
    case("a balance of half a minute ago", {DRAWN_UP: "0+60x60"}, 30),
    case("an archiver that has just started", {DRAWN_UP: "0x60"}, 30),
    one("a partition without a router", CONSUMERS % "router.partition.1", "1 1 0x30", "NoConsumer"),
    one("a destination without a deliverer", CONSUMERS % "deliverer.destination.crm", "0x30",
        "NoConsumer"),
    one("an archive without an archiver", CONSUMERS % topology.ARCHIVE_QUEUE, "0x30", "NoConsumer"),
    one("a partition with a router and a stand-by", CONSUMERS % "router.partition.1", "1 2 2 1x30"),
    one("a queue of another program", CONSUMERS % "mail", "0x30"),
    case("a partition that is not decided", {IN_PARTITION: "3x30"}, 17, "PartitionWaits"),
    case("a partition that is decided", {IN_PARTITION: "3 0 2 0 0 5 0 1 0 0 2 2 0x30"}, 17),
    one("a broker that takes nothing", BLOCKED % "publishing", "0 1x30", "BrokerBlocked"),
    one("a broker that took nothing once", BLOCKED % "publishing", "0 1 0x30"),
    case("a broker's disk", {FREE: "3999999999x30", LIMIT: "2000000000x30"}, 7, "BrokerDiskFills"),
    case("a disk with room", {FREE: "4000000001x30", LIMIT: "2000000000x30"}, 20),
    case("a door that is shut", {WEBHOOKS % "503": "0+2x30", WEBHOOKS % "200": "0x30"},
         12, "DoorShut"),
    case("a door that is shut for one number",
         {WEBHOOKS % "503": "0+2x30", WEBHOOKS % "200": "0+9x30"}, 12, "DoorShut"),
    case("a door that is shut by night", {WEBHOOKS % "503": "0 1x8 2x12 3x30"}, 12, "DoorShut"),
    case("a door that is shut for a municipality that moves",
         {WEBHOOKS % "503": "0+2x30", OF_STOPPED: "0+2x30", WEBHOOKS % "200": "0x30"}, 12),
    case("a door that is shut beside it",
         {WEBHOOKS % "503": "0+3x30", OF_STOPPED: "0+2x30", WEBHOOKS % "200": "0x30"},
         12, "DoorShut"),
    case("a door at a restart of the broker",
         {WEBHOOKS % "503": "0 5 9x30", WEBHOOKS % "200": "9x3 9+2x30"}, 6),
    case("a door at the end of that restart",
         {WEBHOOKS % "503": "0 5 9x30", WEBHOOKS % "200": "9x3 9+2x30"}, 12),
    case("a webhook refused by night and then taken",
         {WEBHOOKS % "503": "0 1x30", WEBHOOKS % "200": "5x5 6x30"}, 12),
    case("an app secret that was changed at Meta", {UNPROVEN_WEBHOOKS: "0 1 2 2 3x60",
         WEBHOOKS % "200": "9x60"}, 12, "WebhooksRefused"),
    case("an app secret changed by night, after half an hour", {UNPROVEN_WEBHOOKS: "0 2x60"}, 40),
    case("one signed webhook of a stranger", {UNPROVEN_WEBHOOKS: "0 1x60"}, 12),
    case("a stranger's webhooks while messages come",
         {UNPROVEN_WEBHOOKS: "0+3x60", WEBHOOKS % "200": "0 0 1x60"}, 20),
    case("a scanner by night", {WEBHOOKS % "401": "0+5x90", UNPROVEN_WEBHOOKS: "0x90",
         WEBHOOKS % "200": "7x90"}, 80),
    one("a door that is open", WEBHOOKS % "200", "0+2x30"),
    case("a crowd at the door", {CROWD % "address": "0 900 2000x30"}, 8, "DoorCrowded"),
    case("a crowd of two kinds",
         {CROWD % "all": "0 12x30", CROWD % "made_room": "0 12x30"}, 8, "DoorCrowded"),
    case("a burst at the door", {CROWD % "address": "0 15x30"}, 8),
    case("publishes that get no confirm", {UNCONFIRMED_PUBLISHES: "0+1x60"},
         20, "PublishesUnconfirmed"),
    case("publishes at a restart of the broker", {UNCONFIRMED_PUBLISHES: "0 30x60"}, 20),
    one("a broker for three weeks", SHOWN % "warning", "0 1x30", "ServerCertificateEnds"),
    one("a broker that was renewed", SHOWN % "warning", "1x3 0x30"),
    one("a broker of another name", SHOWN % "wrong", "0 1x30", "ServerCertificateEndsSoon"),
    one("a broker that is not reached", SHOWN % "unknown", "1x30"),
    one("a certificate that is gone", UNUSABLE, "0 1x30", "CertificateRefused"),
    one("a certificate that was half written", UNUSABLE, "0 1 0x30"),
    one("a secret that is not in use", SECRETS, "0 1x30", "SecretsRefused"),
    one("a secret that was half written", SECRETS, "0 1 0x30"),
    one("attempts that are not recorded", UNRECORDED, "0 0 5x30", "AttemptsUnrecorded"),
    one("attempts that are recorded", UNRECORDED, "5x30"),
    number("a number without webhooks", "subscription", "wrong", "1x30", "NumberUnsubscribed"),
    number("a number without messages", "fields", "wrong", "1x30", "NumberUnsubscribed"),
    number("a number that was subscribed again", "subscription", "wrong", "1x9 0x30"),
    number("a webhook without a field", "fields", "warning", "1x30", "NumberFieldsMissing"),
    number("a webhook that got the field", "fields", "warning", "1x9 0x30"),
    number("a webhook whose fields are not shown", "fields", "unknown", "1x30"),
    number("a number that is banned", "connection", "wrong", "1x30", "NumberDisconnected"),
    number("a number that came back", "connection", "wrong", "1x9 0x30"),
    number("a number without payment", "payment", "wrong", "1x30", "NumberPayment"),
    number("a number that was paid for", "payment", "wrong", "1x9 0x30"),
    number("a business that is not verified", "payment", "warning", "1x30", "NumberWarning"),
    number("a number that Meta flags", "connection", "warning", "1x30", "NumberWarning"),
    number("a number refused direct send", "direct_send", "warning", "1x30", "NumberWarning"),
    number("a number without a flag again", "connection", "warning", "1x9 0x30"),
    number("a token that may not manage", "token", "warning", "1x30", "NumberWarning"),
    case("a token that ends soon",
         {NUMBER % ("token", "warning", "a"): "1x30", TOKEN_ENDS: f"{21 * DAY}x30"},
         7, "TokenEnds"),
    case("a token that may not manage, and lasts",
         {NUMBER % ("token", "warning", "a"): "1x30", TOKEN_ENDS: f"{50 * DAY}x30"},
         7, "NumberWarning"),
    number("an address without a version", "version", "warning", "1x30", "NumberWarning"),
    case("a version that ends soon",
         {NUMBER % ("version", "warning", "a"): "1x30", VERSION_ENDS: f"{60 * DAY}x30"},
         7, "GraphVersionEnds"),
    number("a subscription that is not shown", "subscription", "unknown", "1x30",
           "NumberUnchecked"),
    number("a subscription that is shown again", "subscription", "unknown", "1x9 0x30"),
    number("a webhook's certificate that is not seen", "certificate", "unknown", "1x30"),
    number("a number that is reported", "quality", "warning", "1x30", "NumberQuality"),
    number("a name that was declined", "name", "wrong", "1x30", "NumberQuality"),
    number("a number that is well again", "quality", "wrong", "1x9 0x30"),
    one("a token for a while", TOKEN_ENDS, f"{31 * DAY}x30"),
    one("a token for three weeks", TOKEN_ENDS, f"{21 * DAY}x30", "TokenEnds"),
    one("a token that has ended", TOKEN_ENDS, "60x30", "TokenEnded", "TokenEnds"),
    one("a token that was replaced", TOKEN_ENDS, f"{DAY}x3 {60 * DAY}x30"),
    number("a token that was revoked", "token", "wrong", "1x30", "TokenEnded"),
    number("a token that is accepted again", "token", "wrong", "1x9 0x30"),
    one("a version for half a year", VERSION_ENDS, f"{180 * DAY}x30"),
    one("a version for two months", VERSION_ENDS, f"{60 * DAY}x30", "GraphVersionEnds"),
    one("a version that was replaced", VERSION_ENDS, f"{60 * DAY}x3 {600 * DAY}x30"),
    number("a door for two weeks", "certificate", "warning", "1x30", "WebhookCertificateEnds"),
    number("a door that was renewed", "certificate", "warning", "1x9 0x30"),
    number("a door that is refused", "certificate", "wrong", "1x30", "WebhookCertificateEndsSoon"),
    number("a door that was mended", "certificate", "wrong", "1x9 0x30"),
    case("a number that is not looked at", {LOOKED % "a": "0x240"}, 200, "NumberUnchecked"),
    case("a number of which one deliverer is late",
        {LOOKED % "a": "0x240", LOOKED % "b": "9000x240"}, 200),
    case("a number that is looked at again", {LOOKED % "a": "0x200 12000x40"}, 220),
    case("a move that takes half a day", {MOVING % "a": "1x300", MOVING % "b": "1x300"}, 245,
         "NumberMoves"),
    case("a move of an afternoon", {MOVING % "a": "0 1x200 0x100"}, 245),
    case("a move of which a gateway was started again",
         {MOVING % "a": "1x100 stale", MOVING % "b": "1x300"}, 245, "NumberMoves"),
    one("a number that falls silent", SILENT, "0 0 0 1x30", "NumberSilent"),
    one("a number from which a message came", SILENT, "0 1x10 0x30"),
    case("a silence that no router looks at", {SILENCE_LOOKED % "a": "60x60"}, 30,
         "SilenceUnwatched"),
    case("a silence that one of two routers looks at",
         {SILENCE_LOOKED % "a": "60x60", SILENCE_LOOKED % "b": "0+60x60"}, 30),
    case("services that never look at a silence", {SILENCE_LOOKED % "c": "0x60"}, 30),
    one("a queue that is full", WAITING % ("seconds", 0), "360+60x30", "Waiting"),
    one("a queue that was full for a moment", WAITING % ("seconds", 0), "0 60 120 0x30"),
    one("a queue that takes everything again", WAITING % ("seconds", 0), "900x5 0x30"),
    case("one queue of two partitions",
         {WAITING % ("seconds", 0): "900x30", WAITING % ("seconds", 1): "900x30"}, 7, "Waiting"),
    one("a service that waits", UNCOMPARED, "0 0 1x30", "DestructionsUncompared"),
    one("a service that waits for a minute", UNCOMPARED, "0 1 1 0x30"),
    one("a token that was made by hand", "postkamer_tokens_refused", "0 0 1x30", "TokenRefused"),
    one("tokens of ours", "postkamer_tokens_refused", "0x30"),
    one("an archiver that is not heard", TOKEN_LIST, "540+60x30", "TokenListOld"),
    one("an archiver that is heard again", TOKEN_LIST, "540+60x2 10x30"),
    one("a provider that gives no keys", KEYS, "3500+60x30", "IdentityKeysOld"),
    one("a provider that gave keys again", KEYS, "3500+60x3 0x30"),
    one("the provider of the sandbox", KEYS.replace("entra", "sandbox"), "3500+60x30"),
    one("an owner who does not hear", UNREACHED, "880+60x30", "OwnerUnreached"),
    one("an owner who hears again", UNREACHED, "880+60x5 0x30"),
    one("a notice that is given up", TOLD % "given_up", "0 1x30", "OwnerUnreached"),
    case("a notice that was given up the day before", {TOLD % "given_up": "0 1x1600"}, 1500),
    one("notices that are tried again", TOLD % "failed", "0+1x30"),
    one("much that waits", WAITING % ("bytes", 1), f"{QUARTER + 1}x30", "WaitingNearlyFull"),
    case("a desk that is gone", {UP % ("desk", "a"): "1 1 0x30"}, 8, "DeskDown"),
    case("a desk that was never there", {UP % ("desk", "a"): "0x30"}, 9),
    case("one of two desks", {UP % ("desk", "a"): "1 0x30", UP % ("desk", "b"): "1x30"},
         8, "InstanceDown"),
    case("a provider that is away", {LOGINS % "away": "0 2 6x30", LOGINS % "logged_in": "9x30"},
         8, "DeskLoginsFail"),
    case("a client whose secret is another",
         {LOGINS % "refused": "0 2 6x30", LOGINS % "logged_in": "0x30"}, 8, "DeskLoginsFail"),
    case("logins that fail beside others that do not",
         {LOGINS % "away": "0 2 6x30", LOGINS % "logged_in": "9 9 9 10x30"}, 8),
    case("people who are sent away without a grant", {LOGINS % "unknown": "0 9x30"}, 8),
    case("strangers at the callback", {LOGINS % "late": "0+9x30"}, 8),
    case("a gateway that does not answer the desk",
         {API % "unanswered": "0+3x30", API % "answered": "0+3x30"}, 12, "DeskApiFails"),
    case("a gateway that was started again",
         {API % "unanswered": "0 6x30", API % "answered": "0+3x30"}, 12),
    case("a gateway that a tenth of the requests miss",
         {API % "unanswered": "0+3x30", API % "answered": "0+27x30"}, 20),
    case("a gateway that refuses", {API % "refused": "0+9x30", API % "unanswered": "0x30"}, 20),
    one("a desk with many pages", STREAMS % "a", "321x30", "DeskPagesFull"),
    case("two desks with many pages together",
         {STREAMS % "a": "300x30", STREAMS % "b": "300x30"}, 20),
    one("much that has gone out", WAITING % ("bytes", 1), f"{QUARTER + 1}x9 {QUARTER}x30"),
]  # fmt: skip


def rule(alarm: str) -> dict[str, Any]:
    [found] = [rule for rule in RULES if rule["alert"] == alarm]
    return found


def test_alarms_name_metrics_and_labels_that_exist() -> None:
    known = known_metrics()
    for each in RULES:
        assert expression_faults(each["expr"], known) == [], each["alert"]
        names = names_in(each["expr"])
        used = re.findall(r"\$labels\.(\w+)", each["annotations"]["summary"])
        assert names and set(used) <= set.union(*(known[name] for name in names)), each["alert"]
        assert each["labels"]["severity"] in {"wake", "page", "ticket"}


def test_at_most_six_alarms_wake_someone() -> None:
    assert 0 < sum(each["labels"]["severity"] == "wake" for each in RULES) <= MAY_WAKE


@pytest.mark.parametrize(
    ("alarm", "label", "values"),
    [
        ("PostkamerUnprovenItems", "reason", {UNPROVEN}),
        ("PostkamerNumberStopped", "outcome", {STOPPED}),
        ("PostkamerOpenKlantActor", "outcome", {"actor"} & {*get_args(TaskStatus)}),
        ("PostkamerDeskLoginsFail", "outcome", {"logged_in", *FAILURES} - {"late", "unknown"}),
        ("PostkamerDeskApiFails", "outcome", {API_OUTCOMES[-1]}),
        ("PostkamerOwnerUnreached", "outcome", {"given_up"} & {*OUTCOMES}),
        ("PostkamerSendsFail", "outcome", {SEND_OUTCOMES[kind] for kind in (Failed, Sent)}),
        (
            "PostkamerNothingSent",
            "outcome",
            {SEND_OUTCOMES[kind] for kind in (RetryLater, Unknown, Sent)},
        ),
    ],
)
def test_alarm_selects_label_values_as_the_services_write_them(
    alarm: str, label: str, values: set[str]
) -> None:
    selected = re.findall(rf'{label}=~?"(.*?)"', rule(alarm)["expr"])
    assert {value for each in selected for value in each.split("|")} == values


def test_alarm_of_open_pages_goes_off_at_four_fifths_of_their_bound() -> None:
    assert f"> {MAX_PAGES * 4 // 5}" in rule("PostkamerDeskPagesFull")["expr"]
    assert (
        f"It tells {MAX_PAGES} at most"
        in rule("PostkamerDeskPagesFull")["annotations"]["description"]
    )


def test_archive_queue_alarm_goes_off_at_a_quarter_of_the_queue_limit() -> None:
    [queue] = [queue for queue in topology.queues(0, ()) if queue.kind == "archive"]
    bounds = re.findall(r"\d{4,}", rule("PostkamerArchiveQueueGrows")["expr"])
    assert bounds == [str(queue.max_bytes // 4)] == [str(QUARTER)]
    for each in RULES:
        assert set(re.findall(r'queue="(.*?)"', each["expr"])) <= {topology.ARCHIVE_QUEUE}


def test_consumer_alarm_watches_every_queue() -> None:
    [pattern] = re.findall(r'queue=~"(.*?)"', rule("PostkamerNoConsumer")["expr"])
    names = [queue.name for queue in topology.queues(12, ["crm", "open-klant"])]
    assert [name for name in names if not re.fullmatch(pattern, name)] == []


def test_waiting_alarm_goes_off_at_a_quarter_of_the_limit() -> None:
    bounds = re.findall(r"\d{4,}", rule("PostkamerWaitingNearlyFull")["expr"])
    assert bounds == [str(WAITING_BYTES // 4)]


@pytest.mark.parametrize("alarm", [rule["alert"] for rule in RULES])
def test_each_alarm_has_a_case_that_fires_and_one_that_stays_silent(alarm: str) -> None:
    """A case in which its metric has no series says nothing of an alarm."""
    names = names_in(rule(alarm)["expr"])
    names = names - {"up"} or names
    fires = [
        alarm in each.alarms
        for each in CASES
        if names & {series.partition("{")[0] for series in each.series}
    ]
    assert set(fires) == {True, False}


def test_prometheus_loads_the_rules() -> None:
    configured = yaml.safe_load((FOLDER / "prometheus.yml").read_text())
    assert configured["rule_files"] == ["rules.yml"]


@pytest.mark.slow
@needs_promtool
def test_alarms_go_off_in_exactly_these_cases(tmp_path: Path) -> None:
    run_cases(CASES, tmp_path)


def test_checks_that_alarm_while_unknown_are_those_of_the_screen() -> None:
    [rule] = [rule for rule in load_rules() if rule["alert"] == "PostkamerNumberUnchecked"]
    assert f'check=~"{"|".join(MUST_BE_SHOWN)}"' in rule["expr"]
