"""The entry of the routing in the algorithm register, from rules, settings and figures. Pure.

The same input gives the same entry. Its counts are those of the open data, already without small
ones: another total beside them could tell what they hide.
"""

import html
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any, NamedTuple

from cli.figures.register_fields import DUTCH, IN_USE, STANDARD, field_faults
from router.danger.model import CALM, load_model
from router.figures.month import NO_RULE
from router.figures.statistics import TOTAL, Statistics
from router.rules.engine import MENU
from services.config.model import Configuration
from services.config.organisation import Tenant
from services.config.publication import NamedLink
from services.config.routing_rules import CareClass, Condition, Rule, SafetyRule

NAME = "Berichten op WhatsApp naar de juiste afdeling sturen"
SHORT = (
    "Inwoners schrijven de gemeente op WhatsApp. Vaste regels kiezen aan de hand van woorden welke"
    " afdeling het bericht krijgt. Daar kan een medewerker het lezen en beantwoorden. Het algoritme"
    " neemt geen besluit over een inwoner en leert niet zelf."
)
THEMES = ["Organisatie en bedrijfsvoering"]
TAGS = "WhatsApp, klantcontact, berichten, routering, regels"
SETTINGS = {
    "contact_email": "contact",
    "publication_category": "category",
    "proportionality": "considerations",
    "lawful_basis": "legal_ground",
    "impacttoetsen": "no_assessment",
    "begin_date": "since",
    "impacttoetsen_grouping": "assessments",
    "lawful_basis_grouping": "laws",
    "website": "page",
}
"""Field of the register -> setting of [tenants.algorithm] that it comes from."""
NEEDED = ("begin_date", "lawful_basis")
"""Fields that the standard lets be empty, and a reader expects."""

DATA = {
    "words": "woorden in het bericht, ook in een andere vorm of met een tikfout",
    "pattern": "vaste patronen in de tekst",
    "languages": "de taal van het bericht",
    "types": "het soort bericht, zoals een foto of een tekst",
    "choices": "de knop of de regel die de inwoner in een keuzemenu koos",
    "referral": "de advertentie of link waarmee de inwoner kwam",
    "numbers": "het nummer van de gemeente waaraan de inwoner schreef",
    "hours": "het tijdstip",
    "states": "of het gesprek nieuw, toegewezen, beantwoord of heropend is",
    "tagged": "labels die het gesprek al heeft, of die bij de inwoner horen",
}
"""Test of a rule -> the data that it looks at."""
SAME_DATA = {"groups": "words", "without": "words"}
DANGERS: dict[CareClass, str] = {
    "emergency": "nood",
    "suicide": "zelfdoding",
    "violence": "geweld",
    "threat": "bedreiging",
}


class RulesInForce(NamedTuple):
    config: Configuration
    version: str
    first_use: date | None
    """Day on which this version first decided; None if it never did."""
    software: str
    """Version of Postkamer."""


def build_entry(rules: RulesInForce, tenant: Tenant, statistics: Statistics) -> dict[str, Any]:
    """Return the entry by field, without empty ones."""
    own = tenant.algorithm
    entry: dict[str, Any] = {
        "name": NAME,
        "description_short": SHORT,
        "organization": tenant.name,
        "category": THEMES,
        "status": IN_USE,
        "begin_date": own.since,
        "contact_email": own.contact,
        "website": own.page,
        "publication_category": own.category,
        "goal": to_html(GOAL),
        "proportionality": to_html(own.considerations),
        "human_intervention": to_html(_human_intervention(rules.config, tenant)),
        "risks": to_html(_risks(statistics)),
        "lawful_basis": to_html(own.legal_ground),
        "lawful_basis_grouping": _links(own.laws),
        "process_index_url": _web_address(tenant.processing_activity),
        "impacttoetsen_grouping": _links(own.assessments),
        "impacttoetsen": to_html(own.no_assessment),
        "source_data": to_html(_source_data(rules.config, tenant.id)),
        "methods_and_models": to_html(_methods(rules, tenant)),
        "lang": DUTCH,
        "standard_version": STANDARD,
        "source_id": f"postkamer-{tenant.id}",
        "tags": TAGS,
    }
    return {name: value for name, value in entry.items() if value}


def entry_faults(entry: dict[str, Any], tenant: Tenant) -> list[str]:
    """Return a sentence for each field that would be refused, and for what a reader expects."""
    faults = list(field_faults(entry))
    faults += [(name, "is missing") for name in NEEDED if name not in entry]
    if not (tenant.algorithm.assessments or tenant.algorithm.no_assessment):
        faults.append(("impacttoetsen_grouping", "is missing, and so is no_assessment"))
    where = f"[tenants.algorithm] of {tenant.id}"
    return [f"{where}: {SETTINGS.get(name, name)} {what}" for name, what in faults]


