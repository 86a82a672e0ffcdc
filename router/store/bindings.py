"""Columns of people and conversations to which sealed values are bound. Pure, but for the keys."""

from collections.abc import Mapping, Sequence
from operator import itemgetter
from typing import Any
from uuid import UUID

from services.sealing.columns import IDENTITY, bind
from services.sealing.key_ring import RING

CONVERSATION_COLUMNS = ("id", "tenant", "number", "person", "department", "departments")
"""Columns of router.conversation that say whose it is, and who may see it."""
IDENTITY_COLUMNS = (
    "tenant",
    "kind",
    "hash",
    "value",
    "person",
    "scope",
    "merged",
)
"""Columns of router.identity, all but its times."""
_of_identity = itemgetter(*IDENTITY_COLUMNS)


def conversation_binding(
    id: str, tenant: str, number: str, person: UUID, department: str, departments: Sequence[str]
) -> bytes:
    """Return what the state of a conversation is bound to: CONVERSATION_COLUMNS."""
    return bind(id, tenant, number, person, department, departments)


def identity_seal(row: Mapping[str, Any]) -> bytes:
    """Return the keyed hash over an identity. Its value is looked up, so that it is sealed alike in
    each row, and nothing can be bound to it. Raises NoWorkingKey."""
    return RING.hash(bind(*_of_identity(row)), IDENTITY)
