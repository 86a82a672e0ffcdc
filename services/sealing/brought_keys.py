"""Keys that municipalities brought from another installation, as router.brought_key has them.

They lie under the standing key, since the router needs them as long as a municipality is here.
"""

from services.sealing.columns import HASH_KEY, bind
from services.sealing.hash_keys import KEY_BYTES
from services.sealing.key_ring import KeyRing


def seal_brought_key(ring: KeyRing, tenant: str, key: bytes) -> bytes:
    """Return the key as its row has it; it opens for no other municipality. Raises ValueError for
    what is no such key, and NoWorkingKey."""
    if len(key) != KEY_BYTES:
        raise ValueError(f"the hash key of a municipality has {KEY_BYTES} bytes, not {len(key)}")
    return ring.seal_lasting(key, HASH_KEY, bind(tenant))


def open_brought_key(ring: KeyRing, tenant: str, sealed: bytes) -> bytes:
    """Return the key from its row. Raises KeyUnknown, Unsealable and NoWorkingKey."""
    return ring.unseal_lasting(sealed, HASH_KEY, bind(tenant))
