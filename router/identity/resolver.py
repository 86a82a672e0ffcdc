"""Who is it? One person has many identifiers, and they come and go. Pure.

BSUID first: it is the stable one, within one portfolio of Meta's. A phone number that turns up with
another BSUID of the same portfolio belongs to another person now (SIM cards are handed out again),
unless Meta has said that the person is called so from now on. With a BSUID of a portfolio that our
number has left it is the same person: everybody has a BSUID in each.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from router.model.decision import Identity, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from services.config.numbers import Number
from services.whatsapp import items

CHANGES_OF_NUMBER = ("user_changed_number", "customer_changed_number")
"""What Meta's system messages call it, now and before. No set: what stands there may be no text,
and then it has no hash."""

CONTINUED = timedelta(weeks=8)
"""After a move, for which a telephone number alone shows who somebody was in the former portfolio:
what a citizen asked is decided upon within eight weeks (Awb 4:13), so by then whoever still waits
has written. Later the number may be somebody else's."""

Names = tuple[items.Identity, ...]


class SenderIdentities(msgspec.Struct, frozen=True):
    """What somebody was called when they said something, or when it was said of them; `becomes`:
    what they are called from then on instead."""

    names: Names
    at: datetime
    becomes: Names = ()


class ResolvedPerson(msgspec.Struct, frozen=True):
    """The person; the identities that are new, have moved to them, or have ended; and whether it
    was by their phone number alone that they were known from another portfolio."""

    person: UUID
    changed: tuple[Identity, ...] = ()
    matched_by_phone: bool = False


class _Seen(msgspec.Struct, frozen=True):
    """What is known of the names that came with one unit, at one number of ours."""

    unit: WorkUnit
    number: Number
    called: SenderIdentities
    snapshot: Snapshot
    found: dict[items.Identity, Identity]


def written_at(unit: WorkUnit, at: datetime | None) -> datetime:
    """When something was said, by the clock of whoever brings it; one that runs ahead would make
    it the last word."""
    return min(at or unit.at, unit.at)


def resolve_person(
    unit: WorkUnit,
    number: Number,
    called: SenderIdentities,
    snapshot: Snapshot,
    context: RoutingContext,
) -> ResolvedPerson:
    """Who is called so."""
    tenant, names, becomes = number.tenant, called.names, called.becomes
    keys = {i: (tenant, i.kind, context.hash(tenant, i.kind, i.value)) for i in (*names, *becomes)}
    found = {i: snapshot.identities[key] for i, key in keys.items() if key in snapshot.identities}
    seen = _Seen(unit, number, called, snapshot, found)
    owner, continued = _owner(names, seen)
    if owner is None and becomes:
        owner, continued = _owner(becomes, seen)
    if owner is None:
        owner = unit.id("person")
    now = tuple(
        Identity(*keys[i], value=i.value, person=owner, valid_from=called.at, scope=_scope(i, unit))
        for i in becomes or names
        if _is_news(i, owner, seen)
    )
    return ResolvedPerson(owner, (*_ended(owner, seen), *now), continued)


def _is_news(name: items.Identity, owner: UUID, seen: _Seen) -> bool:
    held = seen.found.get(name)
    if held and held.person == owner:
        return _elsewhere(held, name, seen.unit)
    return name.kind != "phone" or not _late(held, owner, seen)


def _late(held: Identity | None, owner: UUID, seen: _Seen) -> bool:
    """Whether a phone number was said before what is known by now: what is redelivered, or was long
    on its way, takes no number from whoever has it since, and brings no old one back."""
    at, becomes = seen.called.at, seen.called.becomes
    if held and held.valid_from > at and not becomes:  # else Meta says whose it became
        return True
    theirs = seen.snapshot.identities_of(owner)
    phones = [identity for identity in theirs if identity.kind == "phone"]
    return any(identity.valid_from > at for identity in phones or theirs)


def _owner(given: Names, seen: _Seen) -> tuple[UUID | None, bool]:
    """Whose these names are, and whether they had another BSUID in another portfolio."""
    found = seen.found
    bsuids = [identity for identity in given if identity.kind == "bsuid"]
    for identity in bsuids:
        if identity in found:
            return found[identity].person, False
    first = next((identity for identity in given if identity in found), None)
    if first is None:
        return None, False
    candidate = found[first].person
    if not bsuids:
        return candidate, False
    theirs = [i for i in seen.snapshot.identities_of(candidate) if i.kind == "bsuid"]
    portfolios = {portfolio(i, seen.number) for i in theirs}
    if not portfolios:
        return candidate, False
    continued = portfolios & _left(seen.number, seen.unit.at)
    if seen.unit.scope in portfolios or not continued:
        return None, False
    return candidate, True


def _left(number: Number, at: datetime) -> set[str]:
    """The portfolios that a number has left not long ago. One without a name could be any."""
    recent = {p.portfolio for p in number.previous if at <= p.until + CONTINUED}
    return recent - {""}


def _scope(identity: items.Identity, unit: WorkUnit) -> str:
    """A phone number is the same in every portfolio."""
    return unit.scope if identity.kind == "bsuid" else ""


def _elsewhere(snapshot: Identity, name: items.Identity, unit: WorkUnit) -> bool:
    """Whether Meta says it in another portfolio than is known: the configuration gave it another
    name. An order proves nothing of the kind."""
    return unit.item is not None and snapshot.scope != _scope(name, unit)


def portfolio(bsuid: Identity, number: Number) -> str:
    """The portfolio that a BSUID holds in: that of our number when it was seen, where it was not
    written down because the configuration did not name it yet."""
    if bsuid.scope:
        return bsuid.scope
    later = [(p.until, p.portfolio) for p in number.previous if p.until > bsuid.valid_from]
    return min(later)[1] if later else number.portfolio


def _ended(owner: UUID, seen: _Seen) -> tuple[Identity, ...]:
    """The phone numbers that are no longer theirs: who has one of these later is somebody else."""
    item, becomes = seen.unit.item, seen.called.becomes
    if not becomes or not isinstance(item, items.Message):
        return ()
    kept = {identity.value for identity in becomes if identity.kind == "phone"}
    if not kept and item.content.detail.get("type") not in CHANGES_OF_NUMBER:
        return ()
    return tuple(
        msgspec.structs.replace(identity, valid_to=seen.unit.at)
        for identity in seen.snapshot.identities_of(owner)
        if identity.kind == "phone"
        and identity.value not in kept
        and identity.valid_from <= seen.called.at
    )


def address(person: UUID, number: Number, snapshot: Snapshot) -> Identity | None:
    """Where a message of this number to this person goes: the newest phone number, else the BSUID,
    which only the number's own portfolio can reach."""
    return _best(snapshot.identities_of(person), number)


def reply_address(who: ResolvedPerson, number: Number, snapshot: Snapshot) -> Identity | None:
    """The same of somebody who has just written: with the names that this brought."""
    changed = {identity.key: identity for identity in who.changed}
    before = [i for i in snapshot.identities_of(who.person) if i.key not in changed]
    return _best([*before, *(i for i in who.changed if i.valid_to is None)], number)


def _best(current: list[Identity], number: Number) -> Identity | None:
    phones = [identity for identity in current if identity.kind == "phone"]
    bsuids = [
        identity
        for identity in current
        if identity.kind == "bsuid" and portfolio(identity, number) == number.portfolio
    ]
    return max(phones or bsuids, key=lambda identity: identity.valid_from, default=None)
