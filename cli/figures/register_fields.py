"""Fields of the Dutch algorithm register, by its publication standard 1.0. Pure.

Facts of https://github.com/MinBZK/Algoritmeregister-Publicatiestandaard: names, order, longest
texts, what is required, and the values that are permitted.
"""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, get_args

from services.config.publication import Category

STANDARD = "1.0"
DUTCH = "nld"
IN_USE = "In gebruik"
TEXT = 2500
"""Longest text, in characters, with its tags."""


class Field(NamedTuple):
    title: str
    longest: int
    is_required: bool = False
    values: tuple[str, ...] = ()


FIELDS: Mapping[str, Field] = {
    "name": Field("Naam", 100, True),
    "description_short": Field("Korte omschrijving", 350, True),
    "organization": Field("Organisatie", 100, True),
    "category": Field("Thema", 100),
    "status": Field("Status", 100, True, ("In ontwikkeling", IN_USE, "Buiten gebruik")),
    "begin_date": Field("Begindatum", 7),
    "contact_email": Field("Contactgegevens", 500, True),
    "website": Field("Link naar publiekspagina", 500),
    "publication_category": Field(
        "Publicatiecategorie", 100, True, tuple(each for each in get_args(Category) if each)
    ),
    "goal": Field("Doel en impact", TEXT),
    "proportionality": Field("Afwegingen", TEXT),
    "human_intervention": Field("Menselijke tussenkomst", TEXT),
    "risks": Field("Risicobeheer", TEXT),
    "lawful_basis": Field("Wettelijke basis", TEXT),
    "lawful_basis_grouping": Field("Verwijzingen wettelijke basis", 500),
    "process_index_url": Field("Link naar verwerkingsregister", 500),
    "impacttoetsen_grouping": Field("Impacttoetsen", 500),
    "impacttoetsen": Field("Toelichting op impacttoetsen", TEXT),
    "source_data": Field("Gegevens", TEXT),
    "methods_and_models": Field("Technische werking", 5000),
    "lang": Field("Taal", 3, True, (DUTCH,)),
    "standard_version": Field("Versie publicatiestandaard", 3, False, (STANDARD,)),
    "source_id": Field("Bron-ID", 100),
    "tags": Field("Zoektermen", TEXT),
}


def field_faults(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the fields that the register would refuse, each with the reason."""
    yield from ((name, "is no field of the standard") for name in entry.keys() - FIELDS.keys())
    for name, field in FIELDS.items():
        texts = list(_texts(entry.get(name, "")))
        if field.is_required and not any(texts):
            yield name, "is missing"
        if any(len(text) > field.longest for text in texts):
            yield name, f"is longer than {field.longest} characters"
        if field.values and any(text not in field.values for text in texts if text):
            yield name, f"is none of {', '.join(field.values)}"


def _texts(value: Any) -> Iterator[str]:
    """Yield the texts of a value, of a list, and of a list of links."""
    match value:
        case str():
            yield value
        case list():
            for each in value:
                yield from _texts(each)
        case dict():
            for each in value.values():
                yield from _texts(each)
