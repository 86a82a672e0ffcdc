"""State of a consumer, as the operations port shows it. Pure."""

import msgspec


class ConsumerStatus(msgspec.Struct, frozen=True):
    queue: str
    confirmed: bool
    """The broker confirms that the consumer exists."""
    active: bool
    """It gets the messages. False: it stands by while another gets them, or got none so far."""
    consumers: int
    """Consumers of the queue that the broker knows."""
