"""Decisions of ITA 3.3: who opens a task, what it shows, whom it mails, why it refuses. Pure."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec

Json = dict[str, Any]
Codes = tuple[str, str, str]
"""codeObjecttype, codeRegister and codeSoortObjectId of an object."""

LOGGED_IN: Codes = ("mdw", "msei", "email")
BY_HAND: Codes = ("mdw", "handmatig", "email")
EMPLOYEE: Codes = ("mdw", "obj", "idf")
ACTOR: Codes = ("actor", "openklant", "uuid")
CONTACT: Codes = ("klantcontact", "openklant", "uuid")
UNITS: Mapping[str, Codes] = {"afd": ("afd", "obj", "idf"), "grp": ("grp", "obj", "idf")}
UNIT_NAMES = {"afd": "Afdeling", "grp": "Groep"}
CHANNELS = ("Telefoon", "E-mail", "WhatsApp", "WhatsApp versturen")
"""Channels that a functional manager entered. They are words: ITA sends nothing."""
EXPANSION = (
    "leiddeTotInterneTaken,gingOverOnderwerpobjecten,hadBetrokkenen,"
    "hadBetrokkenen.digitaleAdressen,hadBetrokkenen.wasPartij"
)
"""Value of `expand` wherever it reads a contact."""

AddressOf = Callable[[str, str], Iterable[str]]
"""Mail addresses of a department (`afd`), group (`grp`) or employee (`mdw`) by its identification,
as the Objecten API has them."""


class Refusal(msgspec.Struct, frozen=True):
    status: int
    text: str


class Refused(Exception):
    """ITA refuses what its user asks."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(f"{refusal.status}: {refusal.text}")
        self.refusal = refusal


NOT_FOUND = Refusal(404, "Interne taak niet gevonden")
SEVERAL_TASKS = Refusal(409, "Meerdere interne taken gevonden. Dit is een foutsituatie.")
NO_NUMBER = Refusal(409, "Contactmoment-nummer ontbreekt")
NO_ACCESS = Refusal(403, "Je hebt geen toegang tot dit contactverzoek.")
DONE = Refusal(409, "Dit contactverzoek heeft status 'verwerkt' en kan niet meer worden gewijzigd.")
NOT_DONE = Refusal(409, "Dit contactverzoek is niet gesloten en kan niet worden heropend.")
MANAGERS_ONLY = Refusal(403, "Alleen een functioneel beheerder heropent een contactverzoek.")
NO_CHANNELS = Refusal(409, "Er zijn nog geen kanalen ingeregeld.")
UNKNOWN_CHANNEL = Refusal(400, "Selecteer een kanaal")
UNKNOWN_UNIT = Refusal(400, "Selecteer een afdeling of groep")
NO_TEXT = Refusal(400, "Informatie voor burger / bedrijf is verplicht")
NO_UNIT = Refusal(
    422,
    "De oorspronkelijke behandelaar is niet meer actief en er is geen organisatorische eenheid"
    " gekoppeld. Heropening is niet mogelijk.",
)
NO_MAILBOX: Mapping[str, Refusal] = {
    "afd": Refusal(400, "Selecteer een medewerker: de geselecteerde afdeling heeft geen mailbox."),
    "grp": Refusal(400, "Selecteer een medewerker: de geselecteerde groep heeft geen mailbox."),
}


class Employee(msgspec.Struct, frozen=True):
    """User of ITA."""

    email: str
    name: str
    units: tuple[str, ...] = ()
    """Names of the user's departments and groups in the Objecten API."""
    is_manager: bool = False
    """True for a functional manager, who may open and reopen each task."""


class Unit(msgspec.Struct, frozen=True):
    """Department or group in the Objecten API."""

    kind: str
    """`afd` or `grp`."""
    id: str
    name: str


class Task(msgspec.Struct, frozen=True):
    """An internetaak with its contact (expanded) and its actors, all as Open Klant has them."""

    row: Json
    contact: Json
    actors: list[Json]

    @property
    def uuid(self) -> str:
        return str(self.row["uuid"])