GOAL = [
    "Het doel is dat een bericht meteen bij de afdeling komt die kan antwoorden, en dat gevaar niet"
    " blijft liggen. Inwoners hoeven niet te weten welke afdeling dat is.",
    "Het algoritme kiest alleen de afdeling. Het beslist niet over een aanvraag, een recht of een"
    " plicht, en beoordeelt niemand.",
]


def _human_intervention(config: Configuration, tenant: Tenant) -> list[str]:
    menus = [each for each in config.menus if each.tenant in ("", tenant.id)]
    choice = (
        f" Er {_are(len(menus), 'keuzemenu', 'keuzemenu’s')}: wie niets kiest, of iets anders"
        " schrijft, krijgt een medewerker."
    )
    return [
        "Elk gesprek komt bij een afdeling, waar een medewerker het kan lezen en beantwoorden."
        " Die ziet waarom het daar kwam, en kan het doorgeven aan een andere afdeling; daarna"
        " verplaatst geen regel het meer.",
        "Past geen regel, dan krijgt een vaste afdeling het bericht. Een mens is dus altijd te"
        f" bereiken.{choice if menus else ''}",
        f"Soorten teksten die vanzelf kunnen uitgaan: {len(tenant.automatic)}. Onder een antwoord"
        " van een machine staat dat het automatisch is gemaakt.",
        "Mensen schrijven de regels en staan ervoor in; er wordt niets geleerd van berichten.",
        *_effect_of_weak_signs(tenant),
    ]


FOUND = (
    ("gesprekken die een afdeling kregen", TOTAL),
    ("daarvan door een keuze uit een keuzemenu", MENU),
    ("daarvan omdat geen regel paste, aan de vaste afdeling", NO_RULE),
)
"""Words for how often a row of the table of rules placed a conversation. How many were given to
another department is published by rule alone: their sum would be a total that hides none."""


def _risks(statistics: Statistics) -> list[str]:
    """Return how errors are found, with the figures of the month as they are published."""
    placed = {str(row[1]): row[3] for row in statistics.table("regels").records}
    smallest = statistics.smallest
    lines = [
        "Een bericht kan bij de verkeerde afdeling komen, bijvoorbeeld door een woord met twee"
        " betekenissen of een taal die de regels niet kennen. Een medewerker geeft het dan door.",
        "Van elke keuze worden de regel, de reden en de versie van de regels vastgelegd. Nieuwe"
        " regels kunnen vooraf op eerdere berichten worden uitgeprobeerd.",
    ]
    if not placed:
        return lines
    return [
        *lines,
        f"Aantallen in {statistics.month}, zonder vertrouwelijke afdelingen:",
        *(f"- {what}: {statistics.show(placed[row])}" for what, row in FOUND),
        f"Hierin is “<{smallest}” minder dan {smallest}, en “x” een groter aantal dat is"
        " weggelaten omdat een klein aantal er anders uit volgt.",
    ]


def _source_data(config: Configuration, tenant: str) -> list[str]:
    """Return the data that the rules look at, and what they do not."""
    used = set(_tests([*_own_rules(config, tenant), *_own_care(config, tenant)]))
    looked = [what for test, what in DATA.items() if test in used]
    if any(each.tenant == tenant for each in config.contacts):
        looked.append("het telefoonnummer, om te zien of het op een lijst van de gemeente staat")
    return [
        "De regels kijken naar:",
        *(f"- {what}" for what in looked),
        "Het telefoonnummer of de WhatsApp-naam van de inwoner dient verder om een gesprek bij"
        " elkaar te houden.",
        "Er worden geen gegevens uit de BRP gebruikt, en geen kenmerken zoals leeftijd, geslacht"
        " of nationaliteit. De taal van een bericht kan samenhangen met herkomst: zij bepaalt"
        " welke woorden worden herkend en in welke taal een automatische tekst is.",
        _training(config, tenant),
    ]


def _methods(rules: RulesInForce, tenant: Tenant) -> list[str]:
    routing, care = _own_rules(rules.config, tenant.id), _own_care(rules.config, tenant.id)
    deciding = sum(each.decides for each in routing)
    dangers = [name for kind, name in DANGERS.items() if any(kind == each.kind for each in care)]
    since = f"in gebruik sinds {rules.first_use}" if rules.first_use else "nog niet gebruikt"
    languages = sorted({code for each in _flat([*routing, *care]) for code in each.languages})
    spoken = f" De regels noemen deze talen: {', '.join(languages)}." if languages else ""
    return [
        "Het algoritme is niet zelflerend. Het is een lijst van regels die van boven naar beneden"
        " wordt doorlopen: de eerste regel die past en een afdeling noemt, kiest. Hetzelfde"
        " bericht geeft met dezelfde regels dezelfde keuze.",
        f"- Regels: {len(routing)}. Daarvan {deciding} die kiezen; de andere zetten een label, een"
        " termijn of een tekst bij het bericht.",
        f"- Veiligheidsregels: {len(care)}{_between(dangers)}. Zij gaan voor alle andere regels en"
        " waarschuwen een mens.",
        "- Taal: die van het bericht wordt herkend aan schrift en kleine woorden, zonder"
        f" taalmodel.{spoken}",
        "- Invoer: het bericht en wat onder Gegevens staat. Uitvoer: een afdeling, met de reden in"
        " het Nederlands.",
        *_scorer(tenant),
        f"Versie van de regels: {rules.version}, {since}. Versie van Postkamer: {rules.software}.",
    ]


