"""The operations of both APIs, as their documents describe them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from archiver.openapi import document as archiver
from gateway.openapi import document as gateway


class Operation(msgspec.Struct, frozen=True):
    """One of a document; with its examples, if it takes a body."""

    door: str
    method: str
    path: str
    role: str
    """'' for those that need no token."""
    bodies: tuple[Any, ...]
    takes_files: bool

    @property
    def is_order(self) -> bool:
        return self.method == "POST" and "_search" not in self.path


def operations() -> Iterator[Operation]:
    for door, document, role in (("gateway", gateway, "send"), ("archiver", archiver, "read")):
        for path, item in document["paths"].items():
            for method, described in item.items():
                if method in ("servers", "parameters"):
                    continue
                taken = described.get("requestBody", {}).get("content", {})
                examples = taken.get("application/json", {}).get("examples", {})
                root = "" if "servers" in item else "/v1"
                yield Operation(
                    door,
                    method.upper(),
                    root + path,
                    "" if "security" in described else role,
                    tuple(example["value"] for example in examples.values()),
                    bool(taken) and "application/json" not in taken,
                )
