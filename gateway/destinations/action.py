"""Action of an owner, for the record. The deliverer publishes it (`deliverer.owners.actions`)."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from services.postgres.database import Connection


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """Change that an owner made; `data` has the token and what was asked for."""

    id: UUID
    at: datetime
    tenant: str
    destination: str
    what: str
    data: dict[str, Any]


async def insert_action(connection: Connection, action: Action) -> None:
    """Write an action in the transaction that carries it out."""
    data = msgspec.json.encode(action.data).decode()
    await connection.execute(_INSERT, *msgspec.structs.astuple(action)[:-1], data)


_INSERT = """
insert into deliverer.owner_action (id, at, tenant, destination, what, data)
values ($1, $2, $3, $4, $5, $6)
"""
