"""Contacts of a list that Open Klants still have: the deliverer deletes them afterwards."""

import msgspec

from services.postgres.database import Connection


class ContactRemain(msgspec.Struct, frozen=True, kw_only=True):
    destination: str
    waits: bool
    """True for contacts that are still to go; false for objects that stay there for good."""
    reason: str
    """Why they wait, '' if nothing was tried yet; or the code of docs/integrators/openklant.md."""
    count: int


async def contact_remains(connection: Connection, of_list: str) -> list[ContactRemain]:
    """Return what Open Klants have of a list now, by destination and reason."""
    return [ContactRemain(**row) for row in await connection.fetch(_REMAINS, of_list)]


_REMAINS = "select destination, waits, reason, count from deliverer.contact_remains($1)"
