"""Sentences about the extent of a check: files, entries, and what was left out."""

from collections.abc import Iterator, Mapping
from pathlib import Path

from cli.support.language import LANGUAGE
from cli.support.output import count
from cli.support.person import is_proof_required
from services.config import settings
from services.config.loader import LoadedConfig

COUNTED = {
    "tenants": {"nl": "gemeente|gemeenten", "en": "municipality|municipalities"},
    "numbers": {"nl": "nummer|nummers", "en": "number|numbers"},
    "departments": {"nl": "afdeling|afdelingen", "en": "department|departments"},
    "destinations": {"nl": "bestemming|bestemmingen", "en": "destination|destinations"},
    "rules": {"nl": "regel|regels", "en": "rule|rules"},
    "care": {"nl": "zorgregel|zorgregels", "en": "safety rule|safety rules"},
    "groups": {"nl": "woordgroep|woordgroepen", "en": "group of words|groups of words"},
    "menus": {"nl": "menu|menu's", "en": "menu|menus"},
    "tests": {
        "nl": "tabel met berichten|tabellen met berichten",
        "en": "table of messages|tables of messages",
    },
}
"""Table -> noun for one entry and for several, by language."""
WORDS = {
    "nl": {
        "others": " en {}",
        "other files": "ander bestand|andere bestanden",
        "texts": "tekst|teksten",
        "checked": "gecontroleerd: {}",
        "answers": "gecontroleerd: {} antwoordt",
        "not checked": "niet gecontroleerd: {}",
        "environment": "de adressen, geheimen en certificaten van de omgeving",
        "no variable": ", want daarin staat geen {}-variabele",
        "proven": "commando's: alleen van wie bewezen is",
        "stated": "commando's: ook van wie een naam opgeeft; zo staat het in het archief",
        "fault": "fout: {}",
        "warning": "let op: {}",
        "faults": "fout|fouten",
        "warnings": "waarschuwing|waarschuwingen",
    },
    "en": {
        "others": " and {}",
        "other files": "other file|other files",
        "texts": "text|texts",
        "checked": "checked: {}",
        "answers": "checked: {} answers",
        "not checked": "not checked: {}",
        "environment": "the addresses, secrets and certificates of the environment",
        "no variable": ", which has no {} variable",
        "proven": "commands: only of persons who are proven",
        "stated": "commands: also of persons who state a name, and are recorded so",
        "fault": "fault: {}",
        "warning": "warning: {}",
        "faults": "fault|faults",
        "warnings": "warning|warnings",
    },
}


def has_environment(environ: Mapping[str, str]) -> bool:
    """Return True if the environment has any setting of Postkamer besides the language."""
    return any(name.startswith(settings.PREFIX) and name != LANGUAGE for name in environ)


def describe_coverage(
    path: Path, loaded: LoadedConfig, environ: Mapping[str, str], lang: str, *, settings_too: bool
) -> Iterator[str]:
    """Yield a sentence about the configuration, and one about the environment."""
    words, others = WORDS[lang], len(loaded.files) - 1
    and_others = words["others"].format(count(others, words["other files"])) if others else ""
    entries = (
        (len(getattr(loaded.config, table)), nouns[lang]) for table, nouns in COUNTED.items()
    )
    texts = sum(map(len, loaded.texts.languages.values()))
    counts = [
        count(number, nouns) for number, nouns in (*entries, (texts, words["texts"])) if number
    ]
    yield words["checked"].format(f"{path}{and_others}: {', '.join(counts)}")
    if settings_too:
        yield words["checked"].format(words["environment"])
        yield words["proven" if is_proof_required(environ) else "stated"]
    else:
        is_empty = not has_environment(environ)
        why = words["no variable"].format(settings.PREFIX) if is_empty else ""
        yield words["not checked"].format(words["environment"] + why)
