"""Alarms, holds, people who are one, and where a conversation goes, over a real socket and into a
real PostgreSQL: who may order it, and what each hears."""

from typing import Any

import pytest

from gateway.requests.changes import COMMAND_ROLES
from services.config.model import Configuration
from services.http.rights import ROLES
from services.postgres.database import Pool
from tests.support.api_operations import operations
from tests.support.integration.crm_desk import CONVERSATION, NUMBER, desk_of, marking, opened

OWN, OTHER, THIRD = "burgerzaken", "openbare-ruimte", "belastingen"
SECOND = f"{NUMBER}-{'b3' * 13}"
HERE = f"conversations/{CONVERSATION}"
WITH = {"with": SECOND}
Answer = tuple[int, str, str]


@pytest.fixture(autouse=True)
async def conversation(pool: Pool) -> None:
    """A conversation of one department, which another had before."""
    await opened(pool, CONVERSATION, OWN, OTHER)


async def post_change(pool: Pool, verb: str, body: Any, *departments: str) -> Answer:
    """Status, code, and where the faults are; and whether it went on as it should."""
    async with desk_of(pool, *departments) as desk:
        status, told = await desk.post(f"{HERE}/{verb}", body)
        assert len(desk.commands) == (status == 202)
    faults = [f"{fault['pointer']}: {fault['detail']}" for fault in told.get("errors", ())]
    return status, told.get("code", ""), "; ".join(faults)


@pytest.mark.parametrize("departments", [(), (OWN,), (OTHER,), (THIRD,)])
async def test_alarm_is_confirmed_from_any_department(
    pool: Pool, departments: tuple[str, ...]
) -> None:
    assert await post_change(pool, "_confirm", {}, *departments) == (202, "", "")


@pytest.mark.parametrize("verb", ["_confirm", "_release", "_merge"])
async def test_conversation_is_not_found_from_another_municipality(pool: Pool, verb: str) -> None:
    async with desk_of(pool, tenant="elsewhere") as desk:
        body = WITH if verb == "_merge" else {}
        status, told = await desk.post(f"{HERE}/{verb}", body)
    assert (status, told["detail"]) == (404, "there is no such conversation")


@pytest.mark.parametrize("verb", ["_release", "_merge"])
@pytest.mark.parametrize(
    ("department", "status", "code"),
    [(OWN, 202, ""), (OTHER, 409, "transferred"), (THIRD, 404, "")],
)
async def test_release_and_merge_belong_to_the_department_of_the_conversation(
    pool: Pool, verb: str, department: str, status: int, code: str
) -> None:
    await opened(pool, SECOND, department)
    body = WITH if verb == "_merge" else {}
    assert (await post_change(pool, verb, body, department))[:2] == (status, code)


NOT_OURS = (400, "", "/with: is no conversation of ours")


@pytest.mark.parametrize(
    ("been", "expected"),
    [
        ((), NOT_OURS),
        ((THIRD,), NOT_OURS),
        ((OWN, THIRD), (409, "transferred", "")),
        ((THIRD, OWN), (202, "", "")),
    ],
)
async def test_the_other_conversation_is_the_tokens_own_too(
    pool: Pool, been: tuple[str, ...], expected: Answer
) -> None:
    if been:
        await opened(pool, SECOND, been[-1], *been[:-1])
    assert await post_change(pool, "_merge", WITH, OWN) == expected


@pytest.mark.parametrize(
    ("other", "fault"),
    [
        (CONVERSATION, "must be another conversation"),
        (f"9{NUMBER}-{'b3' * 13}", "must be a conversation of the same number"),
        ("x", "must be the id of a conversation"),
    ],
)
async def test_merge_names_the_fault_of_the_other_conversation(
    pool: Pool, other: str, fault: str
) -> None:
    assert await post_change(pool, "_merge", {"with": other}) == (400, "", f"/with: {fault}")


async def test_all_that_is_wrong_with_putting_together_is_said_at_once(pool: Pool) -> None:
    async with desk_of(pool, people=True) as desk:
        _, told = await desk.post(f"{HERE}/_merge", WITH)
    assert [fault["pointer"] for fault in told["errors"]] == ["/author", "/with"]


