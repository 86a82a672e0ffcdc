"""One AMQP message that a consumer has received, as data."""

import msgspec


class IncomingMessage(msgspec.Struct, frozen=True):
    """One AMQP message. `delivery_count` is the number of earlier deliveries."""

    type: str
    body: bytes
    delivery_tag: int
    delivery_count: int
