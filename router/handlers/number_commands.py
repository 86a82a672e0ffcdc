"""What the contact centre says of a number, without rules, restart or operator. Pure.

A notice is told once in each conversation, until it ends; a state says whether the number talks by
itself at all.
"""

from collections.abc import Callable

import msgspec

from router.model.decision import NumberNotice
from services.contract import Command

Change = Callable[[Command, NumberNotice], NumberNotice]


def apply_number_command(given: Command, number: str, before: NumberNotice | None) -> NumberNotice:
    return ORDERS[given.type](given, before or NumberNotice(number=number))


def _notice(given: Command, before: NumberNotice) -> NumberNotice:
    """No text takes it away."""
    id = given.id if given.text else None
    return msgspec.structs.replace(
        before, notice=given.text, notice_id=id, notice_until=given.until
    )


def _state(given: Command, before: NumberNotice) -> NumberNotice:
    return msgspec.structs.replace(
        before, state=given.state, state_text=given.text, state_until=given.until
    )


ORDERS: dict[str, Change] = {"notice": _notice, "state": _state}
"""Type of an order -> what it does to a number."""
