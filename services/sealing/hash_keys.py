"""Key by which the router recognises what belongs to a municipality: items, wamids, people. Pure.

    oldest master key (POSTKAMER_ARCHIVE_KEY) > router's key > key of a municipality

A municipality that came from another installation brought the key that it had there
(services.sealing.brought_keys): with another one nothing of before would be recognised.
"""

from hashlib import blake2b

PURPOSE = "router"
"""Purpose for which the router's key is derived from the master key."""
KEY_BYTES = 32
_PERSON = b"municipality"


def municipality_hash_key(router_key: bytes, brought: bytes | None, tenant: str) -> bytes:
    """Return the key of a municipality: the one that it brought, else one of this installation."""
    if brought is not None:
        return brought
    return blake2b(tenant.encode(), key=router_key, digest_size=KEY_BYTES, person=_PERSON).digest()
