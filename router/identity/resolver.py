"""Resolve the person behind a set of identifiers, which come and go. Pure.

The BSUID comes first because it is stable within one portfolio of Meta's. A phone number that
appears with another BSUID of the same portfolio belongs to another person (SIM cards are handed out
again), unless Meta has reported the change of identifiers. With a BSUID of a portfolio that our
number has left it is the same person, because everyone has a BSUID in each portfolio.
"""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec

from router.model.changes import Identity
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from services.config.numbers import Number
from services.whatsapp import items

CHANGES_OF_NUMBER = ("user_changed_number", "customer_changed_number")
"""Types of Meta's system message for a changed number, now and formerly. It is a tuple because the
value from Meta may be of any type, and a set could not look up an unhashable one."""

PHONE_MATCH_PERIOD = timedelta(weeks=8)
"""Period after a move to another portfolio in which a phone number alone identifies a person of the
former one. A citizen's request is decided within eight weeks (Awb 4:13), so everyone who still
waits has written by its end. Later the number may be another person's."""

Names = tuple[items.Identity, ...]


class SenderIdentities(msgspec.Struct, frozen=True):
    """Identifiers of the person who wrote something, or whom it is about; `becomes` has the
    identifiers that replace them from then on."""

    names: Names
    at: datetime
    becomes: Names = ()


class ResolvedPerson(msgspec.Struct, frozen=True):
    """A person, their identities that are new, moved to them or ended, and `matched_by_phone`: only
    the phone number linked them to another portfolio."""

    person: UUID
    identities: tuple[Identity, ...] = ()
    matched_by_phone: bool = False


class _Lookup(msgspec.Struct, frozen=True):
    """The identifiers of one unit at one of our numbers, with the identities on record."""

    unit: WorkUnit
    number: Number
    sender: SenderIdentities
    snapshot: Snapshot
    recorded: dict[items.Identity, Identity]


def written_at(unit: WorkUnit, at: datetime | None) -> datetime:
    """Return when something was written by the sender's clock, but no later than its receipt: a
    clock that runs ahead would make it the last message for ever."""
    return min(at or unit.at, unit.at)


def resolve_person(
    unit: WorkUnit,
    number: Number,
    sender: SenderIdentities,
    snapshot: Snapshot,
    context: RoutingContext,
) -> ResolvedPerson:
    """Return the person with these identifiers, and the changes in the identities on record."""
    tenant, names, becomes = number.tenant, sender.names, sender.becomes
    hash = context.hashes.of(tenant)
    keys = {i: (tenant, i.kind, hash(tenant, i.kind, i.value)) for i in (*names, *becomes)}
    recorded = {i: row for i, key in keys.items() if (row := snapshot.identities.get(key))}
    lookup = _Lookup(unit, number, sender, snapshot, recorded)
    owner, is_phone_match = _find_owner(names, lookup)
    if owner is None and becomes:
        owner, is_phone_match = _find_owner(becomes, lookup)
    if owner is None:
        owner = unit.id("person")
    merged = any(identity.merged for identity in snapshot.identities_of(owner))
    added = tuple(
        Identity(
            *keys[i],
            value=i.value,
            person=owner,
            valid_from=sender.at,
            scope=_scope(i, unit),
            merged=merged,
        )
        for i in becomes or names
        if _is_news(i, owner, lookup)
    )
    return ResolvedPerson(owner, (*_end_phones(owner, lookup), *added), is_phone_match)


def _is_news(name: items.Identity, owner: UUID, lookup: _Lookup) -> bool:
    recorded = lookup.recorded.get(name)
    if recorded and recorded.person == owner:
        return _is_other_portfolio(recorded, name, lookup.unit)
    return name.kind != "phone" or not _is_late(recorded, owner, lookup)


def _is_late(recorded: Identity | None, owner: UUID, lookup: _Lookup) -> bool:
    """True if the phone number is older than the identities on record. A redelivered or delayed
    message takes no number from its present holder and does not revive a former number."""
    at, becomes = lookup.sender.at, lookup.sender.becomes
    if recorded and recorded.valid_from > at and not becomes:  # else Meta names the new holder
        return True
    identities = lookup.snapshot.identities_of(owner)
    phones = [identity for identity in identities if identity.kind == "phone"]
    return any(identity.valid_from > at for identity in phones or identities)


