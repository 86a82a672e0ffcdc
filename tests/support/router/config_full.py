"""A town with all that a municipality can choose: hours, menus, care, texts in two languages."""

from typing import Any

import msgspec

from services.config.model import Configuration, parse
from services.texts.catalogue import Texts
from services.texts.catalogue import parse as texts_of

HEAD = """
numbers = [
    {id = "30000001", tenant = "hengelo", fallback = "klantcontact"},
    {id = "30000002", tenant = "hengelo", fallback = "balie"},
    {id = "20000001", tenant = "borne", fallback = "klantcontact"},
]
destinations = [
    {id = "crm", kind = "cloudevents", url = "https://crm.example/events"},
    {id = "buiten", kind = "cloudevents", url = "https://buiten.example/events"},
    {id = "zorg", kind = "cloudevents", url = "https://zorg.example/events"},
    {id = "wacht", kind = "cloudevents", url = "https://wacht.example/"},
    {id = "piket", kind = "cloudevents", url = "https://piket.example/"},
]
contacts = [{tenant = "hengelo", tag = "pers", phones = ["+31655555555"]}]
closings = [{first = 2026-12-25, last = 2026-12-26, reason = "Kerst"}]
care = [
    {id = "brand", kind = "emergency", words = ["gaslek", "staat in brand"]},
    {id = "dood", kind = "suicide", words = ["ik wil dood"], department = "zorg"},
    {id = "dreiging", kind = "threat", words = ["ik sla jullie"]},
]
rules = [
    {id = "bezwaar", words = ["bezwaar"], tag = ["officieel"], reply = "officieel", due_days = 42},
    {id = "persoon", tagged = ["pers"], priority = "high"},
    {id = "afval", words = ["container", "lantaarn"], department = "groen"},
    {id = "paspoort", words = ["paspoort"], department = "burgerzaken"},
    {id = "jeugd", words = ["jeugdzorg"], department = "zorg"},
    {id = "huren", tenant = "hengelo", words = ["huren"], menu = "wonen"},
    {id = "fraude", words = ["fraude"], hold = true},
    {id = "garage", words = ["garage"], reply = "garage", department = "klantcontact"},
]

[[tenants]]
id = "hengelo"
name = "gemeente Hengelo"
menu = "keuze"
wait_minutes = 60
window_hours = 0
automatic = [
    "gesloten", "keuze_onduidelijk", "doorgestuurd", "duurt_langer", "noodgeval", "zelfdoding",
    "geweld", "bsn", "spraakbericht", "bestand", "aangepast", "afgesloten", "gestopt",
]
care = {destinations = ["wacht", "piket"], confirm_minutes = 10}
[[tenants]]
id = "borne"
name = "gemeente Borne"
menu = "kort"
"""
OFFICE = "Mo-Fr 09:00-17:00"
DEPARTMENTS = [
    ("hengelo", "klantcontact", "Klantcontact", "crm", OFFICE, 'escalate_to = "teamleider"'),
    ("hengelo", "burgerzaken", "Burgerzaken", "crm", OFFICE, 'when_closed = "avond"'),
    ("hengelo", "avond", "Avonddienst", "buiten", "Mo-Fr 09:00-22:00", 'when_closed = "meldkamer"'),
    ("hengelo", "meldkamer", "Meldkamer", "buiten", "", ""),
    ("hengelo", "groen", "Openbare ruimte", "buiten", "", ""),
    ("hengelo", "zorg", "Zorg en jeugd", "zorg", "", 'public_name = "een collega"\nmask = ["bsn"]'),
    ("hengelo", "balie", "Balie", "crm", OFFICE, 'when_closed = "meldkamer"'),
    ("hengelo", "teamleider", "Teamleider", "crm", "", ""),
    ("borne", "klantcontact", "Klantcontact", "crm", "", ""),
]
"""Municipality, id, name, destination, opening hours, and other settings of each department."""
MENUS = """
[[menus]]
id = "keuze"
options = [
    {id = "paspoort", title = "Paspoort of ID", department = "burgerzaken"},
    {id = "afval", title = "Afval en straat", department = "groen", tag = ["afval"]},
    {id = "wonen", title = "Wonen", menu = "wonen"},
    {id = "tijden", title = "Openingstijden", description = "Van de balie", reply = "tijden"},
    {id = "anders", title = "Iets anders, medewerker", department = "klantcontact"},
]
[[menus]]
id = "wonen"
text = "keuze_wonen"
timeout_minutes = 30
options = [
    {id = "huren", title = "Huren", department = "balie"},
    {id = "bouwen", title = "Bouwen", department = "groen"},
]
[[menus]]
id = "kort"
tenant = "borne"
options = [
    {id = "vraag", title = "Een vraag", department = "klantcontact"},
    {id = "medewerker", title = "Medewerker", department = "klantcontact"},
]
"""


