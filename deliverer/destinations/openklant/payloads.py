"""Payloads for Open Klant, within its limits (Klantinteracties 0.9 of version 2.18). Pure.

The texts are Dutch, for the employees who read them.
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
"""Longest `onderwerp`; `inhoud` and `toelichting`; name; and address, in characters."""
PHONE = re.compile(r"\+[1-9][0-9]{8,14}")
"""Telephone number as Open Klant accepts it. Meta's `wa_id` is one without the plus."""
LANGUAGES = {
    "nl": "nld", "en": "eng", "de": "deu", "fr": "fra", "es": "spa", "tr": "tur", "pl": "pol",
    "ar": "ara", "uk": "ukr",
}  # fmt: skip
"""ISO 639-1 -> 639-2, of the languages that Postkamer detects."""
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
    """Settings of a municipality for its Open Klant."""

    channel: str
    """Name of WhatsApp in its list of channels: `kanaal`."""
    archiver: str
    """Address of the archiver's API."""
    link: str
    """Address where an employee sees a conversation; '{conversation}' is replaced by its id."""


class ContactKey(NamedTuple):
    """Identifiers to find a contact again: its number, and its event."""

    number: str
    event: str


def contact_payload(
    delivery: Delivery, event: EventData, key: ContactKey, options: PayloadOptions
) -> Json:
    """Return a contact and its citizen, for `maak-klantcontact`. The citizen is linked to no
    `partij`: we do not know who they are."""
    return {
        "klantcontact": {
            "referentienummer": key.number,
            "kanaal": options.channel,
            "onderwerp": _subject(event),
            "inhoud": contact_text(delivery, event, options),
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


def answer_payload(
    delivery: Delivery, content: Json, key: ContactKey, options: PayloadOptions
) -> Json:
    """Return the contact of an employee's answer to the same citizen."""
    text = (
        IN_ARCHIVE + options.archiver + delivery.dataref
        if delivery.dataref
        else _message_text(content)
    )
    url = f"{options.archiver}/v1/messages/{delivery.message}"
    first, _, _ = text.partition("\n")
    return {
        "klantcontact": {
            "referentienummer": key.number,
            "kanaal": options.channel,
            "onderwerp": "Antwoord via WhatsApp"
            if delivery.dataref
            else first[:MAX_SUBJECT].strip(),
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
    """Return an employee as an actor, identified as KISS does: by an e-mail address, or else by the
    CRM's id."""
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
    """Return the change that adds a message to an existing contact; None if it has it already."""
    metadata = remote.get("metadata") or {}
    if metadata.get("laatste") == str(delivery.id):
        return None
    previous, addition = remote.get("inhoud") or "", contact_text(delivery, event, options)
    whole = (
        previous
        if TRUNCATED in previous
        else truncate(f"{previous}\n\n{addition}", conversation_url(delivery, options))
    )
    return {
        "inhoud": whole,
        "plaatsgevondenOp": written_at(delivery, event).isoformat(),
        "metadata": {**metadata, **_metadata(delivery, metadata.get("gebeurtenis", ""))},
    }


def address_payload(event: EventData, party: str) -> Json | None:
    """Return the address of the citizen: a telephone number, else Meta's id. It belongs to the
    contact and to no `partij`, because a telephone number proves no identity."""
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
    """Return a department as an actor, identified as KISS does (afd, obj, idf)."""
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
    """Return a task; `ids` are its number, the contact and the actor."""
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
    """Return the change that ends an existing task; None if it is done already."""
    if remote.get("status") == DONE:
        return None
    return {"status": DONE, "toelichting": _append(remote, remark)}


def remark_on_task(remote: Json, remark: str) -> Json | None:
    """Return the change that adds a remark to an existing task; None if it is there already."""
    if _clean(remark) in (remote.get("toelichting") or ""):
        return None
    return {"toelichting": _append(remote, remark)}


def _append(remote: Json, remark: str) -> str:
    """Return the remarks of a task and one more. What an employee wrote stays."""
    return "\n".join(filter(None, (remote.get("toelichting"), _clean(remark))))[:MAX_TEXT]


def contact_text(delivery: Delivery, event: EventData, options: PayloadOptions) -> str:
    """Return the text of a message, or the address where it can be read."""
    if delivery.dataref:
        return IN_ARCHIVE + options.archiver + delivery.dataref
    if delivery.message is None or event.status:  # a transfer, or a recreated contact
        return IN_ARCHIVE + conversation_url(delivery, options)
    kind = KIND_LABELS.get(event.type, "")
    line = " ".join(filter(None, (f"[{kind.lower()}]" if kind else "", _clean(event.text))))
    files = (
        FILE_LINE.format(_clean(one.filename), options.archiver + one.link) for one in event.media
    )
    whole = "\n".join((line, *(" ".join(file.split()) for file in files)))
    return truncate(whole, f"{options.archiver}/v1/messages/{delivery.message}")


def conversation_url(delivery: Delivery, options: PayloadOptions) -> str:
    """Return the address of the conversation at the archiver."""
    return f"{options.archiver}/v1/conversations/{delivery.conversation}/messages"


def truncate(whole: str, url: str) -> str:
    """Return the text within the limit; if it is too long, end with the address of all of it."""
    if len(whole) <= MAX_TEXT:
        return whole
    rest = f"{TRUNCATED}{url}]"
    return whole[: MAX_TEXT - len(rest)] + rest


def _message_text(content: Json) -> str:
    """Return the text of a message in Meta's format."""
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
    """Yield the remarks for the employee who does the task. Most important first: the end may be
    cut off."""
    if options.link:
        yield f"Gesprek: {options.link.replace('{conversation}', delivery.conversation)}"
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
    """Return the first line, or a description: a subject must not be blank."""
    first, _, _ = _clean(event.text).partition("\n")
    return first[:MAX_SUBJECT].strip() or f"{KIND_LABELS.get(event.type, 'Bericht')} via WhatsApp"


def _citizen(event: EventData) -> Citizen:
    return event.citizen if isinstance(event.citizen, Citizen) else Citizen()


def _metadata(delivery: Delivery, first: str) -> Json:
    """Return the metadata of a contact. Open Klant rewrites names that are not in lower camel case.
    `gebeurtenis` marks a contact as ours; `laatste` is the event that was added last."""
    ids = {"gesprek": delivery.conversation, "gebeurtenis": first, "laatste": str(delivery.id)}
    return ids | ({"bericht": str(delivery.message)} if delivery.message else {})


def _clean(text: str) -> str:
    """Remove NUL, which Open Klant refuses, and surrounding blanks, which it strips itself."""
    return text.replace("\0", "").strip()
