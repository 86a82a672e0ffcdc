"""Who is it? One person has many identifiers, and they come and go. Pure.

BSUID first: it is the stable one, within one municipality's portfolio. A phone number that turns up
with another BSUID belongs to another person now (SIM cards are handed out again), unless Meta has
said that the person is called so from now on.
"""

from uuid import UUID

from router.decisions import Ground, Identity, Knowledge, Unit
from services.whatsapp import items

ADDRESSES = ("phone", "bsuid")
"""What a message can be sent to, best first."""

Names = tuple[items.Identity, ...]


def resolve(
    unit: Unit, tenant: str, names: Names, known: Knowledge, ground: Ground, *, becomes: Names = ()
) -> tuple[UUID, tuple[Identity, ...]]:
    """The person, and the identities that are new or have moved to them. `becomes`: what the person
    is called from now on, instead of `names`."""
    keys = {i: (tenant, i.kind, ground.hash(tenant, i.kind, i.value)) for i in (*names, *becomes)}
    found = {i: known.identities[key] for i, key in keys.items() if key in known.identities}
    owner = _owner(names, found, known) or _owner(becomes, found, known)
    if owner is None:
        owner = unit.id("person", ground.hash)
    new = tuple(
        Identity(*keys[i], value=i.value, person=owner, valid_from=unit.at)
        for i in becomes or names
        if i not in found or found[i].person != owner
    )
    return owner, new


def _owner(given: Names, found: dict[items.Identity, Identity], known: Knowledge) -> UUID | None:
    for identity in given:
        if identity.kind == "bsuid" and identity in found:
            return found[identity].person
    bsuid = any(identity.kind == "bsuid" for identity in given)
    for identity in given:
        if identity not in found:
            continue
        candidate = found[identity].person
        other = any(i.kind == "bsuid" for i in known.people.get(candidate, ()))
        return None if bsuid and other else candidate
    return None


def address(person: UUID, known: Knowledge) -> Identity | None:
    """Where a message to this person goes: the newest phone number, else the BSUID."""
    current = [
        identity
        for identity in known.people.get(person, ())
        if known.identities.get((identity.tenant, identity.kind, identity.hash)) == identity
    ]
    for kind in ADDRESSES:
        if same := [identity for identity in current if identity.kind == kind]:
            return max(same, key=lambda identity: identity.valid_from)
    return None
