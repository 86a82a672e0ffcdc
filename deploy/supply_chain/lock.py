"""Packages of a lock file: version, hashes, and the packages that need each one. Pure."""

import re
from dataclasses import dataclass

PROJECT = "postkamer"
LINE = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>[^ ;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True)
class LockedPackage:
    """One package of a lock, at its only version."""

    name: str
    version: str
    hashes: tuple[str, ...]
    """SHA-256 of each file that an installation accepts: the wheel of each platform, the source."""
    needed_by: tuple[str, ...]
    """Packages that need it; `postkamer` is Postkamer itself."""

    @property
    def purl(self) -> str:
        return f"pkg:pypi/{self.name}@{self.version}"


def read_lock(text: str) -> list[LockedPackage]:
    """Return the packages of a lock that `uv pip compile --generate-hashes` wrote, in its order."""
    blocks: list[list[str]] = []
    for line in text.splitlines():
        if LINE.match(line):
            blocks.append([line])
        elif blocks and line.startswith(" "):
            blocks[-1].append(line)
    return [read_package(block) for block in blocks]


def read_package(block: list[str]) -> LockedPackage:
    head = LINE.match(block[0])
    assert head, block[0]
    comments = [line.strip().lstrip("# ") for line in block if line.strip().startswith("#")]
    parents = [comment.removeprefix("via").strip() for comment in comments]
    return LockedPackage(
        head["name"],
        head["version"],
        tuple(HASH.findall("\n".join(block))),
        tuple(sorted({parent.split(" ")[0] for parent in parents if parent})),
    )
