"""A time that has come, as the relay tells it to the partition: on time."""

from router.model.changes import Timer
from services.contract import Timeout


def timeout(timer: Timer) -> Timeout:
    return Timeout(
        id=timer.id,
        number=timer.number,
        conversation=timer.conversation,
        kind=timer.kind,
        at=timer.due_at,
        told_at=timer.due_at,
    )
