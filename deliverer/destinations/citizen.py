"""Citizen and place of a message, as an event or the archive has them. Pure."""

import msgspec


class Identity(msgspec.Struct, frozen=True):
    kind: str
    value: str


class Citizen(msgspec.Struct, frozen=True):
    identities: list[Identity] = []
    name: str = ""


class Place(msgspec.Struct, frozen=True):
    """Place that a citizen shared, in degrees (WGS 84)."""

    latitude: float
    longitude: float
