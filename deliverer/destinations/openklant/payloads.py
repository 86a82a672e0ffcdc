"""Contacts, their citizens and their references, within the limits of Open Klant. Pure.

The texts are Dutch, for the employees who read them.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from uuid import UUID

from deliverer.destinations.citizen import Citizen
from deliverer.destinations.citizen_text import clean, shorten
from deliverer.destinations.openklant.contact_text import (
    IN_ARCHIVE,
    MAX_SUBJECT,
    Json,
    describe_message,
    describe_outgoing,
    describe_subject,
    truncate,
)
from deliverer.destinations.openklant.events import (
    EventData,
    PayloadOptions,
    written_at,
)
from services.config.organisation import Department
from services.contract import Delivery

MAX_NAME, MAX_ADDRESS = 200, 80
"""Longest name and address, in characters."""
PHONE = re.compile(r"\+[1-9][0-9]{8,14}")
"""Telephone number as Open Klant accepts it. Meta's `wa_id` is one without the plus."""
DUTCH = re.compile(r"\+31(?!88)([1-9][0-9]{8})")
"""Dutch number; 088 is refused before 2.17."""
LANGUAGES = {
    "nl": "nld", "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "tr": "tur", "pl": "pol",
    "ar": "ara", "uk": "ukr",
}  # fmt: skip
"""ISO 639-1 -> 639-2, of the languages that Postkamer detects."""
DEFAULT_LANGUAGE = "nld"
NAMELESS = "WhatsApp-gebruiker"
"""Name of a citizen of whom we know none: ITA shows no line without one."""
IDENTIFIER_FIELDS = ("objectId", "codeObjecttype", "codeRegister", "codeSoortObjectId")
MARK_CODES = ("postkamer-contact", "postkamer", "uuid")
"""Codes of the mark by which we find a contact again. ITA, KISS and Open Archiefbeheer pass over
it."""
CASE_CODES = ("zgw-Zaak", "openzaak", "uuid")
"""Codes with which ITA and KISS look for the zaak of a contact."""
UNIT_CODES = {"afdeling": "afd", "groep": "grp"}
"""Kind of a department in the municipality's register -> its code as an actor."""


def identifier(object_id: str, codes: tuple[str, str, str]) -> Json:
    """Return an identification in Open Klant's four parts."""
    return dict(zip(IDENTIFIER_FIELDS, (object_id, *codes), strict=True))


POSTKAMER_ACTOR = {
    "naam": "Postkamer",
    "soortActor": "geautomatiseerde_actor",
    "indicatieActief": True,
    "actoridentificator": identifier("postkamer", ("aut", "postkamer", "naam")),
    "actorIdentificatie": {"functie": "Berichtenkoppeling", "omschrijving": "WhatsApp"},
}


class ContactNumber(NamedTuple):
    """Mark of a contact, and the fields of its number; none where Open Klant numbers by itself."""

    mark: UUID
    fields: Json


def contact_payload(
    delivery: Delivery, event: EventData, number: ContactNumber, options: PayloadOptions
) -> Json:
    """Return a contact and its citizen, for `maak-klantcontact`. The citizen is linked to no
    `partij`: we do not know who they are."""
    fields = {
        "kanaal": options.channel,
        "onderwerp": describe_subject(event),
        "inhoud": describe_message(delivery, event, options),
        "taal": LANGUAGES.get(event.language, DEFAULT_LANGUAGE),
        "plaatsgevondenOp": written_at(delivery, event).isoformat(),
    }
    name = clean(_citizen(event).name)[:MAX_NAME] or NAMELESS
    party = {
        "rol": "klant",
        "initiator": True,
        "organisatienaam": "",
        "wasPartij": None,
        "contactnaam": {
            "voorletters": "",
            "voornaam": name.strip(),
            "voorvoegselAchternaam": "",
            "achternaam": "",
        },
    }
    return _marked(delivery, fields, party, number)


def answer_payload(
    delivery: Delivery, content: Json, number: ContactNumber, options: PayloadOptions
) -> Json:
    """Return the contact of an employee's answer to the same citizen."""
    text = (
        IN_ARCHIVE + options.archiver + delivery.dataref
        if delivery.dataref
        else describe_outgoing(content)
    )
    first, _, _ = text.partition("\n")
    fields = {
        "kanaal": options.channel,
        "onderwerp": "Antwoord via WhatsApp"
        if delivery.dataref
        else shorten(first.strip(), MAX_SUBJECT),
        "inhoud": truncate(text, f"{options.archiver}/v1/messages/{delivery.message}"),
        "taal": DEFAULT_LANGUAGE,
        "plaatsgevondenOp": delivery.time.isoformat(),
    }
    return _marked(
        delivery, fields, {"rol": "klant", "initiator": False, "wasPartij": None}, number
    )


