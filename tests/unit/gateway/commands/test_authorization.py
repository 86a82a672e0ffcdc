"""A token's rights decide its commands in a conversation, and its knowledge of it."""

import pytest

from gateway.commands.authorization import ConversationView, access_to
from services.http.rights import Rights

HELD = ConversationView("c", "almelo", "10001", "burgerzaken", ("klantcontact", "burgerzaken"))


def rights(*departments: str, tenant: str = "almelo") -> Rights:
    reached = frozenset(departments) or None
    return Rights(name="crm", tenant=tenant, roles=frozenset(["send"]), departments=reached)


@pytest.mark.parametrize(
    ("token", "acting_for", "expected"),
    [
        (rights(), "", "allowed"),
        (rights(), "burgerzaken", "allowed"),
        (rights(), "klantcontact", "transferred"),
        (rights("burgerzaken"), "", "allowed"),
        (rights("burgerzaken", "belastingen"), "", "allowed"),
        (rights("burgerzaken", "belastingen"), "belastingen", "transferred"),
        (rights("klantcontact"), "", "transferred"),
        (rights("belastingen"), "", "unknown"),
        (rights(tenant="hengelo"), "", "unknown"),
        (rights("burgerzaken", tenant="hengelo"), "burgerzaken", "unknown"),
    ],
)
def test_department_may_act_while_it_owns_the_conversation(
    token: Rights, acting_for: str, expected: str
) -> None:
    assert access_to(HELD, token, acting_for) == expected


def test_a_conversation_that_is_not_there_is_unknown_to_everyone() -> None:
    assert access_to(None, rights(), "") == "unknown"


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (rights(), "allowed"),
        (rights("belastingen"), "allowed"),
        (rights(tenant="hengelo"), "unknown"),
    ],
)
def test_alarm_may_be_confirmed_from_any_department_of_the_municipality(
    token: Rights, expected: str
) -> None:
    assert access_to(HELD, token, "", anywhere=True) == expected
    assert access_to(None, token, "", anywhere=True) == "unknown"
