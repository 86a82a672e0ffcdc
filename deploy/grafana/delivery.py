"""The dashboard of the operator: from the webhook to the departments and back, and the record."""

from deploy.grafana.panels import Dashboard, Panel, Row, count, largest, quantile, recent
from deploy.grafana.today import FIRING, TRIP

WEBHOOKS, ANSWERS = "postkamer_webhook_requests_total", "postkamer_webhook_seconds"
QUEUES = '{queue=~"router[.].+|deliverer[.].+|archiver[.].+"}'
UNCONFIRMED = "postkamer_unconfirmed_publishes_total"
DELIVERIES, TOKENS = "postkamer_deliveries_total", "postkamer_destination_tokens_total"
UNSEEN = largest("postkamer_openklant_unseen_seconds", "destination")
HEALTH = 'postkamer_number_health{state=~"warning|wrong"}'
TROUBLE = f"{largest(HEALTH, 'number, check, state')} > 0"
NOT_AFTER = "min by (destination) (postkamer_destination_certificate_not_after_seconds)"
CHECKPOINT = "max(postkamer_archive_checkpoint_timestamp_seconds)"

NOW = Row("Now", (
    Panel("Services", "stat", {"{{service}}": 'min by (service) (up{job="postkamer"})'}, 7,
          about="1: it answers. 0: it does not."),
    Panel("Alarms", "table", {"alarm": FIRING}, 10),
    Panel("Rules", "stat",
          {"versions in force": "count(count by (version) (postkamer_rules_version == 1))",
           "services that refused a change": "sum(postkamer_rules_refused)"}, 7),
))  # fmt: skip
DOOR = Row("Door", (
    Panel("Webhooks in 5 minutes", "timeseries", {"{{status}}": recent(WEBHOOKS, "status")}, 8),
    Panel("Time to answer a webhook", "timeseries",
          {"p50": quantile(0.5, ANSWERS), "p99": quantile(0.99, ANSWERS)}, 8, "s"),
    Panel("Calls of an API that were refused in 5 minutes", "timeseries",
          {"{{status}}": recent("postkamer_api_refusals_total", "status")}, 8),
))  # fmt: skip
BROKER = Row("Broker and database", (
    Panel("In each queue", "timeseries",
          {"{{queue}}": largest(f"rabbitmq_queue_messages{QUEUES}", "queue")}, 8),
    Panel("Consumers of each queue", "bargauge",
          {"{{queue}}": largest(f"rabbitmq_queue_consumers{QUEUES}", "queue")}, 8),
    Panel("Publishes without a confirm in 5 minutes", "timeseries",
          {"{{service}}: {{reason}}": recent(UNCONFIRMED, "service, reason")}, 8),
    Panel("Disk of the broker", "timeseries",
          {"free": "rabbitmq_disk_space_available_bytes",
           "limit": "rabbitmq_disk_space_available_limit_bytes"}, 8, "bytes"),
    Panel("Blocked by the broker", "bargauge",
          {"{{service}}": largest("postkamer_broker_blocked", "service")}, 8, red_from=1),
    Panel("Waiting for the database", "bargauge",
          {"{{service}}": largest("postkamer_database_waits", "service")}, 8, red_from=1),
    Panel("Missing on the balance", "bargauge",
          {"{{equation}}": largest("postkamer_balance_missing", "equation")}, 8, red_from=1),
))  # fmt: skip
DECISIONS = Row("Decisions", (
    Panel("Messages in 5 minutes", "timeseries",
          {"{{type}}": recent("postkamer_messages_received_total", "type"),
           "repeated": recent("postkamer_duplicates_total")}, 8),
    Panel("Quarantined in this period", "bargauge",
          {"{{service}}: {{reason}}": count("postkamer_quarantined_total", "service, reason")}, 8,
          red_from=1),
    Panel("Oldest time-out that is late", "timeseries",
          {"late": "max(postkamer_timeouts_late_seconds)"}, 8, "s"),
))  # fmt: skip
DESTINATIONS = Row("Destinations", (
    Panel("Deliveries in 5 minutes", "timeseries",
          {"{{destination}} {{outcome}}": recent(DELIVERIES, "destination, outcome")}, 8),
    Panel("From webhook to department", "timeseries",
          {"p50": quantile(0.5, TRIP), "p99": quantile(0.99, TRIP)}, 8, "s"),
    Panel("Paused, sidelined, parked", "bargauge",
          {"{{destination}} paused": largest("postkamer_destination_paused", "destination"),
           "{{destination}} aside": largest("postkamer_destination_aside", "destination"),
           "{{queue}} parked": largest("postkamer_parked", "queue")}, 8, red_from=1),
    Panel("Deliveries in flight, at most", "timeseries",
          {"{{destination}}": largest("postkamer_destination_window", "destination")}, 6),
    Panel("Tokens asked for in 5 minutes", "timeseries",
          {"{{destination}} {{outcome}}": recent(TOKENS, "destination, outcome")}, 6),
    Panel("Certificates end in", "bargauge", {"{{destination}}": f"{NOT_AFTER} - time()"}, 6, "s"),
    Panel("Tasks in Open Klant not seen for", "timeseries", {"{{destination}}": UNSEEN}, 6, "s"),
    Panel("Destroyed, and still in Open Klant", "timeseries",
          {"{{destination}}": largest("postkamer_openklant_unerased", "destination")}, 6),
))  # fmt: skip
SENDS = Row("To citizens", (
    Panel("Sends in 5 minutes", "timeseries",
          {"{{number}} {{outcome}}": recent("postkamer_sends_total", "number, outcome")}, 8),
    Panel("Unconfirmed, and held until the citizen writes", "bargauge",
          {"{{number}} unconfirmed": largest("postkamer_sends_unconfirmed", "number"),
           "{{number}} held": largest("postkamer_answers_held", "number")}, 8),
    Panel("Numbers that are not in order at Meta", "bargauge",
          {"{{number}} {{check}} {{state}}": TROUBLE}, 8, red_from=1,
          about="Hourly checks; `postkamer check --live` makes them now."),
))  # fmt: skip
RECORD = Row("Record and files", (
    Panel("Records in 5 minutes", "timeseries",
          {"{{kind}}": recent("postkamer_archive_records_total", "kind")}, 8),
    Panel("Behind, and not signed for", "timeseries",
          {"behind": "max(postkamer_archive_lag_seconds)", "unsigned": f"time() - {CHECKPOINT}"},
          8, "s"),
    Panel("Oldest file that waits", "timeseries",
          {"{{state}}": largest("postkamer_media_waiting_seconds", "state")}, 8, "s"),
))  # fmt: skip
LOGINS, OF_APIS = "postkamer_desk_logins_total", "postkamer_desk_api_requests_total"
EVENTS_AT_DESK = "postkamer_desk_event_requests_total"
DESK = Row("The desk", (
    Panel("Answers of employees in 5 minutes", "timeseries",
          {"{{outcome}}": recent("postkamer_desk_answers_total", "outcome")}, 8),
    Panel("Logins in 5 minutes", "timeseries", {"{{outcome}}": recent(LOGINS, "outcome")}, 8),
    Panel("Open pages", "timeseries",
          {"{{instance}}": largest("postkamer_desk_streams", "instance")}, 8),
    Panel("Requests with events in 5 minutes", "timeseries",
          {"{{status}}": recent(EVENTS_AT_DESK, "status")}, 12),
    Panel("Requests of the APIs in 5 minutes", "timeseries",
          {"{{api}} {{outcome}}": recent(OF_APIS, "api, outcome")}, 12),
))  # fmt: skip

DELIVERY = Dashboard(
    uid="postkamer-delivery",
    title="Postkamer: delivery",
    about="What comes in, where it waits, and where it goes. Each alarm is in docs/runbook.md.",
    period=("now-3h", "now"),
    rows=(NOW, DOOR, BROKER, DECISIONS, DESTINATIONS, DESK, SENDS, RECORD),
)
