"""What a consumer holds in its hand: one AMQP message, as data."""

import msgspec


class Incoming(msgspec.Struct, frozen=True):
    """One AMQP message. `deliveries`: how often it was handed out before."""

    kind: str
    body: bytes
    tag: int
    deliveries: int
