"""A conversation of another department costs the same statements as one that is not there."""

from typing import Any

import msgspec
import pytest

from services.postgres.database import Pool
from tests.support.access_matrix import MATRIX, name_of, sent_body
from tests.support.api_operations import Operation, operations
from tests.support.e2e.isolation import NOWHERE, filled
from tests.support.integration.crm_desk import CONVERSATION, desk_of, opened
from tests.support.integration.statements import statements_of

COMMANDS = [
    each
    for each in operations()
    if each.door == "gateway" and MATRIX[name_of(each)].scope == "department"
]


def request_of(operation: Operation, conversation: str) -> tuple[str, Any]:
    """Path and body of a command on a conversation."""
    subject = msgspec.structs.replace(NOWHERE, conversation=conversation)
    path = operation.path.removeprefix("/v1/").replace("{id}", conversation)
    return path, sent_body(operation, subject) or filled(operation.bodies[0], subject, "")


@pytest.mark.parametrize("operation", COMMANDS, ids=lambda operation: operation.path)
async def test_hidden_conversation_costs_what_an_absent_one_costs(
    pool: Pool, operation: Operation
) -> None:
    await opened(pool, CONVERSATION, "burgerzaken")
    answers, costs = [], []
    async with desk_of(pool, "belastingen") as desk, statements_of(pool) as statements:
        for conversation in (CONVERSATION, NOWHERE.conversation):
            statements.clear()
            answers.append(await desk.post(*request_of(operation, conversation)))
            costs.append([*statements])
        assert desk.commands == []
    assert answers[0] == answers[1]
    assert costs[0] == costs[1] and any("router.conversation" in each for each in costs[0])
