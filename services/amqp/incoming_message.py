"""One AMQP message in the hand of a consumer, as data."""

import msgspec


class Incoming(msgspec.Struct, frozen=True):
    """One AMQP message. `deliveries`: how often it was handed out before."""

    kind: str
    body: bytes
    tag: int
    deliveries: int
