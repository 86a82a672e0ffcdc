"""Secret keys for Ed25519 that sign for a log: from a seed, or in a token of PKCS#11."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

if TYPE_CHECKING:
    import pkcs11

KEY_BYTES = 32
EDWARDS25519 = bytes.fromhex("06032b6570")
"""Name of the curve, as PKCS#11 wants it: its object identifier 1.3.101.112 in DER."""
LABEL = "postkamer checkpoints"
"""Name of the key in its token."""
NO_LIBRARY = "python-pkcs11 is missing: install postkamer[pkcs11]"


class KeyUnusable(Exception):
    """The key cannot be used now. The message says why, and quotes nothing secret."""


class SigningKey(Protocol):
    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes:
        """Return a signature of 64 bytes. Raises KeyUnusable."""


class SeedKey(msgspec.Struct, frozen=True):
    """Key made from a seed of 32 bytes."""

    seed: bytes

    @property
    def public_key(self) -> bytes:
        key = Ed25519PrivateKey.from_private_bytes(self.seed).public_key()
        return key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    def sign(self, message: bytes) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(message)


class Token(msgspec.Struct, frozen=True):
    """A token of PKCS#11: the library of its maker, its label, and the PIN of its user."""

    module: str
    label: str
    pin: str


class TokenKey(msgspec.Struct, frozen=True):
    """Key that never leaves its token. A session is opened for each signature, once a minute, so a
    token that was away is found again."""

    token: Token
    public_key: bytes

    def sign(self, message: bytes) -> bytes:
        from pkcs11 import KeyType, Mechanism, ObjectClass

        with _session(self.token) as session:
            key = session.get_key(
                object_class=ObjectClass.PRIVATE_KEY, key_type=KeyType.EC_EDWARDS, label=LABEL
            )
            return bytes(key.sign(message, mechanism=Mechanism.EDDSA))  # type: ignore[attr-defined]


def make_token_key(token: Token) -> bytes:
    """Make the key in its token, which never gives it out; return the public key. Raises
    KeyUnusable, also if the token has such a key already."""
    from_library = _import_pkcs11()
    attributes = {from_library.Attribute.EC_PARAMS: EDWARDS25519}
    with _session(token, writes=True) as session:
        if any(True for _ in session.get_objects({from_library.Attribute.LABEL: LABEL})):
            raise KeyUnusable(f"the token has a key {LABEL!r} already")
        parameters = session.create_domain_parameters(
            from_library.KeyType.EC_EDWARDS, attributes, local=True
        )
        public, _ = parameters.generate_keypair(
            mechanism=from_library.Mechanism.EC_EDWARDS_KEY_PAIR_GEN, store=True, label=LABEL
        )
        # A DER string of 32 bytes: two bytes say that.
        return bytes(public[from_library.Attribute.EC_POINT])[-KEY_BYTES:]


@contextmanager
def _session(token: Token, *, writes: bool = False) -> Iterator["pkcs11.Session"]:
    """Open a session. All that the library raises becomes KeyUnusable, by its kind alone: the text
    of an error may quote anything."""
    library = _import_pkcs11()
    try:
        found = library.lib(token.module).get_token(token_label=token.label)
        with found.open(rw=writes, user_pin=token.pin) as session:
            yield session
    except library.PKCS11Error as error:
        raise KeyUnusable(f"the token {token.label!r}: {type(error).__name__}") from None


def _import_pkcs11() -> Any:
    try:
        import pkcs11
    except ImportError:
        raise KeyUnusable(NO_LIBRARY) from None
    return pkcs11