def departments_toml() -> str:
    toml = ""
    for tenant, id, name, destination, hours, more in DEPARTMENTS:
        toml += f'[[departments]]\ntenant = "{tenant}"\nid = "{id}"\nname = "{name}"\n'
        toml += f'destination = "{destination}"\nhours = "{hours}"\n{more}\n'
    return toml


def texts_toml(texts: dict[str, str], **buttons: str) -> str:
    """Return a file of texts; the text of a menu has a button."""
    toml = 'owner = "Klantcontact"\nversion = "1"\n'
    for id, text in texts.items():
        button = f'button = "{buttons[id]}"\n' if id in buttons else ""
        toml += f'[{id}]\ntext = "{text}"\n{button}'
    return toml


TOML = HEAD + departments_toml() + MENUS
DUTCH = (
    texts_toml(
        {
            "eerste_contact": "Welkom bij {gemeente}.",
            "eerste_contact_sober": "U schrijft met {gemeente}.",
            "gesloten": "Wij zijn gesloten tot {opent}.",
            "keuze": "Waarover gaat uw vraag?",
            "keuze_wonen": "Huren of bouwen?",
            "keuze_onduidelijk": "Een medewerker leest uw bericht.",
            "doorgestuurd": "Uw vraag is nu bij {afdeling}.",
            "duurt_langer": "U hoort van ons voor {moment}.",
            "noodgeval": "Is er gevaar? Bel 112.",
            "zelfdoding": "Bel 113.",
            "geweld": "Een medewerker leest uw bericht.",
            "bsn": "Stuur geen BSN.",
            "officieel": "Dat kan niet via WhatsApp.",
            "garage": "De garage is open.",
            "tijden": "Wij zijn open van 9 tot 17 uur.",
            "spraakbericht": "Wilt u typen?",
            "bestand": "Wij kunnen uw bestand niet openen.",
            "aangepast": "Stuur de nieuwe tekst.",
            "afgesloten": "Uw vraag is beantwoord.",
            "gestopt": "Dat is goed.",
            "meer": "Meer leest u op de site.",
        },
        keuze="Kies onderwerp",
    )
    + 'words = ["info", "Meer weten"]\n'
)
ENGLISH = texts_toml(
    {
        "eerste_contact": "Welcome to {gemeente}.",
        "eerste_contact_sober": "You are writing to {gemeente}.",
        "gesloten": "We are closed until {opent}.",
        "keuze": "What is your question about?",
        "keuze_wonen": "Rent or build?",
        "keuze_onduidelijk": "An employee reads your message.",
        "doorgestuurd": "Your question is now with {afdeling}.",
        "duurt_langer": "You will hear from us before {moment}.",
        "noodgeval": "Is there danger? Call 112.",
        "zelfdoding": "Call 113.",
        "geweld": "An employee reads your message.",
        "bsn": "Send no BSN.",
        "officieel": "You cannot do that through WhatsApp.",
        "garage": "The garage is open.",
        "tijden": "We are open from 9 to 17.",
        "spraakbericht": "Can you type?",
        "bestand": "We cannot open your file.",
        "aangepast": "Send the new text.",
        "afgesloten": "Your question has been answered.",
        "gestopt": "All right.",
        "meer": "Read more on the site.",
    },
    keuze="Choose",
)
CONFIG = parse(TOML, "postkamer.toml")
DISCREET = parse(
    TOML.replace('public_name = "een collega"', 'public_name = "een collega"\nconfidential = true'),
    "postkamer.toml",
)
"""The same with youth care confidential."""
TEXTS = Texts(
    {"nl": texts_of("nl", DUTCH, "nl.toml")[0], "en": texts_of("en", ENGLISH, "en.toml")[0]}, {}
)
NUMBER, DESK, BORNE = "30000001", "30000002", "20000001"


def config(**tables: Any) -> Configuration:
    """The same with other tables: `tenant` changes what Hengelo chose, others go before its own."""
    given = CONFIG.model_dump(mode="json", by_alias=True)
    given["tenants"][0] |= tables.pop("tenant", {})
    for name, rows in tables.items():
        given[name] = [*rows, *given[name]]
    return Configuration.model_validate_json(msgspec.json.encode(given))
