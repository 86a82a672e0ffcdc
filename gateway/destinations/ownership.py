"""Ownership of a destination by a token. Pure."""

from services.config.model import Configuration
from services.config.organisation import Destination
from services.http.rights import Rights


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
