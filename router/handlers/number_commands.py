"""Commands of the contact centre about a number, which need no rules, restart or operator. Pure.

A notice is sent once in each conversation until it ends. A state decides whether the number sends
automatic texts at all.
"""

from collections.abc import Callable

import msgspec

from router.model.decision import NumberNotice
from services.contract import Command


def apply_number_command(
    command: Command, number: str, previous: NumberNotice | None
) -> NumberNotice:
    """Return the notice and the state of a number after a command."""
    return NUMBER_COMMANDS[command.type](command, previous or NumberNotice(number=number))


def _notice(command: Command, previous: NumberNotice) -> NumberNotice:
    """Set the notice; a command without a text removes it."""
    id = command.id if command.text else None
    return msgspec.structs.replace(
        previous, notice=command.text, notice_id=id, notice_until=command.until
    )


def _state(command: Command, previous: NumberNotice) -> NumberNotice:
    return msgspec.structs.replace(
        previous, state=command.state, state_text=command.text, state_until=command.until
    )


NUMBER_COMMANDS: dict[str, Callable[[Command, NumberNotice], NumberNotice]] = {
    "notice": _notice,
    "state": _state,
}
"""Type of a command -> its change to a number."""