@pytest.mark.parametrize(
    ("body", "to", "employee"),
    [
        ({}, "", ""),
        ({"employee": "m.devries"}, "", "m.devries"),
        ({"department": THIRD, "employee": "m.devries"}, THIRD, "m.devries"),
    ],
)
async def test_a_transfer_is_to_the_front_desk_or_into_somebodys_queue(
    pool: Pool, body: dict[str, str], to: str, employee: str
) -> None:
    async with desk_of(pool, OWN) as desk:
        status, _ = await desk.post(f"{HERE}/_transfer", {"reason": "x"} | body)
        (command,) = desk.commands
    assert (status, command.action.to_department, command.action.employee) == (202, to, employee)


async def test_closed_conversation_is_not_transferred_and_closing_takes_an_outcome(
    pool: Pool,
) -> None:
    await pool.execute("update router.conversation set closed_at = now()")
    assert await post_change(pool, "_transfer", {"reason": "x"}) == (409, "closed", "")
    async with desk_of(pool) as desk:
        status, _ = await desk.post(f"{HERE}/_close", {"outcome": "forwarded"})
        assert (status, desk.commands[0].action.outcome) == (202, "forwarded")


async def test_repeated_merge_is_answered_as_before_when_the_conversations_have_moved(
    pool: Pool,
) -> None:
    await opened(pool, SECOND, OWN)
    async with desk_of(pool, OWN) as desk:
        first = await desk.post(f"{HERE}/_merge", WITH)
        await pool.execute("update router.conversation set department = $1", THIRD)
        await pool.execute("update router.conversation set departments = array[$1, $2]", OWN, THIRD)
        assert await desk.post(f"{HERE}/_merge", WITH) == first
        other = [("Idempotency-Key", "another")]
        assert (await desk.post(f"{HERE}/_merge", WITH, other))[0] == 409
        assert len(desk.commands) == 1


@pytest.mark.parametrize(
    ("town", "department", "status", "code"),
    [
        (marking("asked"), OWN, 202, ""),
        (marking("answered"), OWN, 202, ""),
        (marking("never"), OWN, 409, "marks_off"),
        (marking("answered", OWN), OWN, 409, "confidential"),
        (marking("answered", OTHER), OWN, 409, "confidential"),
        (marking("answered", THIRD), OWN, 202, ""),
        (marking("never", OWN), OTHER, 409, "transferred"),
        (marking("never", OWN), THIRD, 404, ""),
    ],
)
async def test_read_receipt_is_allowed_by_the_settings_and_the_departments(
    pool: Pool, town: Configuration, department: str, status: int, code: str
) -> None:
    async with desk_of(pool, department, town=town) as desk:
        got, told = await desk.post(f"{HERE}/_read", {"typing": True})
        assert (got, told.get("code", "")) == (status, code)
        assert [command.action.typing for command in desk.commands] == [True] * (status == 202)
        assert (await desk.post(f"{HERE}/_read", {"typing": True}))[0] == status


ORDERS = [
    one
    for one in operations()
    # Files and destinations have other doors.
    if one.door == "gateway"
    and one.needs_token
    and not one.takes_files
    and "/destinations" not in one.path
]


@pytest.mark.parametrize("role", ROLES)
async def test_the_roles_that_open_an_operation_are_those_that_the_document_names(
    pool: Pool, role: Any
) -> None:
    async with desk_of(pool, roles=frozenset([role])) as desk:
        for one in ORDERS:
            path = one.path.removeprefix("/v1/").replace("{id}", "x")
            status, told = await desk.ask(one.method, path, b"{")
            assert (status == 403) == (one.roles != () and role not in one.roles), one
            named = " or ".join(map(repr, one.roles))
            assert status != 403 or told["detail"].endswith(f"the role {named}")


@pytest.mark.parametrize("role", COMMAND_ROLES)
async def test_order_status_is_open_to_the_role_that_gave_the_order(pool: Pool, role: Any) -> None:
    ways = {"send": "_note", "care": "_confirm", "kcc": "_release"}
    async with desk_of(pool, roles=frozenset([role])) as desk:
        body = {"text": "x"} if role == "send" else {}
        status, told = await desk.post(f"{HERE}/{ways[role]}", body)
        assert status == 202
        status, told = await desk.ask("GET", f"messages/{told['id']}")
    assert (status, told["status"], told["conversationId"]) == (200, "accepted", None)
