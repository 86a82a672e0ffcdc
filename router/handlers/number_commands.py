"""What the contact centre says of a number, without rules, restart or operator. Pure.

A notice is told once in each conversation, until it ends; a state says whether the number talks by
itself at all.
"""

from collections.abc import Callable

import msgspec

from router.model.decision import Standing
from services.contract import Command

Change = Callable[[Command, Standing], Standing]


def after(given: Command, number: str, before: Standing | None) -> Standing:
    return ORDERS[given.type](given, before or Standing(number=number))


def _notice(given: Command, before: Standing) -> Standing:
    """No text takes it away."""
    id = given.id if given.text else None
    return msgspec.structs.replace(
        before, notice=given.text, notice_id=id, notice_until=given.until
    )


def _state(given: Command, before: Standing) -> Standing:
    return msgspec.structs.replace(
        before, state=given.state, state_text=given.text, state_until=given.until
    )


ORDERS: dict[str, Change] = {"notice": _notice, "state": _state}
"""Type of an order -> what it does to a number."""
