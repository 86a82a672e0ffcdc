"""State of a queue and of its consumers, as processes and the broker tell it. Pure."""

import msgspec


class ConsumerStatus(msgspec.Struct, frozen=True):
    """A consumer, as its process knows it."""

    queue: str
    confirmed: bool
    """The broker confirms that the consumer exists."""
    active: bool
    """It gets the messages. False: it stands by while another gets them, or none came so far."""
    in_hand: int = 0
    """Messages that it got and has not finished."""
    in_hand_seconds: float | None = None
    """Time for which it has had the oldest of them; None without one."""


class QueueLength(msgspec.Struct, frozen=True):
    """A queue, as the broker knows it."""

    name: str
    ready: int = 0
    """Messages that wait for a consumer, without those in hand."""
    consumers: int = 0
    """Those that stand by are not counted."""
    fault: str = ""
    """Why the broker does not tell; '' if it does."""
