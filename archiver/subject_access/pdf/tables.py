"""Tables of the printed report: consent, changes, deliveries, accesses, copies. Pure."""

from typing import Any

from archiver.printing import labels
from archiver.printing.labels import format_count, format_date, format_moment
from archiver.subject_access.report import Consent, Report

Json = dict[str, Any]
Rows = list[list[str]]


def tables(report: Report) -> list[Json]:
    """Return the tables in the order of the pages. An empty table says so: an answer too."""
    return [
        _table("Toestemming", CONSENTS, _consents(report)),
        _table("Een ander nummer of een andere naam", CHANGES, _changes(report)),
        _table("Naar welke systemen het ging", DELIVERIES, _deliveries(report)),
        _table("Wie uw gegevens bekeek", VIEWS, _views(report)),
        _table("Waar nog meer een kopie is", COPIES, _copies(report)),
    ]


CONSENTS = (
    "Waar u toestemming voor gaf, en of u daarmee stopte.",
    ("Waarvoor", "Gegeven", "Gestopt", "Hoe"),
    "Er is geen toestemming van u bekend.",
)
CHANGES = (
    "Wanneer wij zagen dat u een ander nummer of een andere naam kreeg.",
    ("Wanneer", "Wat", "Was", "Werd"),
    "Wij zagen geen verandering.",
)
DELIVERIES = (
    "Deze systemen van de gemeente kregen uw berichten.",
    ("Systeem", "Hoeveel", "Eerste keer", "Laatste keer", "Hoe het ging"),
    "Uw berichten gingen naar geen ander systeem.",
)
VIEWS = (
    "Elke keer dat iemand van de gemeente, of een systeem, uw gegevens opvroeg."
    " Namen van medewerkers staan er niet bij.",
    ("Wanneer", "Wie", "Wat", "Waarom"),
    "Niemand heeft uw gegevens opgevraagd.",
)
COPIES = (
    "Deze kopieën staan buiten ons archief.",
    ("Waar", "Wat", "Tot wanneer"),
    "Er zijn geen andere kopieën bekend.",
)

TableText = tuple[str, tuple[str, ...], str]
"""Lead of a table, the names of its columns, and the sentence for an empty table."""


def _table(title: str, words: TableText, rows: Rows) -> Json:
    lead, columns, empty = words
    return {"title": title, "lead": lead, "columns": columns, "rows": rows, "empty": empty}


def _consents(report: Report) -> Rows:
    return [
        [
            each.purpose,
            format_moment(each.given_at) or "niet bekend",
            _format_end(each),
            each.source,
        ]
        for each in report.consents
    ]


def _format_end(consent: Consent) -> str:
    return format_moment(consent.ended_at) or "nee"


def _changes(report: Report) -> Rows:
    return [
        [
            format_moment(each.at),
            labels.KINDS.get(each.kind, each.kind),
            labels.format_identifier(each.kind, each.before),
            labels.format_identifier(each.kind, each.after),
        ]
        for each in report.identity_changes
    ]


def _deliveries(report: Report) -> Rows:
    return [
        [
            each.destination,
            format_count(each.count, "keer", "keer"),
            format_moment(each.first_at),
            format_moment(each.last_at),
            labels.STATES.get(each.state, each.state),
        ]
        for each in report.deliveries
    ]


def _views(report: Report) -> Rows:
    return [
        [
            format_moment(each.at),
            " · ".join(filter(None, (each.department, each.token and f"systeem {each.token}"))),
            each.what,
            each.why,
        ]
        for each in report.views
    ]


def _copies(report: Report) -> Rows:
    return [
        [each.place, each.what, format_date(each.until) or "niet bekend"] for each in report.copies
    ]
