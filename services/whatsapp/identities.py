"""Who a message is from or to: every identifier that the body gives, the stable one first."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from services.whatsapp.items import Identity, Person
from services.whatsapp.lenient_json import UnreadableJson, fields, members, record, scalar, text

MAX_CONTACT = 8192
"""Bytes of what names a citizen, to be kept with each item of theirs; Meta's are under 300."""

_KIND = attrgetter("kind")
_PUNCTUATION = str.maketrans("", "", "+-() ")

# Where Meta puts identifiers, and of which kind they are. An address is a phone number or a BSUID.
SENDER = {"from_user_id": "bsuid", "from_parent_user_id": "parent_bsuid", "from": "address"}
ADDRESSEE = {"to_user_id": "bsuid", "to_parent_user_id": "parent_bsuid", "to": "address"}
CONTACT = {"user_id": "bsuid", "parent_user_id": "parent_bsuid", "wa_id": "address"}
THREAD = {"user_id": "bsuid", "parent_user_id": "parent_bsuid", "id": "address"}
RECIPIENT = {
    "recipient_user_id": "bsuid",
    "parent_recipient_user_id": "parent_bsuid",
    "parent_user_id": "parent_bsuid",  # the same one, elsewhere on the same page of Meta's
    "recipient_id": "address",
}
PARTICIPANT = {
    "recipient_participant_user_id": "bsuid",
    "recipient_participant_parent_user_id": "parent_bsuid",
    "recipient_participant_id": "address",
}
ANYBODY = {**PARTICIPANT, **RECIPIENT, **ADDRESSEE, **SENDER, **CONTACT}
NEW_NAMES = {**CONTACT, "new_wa_id": "address"}  # the older name of `wa_id`
OLD_NAMES = {"previous_user_id": "bsuid", "previous_parent_user_id": "parent_bsuid"}


class Contact(msgspec.Struct, frozen=True):
    """An entry of `contacts`: its JSON, unless that is too large, and the person it describes."""

    raw: bytes
    person: Person


class Contacts:
    """The `contacts` of one change, found by identifier: they are not aligned with messages."""

    def __init__(self, entries: list[msgspec.Raw]) -> None:
        found = [contact for entry in entries if (contact := _contact(bytes(entry)))]
        self._by_value: dict[str, Contact] = {}
        for contact in found:
            for identity in contact.person.identities:
                self._by_value.setdefault(identity.value, contact)
        self._only = found[0] if len(entries) == len(found) == 1 else None

    def complete(self, known: list[Identity], *, alone: bool = False) -> tuple[Person, bytes]:
        """The person with these identifiers and what their contact adds, and the contact's JSON.

        With `alone`, the only contact there is will do.
        """
        contact = self._find(known) or (self._only if alone else None)
        if contact is None:
            return Person(identities=_best_first(known)), b""
        person = contact.person
        if person.identities == tuple(known):
            return person, contact.raw
        both = _best_first([*known, *person.identities])
        return Person(identities=both, name=person.name, username=person.username), contact.raw

    def naming(self, value: dict[str, Any]) -> bytes:
        """The JSON of the contact that something in `value` points at: to be kept with it, which
        does not say that both are one person."""
        if self._by_value:
            for identity in identities_in(value, ANYBODY):
                if contact := self._by_value.get(identity.value):
                    return contact.raw
        return b""

    def _find(self, known: list[Identity]) -> Contact | None:
        """The contact by the best identifier; never one with the BSUID of somebody else."""
        for identity in known:
            contact = self._by_value.get(identity.value)
            if contact and _agree(known, contact.person.identities):
                return contact
        return None


def _agree(some: Sequence[Identity], others: Sequence[Identity]) -> bool:
    """Whether both may be one person; each begins with its BSUID, if it has one."""
    if not some or not others:
        return True
    one, other = some[0], others[0]
    return one.kind != "bsuid" or other.kind != "bsuid" or one == other


def _contact(raw: bytes) -> Contact | None:
    try:
        entry = record(raw)
    except UnreadableJson:
        return None
    profile = fields(entry.get("profile"))
    person = Person(
        identities=tuple(identities_in(entry, CONTACT)),
        name=text(profile.get("name")),
        username=text(profile.get("username")),
    )
    return Contact(raw if len(raw) <= MAX_CONTACT else b"", person)


def identities_in(source: dict[str, Any], names: dict[str, str]) -> list[Identity]:
    """The identifiers in `source`, in the order of `names`."""
    found = []
    for name, kind in names.items():
        if name in source and (value := text(source[name])):
            found.append(address(value) if kind == "address" else Identity(kind, value))
    return found


def address(value: str) -> Identity:
    """Meta writes a phone number as digits alone; what is no number is the identifier of a user,
    e.g. `NL.1a2b`, with `ENT` in the middle for a parent's."""
    digits = value.translate(_PUNCTUATION)
    if digits.isascii() and digits.isdecimal():
        return Identity("phone", digits)
    return Identity("parent_bsuid" if value[2:7] == ".ENT." else "bsuid", value)


def _best_first(identities: list[Identity]) -> tuple[Identity, ...]:
    """Each once. The alphabet happens to agree: bsuid, parent_bsuid, phone."""
    return tuple(sorted(dict.fromkeys(identities), key=_KIND))


def recipient(status: dict[str, Any]) -> list[Identity]:
    """Whom a status is about; in a group, where `recipient_id` is the group's, the participant."""
    found = identities_in(status, PARTICIPANT)
    if found or text(status.get("recipient_type")) == "group":
        return found
    return identities_in(status, RECIPIENT)


def participant(status: dict[str, Any]) -> str:
    """The participant of a group that a status is about, '' outside groups."""
    grouped = "group_id" in status or text(status.get("recipient_type")) == "group"
    who = recipient(status) if grouped else identities_in(status, PARTICIPANT)
    return who[0].value if who else ""


def thread_owner(thread: dict[str, msgspec.Raw]) -> list[Identity]:
    """The citizen of a thread of history, whose id is their number."""
    context = members(thread.get("context")) or {}
    return [
        identity
        for given, names in ((thread, THREAD), (context, CONTACT))
        for identity in identities_in({name: scalar(given.get(name)) for name in names}, names)
    ]


def identity_change_in(message: dict[str, Any]) -> tuple[list[Identity], list[Identity]]:
    """Whom a `system` message is about: as they were known, and as they are known from now on."""
    system = fields(message.get("system"))
    new = identities_in(system, NEW_NAMES)
    given = identities_in(system, OLD_NAMES) + identities_in(message, SENDER)
    old = [identity for identity in given if identity not in new]
    return old or given or new, new
