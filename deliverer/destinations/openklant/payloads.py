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

MAX_SUBJECT, MAX_TEXT, MAX_NAME, MAX_ADDRESS = 200, 1000, 200, 80
"""Characters that `onderwerp`, `inhoud` and `toelichting`, a name and an address may have."""
PHONE = re.compile(r"\+[1-9][0-9]{8,14}")
"""What it takes for a telephone number; Meta's `wa_id` is one without the plus."""
LANGUAGES = {
    "nl": "nld", "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "tr": "tur", "pl": "pol",
    "ar": "ara", "uk": "ukr",
}  # fmt: skip
"""ISO 639-1 -> 639-2, of those that are told apart."""
DEFAULT_LANGUAGE = "nld"
KIND_LABELS = {
    "image": "Foto", "video": "Video", "audio": "Spraakbericht", "document": "Document",
    "sticker": "Sticker", "location": "Locatie", "contacts": "Contactgegevens",
    "reaction": "Reactie",
}  # fmt: skip
IN_ARCHIVE = "De inhoud staat in het archief: "
FILE_LINE = "[bestand {} {}]"
TRUNCATED = "… [ingekort; het geheel: "
PRIORITIES = {"low": "laag", "high": "hoog", "urgent": "spoed"}
REQUESTED_ACTION = "Beantwoorden via WhatsApp"
TO_DO, DONE = "te_verwerken", "verwerkt"
POSTKAMER_ACTOR = {
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


def contact_payload(delivery: Delivery, event: EventData, key: ContactKey, options: PayloadOptions) -> Json:
    """A contact and who wrote, in one: `maak-klantcontact`. The number is known to no partij."""
    return {
        "klantcontact": {
            "referentienummer": key.number,
            "kanaal": options.channel,
            "onderwerp": _subject(event),
            "inhoud": text(delivery, event, options),
            "indicatieContactGelukt": True,
            "taal": LANGUAGES.get(event.language, DEFAULT_LANGUAGE),
            "vertrouwelijk": bool(delivery.dataref),
            "plaatsgevondenOp": written_at(delivery, event).isoformat(),
            "metadata": _metadata(delivery, key.event),
        },
        "betrokkene": {
            "rol": "klant",
            "initiator": True,
            "organisatienaam": "",
            "wasPartij": None,
            "contactnaam": {
                "voorletters": "",
                "voornaam": _clean(_citizen(event).name)[:MAX_NAME],
                "voorvoegselAchternaam": "",
                "achternaam": "",
            },
        },
    }


def answer_payload(delivery: Delivery, content: Json, key: ContactKey, options: PayloadOptions) -> Json:
    """What an employee answered: a contact of its own, to the same citizen."""
    text = IN_ARCHIVE + options.archiver + delivery.dataref if delivery.dataref else _message_text(content)
    url = f"{options.archiver}/v1/messages/{delivery.message}"
    first, _, _ = text.partition("\n")
    return {
        "klantcontact": {
            "referentienummer": key.number,
            "kanaal": options.channel,
            "onderwerp": "Antwoord via WhatsApp" if delivery.dataref else first[:MAX_SUBJECT].strip(),
            "inhoud": truncate(text, url),
            "indicatieContactGelukt": True,
            "taal": DEFAULT_LANGUAGE,
            "vertrouwelijk": bool(delivery.dataref),
            "plaatsgevondenOp": delivery.time.isoformat(),
            "metadata": _metadata(delivery, key.event),
        },
        "betrokkene": {"rol": "klant", "initiator": False, "wasPartij": None},
    }


def employee_actor(id: str) -> Json:
    """Who wrote it as an actor, by the identification that KISS writes: an address of mail, or what
    the CRM calls them."""
    kind = ("msei", "email") if "@" in id else ("obj", "idf")
    return {
        "naam": _clean(id)[:MAX_NAME] or "Medewerker",
        "soortActor": "medewerker",
        "indicatieActief": True,
        "actoridentificator": {
            "objectId": _clean(id)[:MAX_NAME] or "onbekend",
            "codeObjecttype": "mdw",
            "codeRegister": kind[0],
            "codeSoortObjectId": kind[1],
        },
    }


def extend_contact(
    delivery: Delivery, event: EventData, remote: Json, options: PayloadOptions
) -> Json | None:
    """The change that adds a message to a contact as it is there; None when it has it already."""
    metadata = remote.get("metadata") or {}
    if metadata.get("laatste") == str(delivery.id):
        return None
    previous, more = remote.get("inhoud") or "", text(delivery, event, options)
    whole = (
        previous if TRUNCATED in previous else truncate(f"{previous}\n\n{addition}", full_text(delivery, options))
    )
    return {
        "inhoud": whole,
        "plaatsgevondenOp": written_at(delivery, event).isoformat(),
        "metadata": {**metadata, **_metadata(delivery, metadata.get("gebeurtenis", ""))},
    }


def address_payload(event: EventData, party: str) -> Json | None:
    """Where the citizen can be reached: a telephone number, else what Meta calls them. It is told
    of who wrote, and of no partij: a number proves nobody's identity."""
    identities = {each.kind: each.value for each in _citizen(event).identities}
    phone = "+" + identities.get("phone", "").removeprefix("+")
    is_phone = PHONE.fullmatch(phone)
    value = phone if is_phone else identities.get("bsuid") or identities.get("phone", "")
    if not value:
        return None
    return {
        "verstrektDoorBetrokkene": {"uuid": party},
        "verstrektDoorPartij": None,
        "adres": value[:MAX_ADDRESS],
        "soortDigitaalAdres": "telefoonnummer" if is_phone else "overig",
        "omschrijving": "WhatsApp",
    }


def department_actor(department: Department) -> Json:
    """A department as an actor, by the identification that KISS writes (afd, obj, idf)."""
    return {
        "naam": department.name,
        "soortActor": "organisatorische_eenheid",
        "indicatieActief": True,
        "actoridentificator": {
            "objectId": department.register_id or department.id,
            "codeObjecttype": "afd",
            "codeRegister": "obj",
            "codeSoortObjectId": "idf",
        },
        "actorIdentificatie": {"omschrijving": department.name},
    }


def task_payload(
    delivery: Delivery, event: EventData, ids: tuple[str, str, str], options: PayloadOptions
) -> Json:
    """Work for an actor; `about`: its number, the contact and the actor."""
    number, contact, actor = ids
    return {
        "referentienummer": number,
        "aanleidinggevendKlantcontact": {"uuid": contact},
        "gevraagdeHandeling": REQUESTED_ACTION,
        "toelichting": _clean("\n".join(_task_remarks(delivery, event, options)))[:MAX_TEXT],
        "status": TO_DO,
        "toegewezenAanActoren": [{"uuid": actor}],
    }


def close_task(remote: Json, remark: str) -> Json | None:
    """The change that ends a task as it is there; None when somebody did that already."""
    if remote.get("status") == DONE:
        return None
    whole = "\n".join(filter(None, (remote.get("toelichting"), _clean(remark))))
    return {"status": DONE, "toelichting": whole[:MAX_TEXT]}


def text(delivery: Delivery, event: EventData, options: PayloadOptions) -> str:
    """What was said, or where it stands."""
    if delivery.dataref:
        return IN_ARCHIVE + options.archiver + delivery.dataref
    if delivery.message is None or event.status:  # it came here from elsewhere, or is made again
        return IN_ARCHIVE + full_text(delivery, options)
    kind = KIND_LABELS.get(event.type, "")
    line = " ".join(filter(None, (f"[{kind.lower()}]" if kind else "", _clean(event.text))))
    files = (FILE_LINE.format(_clean(one.filename), options.archiver + one.link) for one in event.media)
    whole = "\n".join((line, *(" ".join(file.split()) for file in files)))
    return truncate(whole, f"{options.archiver}/v1/messages/{delivery.message}")


def full_text(delivery: Delivery, options: PayloadOptions) -> str:
    """Where the conversation stands."""
    return f"{options.archiver}/v1/conversations/{delivery.conversation}/messages"


def truncate(whole: str, url: str) -> str:
    """As much of it as may be sent, and where the rest is."""
    if len(whole) <= MAX_TEXT:
        return whole
    rest = f"{TRUNCATED}{url}]"
    return whole[: MAX_TEXT - len(rest)] + rest


def _message_text(content: Json) -> str:
    """Of a message as Meta takes it."""
    kind = str(content.get("type", ""))
    inner = content.get(kind) or {}
    body = inner.get("body")
    text = body.get("text") if isinstance(body, dict) else body or inner.get("caption")
    if kind == "template":
        text = f"sjabloon {inner.get('name', '')}"
    label = KIND_LABELS.get(kind, "" if kind in ("text", "interactive") else kind)
    whole = " ".join(filter(None, (f"[{label.lower()}]" if label else "", _clean(text or ""))))
    return whole or "Antwoord via WhatsApp"


def _task_remarks(delivery: Delivery, event: EventData, options: PayloadOptions) -> Iterator[str]:
    """For who does the work: where it is, why it is theirs, and until when it can be done. What is
    longest may be cut off, and the first is what nobody can do without."""
    if options.link:
        yield f"Gesprek: {terms.link.replace('{conversation}', delivery.conversation)}"
    if reason := event.decision.reason or event.reason:
        yield f"Waarom hier: {reason}"
    if event.priority in PRIORITIES:
        yield f"Prioriteit: {PRIORITIES[event.priority]}"
    if event.tags:
        yield f"Kenmerken: {', '.join(event.tags)}"
    if event.due:
        yield f"Wettelijke termijn: {event.due:%d-%m-%Y}"
    if event.window_until:
        yield f"Antwoorden via WhatsApp kan tot {format_moment(event.window_until)}"


def _subject(event: EventData) -> str:
    """The first line of it; it may not be blank."""
    first, _, _ = _clean(event.text).partition("\n")
    return first[:MAX_SUBJECT].strip() or f"{KIND_LABELS.get(event.type, 'Bericht')} via WhatsApp"


def _citizen(event: EventData) -> Citizen:
    return event.citizen if isinstance(event.citizen, Citizen) else Citizen()


def _metadata(delivery: Delivery, first: str) -> Json:
    """Names in lower camel case: others are rewritten. `gebeurtenis` is by what a contact is known
    as ours, `laatste` the event that was added last."""
    ids = {"gesprek": delivery.conversation, "gebeurtenis": first, "laatste": str(delivery.id)}
    return ids | ({"bericht": str(delivery.message)} if delivery.message else {})


def _clean(text: str) -> str:
    """Without what it refuses (NUL), or takes away itself (blanks around it)."""
    return text.replace("\0", "").strip()
