"""Secrets that sign the events of a destination: their form, and how they are sealed."""

import base64
from uuid import UUID

from services.config.settings import Keys, derive_key
from services.sealing.sealed_box import SealedBox

PREFIX = "whsec_"
"""Prefix of Standard Webhooks; base64 follows."""
RANDOM_BYTES = 32
"""Bytes of a secret that we make. Standard Webhooks allows 24 to 64."""


def secret_of(key: bytes) -> str:
    """Return the secret that holds a key."""
    return PREFIX + base64.b64encode(key).decode()


def secret_box(masters: Keys) -> SealedBox:
    """Return the box for the secrets of destinations."""
    return SealedBox(derive_key(masters, "destination secrets"))


def seal_secret(box: SealedBox, destination: str, id: UUID, secret: str) -> bytes:
    return box.seal(secret.encode(), f"{destination} {id}")


def unseal_secret(box: SealedBox, destination: str, id: UUID, sealed: bytes) -> str:
    """Raises CannotUnseal."""
    return box.unseal(sealed, f"{destination} {id}").decode()
