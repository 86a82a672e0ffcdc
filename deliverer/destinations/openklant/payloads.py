"""What Open Klant is sent, within its limits (Klantinteracties 0.9 as 2.18 takes it). Pure.

Its texts are for the employees who read them: Dutch.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from deliverer.destinations.openklant.events import Citizen, EventData, written_at
from services.calendar.opening_hours import format_moment
from services.config.organisation import Department
from services.contract import Delivery

Json = dict[str, Any]

SUBJECT, TEXT, NAME, ADDRESS = 200, 1000, 200, 80
"""Characters that `onderwerp`, `inhoud` and `toelichting`, a name and an address may have."""
PHONE = re.compile(r"\+[1-9][0-9]{8,14}")
"""What it takes for a telephone number; Meta's `wa_id` is one without the plus."""
LANGUAGES = {
    "nl": "nld", "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "tr": "tur", "pl": "pol",
    "ar": "ara", "uk": "ukr",
}  # fmt: skip
"""ISO 639-1 -> 639-2, of those that are told apart."""
UNTOLD = "nld"
KINDS = {
    "image": "Foto", "video": "Video", "audio": "Spraakbericht", "document": "Document",
    "sticker": "Sticker", "location": "Locatie", "contacts": "Contactgegevens",
    "reaction": "Reactie",
}  # fmt: skip
ELSEWHERE = "De inhoud staat in het archief: "
FILE = "[bestand {} {}]"
MORE = "… [ingekort; het geheel: "
PRIORITIES = {"low": "laag", "high": "hoog", "urgent": "spoed"}
ASKED = "Beantwoorden via WhatsApp"
TO_DO, DONE = "te_verwerken", "verwerkt"
OURS = {
    "naam": "Postkamer",
    "soortActor": "geautomatiseerde_actor",
    "indicatieActief": True,
    "actoridentificator": {
        "objectId": "postkamer",
        "codeObjecttype": "aut",
        "codeRegister": "postkamer",
        "codeSoortObjectId": "naam",
    },
    "actorIdentificatie": {"functie": "Berichtenkoppeling", "omschrijving": "WhatsApp"},
}


class PayloadOptions(msgspec.Struct, frozen=True):
    """What a municipality decides about it."""

    channel: str
    """Its word for WhatsApp: `kanaal`."""
    archiver: str
    """Address of the archive's API."""
    link: str
    """Where an employee sees a conversation; '{conversation}' stands for its id."""


class ContactKey(NamedTuple):
    """By what a contact is found again: its number, and the event that it is of."""

    number: str
    event: str


def contact(delivery: Delivery, what: EventData, known: ContactKey, terms: PayloadOptions) -> Json:
    """A contact and who wrote, in one: `maak-klantcontact`. The number is known to no partij."""
    return {
        "klantcontact": {
            "referentienummer": known.number,
            "kanaal": terms.channel,
            "onderwerp": _subject(what),
            "inhoud": text(delivery, what, terms),
            "indicatieContactGelukt": True,
            "taal": LANGUAGES.get(what.language, UNTOLD),
            "vertrouwelijk": bool(delivery.dataref),
            "plaatsgevondenOp": written_at(delivery, what).isoformat(),
            "metadata": _metadata(delivery, known.event),
        },
        "betrokkene": {
            "rol": "klant",
            "initiator": True,
            "organisatienaam": "",
            "wasPartij": None,
            "contactnaam": {
                "voorletters": "",
                "voornaam": _clean(_citizen(what).name)[:NAME],
                "voorvoegselAchternaam": "",
                "achternaam": "",
            },
        },
    }


def answer(delivery: Delivery, content: Json, known: ContactKey, terms: PayloadOptions) -> Json:
    """What an employee answered: a contact of its own, to the same citizen."""
    said = ELSEWHERE + terms.archiver + delivery.dataref if delivery.dataref else _words(content)
    where = f"{terms.archiver}/v1/messages/{delivery.message}"
    first, _, _ = said.partition("\n")
    return {
        "klantcontact": {
            "referentienummer": known.number,
            "kanaal": terms.channel,
            "onderwerp": "Antwoord via WhatsApp" if delivery.dataref else first[:SUBJECT].strip(),
            "inhoud": truncate(said, where),
            "indicatieContactGelukt": True,
            "taal": UNTOLD,
            "vertrouwelijk": bool(delivery.dataref),
            "plaatsgevondenOp": delivery.time.isoformat(),
            "metadata": _metadata(delivery, known.event),
        },
        "betrokkene": {"rol": "klant", "initiator": False, "wasPartij": None},
    }


def employee(id: str) -> Json:
    """Who wrote it as an actor, by the identification that KISS writes: an address of mail, or what
    the CRM calls them."""
    kind = ("msei", "email") if "@" in id else ("obj", "idf")
    return {
        "naam": _clean(id)[:NAME] or "Medewerker",
        "soortActor": "medewerker",
        "indicatieActief": True,
        "actoridentificator": {
            "objectId": _clean(id)[:NAME] or "onbekend",
            "codeObjecttype": "mdw",
            "codeRegister": kind[0],
            "codeSoortObjectId": kind[1],
        },
    }


def extend_contact(
    delivery: Delivery, what: EventData, there: Json, terms: PayloadOptions
) -> Json | None:
    """The change that adds a message to a contact as it is there; None when it has it already."""
    known = there.get("metadata") or {}
    if known.get("laatste") == str(delivery.id):
        return None
    before, more = there.get("inhoud") or "", text(delivery, what, terms)
    whole = (
        before if MORE in before else truncate(f"{before}\n\n{more}", full_text(delivery, terms))
    )
    return {
        "inhoud": whole,
        "plaatsgevondenOp": written_at(delivery, what).isoformat(),
        "metadata": {**known, **_metadata(delivery, known.get("gebeurtenis", ""))},
    }


