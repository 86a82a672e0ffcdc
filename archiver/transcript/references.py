"""Messages that name another one: what they quote, edit, withdraw or react to. Pure.

A citizen's message names another by its wamid, in Meta's own item; one of ours by our id.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec

Fields = Mapping[str, Any]
Relation = Literal["quote", "reaction", "edit", "revoke"]
MEMBERS: dict[Relation, tuple[str, str]] = {
    "quote": ("context", "id"),
    "reaction": ("reaction", "message_id"),
    "edit": ("edit", "original_message_id"),
    "revoke": ("revoke", "original_message_id"),
}
"""Relation -> member of Meta's item, and the member in that with the wamid."""
ABOUT: dict[str, Relation] = {"reaction": "reaction", "edit": "edit", "revoke": "revoke"}
"""Type of a message that is about another one -> how it names that."""


def raw_fields(raw: bytes) -> dict[str, Any]:
    """Return Meta's item; an empty one if there is none of that form."""
    try:
        item = msgspec.json.decode(raw) if raw else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return item if isinstance(item, dict) else {}


def raw_member(item: Fields, name: str) -> dict[str, Any]:
    """Return a member of Meta's item; an empty one if it has none of that form."""
    member = item.get(name)
    return member if isinstance(member, dict) else {}


class References:
    """Finds messages by what others name them with. Each is (fields as the API shows them, Meta's
    item)."""

    def __init__(self, messages: Iterable[tuple[Fields, Fields]]) -> None:
        self._by_id: dict[UUID, int] = {}
        self._by_wamid: dict[str, int] = {}
        for place, (fields, item) in enumerate(messages):
            self._by_id[fields["id"]] = place
            wamid = fields["wamid"] or item.get("id")
            if isinstance(wamid, str) and wamid:
                self._by_wamid.setdefault(wamid, place)

    def find(self, fields: Fields, item: Fields, relation: Relation) -> int | None:
        """Return the place of the message that this one names; None if that is not here."""
        if reply_to := fields["replyTo"]:
            return self._by_id.get(UUID(str(reply_to)))
        member, name = MEMBERS[relation]
        wamid = raw_member(item, member).get(name)
        return self._by_wamid.get(wamid) if isinstance(wamid, str) else None

    @staticmethod
    def names_any(fields: Fields, item: Fields, relation: Relation) -> bool:
        """Return True if the message names another one, here or not."""
        member, name = MEMBERS[relation]
        return bool(fields["replyTo"] or raw_member(item, member).get(name))


def first_words(text: str, most: int) -> str:
    """Return the beginning of a text on one line, cut between two words."""
    line = " ".join(text.split())
    if len(line) <= most:
        return line
    head = line[:most]
    return (head.rpartition(" ")[0] or head) + "\N{HORIZONTAL ELLIPSIS}"


def card_lines(item: Fields) -> Sequence[str]:
    """Return the names and phone numbers on the contact cards of a message."""
    cards = item.get("contacts")
    lines = []
    for card in cards if isinstance(cards, list) else []:
        if isinstance(card, dict):
            name = raw_member(card, "name").get("formatted_name") or ""
            phones = card.get("phones")
            numbers = [
                str(each["phone"])
                for each in (phones if isinstance(phones, list) else [])
                if isinstance(each, dict) and each.get("phone")
            ]
            lines.append(" ".join(filter(None, (str(name), ", ".join(numbers)))))
    return lines