class Registration(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Form "Contact registreren"."""

    text: str
    """Informatie voor burger / bedrijf."""
    channel: str
    succeeded: bool = True
    """False for "Contact opnemen niet gelukt"."""
    close: bool = False
    note: str = ""
    """Note for the logbook."""


class View(msgspec.Struct, frozen=True, rename="camel"):
    """A task as the screen shows it; '' for what it leaves empty."""

    nummer: str
    vraag: str
    informatie: str
    toelichting: str
    zaak: str
    klantnaam: str
    organisatie: str
    email: str
    telefoonnummers: list[tuple[str, str]]
    """Label and number."""
    datum: str
    aangemaakt_door: str
    behandelaar: str
    eenheid_soort: str
    eenheid: str
    status: str
    kanaal: str


def codes_of(actor: Json) -> Codes:
    found = actor["actoridentificator"]
    return found["codeObjecttype"], found["codeRegister"], found["codeSoortObjectId"]


def new_actor(codes: Codes, object_id: str, name: str) -> Json:
    kind = "medewerker" if codes[0] == "mdw" else "organisatorische_eenheid"
    return {
        "naam": name,
        "soortActor": kind,
        "indicatieActief": True,
        "actoridentificator": identifier(codes, object_id),
    }


def identifier(codes: Codes, object_id: str) -> Json:
    names = ("codeObjecttype", "codeRegister", "codeSoortObjectId")
    return {"objectId": object_id} | dict(zip(names, codes, strict=True))


def opening_refusal(found: Sequence[Json]) -> Refusal | None:
    """Return why no task can be opened by the number of its contact: it opens only if it is the
    only one, done ones included."""
    if not found:
        return NOT_FOUND
    return SEVERAL_TASKS if len(found) > 1 else None


def may_open(employee: Employee, task: Task) -> bool:
    """Return True if an actor `afd` or `grp` has the name of one of the employee's units; capitals
    and outer blanks do not count."""
    names = {unit.strip().casefold() for unit in employee.units}
    units = [actor for actor in task.actors if codes_of(actor)[0] in UNITS]
    return employee.is_manager or any(one["naam"].strip().casefold() in names for one in units)


def registration_refusal(form: Registration, channels: Sequence[str]) -> Refusal | None:
    if not channels:
        return NO_CHANNELS
    if form.channel not in channels:
        return UNKNOWN_CHANNEL
    is_text_needed = form.succeeded or form.close
    return NO_TEXT if is_text_needed and not form.text.strip() else None


def answer_contact(question: Json, form: Registration, at: datetime) -> Json:
    """Return the body of the contact that a registration makes."""
    return {
        "kanaal": form.channel,
        "onderwerp": question["onderwerp"],
        "inhoud": form.text,
        "indicatieContactGelukt": form.succeeded,
        "taal": "nld",
        "vertrouwelijk": False,
        "plaatsgevondenOp": at.isoformat(),
    }


def find_addresses(actors: Iterable[Json], address_of: AddressOf) -> list[str]:
    """Return the mail addresses for a task; an employee's come before those of a unit."""
    employees: list[str] = []
    units: list[str] = []
    for actor in actors:
        codes, object_id = codes_of(actor), actor["actoridentificator"]["objectId"]
        if codes == BY_HAND:
            employees.append(object_id)
        elif codes == EMPLOYEE:
            employees += address_of("mdw", object_id)
        elif codes in UNITS.values():
            units += address_of(codes[0], object_id)
    return employees or units


def show_task(task: Task) -> View:
    contact, expansion = task.contact, task.contact["_expand"]
    parties = expansion["hadBetrokkenen"]
    addresses = parties[0].get("_expand", {}).get("digitaleAdressen", []) if parties else []
    names = [one["volledigeNaam"] or one["organisatienaam"] for one in parties]
    name = next(filter(None, names), "")
    organisations = (one["organisatienaam"] for one in parties)
    unit = first_of_kind(task.actors, "organisatorische_eenheid")
    return View(
        nummer=contact["nummer"] or "",
        vraag=contact["onderwerp"],
        informatie=contact["inhoud"],
        toelichting=task.row["toelichting"],
        zaak=find_zaak(expansion["gingOverOnderwerpobjecten"]),
        klantnaam=name,
        organisatie=next((one for one in organisations if one and one != name), ""),
        email=next((one["adres"] for one in addresses if is_of_kind(one, "email")), ""),
        telefoonnummers=phone_numbers(addresses),
        datum=contact["plaatsgevondenOp"],
        aangemaakt_door=next((one["naam"] for one in contact["hadBetrokkenActoren"]), ""),
        behandelaar=first_of_kind(task.actors, "medewerker").get("naam", ""),
        eenheid_soort=UNIT_NAMES.get(codes_of(unit)[0], "Organisatorische eenheid") if unit else "",
        eenheid=unit.get("naam", ""),
        status=task.row["status"],
        kanaal=contact["kanaal"],
    )


def first_of_kind(actors: Iterable[Json], kind: str) -> Json:
    return next((one for one in actors if one["soortActor"] == kind), {})


def is_of_kind(address: Json, kind: str) -> bool:
    return bool(address["soortDigitaalAdres"] == kind)


def phone_numbers(addresses: Iterable[Json]) -> list[tuple[str, str]]:
    """Return the first two numbers with their labels; the kind `overig` is not shown."""
    numbers = [one for one in addresses if is_of_kind(one, "telefoonnummer")][:2]
    second = numbers[-1]["omschrijving"] if numbers else ""
    labels = ("Telefoonnummer", second[:1].upper() + second[1:] or "Telefoonnummer 2")
    return [(label, one["adres"]) for label, one in zip(labels, numbers, strict=False)]


def find_zaak(subjects: Iterable[Json]) -> str:
    """Return the uuid of the zaak that the screen fetches; '' for none."""
    for one in subjects:
        found = one["onderwerpobjectidentificator"]
        if (found["codeObjecttype"], found["codeRegister"]) == ("zgw-Zaak", "openzaak"):
            return str(found["objectId"])
    return ""


def find_faults(contact: Json, tasks: Sequence[Task]) -> list[str]:
    """Return why ITA cannot work with a contact: what it cannot do without."""
    faults = [] if contact["nummer"] else ["no number: ITA cannot open it, and its mailer stops"]
    if len(tasks) > 1:
        faults.append(f"{len(tasks)} tasks: ITA opens none of them")
    for task in tasks:
        units = [one["naam"] for one in task.actors if codes_of(one)[0] in UNITS]
        if len(units) != 1:
            faults.append(f"{len(units)} departments: exactly one sees a task")
    return [f"{contact['uuid']}: {fault}" for fault in faults]
