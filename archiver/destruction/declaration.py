"""The declaration of destruction: what was destroyed, on which ground, how, when and by whom
(Archiefbesluit 1995, article 8). Pure.

It is kept for ever (selection list 2020, 19.1.18), so it has no personal data of citizens: the ids
of conversations are random, and what employees wrote is on the record of the list alone.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from hashlib import sha256

import msgspec

from archiver.destruction.destruction_list import DestructionList, ItemGroup, ListEvent, ListItem
from services.contract import Identified

SELECTION_LIST = "Selectielijst gemeenten en intergemeentelijke organen 2020"
GROUNDS = {
    "term": f"De bewaartermijn is voorbij ({SELECTION_LIST}; Archiefwet 1995, artikel 3).",
    "request": "De burger vroeg om wissing en dat is toegekend (AVG, artikel 17).",
}
METHOD = (
    "De sleutels van elk gesprek en van elk bericht daarin zijn gewist, en ook de zoekwoorden, de"
    " verwijzingen naar personen, de bestanden en de kopieën in de werktabellen. De versleutelde"
    " regels in het logboek blijven staan. Niemand kan ze nog lezen."
)
MAX_KEPT = 1_000
"""Conversations that are named one by one because they were not destroyed. Above that the groups
alone say how many, and `archiver.destruction_item` has each."""
VERSION = 1


class Signature(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Step of a person, or of the machine that carried the list out."""

    by: str
    at: datetime
    identified: Identified | None = None
    """proven: by the identity provider or a login. stated: not proven."""


class KeptItem(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Conversation of the list that was not destroyed with it."""

    conversation: str
    state: str
    reason: str = ""
    until: date | None = None
    by: str = ""
    holds: tuple[str, ...] = ()
    """Ids of the holds that covered it when the list ended."""


class Specification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """All conversations that were destroyed. Each has a record in the log that names the list."""

    conversations: int
    sha256: str
    """SHA-256, in hex, of their ids in their order, each followed by a line feed."""


class Remain(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Copies that were not destroyed. Sentences are Dutch: they are in the declaration."""

    place: str
    what: str
    why: str
    until: date | None = None
    """Last day on which they can exist, if known."""
    count: int | None = None
    """Number of them, if known."""


class Declaration(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The declaration as it is kept."""

    version: int = VERSION
    list: str
    municipality: str
    kind: str
    request: str | None
    up_to: date | None
    """Day before which all of it was due."""
    ground: str
    method: str = METHOD
    drawn: Signature
    reviewed: Signature
    approved: Signature
    withdrawn: Signature | None
    """Stop of the list, of which a part was destroyed by then."""
    waiting_days: float
    begun_at: datetime
    ended_at: datetime
    destroyed: Specification
    groups: tuple[ItemGroup, ...]
    kept: tuple[KeptItem, ...]
    kept_left_out: int
    """Number of conversations that were kept and are not in `kept`."""
    remains: tuple[Remain, ...]


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """All that a declaration is made of."""

    found: DestructionList
    municipality: str
    events: Sequence[tuple[datetime, ListEvent]]
    groups: Sequence[ItemGroup]
    kept: Sequence[ListItem]
    """The first of what was not destroyed, at most MAX_KEPT."""
    kept_count: int
    holds: dict[str, tuple[str, ...]]
    """Conversation -> holds that cover it."""
    destroyed: Specification
    remains: tuple[Remain, ...]


def declare(facts: Facts) -> Declaration:
    """Return the declaration of a list that was carried out, wholly or until it was withdrawn."""
    found, proofs = facts.found, dict(_proofs(facts.events))
    ended_at = found.ended_at or found.withdrawn_at
    assert found.reviewed_at and found.approved_at and found.begun_at and ended_at
    return Declaration(
        list=found.id,
        municipality=facts.municipality,
        kind=found.kind,
        request=found.request,
        up_to=found.up_to,
        ground=GROUNDS[found.kind],
        drawn=_sign(found.drawn_by, found.drawn_at, proofs.get("drawn")),
        reviewed=_sign(found.reviewed_by, found.reviewed_at, proofs.get("reviewed")),
        approved=_sign(found.approved_by, found.approved_at, proofs.get("approved")),
        withdrawn=_sign(found.withdrawn_by, found.withdrawn_at, proofs.get("withdrawn"))
        if found.withdrawn_at
        else None,
        waiting_days=found.waiting.total_seconds() / 86_400,
        begun_at=found.begun_at,
        ended_at=ended_at,
        destroyed=facts.destroyed,
        groups=tuple(facts.groups),
        kept=tuple(_kept(each, facts.holds.get(each.conversation, ())) for each in facts.kept),
        kept_left_out=facts.kept_count - len(facts.kept),
        remains=facts.remains,
    )


def read_declaration(document: str) -> Declaration:
    """Return a declaration that was kept."""
    return msgspec.json.decode(document, type=Declaration)


def specify(conversations: Iterable[str]) -> Specification:
    """Return the specification of conversations, given in the order of their ids."""
    digest, count = sha256(), 0
    for each in conversations:
        digest.update(f"{each}\n".encode())
        count += 1
    return Specification(conversations=count, sha256=digest.hexdigest())


def _proofs(
    events: Iterable[tuple[datetime, ListEvent]],
) -> Iterable[tuple[str, Identified | None]]:
    """Yield each step with the source of its person's name; the last of a step counts."""
    return ((event.event, event.identified) for _, event in events)


def _sign(by: str | None, at: datetime, identified: Identified | None) -> Signature:
    return Signature(by=by or "", at=at, identified=identified)


def _kept(item: ListItem, holds: tuple[str, ...]) -> KeptItem:
    return KeptItem(
        conversation=item.conversation,
        state=item.state,
        reason=item.reason,
        until=item.until,
        by=item.changed_by,
        holds=holds,
    )
