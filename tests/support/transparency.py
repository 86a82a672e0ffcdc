"""A log in memory, with proofs by the definitions of RFC 9162, and a witness on an address of its
own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from services.transparency.cosignature import Witness
from services.transparency.merkle import leaf_hash
from services.transparency.signed_note import (
    Checkpoint,
    derive_public_key,
    encode_verifier,
    sign_note,
)
from witness.key_file import KEY, load_key, make_key
from witness.service import WitnessOptions, run_witness

ADDRESS = "127.0.0.2"
"""Another address than that of everything else in the tests."""
NAME = "witness.example.org/w1"


def mth(leaves: list[bytes]) -> bytes:
    """Merkle Tree Hash, section 2.1.1; the leaves are hashed already."""
    if not leaves:
        return sha256().digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def subproof(m: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """SUBPROOF(m, D_n, b), section 2.1.4.1."""
    if m == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if m <= k:
        return [*subproof(m, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*subproof(m - k, leaves[k:], whole=False), mth(leaves[:k])]


class GrowingLog:
    """A log whose n-th entry is a number; `fork_at` makes the entries from there on others."""

    def __init__(self, origin: str = "example.org/log", fork_at: int = 1 << 30) -> None:
        self.origin, self.seed, self._fork = origin, bytes(range(32)), fork_at
        self.verifier = encode_verifier(origin, derive_public_key(self.seed))

    def leaves(self, size: int) -> list[bytes]:
        return [leaf_hash(b"%d" % (n if n < self._fork else -n)) for n in range(size)]

    def note(self, size: int, *, seed: bytes | None = None) -> str:
        at = datetime(2026, 11, 26, 12, tzinfo=UTC)
        head = Checkpoint(self.origin, size, mth(self.leaves(size)), at)
        return sign_note(head, seed or self.seed)

    def proof(self, first: int, second: int) -> list[bytes]:
        return subproof(first, self.leaves(second)) if first else []


def write_logs(folder: Path, *verifiers: str) -> Path:
    path = folder / "logs.toml"
    path.write_text("".join(f'[[logs]]\nkey = "{each}"\n' for each in verifiers))
    return path


@asynccontextmanager
async def witness_of(folder: Path, *verifiers: str, name: str = NAME) -> AsyncIterator[Witness]:
    """Run a witness of these logs in a folder, with the key that is there or a new one."""
    home = folder / name.replace("/", "-")
    key = load_key(home) if (home / KEY).exists() else make_key(home, name)
    options = WitnessOptions(home, write_logs(folder, *verifiers), ADDRESS, 0, 0)
    async with run_witness(options) as port:
        yield Witness(key.key, f"http://{ADDRESS}:{port}")
