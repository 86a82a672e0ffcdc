"""Keyed hashes: of what belongs to one municipality, and of work that belongs to none. Pure."""

import hashlib
from collections.abc import Callable, Mapping

from services.sealing.hash_keys import municipality_hash_key

Hash = Callable[..., bytes]
"""Keyed hash of some strings: 16 bytes that reveal nothing without the key."""


def keyed_hash(key: bytes) -> Hash:
    """Return a hash function of strings: 16 bytes that reveal nothing without `key`."""
    keyed = hashlib.blake2b(key=key, digest_size=16)

    def hash(*parts: str) -> bytes:
        digest = keyed.copy()
        for part in parts:
            encoded = part.encode("utf-8", "surrogatepass")
            digest.update(len(encoded).to_bytes(4, "big") + encoded)
        return digest.digest()

    return hash


class Hashes:
    """The hashes of one installation. This is no Struct: its repr would show keys."""

    def __init__(
        self,
        key: bytes,
        brought: Mapping[str, bytes] | None = None,
        shut: frozenset[str] = frozenset(),
    ) -> None:
        """`brought` has the keys of municipalities that came from another installation."""
        self.own = keyed_hash(key)
        """Hash of work that belongs to no municipality, and of ids that nobody outside knows."""
        self.shut = shut
        """Municipalities whose key does not open: nothing of theirs can be decided."""
        self._key, self._brought = key, brought or {}
        self._of: dict[str, Hash] = {}

    def of(self, tenant: str) -> Hash:
        """Return the hash of what belongs to a municipality and is still known after a move to
        another installation."""
        found = self._of.get(tenant)
        if found is None:
            key = municipality_hash_key(self._key, self._brought.get(tenant), tenant)
            found = self._of[tenant] = keyed_hash(key)
        return found

    def with_brought(self, brought: Mapping[str, bytes], shut: frozenset[str]) -> "Hashes":
        """Return the hashes with these keys of municipalities, instead of those before."""
        return Hashes(self._key, brought, shut)