def _effect_of_weak_signs(tenant: Tenant) -> list[str]:
    """Return what follows from weak signs of danger; nothing if they are off."""
    if tenant.care.weak_signs == "off":
        return []
    if tenant.care.weak_signs == "decide":
        rule = tenant.care.weak_signs_rule
        return [f"Zwakke tekenen van gevaar doen hetzelfde als de veiligheidsregel {rule}."]
    return [
        "Zwakke tekenen van gevaar geven een gesprek alleen een label en voorrang. Er gaat geen"
        " alarm uit, en de inwoner merkt het niet: een medewerker leest het bericht en beslist."
    ]


def _training(config: Configuration, tenant: str) -> str:
    settings = config.tenant(tenant)
    if settings is None or settings.care.weak_signs == "off":
        return "Het algoritme is niet getraind, dus ook niet op gegevens van inwoners."
    rows = sum(each.rows for each in load_model().validated.values())
    return (
        f"Alleen het herkennen van zwakke tekenen van gevaar is getraind: op {rows} verzonnen"
        " berichten, en niet op gegevens van inwoners."
    )


def _scorer(tenant: Tenant) -> list[str]:
    """Return how weak signs of danger are scored, with the figures of this version of the scorer;
    nothing if they are off."""
    if tenant.care.weak_signs == "off":
        return []
    model = load_model()
    calm = model.validated[CALM]
    dangers = [each for kind, each in model.validated.items() if kind != CALM]
    found, rows = sum(each.found for each in dangers), sum(each.rows for each in dangers)
    at_least = str(tenant.care.weak_signs_at_least or model.at_least).replace(".", ",")
    return [
        "- Zwakke tekenen van gevaar: waar geen veiligheidsregel past, telt een logistische"
        " regressie woorden, woordparen en betekenissen op tot een score, van 0 tot 1. Vanaf"
        f" {at_least} heeft zij gevolg. Versie van de score: {model.version}. Van de verzonnen"
        " berichten waarop zij is getraind, telkens buiten de training gehouden en moeilijker dan"
        f" gewone, vond zij {found} van {rows} gevaren, en zag zij gevaar in {calm.found} van"
        f" {calm.rows} rustige.",
    ]


def _own_rules(config: Configuration, tenant: str) -> list[Rule]:
    return [each for each in config.rules if each.tenant in ("", tenant)]


def _own_care(config: Configuration, tenant: str) -> list[SafetyRule]:
    return [each for each in config.care if each.tenant in ("", tenant)]


def _flat(conditions: Iterable[Condition]) -> Iterator[Condition]:
    """Yield these conditions, and those within them."""
    for each in conditions:
        yield each
        yield from _flat((*each.all, *each.any, *((each.none,) if each.none else ())))


def _tests(conditions: Iterable[Condition]) -> Iterator[str]:
    for each in _flat(conditions):
        for test in (*DATA, *SAME_DATA):
            if getattr(each, test):
                yield SAME_DATA.get(test, test)


def _are(number: int, one: str, several: str) -> str:
    return f"is 1 {one}" if number == 1 else f"zijn {number} {several}"


def _between(names: Sequence[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _links(links: Iterable[NamedLink]) -> list[dict[str, str]]:
    return [{"title": each.title, "link": each.link} for each in links]


def _web_address(address: str) -> str:
    return address if address.startswith("https://") else ""


def to_html(text: str | Sequence[str]) -> str:
    """Return paragraphs, of which those that begin with `- ` are a list, in the register's tags."""
    lines = text.splitlines() if isinstance(text, str) else text
    parts = []
    for is_list, group in groupby(filter(None, lines), lambda line: line.startswith("- ")):
        escaped = [html.escape(line.removeprefix("- "), quote=False) for line in group]
        if is_list:
            parts.append("".join(["<ul>", *(f"<li>{each}</li>" for each in escaped), "</ul>"]))
        else:
            parts += [f"<p>{each}</p>" for each in escaped]
    return "".join(parts)