def _find_owner(names: Names, lookup: _Lookup) -> tuple[UUID | None, bool]:
    """Return the person with these identifiers, and True if they had another BSUID in another
    portfolio."""
    recorded = lookup.recorded
    bsuids = [identity for identity in names if identity.kind == "bsuid"]
    for identity in bsuids:
        if identity in recorded:
            return recorded[identity].person, False
    first = next((identity for identity in names if identity in recorded), None)
    if first is None:
        return None, False
    candidate = recorded[first].person
    if not bsuids:
        return candidate, False
    identities = [i for i in lookup.snapshot.identities_of(candidate) if i.kind == "bsuid"]
    portfolios = {find_portfolio(i, lookup.number) for i in identities}
    if not portfolios:
        return candidate, False
    left = portfolios & _left_portfolios(lookup.number, lookup.unit.at)
    if lookup.unit.scope in portfolios or not left:
        return None, False
    return candidate, True


def _left_portfolios(number: Number, at: datetime) -> set[str]:
    """Return the portfolios that a number left recently. One without a name could be any
    portfolio."""
    recent = {p.portfolio for p in number.previous if at <= p.until + PHONE_MATCH_PERIOD}
    return recent - {""}


def _scope(identity: items.Identity, unit: WorkUnit) -> str:
    """Return the portfolio for a BSUID; a phone number is the same in every portfolio."""
    return unit.scope if identity.kind == "bsuid" else ""


def _is_other_portfolio(recorded: Identity, name: items.Identity, unit: WorkUnit) -> bool:
    """True if Meta reports the identifier in another portfolio than the recorded one, because the
    configuration renamed the portfolio. A command proves nothing about it."""
    return unit.item is not None and recorded.scope != _scope(name, unit)


def find_portfolio(bsuid: Identity, number: Number) -> str:
    """Return the portfolio of a BSUID. If the configuration did not name one when it was seen, it
    is the portfolio that the number had then."""
    if bsuid.scope:
        return bsuid.scope
    later = [(p.until, p.portfolio) for p in number.previous if p.until > bsuid.valid_from]
    return min(later)[1] if later else number.portfolio


def _end_phones(owner: UUID, lookup: _Lookup) -> tuple[Identity, ...]:
    """End the phone numbers that the person no longer has, so that a later holder is another
    person."""
    item, becomes = lookup.unit.item, lookup.sender.becomes
    if not becomes or not isinstance(item, items.Message):
        return ()
    keeps_phone = any(identity.kind == "phone" for identity in becomes)
    if not keeps_phone and item.content.detail.get("type") not in CHANGES_OF_NUMBER:
        return ()
    kept = {row.key for name, row in lookup.recorded.items() if name in becomes}
    return tuple(
        msgspec.structs.replace(identity, valid_to=lookup.unit.at)
        for identity in lookup.snapshot.identities_of(owner)
        if identity.kind == "phone"
        and identity.key not in kept
        and identity.valid_from <= lookup.sender.at
    )


def find_address(person: UUID, number: Number, snapshot: Snapshot) -> Identity | None:
    """Return the address for a message of this number to this person: the newest phone number, else
    the BSUID, which only the number's own portfolio can reach."""
    return _choose_address(snapshot.identities_of(person), number)


def find_reply_address(
    sender: ResolvedPerson, number: Number, snapshot: Snapshot
) -> Identity | None:
    """Return the address for a reply to a sender, with the identities that their message
    changed."""
    changed_keys = {identity.key: identity for identity in sender.identities}
    unchanged = [i for i in snapshot.identities_of(sender.person) if i.key not in changed_keys]
    return _choose_address(
        [*unchanged, *(i for i in sender.identities if i.valid_to is None)], number
    )


def _choose_address(current: list[Identity], number: Number) -> Identity | None:
    phones = [identity for identity in current if identity.kind == "phone"]
    bsuids = [
        identity
        for identity in current
        if identity.kind == "bsuid" and find_portfolio(identity, number) == number.portfolio
    ]
    return max(phones or bsuids, key=lambda identity: identity.valid_from, default=None)
