"""Dutch words of what is handed over. Pure."""

from archiver.disclosure.disclosure import Decision, Kind

REDACTED = (
    "Delen van dit gesprek zijn weggelaten. Op die plaats staat tussen haken waarom. Elk teken is"
    " even lang, wat er ook stond."
)
DRAFT = "Concept: hierover is nog niet besloten."
REFERENCE = "{id}, document {number}"
DECIDED: dict[Decision, str] = {
    "open": "openbaar",
    "partly": "deels openbaar",
    "closed": "niet openbaar",
    "outside": "buiten reikwijdte",
}
SHOWN: dict[Decision, str] = {
    "open": "inzage",
    "partly": "deels inzage",
    "closed": "geen inzage",
    "outside": "buiten reikwijdte",
}
DECISIONS: dict[Kind, dict[Decision, str]] = {"woo": DECIDED, "access": SHOWN}
UNDECIDED = "nog niet beoordeeld"
DESTROYED = "vernietigd"
CONVERSATION = "gesprek in WhatsApp"
COLUMNS = ("nummer", "datum", "soort", "afdeling", "beoordeling", "gronden", "bestand")
SHEET = "Inventaris"
