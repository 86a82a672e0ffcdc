"""The dashboard of the manager of a contact centre: today, in Dutch."""

from deploy.grafana.panels import Dashboard, Panel, Row, count, largest, quantile

MESSAGES, DECISIONS = "postkamer_messages_received_total", "postkamer_decisions_total"
SENT, FAILED = (f'postkamer_sends_total{{outcome="{outcome}"}}' for outcome in ("sent", "failed"))
UNCERTAIN = largest("postkamer_sends_unconfirmed", "number")
HELD = largest("postkamer_answers_held", "number")
COST, CHARGED = "postkamer_message_cost_total", "postkamer_messages_charged_total"
TRIP = "postkamer_trip_seconds"
FIRING = 'sum by (alertname, severity) (ALERTS{alertstate="firing"})'
SOON, OVERDUE = (
    largest(f'postkamer_requests{{state="{state}"}}', "tenant") for state in ("soon", "overdue")
)
DAY = 86400

TOTALS = Row("Vandaag", (
    Panel("Berichten van inwoners", "stat", {"berichten": count(MESSAGES)}, 4),
    Panel("Antwoorden verstuurd", "stat", {"antwoorden": count(SENT)}, 4),
    Panel("Antwoorden mislukt", "stat", {"mislukt": count(FAILED)}, 4, red_from=1),
    Panel("Onzeker of het aankwam", "stat", {"onzeker": f"sum({UNCERTAIN})"}, 4, red_from=1,
          about="Meta bevestigde niet. Vraag het de inwoner, of kijk in WhatsApp Manager."),
    Panel("Wacht tot de inwoner weer schrijft", "stat", {"antwoorden": f"sum({HELD})"}, 4,
          about="Antwoorden na 24 uur. De inwoner is gevraagd om iets te sturen."),
    Panel("Langst vastgehouden", "stat", {"gesprek": "max(postkamer_held_seconds)"}, 4, "s", DAY,
          about="Een regel houdt dit gesprek bij de afdeling weg, tot iemand het vrijgeeft."),
))  # fmt: skip
DEPARTMENTS = Row("Afdelingen", (
    Panel("Berichten per afdeling", "bargauge",
          {"{{department}}": count(DECISIONS, "department")}, 8),
    Panel("Regels die het vaakst beslisten", "bargauge",
          {"{{rule}}": f"topk(10, {count(DECISIONS, 'rule')})"}, 8),
    Panel("Soorten berichten", "bargauge", {"{{type}}": count(MESSAGES, "type")}, 8),
))  # fmt: skip
HOURS = Row("Door de dag", (
    Panel("Berichten en antwoorden per uur", "timeseries",
          {"berichten": count(MESSAGES, over="1h"), "antwoorden": count(SENT, over="1h")}, 12),
    Panel("Wachttijd tot de afdeling het bericht heeft", "timeseries",
          {"de helft binnen": quantile(0.5, TRIP, over="1h"),
           "19 van de 20 binnen": quantile(0.95, TRIP, over="1h")}, 12, "s",
          about="Van Meta tot het systeem van de afdeling, niet tot het antwoord."),
))  # fmt: skip
COSTS = Row("Kosten", (
    Panel("Kosten vandaag", "bargauge", {"{{category}}": count(COST, "category")}, 8, "currencyEUR",
          about="Volgens de tarieven in postkamer.toml."),
    Panel("Berichten die Meta rekent", "bargauge", {"{{category}}": count(CHARGED, "category")}, 8),
    Panel("Deel van het budget van deze maand", "bargauge",
          {"{{tenant}}": largest("postkamer_budget_used_ratio", "tenant")}, 8, "percentunit", 0.8),
))  # fmt: skip
ATTENTION = Row("Wat aandacht vraagt", (
    Panel("Alarmen", "table", {"alarm": FIRING}, 12, about="Elk alarm staat in docs/runbook.md."),
    Panel("Verzoeken over gegevens", "bargauge",
          {"{{tenant}}: binnen vijf dagen": SOON, "{{tenant}}: te laat": OVERDUE}, 6, red_from=1),
    Panel("Bestanden die wachten", "bargauge",
          {"{{state}}": largest("postkamer_media_waiting", "state")}, 6),
))  # fmt: skip

TODAY = Dashboard(
    uid="postkamer-vandaag",
    title="Postkamer: vandaag",
    about="Tellingen van de diensten; na een herstart kunnen er enkele ontbreken. De opdracht"
    " `postkamer costs` rekent precies.",
    period=("now/d", "now"),
    rows=(TOTALS, DEPARTMENTS, HOURS, COSTS, ATTENTION),
)
