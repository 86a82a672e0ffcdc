"""Ownership of a destination by a token. Pure."""

from collections.abc import Sequence

import msgspec

from services.config.model import Configuration
from services.config.organisation import Destination
from services.http.rights import Rights


class QuarantineScope(msgspec.Struct, frozen=True, kw_only=True):
    """Departments, destinations and numbers of which a token sees what was put aside.

    `destinations` are those of this municipality alone: what cannot be read there does not say
    whose it is. `numbers` are empty for a token that does not reach the whole municipality.
    """

    tenant: str
    departments: Sequence[str]
    destinations: Sequence[str]
    numbers: Sequence[str]


def list_owned(rights: Rights, config: Configuration) -> list[Destination]:
    """Return the destinations of which the token is an owner, in the order of their ids."""
    found = (find_owned(id, rights, config) for id in sorted(rights.destinations))
    return [each for each in found if each]


def find_owned(id: str, rights: Rights, config: Configuration) -> Destination | None:
    """Return a destination of which the token is the owner.

    None if there is no such destination, and also if the token does not name it, or does not reach
    a department whose events go there: what it repeats and reads about is theirs. A destination of
    no department of the token's municipality is a neighbour's.
    """
    destination = config.destination(id)
    departments = config.departments_of(rights.tenant, id)
    is_reached = bool(departments) and all(rights.handles(each.id) for each in departments)
    is_owner = id in rights.destinations and is_reached
    return destination if is_owner else None


def quarantine_scope(
    owned: Sequence[Destination], rights: Rights, config: Configuration
) -> QuarantineScope:
    """Return the scope in which the owner of these destinations sees what was put aside."""
    tenant, ids = rights.tenant, [each.id for each in owned]
    departments = [each.id for id in ids for each in config.departments_of(tenant, id)]
    all_departments = {each.id for each in config.departments if each.tenant == tenant}
    is_whole = bool(owned) and rights.handles_all(all_departments)
    numbers = [each.id for each in config.numbers if each.tenant == tenant] if is_whole else []
    return QuarantineScope(
        tenant=tenant,
        departments=departments,
        destinations=[id for id in ids if not is_shared(id, tenant, config)],
        numbers=numbers,
    )


def is_shared(destination: str, tenant: str, config: Configuration) -> bool:
    """Return True if anything of another municipality goes to a destination too."""
    senders = {each.tenant for each in config.departments if each.destination == destination}
    senders |= {each.id for each in config.tenants if destination in each.care.destinations}
    return not senders <= {tenant}
