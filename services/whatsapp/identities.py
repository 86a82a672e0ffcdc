"""Identifiers of the person that an item is about: all in the body, the most stable first."""

from collections.abc import Sequence
from operator import attrgetter
from typing import Any

import msgspec

from services.whatsapp.items import Identity, Person
from services.whatsapp.lenient_json import (
    UnreadableJson,
    fields,
    members,
    read_object,
    scalar,
    text,
)

MAX_CONTACT = 8192
"""Most bytes of a contact to store with each of its items; Meta's contacts are under 300 bytes."""

_KIND = attrgetter("kind")
_PUNCTUATION = str.maketrans("", "", "+-() ")

# Meta's names of identifiers, with their kinds. An address is a phone number or a BSUID.
SENDER = {"from_user_id": "bsuid", "from_parent_user_id": "parent_bsuid", "from": "address"}
ADDRESSEE = {"to_user_id": "bsuid", "to_parent_user_id": "parent_bsuid", "to": "address"}
CONTACT = {"user_id": "bsuid", "parent_user_id": "parent_bsuid", "wa_id": "address"}
THREAD = {"user_id": "bsuid", "parent_user_id": "parent_bsuid", "id": "address"}
RECIPIENT = {
    "recipient_user_id": "bsuid",
    "parent_recipient_user_id": "parent_bsuid",
    "parent_user_id": "parent_bsuid",  # another name of the same one, on the same page of Meta
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
    """An entry of `contacts`: its person, and its JSON, which is empty if it is too large."""

    raw: bytes
    person: Person


class Contacts:
    """The `contacts` of one change, by identifier: Meta does not align them with messages."""

    def __init__(self, entries: list[msgspec.Raw]) -> None:
        contacts = [contact for entry in entries if (contact := _contact(bytes(entry)))]
        self._by_value: dict[str, Contact] = {}
        for contact in contacts:
            for identity in contact.person.identities:
                self._by_value.setdefault(identity.value, contact)
        self._only = contacts[0] if len(entries) == len(contacts) == 1 else None

    def complete(self, identities: list[Identity], *, alone: bool = False) -> tuple[Person, bytes]:
        """Return the person with these identifiers, completed by their contact, and its JSON.

        With `alone`, the only contact of the change matches without an identifier.
        """
        contact = self._find(identities) or (self._only if alone else None)
        if contact is None:
            return Person(identities=_best_first(identities)), b""
        person = contact.person
        if person.identities == tuple(identities):
            return person, contact.raw
        both = _best_first([*identities, *person.identities])
        return Person(identities=both, name=person.name, username=person.username), contact.raw

    def contact_named_in(self, value: dict[str, Any]) -> bytes:
        """Return the JSON of the contact that an identifier in `value` points at. It is stored with
        the item, which does not mean that both are one person."""
        if self._by_value:
            for identity in identities_in(value, ANYBODY):
                if contact := self._by_value.get(identity.value):
                    return contact.raw
        return b""

    def _find(self, identities: list[Identity]) -> Contact | None:
        """Return the contact by the best identifier; never one with the BSUID of another person."""
        for identity in identities:
            contact = self._by_value.get(identity.value)
            if contact and _may_be_same_person(identities, contact.person.identities):
                return contact
        return None


def _may_be_same_person(left: Sequence[Identity], right: Sequence[Identity]) -> bool:
    """Return False if both have a BSUID, which comes first, and the two differ."""
    return left[0].kind != "bsuid" or right[0].kind != "bsuid" or left[0] == right[0]


def _contact(raw: bytes) -> Contact | None:
    try:
        entry = read_object(raw)
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
    """Return the identifiers in `source`, in the order of `names`."""
    identities = []
    for name, kind in names.items():
        if name in source and (value := text(source[name])):
            identities.append(address(value) if kind == "address" else Identity(kind, value))
    return identities


def address(value: str) -> Identity:
    """Return the identity of an address. Meta writes a phone number as digits; any other address is
    the BSUID of a user, such as `NL.1a2b`, or of a parent, with `.ENT.` after the country."""
    digits = value.translate(_PUNCTUATION)
    if digits.isascii() and digits.isdecimal():
        return Identity("phone", digits)
    return Identity("parent_bsuid" if value[2:7] == ".ENT." else "bsuid", value)


def _best_first(identities: list[Identity]) -> tuple[Identity, ...]:
    """Sort identities, each once, best first. This is alphabetical: bsuid, parent_bsuid, phone."""
    return tuple(sorted(dict.fromkeys(identities), key=_KIND))


def recipient(status: dict[str, Any]) -> list[Identity]:
    """Return the person that a status is about: in a group the participant, as `recipient_id` is
    the group's."""
    participants = identities_in(status, PARTICIPANT)
    if participants or text(status.get("recipient_type")) == "group":
        return participants
    return identities_in(status, RECIPIENT)


def participant(status: dict[str, Any]) -> str:
    """Return the participant of a group that a status is about, '' outside groups."""
    in_group = "group_id" in status or text(status.get("recipient_type")) == "group"
    identities = recipient(status) if in_group else identities_in(status, PARTICIPANT)
    return identities[0].value if identities else ""


def thread_owner(thread: dict[str, msgspec.Raw]) -> list[Identity]:
    """Return the citizen of a thread of history; the id of the thread is their number."""
    context = members(thread.get("context")) or {}
    return [
        identity
        for source, names in ((thread, THREAD), (context, CONTACT))
        for identity in identities_in({name: scalar(source.get(name)) for name in names}, names)
    ]


def identity_change_in(message: dict[str, Any]) -> tuple[list[Identity], list[Identity]]:
    """Return the old and the new identifiers of the person that a `system` message is about."""
    system = fields(message.get("system"))
    new = identities_in(system, NEW_NAMES)
    sender = identities_in(system, OLD_NAMES) + identities_in(message, SENDER)
    old = [identity for identity in sender if identity not in new]
    return old or sender or new, new
