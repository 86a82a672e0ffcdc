"""Proofs and signatures for the checker, made by the published forms alone; and the checker."""

import base64
import hashlib
import json
import os
import shutil
import struct
import subprocess
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.support.transparency import mth, subproof

FOLDER = Path(__file__).parents[2] / "docs" / "municipality"
CHECKER, OPENER = FOLDER / "check-proof.mjs", FOLDER / "open-entry.mjs"
VECTORS: Any = json.loads((FOLDER / "archive-vectors.json").read_text())
NAME = "example.org/log"
SIGNS, COSIGNS = 1, 4
LEAVES = [bytes.fromhex(leaf["hash"]) for leaf in VECTORS["leaves"]]
Json = dict[str, Any]
Check = Callable[..., tuple[int, str]]


def b64(content: bytes) -> str:
    return base64.b64encode(content).decode()


class Key:
    """A key with a name, written by C2SP: signed-note alone."""

    def __init__(self, name: str, type: int, seed: bytes) -> None:
        self.name, self._secret = name, Ed25519PrivateKey.from_private_bytes(seed)
        public = self._secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self._key = bytes([type]) + public
        self.id = hashlib.sha256(f"{name}\n".encode() + self._key).digest()[:4]
        self.published = f"{name}+{self.id.hex()}+{b64(self._key)}"

    def line(self, message: str, before: bytes = b"") -> str:
        signature = self._secret.sign(message.encode())
        return f"\N{EM DASH} {self.name} {b64(self.id + before + signature)}\n"

    def cosign(self, body: str, at: int = 1_800_000_000, stated: int | None = None) -> str:
        seconds = struct.pack(">Q", at if stated is None else stated)
        return self.line(f"cosignature/v1\ntime {at}\n{body}", seconds)


LOG, OTHER = Key(NAME, SIGNS, bytes(range(32))), Key(NAME, SIGNS, bytes(32))
WITNESSES = [Key(f"witness.example/{n}", COSIGNS, bytes([n]) * 32) for n in (1, 2)]


def body(size: int, of: bytes | None = None) -> str:
    """The text of a checkpoint."""
    return f"{NAME}\n{size}\n{b64(of or mth(LEAVES[:size]))}\n2027-01-01T00:01:00Z\n"


def note(text: str, *lines: str) -> str:
    return f"{text}\n{''.join(lines)}"


def signed(size: int, of: bytes | None = None) -> str:
    text = body(size, of)
    return note(text, LOG.line(text))


def dated(size: int, at: datetime) -> str:
    """A checkpoint that says it was signed at this time."""
    text = body(size).replace("2027-01-01T00:01:00Z", f"{at:%Y-%m-%dT%H:%M:%SZ}")
    return note(text, LOG.line(text))


def cosigned(size: int) -> str:
    text = body(size)
    return note(text, LOG.line(text), *(witness.cosign(text) for witness in WITNESSES))


def continuation(first: int, second: int, /, **changed: Any) -> Json:
    path = [b64(hash) for hash in subproof(first, LEAVES[:second])]
    notes = [signed(first), cosigned(second)]
    proof = {"version": 1, "first": first, "second": second, "path": path, "checkpoints": notes}
    return proof | changed


def with_second(*lines: str) -> Json:
    """A continuation of 3 to 7 with these lines below its second checkpoint."""
    return continuation(3, 7, checkpoints=[signed(3), note(body(7), *lines)])


def run_node(script: Path, folder: Path, proof: Json, *more: object) -> tuple[int, str]:
    """Run a script on a proof: its exit code, and what it printed."""
    program = shutil.which("node")
    if program is None and not os.environ.get("CI"):
        pytest.skip("node is not on this machine")
    assert program, "node is missing"
    file = folder / "proof.json"
    file.write_text(json.dumps(proof))
    words = [program, str(script), str(file), *map(str, more)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=30)
    return done.returncode, done.stdout + done.stderr


def checker(folder: Path) -> Check:
    """The checker, which runs on a proof: its exit code, and what it printed."""

    def run(proof: Json, key: str = LOG.published, *more: object) -> tuple[int, str]:
        return run_node(CHECKER, folder, proof, key, *more)

    return run