def _marked(delivery: Delivery, fields: Json, party: Json, number: ContactNumber) -> Json:
    """Return a whole contact with its mark. `metadata` is for people: 2.15 does not keep it."""
    metadata = {"gesprek": delivery.conversation, "gebeurtenis": str(number.mark)}
    if delivery.message:
        metadata["bericht"] = str(delivery.message)
    fixed = {
        "indicatieContactGelukt": True,
        "vertrouwelijk": bool(delivery.dataref),
        "metadata": metadata,
    }
    mark = {
        "klantcontact": None,
        "wasKlantcontact": None,
        "onderwerpobjectidentificator": identifier(str(number.mark), MARK_CODES),
    }
    return {
        "klantcontact": number.fields | fields | fixed,
        "betrokkene": party,
        "onderwerpobject": mark,
    }


def address_payloads(event: EventData, party: str) -> Iterator[Json]:
    """Yield the addresses of the citizen: a telephone number, also as people in the Netherlands
    write it, because KISS finds only what is typed alike; else Meta's id. They belong to the
    contact and to no `partij`, because a telephone number proves no identity."""
    identities = {each.kind: each.value for each in _citizen(event).identities}
    phone = "+" + identities.get("phone", "").removeprefix("+")
    if PHONE.fullmatch(phone):
        yield _address(party, phone, "telefoonnummer", "WhatsApp")
        if dutch := DUTCH.fullmatch(phone):
            yield _address(party, f"0{dutch[1]}", "telefoonnummer", "Telefoonnummer met 0")
    elif value := identities.get("bsuid") or identities.get("phone", ""):
        yield _address(party, value[:MAX_ADDRESS], "overig", "WhatsApp")


def _address(party: str, value: str, kind: str, description: str) -> Json:
    return {
        "verstrektDoorBetrokkene": {"uuid": party},
        "verstrektDoorPartij": None,
        "adres": value,
        "soortDigitaalAdres": kind,
        "omschrijving": description,
    }


def case_id(zaak: str, cases_url: str) -> str:
    """Return the uuid of a zaak in the Zaken API that employees read; '' for any other. ITA
    shows no contact at all that refers to a zaak which it cannot read."""
    if not cases_url:
        return ""
    root, _, last = zaak.rstrip("/").rpartition("/zaken/")
    try:
        return str(UUID(last)) if root == cases_url.rstrip("/") else ""
    except ValueError:
        return ""


def case_payload(contact: str, case: str) -> Json:
    """Return the reference of a contact to its zaak."""
    return {
        "klantcontact": {"uuid": contact},
        "wasKlantcontact": None,
        "onderwerpobjectidentificator": identifier(case, CASE_CODES),
    }


def employee_actor(id: str) -> Json:
    """Return an employee as an actor, identified as KISS does: by an e-mail address, or else by the
    CRM's id."""
    codes = ("mdw", "msei", "email") if "@" in id else ("mdw", "obj", "idf")
    return {
        "naam": clean(id)[:MAX_NAME] or "Medewerker",
        "soortActor": "medewerker",
        "indicatieActief": True,
        "actoridentificator": identifier(clean(id)[:MAX_NAME] or "onbekend", codes),
    }


def department_actor(department: Department) -> Json:
    """Return a department as an actor, as ITA and KISS look for it: by its id and, to the letter,
    its name in the municipality's register."""
    codes = (UNIT_CODES[department.register_kind], "obj", "idf")
    name = department.register_name or department.name
    return {
        "naam": name,
        "soortActor": "organisatorische_eenheid",
        "indicatieActief": True,
        "actoridentificator": identifier(department.register_id or department.id, codes),
        "actorIdentificatie": {"omschrijving": name},
    }


def actor_filters(actor: Json) -> dict[str, str]:
    """Return the filters by which an actor is found; the first that matches is taken."""
    parts = actor["actoridentificator"].items()
    filters = {f"actoridentificator{name[0].upper()}{name[1:]}": value for name, value in parts}
    return filters | {"soortActor": actor["soortActor"], "indicatieActief": "true"}


def _citizen(event: EventData) -> Citizen:
    return event.citizen if isinstance(event.citizen, Citizen) else Citizen()
