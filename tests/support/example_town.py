"""Texts of the example municipality, its values for them, and examples of plain language."""

from pathlib import Path

FOLDER = Path(__file__).parents[2] / "deploy/examples/voorbeeldstad/texts"
PLAIN_LANGUAGE = Path(__file__).parents[1] / "examples" / "plain_language.toml"
VALUES = {
    "gemeente": "gemeente Voorbeeldstad",
    "gemeente_en": "the municipality of Voorbeeldstad",
    "openingstijden": "werkdagen",
    "openingstijden_en": "working days",
    "privacy": "https://www.voorbeeldstad.example/privacy",
    "website": "https://www.voorbeeldstad.example",
    "mail": "gemeente@voorbeeldstad.example",
    "telefoon": "14 0999",
    "formulier": "https://www.voorbeeldstad.example/formulieren",
    "adres": "Postbus 1, 1234 AB Voorbeeldstad",
    "link": "https://www.voorbeeldstad.example/mijn-gegevens",
}
TOWN = {"voorbeeldstad": VALUES}
