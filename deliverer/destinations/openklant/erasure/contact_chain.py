"""Contacts that refer to one of a destroyed conversation, and what becomes of each. Pure.

ITA refers an answer to the question, or to the answer before it. Those answers are of the same
conversation, and go with it. What others made of a contact is not ours to delete.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from deliverer.destinations.openklant.contact_text import Json

Owner = Literal["", "same", "other"]
"""Conversation of ours that a contact belongs to: none, the destroyed one, or another."""
ZAAK = "zaak"
"""Object type of which Open Zaak may have a `zaakobject`. Open Archiefbeheer deletes the reference
with the zaak, and cannot destroy a zaak whose reference is gone."""
EMPTIED = {"onderwerp": "Vernietigd", "inhoud": "", "reactie": "", "metadata": {}}
"""Text of a contact that stays. `reactie` and `metadata` are unknown to 2.15, which passes over
them."""


class SeenContact(NamedTuple):
    """Contact as Open Klant shows it."""

    uuid: str
    owner: Owner = ""
    refers_to: frozenset[str] = frozenset()
    has_task: bool = False
    is_known: bool = False
    """True if it is the conversation's own, or a person registered it about that."""


class Fate(NamedTuple):
    """Contacts that go, in the order in which they do: the end of a chain first, so that the rest
    is still found if the work breaks off."""

    deleted: Sequence[str]
    emptied: Sequence[str]
    """Contacts to which one refers that stays."""
    kept: Mapping[str, str]
    """Contact of others -> why it stays."""


def decide_chain(seen: Sequence[SeenContact]) -> Fate:
    """Decide about a contact and those that refer to it, over others or not."""
    own = {each.uuid for each in seen if each.owner == "same"}
    undecided = [each for each in seen if each.is_known or each.owner != "same"]
    goes = dict[str, None]()
    while found := [each for each in undecided if not _reason_to_stay(each, own | {*goes})]:
        goes |= {each.uuid: None for each in found}
        undecided = [each for each in undecided if each.uuid not in goes]
    held = {other for each in undecided for other in each.refers_to}
    backwards = list(goes)[::-1]
    return Fate(
        [uuid for uuid in backwards if uuid not in held],
        [uuid for uuid in backwards if uuid in held],
        {each.uuid: _reason_to_stay(each, own | {*goes}) for each in undecided},
    )


def _reason_to_stay(contact: SeenContact, gone: set[str]) -> str:
    """Return why a contact stays where these go, or ''."""
    if contact.owner == "other":
        return "other_conversation"
    if contact.is_known:
        return ""
    if contact.has_task:
        return "own_task"
    return "" if contact.refers_to <= gone else "answers_others"


def referring(subjects: Iterable[Json]) -> list[str]:
    """Return the contacts that these references belong to, each once."""
    return list(dict.fromkeys(filter(None, (_uuid(one, "klantcontact") for one in subjects))))


def referred(subjects: Iterable[Json]) -> frozenset[str]:
    """Return the contacts that these references point to."""
    return frozenset(filter(None, (_uuid(one, "wasKlantcontact") for one in subjects)))


def zaak_references(subjects: Iterable[Json]) -> list[str]:
    """Return the references to a zaak that Open Archiefbeheer deletes itself."""
    return [
        str(one["uuid"])
        for one in subjects
        if (one.get("onderwerpobjectidentificator") or {}).get("codeObjecttype") == ZAAK
    ]


def is_ours(address: Json, parties: Iterable[str]) -> bool:
    """True for an address of one of these parties, or of nobody, that no `partij` has."""
    party = _uuid(address, "verstrektDoorBetrokkene")
    return _uuid(address, "verstrektDoorPartij") == "" and (not party or party in parties)


def _uuid(row: Json, field: str) -> str:
    return str((row.get(field) or {}).get("uuid") or "")
