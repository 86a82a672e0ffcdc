"""One AMQP message in the hand of a consumer, as data."""

import msgspec


class IncomingMessage(msgspec.Struct, frozen=True):
    """One AMQP message. `deliveries`: how often it was handed out before."""

    type: str
    body: bytes
    delivery_tag: int
    delivery_count: int