def address(what: EventData, party: str) -> Json | None:
    """Where the citizen can be reached: a telephone number, else what Meta calls them. It is told
    of who wrote, and of no partij: a number proves nobody's identity."""
    known = {each.kind: each.value for each in _citizen(what).identities}
    phone = "+" + known.get("phone", "").removeprefix("+")
    is_phone = PHONE.fullmatch(phone)
    value = phone if is_phone else known.get("bsuid") or known.get("phone", "")
    if not value:
        return None
    return {
        "verstrektDoorBetrokkene": {"uuid": party},
        "verstrektDoorPartij": None,
        "adres": value[:ADDRESS],
        "soortDigitaalAdres": "telefoonnummer" if is_phone else "overig",
        "omschrijving": "WhatsApp",
    }


def department(given: Department) -> Json:
    """A department as an actor, by the identification that KISS writes (afd, obj, idf)."""
    return {
        "naam": given.name,
        "soortActor": "organisatorische_eenheid",
        "indicatieActief": True,
        "actoridentificator": {
            "objectId": given.register_id or given.id,
            "codeObjecttype": "afd",
            "codeRegister": "obj",
            "codeSoortObjectId": "idf",
        },
        "actorIdentificatie": {"omschrijving": given.name},
    }


def task(
    delivery: Delivery, what: EventData, about: tuple[str, str, str], terms: PayloadOptions
) -> Json:
    """Work for an actor; `about`: its number, the contact and the actor."""
    number, on, actor = about
    return {
        "referentienummer": number,
        "aanleidinggevendKlantcontact": {"uuid": on},
        "gevraagdeHandeling": ASKED,
        "toelichting": _clean("\n".join(_remarks(delivery, what, terms)))[:TEXT],
        "status": TO_DO,
        "toegewezenAanActoren": [{"uuid": actor}],
    }


def close_task(there: Json, remark: str) -> Json | None:
    """The change that ends a task as it is there; None when somebody did that already."""
    if there.get("status") == DONE:
        return None
    whole = "\n".join(filter(None, (there.get("toelichting"), _clean(remark))))
    return {"status": DONE, "toelichting": whole[:TEXT]}


def text(delivery: Delivery, what: EventData, terms: PayloadOptions) -> str:
    """What was said, or where it stands."""
    if delivery.dataref:
        return ELSEWHERE + terms.archiver + delivery.dataref
    if delivery.message is None or what.status:  # it came here from elsewhere, or is made again
        return ELSEWHERE + full_text(delivery, terms)
    kind = KINDS.get(what.type, "")
    said = " ".join(filter(None, (f"[{kind.lower()}]" if kind else "", _clean(what.text))))
    files = (FILE.format(_clean(one.filename), terms.archiver + one.link) for one in what.media)
    whole = "\n".join((said, *(" ".join(file.split()) for file in files)))
    return truncate(whole, f"{terms.archiver}/v1/messages/{delivery.message}")


def full_text(delivery: Delivery, terms: PayloadOptions) -> str:
    """Where the conversation stands."""
    return f"{terms.archiver}/v1/conversations/{delivery.conversation}/messages"


def truncate(whole: str, where: str) -> str:
    """As much of it as may be sent, and where the rest is."""
    if len(whole) <= TEXT:
        return whole
    rest = f"{MORE}{where}]"
    return whole[: TEXT - len(rest)] + rest


def _words(content: Json) -> str:
    """Of a message as Meta takes it."""
    kind = str(content.get("type", ""))
    inner = content.get(kind) or {}
    body = inner.get("body")
    said = body.get("text") if isinstance(body, dict) else body or inner.get("caption")
    if kind == "template":
        said = f"sjabloon {inner.get('name', '')}"
    label = KINDS.get(kind, "" if kind in ("text", "interactive") else kind)
    whole = " ".join(filter(None, (f"[{label.lower()}]" if label else "", _clean(said or ""))))
    return whole or "Antwoord via WhatsApp"


def _remarks(delivery: Delivery, what: EventData, terms: PayloadOptions) -> Iterator[str]:
    """For who does the work: where it is, why it is theirs, and until when it can be done. What is
    longest may be cut off, and the first is what nobody can do without."""
    if terms.link:
        yield f"Gesprek: {terms.link.replace('{conversation}', delivery.conversation)}"
    if reason := what.decision.reason or what.reason:
        yield f"Waarom hier: {reason}"
    if what.priority in PRIORITIES:
        yield f"Prioriteit: {PRIORITIES[what.priority]}"
    if what.tags:
        yield f"Kenmerken: {', '.join(what.tags)}"
    if what.due:
        yield f"Wettelijke termijn: {what.due:%d-%m-%Y}"
    if what.window_until:
        yield f"Antwoorden via WhatsApp kan tot {format_moment(what.window_until)}"


def _subject(what: EventData) -> str:
    """The first line of it; it may not be blank."""
    first, _, _ = _clean(what.text).partition("\n")
    return first[:SUBJECT].strip() or f"{KINDS.get(what.type, 'Bericht')} via WhatsApp"


def _citizen(what: EventData) -> Citizen:
    return what.citizen if isinstance(what.citizen, Citizen) else Citizen()


def _metadata(delivery: Delivery, first: str) -> Json:
    """Names in lower camel case: others are rewritten. `gebeurtenis` is by what a contact is known
    as ours, `laatste` the event that was added last."""
    ids = {"gesprek": delivery.conversation, "gebeurtenis": first, "laatste": str(delivery.id)}
    return ids | ({"bericht": str(delivery.message)} if delivery.message else {})


def _clean(written: str) -> str:
    """Without what it refuses (NUL), or takes away itself (blanks around it)."""
    return written.replace("\0", "").strip()
