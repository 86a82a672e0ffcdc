"""The one catalogue of metrics. Names and labels are free of personal data."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

REGISTRY = CollectorRegistry()

TRIP = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60, 600, 3600, 86400)
"""Seconds: from a quick trip to a CRM that was down for a day."""
QUICK = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)


def _counter(name: str, help: str, *labels: str) -> Counter:
    return Counter(name, help, labels, registry=REGISTRY)


def _gauge(name: str, help: str, *labels: str) -> Gauge:
    return Gauge(name, help, labels, registry=REGISTRY)


def _histogram(name: str, help: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
    return Histogram(name, help, labels, buckets=buckets, registry=REGISTRY)


webhook_requests = _counter("postkamer_webhook_requests_total", "Webhooks by answer", "status")
webhook_seconds = _histogram("postkamer_webhook_seconds", "Time to answer a webhook", QUICK)
publish_batch_size = _histogram("postkamer_publish_batch_size", "Entries in one publish", SIZES)
door_refused = _counter(
    "postkamer_door_refused_total",
    "Connections and bodies that the front door refused by a bound, or closed to make room",
    "bound",
)
api_refusals = _counter("postkamer_api_refusals_total", "Calls of an API not let in", "status")
messages_received = _counter("postkamer_messages_received_total", "Messages by type", "type")
duplicates = _counter("postkamer_duplicates_total", "Items that were known already")
decisions = _counter(
    "postkamer_decisions_total", "Messages by where they went", "department", "rule"
)
deliveries = _counter(
    "postkamer_deliveries_total", "Attempts to deliver an event", "destination", "outcome"
)
destination_paused = _gauge(
    "postkamer_destination_paused", "1 while a destination is paused", "destination"
)
destination_window = _gauge(
    "postkamer_destination_window", "Deliveries that may be in flight by now", "destination"
)
destination_aside = _gauge(
    "postkamer_destination_aside", "Conversations that wait for a message that fails", "destination"
)
openklant_rounds = _counter(
    "postkamer_openklant_rounds_total",
    "Rounds past tasks in an Open Klant",
    "destination",
    "outcome",
)
openklant_looks = _counter(
    "postkamer_openklant_looks_total",
    "Looks at one task in an Open Klant, by what was found",
    "destination",
    "outcome",
)
openklant_registrations = _counter(
    "postkamer_openklant_registrations_total",
    "Contacts that employees registered in an Open Klant, sent to the citizen or only kept",
    "destination",
    "outcome",
)
openklant_unseen_seconds = _gauge(
    "postkamer_openklant_unseen_seconds",
    "How long ago the task was looked at that waits longest for it",
    "destination",
)
openklant_erasures = _counter(
    "postkamer_openklant_erasures_total",
    "Attempts to delete a contact of a destroyed conversation in an Open Klant",
    "destination",
    "outcome",
)
openklant_unerased = _gauge(
    "postkamer_openklant_unerased",
    "Contacts of destroyed conversations that an Open Klant still has",
    "destination",
)
openklant_unerased_seconds = _gauge(
    "postkamer_openklant_unerased_seconds",
    "How long the contact of a destroyed conversation waits that waits longest",
    "destination",
)
trip_seconds = _histogram("postkamer_trip_seconds", "Webhook in to CRM accepted", TRIP)
sends = _counter("postkamer_sends_total", "Messages offered to Meta", "number", "outcome")
marks = _counter(
    "postkamer_marks_total", "Messages of citizens to be shown as read", "number", "outcome"
)
sends_unconfirmed = _gauge(
    "postkamer_sends_unconfirmed",
    "Messages of the last day of which nobody knows whether they were sent",
    "number",
)
answers_held = _gauge(
    "postkamer_answers_held", "Answers that wait until their citizen writes again", "number"
)
archive_records = _counter("postkamer_archive_records_total", "Records written", "kind")
tokens_refused = _gauge(
    "postkamer_tokens_refused", "Tokens in the table that no command of this installation made"
)
token_list_age = _gauge(
    "postkamer_token_list_age_seconds",
    "Age of the newest list of refused tokens that the archiver gave this process",
)
operations_unproven = _counter(
    "postkamer_operations_unproven_total",
    "Operators' actions in production of persons whom nothing proves, and rows of such actions that"
    " cannot be read",
)
attempts_unrecorded = _counter(
    "postkamer_attempts_unrecorded_total", "Failed attempts that did not come on the record"
)
archive_forks = _counter(
    "postkamer_archive_forks_total",
    "Times that the log was not what this process had written, or that a row was forged",
)
dossiers = _gauge(
    "postkamer_dossiers",
    "Conversations by what their term says: open, unset, waits, destroy or permanent",
    "state",
)
destruction_overdue = _gauge(
    "postkamer_destruction_overdue_days",
    "Days since the term of the conversation that is overdue longest, on no list and not held",
)
conversations_destroyed = _counter(
    "postkamer_conversations_destroyed_total", "Conversations destroyed by approved lists"
)
hashes_to_renew = _gauge(
    "postkamer_hashes_to_renew",
    "Entries that are still to be hashed under the new key after a destruction",
)
destructions_uncompared = _gauge(
    "postkamer_destructions_uncompared",
    "1 while this process waits until the destructions outside were compared with the database",
)
files_removed = _counter(
    "postkamer_files_removed_total", "Files of destroyed messages that left the object store"
)
destruction_lists = _gauge(
    "postkamer_destruction_lists",
    "Destruction lists that are not destroyed or withdrawn, by how far they are",
    "tenant",
    "state",
)
destruction_left = _gauge(
    "postkamer_destruction_left",
    "Conversations on lists that are due which are not destroyed yet",
    "tenant",
)
destruction_still_seconds = _gauge(
    "postkamer_destruction_still_seconds",
    "How long nothing was destroyed of a list that is due",
    "tenant",
)
archive_shut = _counter(
    "postkamer_archive_shut_total", "Entries that could not be opened: they or their keys changed"
)
archive_witness_answers = _counter(
    "postkamer_archive_witness_answers_total",
    "Requests to a witness to co-sign the log, by what came of it",
    "witness",
    "outcome",
)
archive_witness_behind = _gauge(
    "postkamer_archive_witness_behind_seconds",
    "Age of the oldest checkpoint that a witness has not co-signed; 0 if none",
    "witness",
)
witness_answers = _counter(
    "postkamer_witness_answers_total", "Checkpoints that a witness was asked for", "log", "status"
)
archive_size = _gauge("postkamer_archive_entries", "Entries in the log at its last checkpoint")
archive_checkpoint = _gauge(
    "postkamer_archive_checkpoint_timestamp_seconds", "When the last checkpoint was signed"
)
timestamps = _counter(
    "postkamer_timestamps_total", "Times that an authority was asked for a time stamp", "outcome"
)
archive_unstamped_seconds = _gauge(
    "postkamer_archive_unstamped_seconds",
    "How long ago the oldest checkpoint was signed that no time stamp covers",
)
signatures_missed = _counter(
    "postkamer_archive_signatures_missed_total", "Times that no signer signed a checkpoint"
)
archive_lag_seconds = _gauge("postkamer_archive_lag_seconds", "Age of the newest record written")
requests = _gauge(
    "postkamer_requests",
    "Requests of citizens about their data that are not decided: all, due within 5 days, overdue",
    "tenant",
    "state",
)
holds = _gauge(
    "postkamer_holds",
    "Holds that keep conversations from being destroyed: all, and overdue for review",
    "tenant",
    "state",
)
handovers = _counter(
    "postkamer_handovers_total",
    "Attempts to hand a transcript over, by target: done, later, parked",
    "target",
    "outcome",
)
handovers_waiting = _gauge(
    "postkamer_handovers_waiting", "Transcripts to be handed over: waiting, parked", "state"
)
handover_oldest_seconds = _gauge(
    "postkamer_handover_oldest_seconds", "Age of what should have been handed over longest ago"
)
media = _counter("postkamer_media_total", "Files of citizens by what became of them", "outcome")
media_attempts = _counter(
    "postkamer_media_attempts_total", "Attempts that did not bring a file, by why", "outcome"
)
media_damaged = _counter(
    "postkamer_media_damaged_total", "Times that a file was not there or not what was kept"
)
media_waiting = _gauge(
    "postkamer_media_waiting", "Files that wait to be fetched or scanned", "state"
)
media_waiting_seconds = _gauge(
    "postkamer_media_waiting_seconds", "How long ago the oldest of these was sent", "state"
)
parked = _gauge("postkamer_parked", "Deliveries parked", "queue")
parked_ends = _gauge(
    "postkamer_parked_ends_seconds",
    "How long the oldest parked delivery is kept yet; the whole term without one",
    "queue",
)
notices = _counter("postkamer_notices_total", "Notices of Meta's", "field", "event")
notice_alarms = _counter(
    "postkamer_notice_alarms_total", "Notices that a person must see", "field", "event"
)
first_sightings = _counter(
    "postkamer_first_sightings_total", "Things of Meta's that were never seen before", "kind"
)
quarantined = _counter("postkamer_quarantined_total", "Items kept aside", "reason")
consumers = _gauge("postkamer_consumers", "Consumers held, as the broker sees them", "queue")
instances = _gauge("postkamer_instances", "Instances that share queues, by their rows", "service")
queue_held = _gauge("postkamer_queue_held", "1 while this instance gets the messages", "queue")
queues_let_go = _counter(
    "postkamer_queues_let_go_total", "Times that a queue was left to another instance", "queue"
)
unconfirmed = _counter(
    "postkamer_unconfirmed_publishes_total", "Publishes that were not confirmed", "reason"
)
broker_blocked = _gauge(
    "postkamer_broker_blocked", "1 while an alarm of the broker keeps us from publishing", "link"
)
batches_missing = _gauge("postkamer_batches_missing", "Batch numbers never seen", "partition")
rules_refused = _gauge(
    "postkamer_rules_refused",
    "1 while the files of rules and texts cannot be taken, or fall below a table of messages",
)
rules_waiting = _gauge(
    "postkamer_rules_waiting", "1 while the files hold a version that waits for a second person"
)
secrets_refused = _gauge(
    "postkamer_secrets_refused",
    "1 while a file of secrets was changed and holds what a running service cannot take",
)
rules_reads = _counter(
    "postkamer_rules_reads_total", "Times that changed rules and texts were read", "outcome"
)
destination_tokens = _counter(
    "postkamer_destination_tokens_total", "Tokens asked for", "destination", "outcome"
)
certificate_not_after = _gauge(
    "postkamer_destination_certificate_not_after_seconds",
    "Until when the certificate is valid that is shown to a destination, since 1970",
    "destination",
)
messages_charged = _counter(
    "postkamer_messages_charged_total", "Messages that Meta charges for", "category"
)
message_cost = _counter(
    "postkamer_message_cost_total", "What these cost, in the currency of the rates", "category"
)
budget_used = _gauge(
    "postkamer_budget_used_ratio", "Share of its budget that a municipality used", "tenant"
)
rules_version = _gauge(
    "postkamer_rules_version", "1 for the one version of rules and texts in force", "version"
)
rules_loaded = _gauge(
    "postkamer_rules_loaded_timestamp_seconds", "When the version in force was taken"
)
timeouts = _counter("postkamer_timeouts_total", "Time-outs told to their partition", "kind")
timeouts_late_seconds = _gauge(
    "postkamer_timeouts_late_seconds", "How long the oldest time-out is due that is not decided"
)
held_seconds = _gauge(
    "postkamer_held_seconds", "How long the oldest event waits of a conversation that is held"
)
database_unguarded = _gauge(
    "postkamer_database_unguarded",
    "1 while commits wait for no stand-by, although the URL names more than one server",
)
database_waits = _gauge(
    "postkamer_database_waits", "Pieces of work that are tried again until the database answers"
)
certificate_refused = _gauge(
    "postkamer_destination_certificate_refused",
    "1 while the files of a destination's certificate hold none that can be used",
    "destination",
)
balance = _gauge(
    "postkamer_balance",
    "Items, records, deliveries and sends since the balance began, by where they are",
    "equation",
    "subject",
    "part",
)
balance_missing = _gauge(
    "postkamer_balance_missing", "Things that cannot be found where they have to be", "equation"
)
balance_differences = _gauge(
    "postkamer_balance_differences", "Lines of the balance that do not add up"
)
balance_round = _gauge(
    "postkamer_balance_round_timestamp_seconds", "When the last round of the balance ended"
)
number_health = _gauge(
    "postkamer_number_health",
    "1 for the state of each check of a number at Meta or a BSP, 0 for the other states",
    "number",
    "check",
    "state",
)
number_looked = _gauge(
    "postkamer_number_looked_timestamp_seconds",
    "Oldest of the last answers to the hourly checks of a number",
    "number",
)
number_token_expires = _gauge(
    "postkamer_number_token_expires_timestamp_seconds",
    "End of the access token of a number; absent if it has none",
    "number",
)
graph_version_ends = _gauge(
    "postkamer_graph_version_ends_timestamp_seconds",
    "End of the Graph version by which a number sends; absent until Meta publishes it",
    "number",
)
webhook_certificate_not_after = _gauge(
    "postkamer_webhook_certificate_not_after_timestamp_seconds",
    "End of the certificate of the address to which a number's webhooks are sent",
    "number",
)
server_certificate_not_after = _gauge(
    "postkamer_server_certificate_not_after_seconds",
    "Until when the certificate of a server is valid, since 1970: the first to end",
    "server",
)
server_certificate = _gauge(
    "postkamer_server_certificate",
    "1 for the state of the certificates that broker, database or object store shows",
    "server",
    "state",
)
owner_notices = _counter(
    "postkamer_owner_notices_total",
    "Attempts to tell who owns a destination about its state",
    "destination",
    "outcome",
)
owner_unreached = _gauge(
    "postkamer_owner_unreached_seconds",
    "How long the oldest notice waits that the owner of a destination did not get",
    "destination",
)
desk_event_requests = _counter(
    "postkamer_desk_event_requests_total",
    "Requests that brought events to the desk, by answer",
    "status",
)
desk_answers = _counter(
    "postkamer_desk_answers_total",
    "Answers that employees gave to the gateway, by what became of them",
    "outcome",
)
desk_logins = _counter(
    "postkamer_desk_logins_total", "Returns from the identity provider, by outcome", "outcome"
)
desk_streams = _gauge("postkamer_desk_streams", "Open pages that are told of changes")
desk_api_requests = _counter(
    "postkamer_desk_api_requests_total", "Requests of the desk to an API", "api", "outcome"
)
identity_keys_age = _gauge(
    "postkamer_identity_keys_age_seconds",
    "Time since an identity provider gave its keys",
    "provider",
)
number_stopped = _gauge(
    "postkamer_number_stopped",
    "1 while a number is stopped because its municipality moves",
    "number",
)
number_silent = _gauge(
    "postkamer_number_silent", "1 while a number is silent for longer than is usual", "number"
)
number_silent_seconds = _gauge(
    "postkamer_number_silent_seconds", "Open time since a citizen wrote last", "number"
)
number_usual_gap_seconds = _gauge(
    "postkamer_number_usual_gap_seconds",
    "Usual gap between messages of citizens at this weekday and hour, in open time",
    "number",
)
number_silence_counts_from = _gauge(
    "postkamer_number_silence_counts_from_timestamp_seconds",
    "From when a silence of the number can be an alarm: four weeks after its first message",
    "number",
)
silence_looked = _gauge(
    "postkamer_silence_looked_timestamp_seconds",
    "When a router last looked at the silence of the numbers; its own start, until it knows",
)
webhooks_of_stopped = _counter(
    "postkamer_webhooks_stopped_total",
    "Webhooks answered 503 because the municipality of an item moves",
)
webhooks_unproven = _counter(
    "postkamer_webhooks_unproven_total",
    "Webhooks answered 401 although they were signed: another secret, path or client certificate",
)
waiting = _gauge(
    "postkamer_waiting",
    "Events that a destination's queue did not take, as it is full or gone",
    "destination",
    "partition",
)
waiting_bytes = _gauge(
    "postkamer_waiting_bytes", "Bytes of these events", "destination", "partition"
)
waiting_seconds = _gauge(
    "postkamer_waiting_seconds",
    "How long the oldest of these events waits",
    "destination",
    "partition",
)
quarantine = _gauge("postkamer_quarantine", "Units or records in quarantine that wait for a person")
rows_shut = _counter(
    "postkamer_rows_shut_total", "Rows that did not open, each time one was met", "table"
)
rows_cleared = _counter("postkamer_rows_cleared_total", "Rows that ended at their term", "rows")
rows_over_term = _gauge(
    "postkamer_rows_over_term_seconds",
    "How long the oldest row is over its term that nothing needs any more",
    "rows",
)
working_key_oldest = _gauge(
    "postkamer_working_key_oldest_timestamp_seconds",
    "Day of the oldest working key that is not destroyed",
    "kind",
)
working_key_due = _gauge(
    "postkamer_working_key_due_timestamp_seconds",
    "When the first of these is to be destroyed at the latest, without those of rows in force",
    "kind",
)
working_key_failures = _counter(
    "postkamer_working_key_failures_total", "Looks for working keys to destroy that failed"
)
