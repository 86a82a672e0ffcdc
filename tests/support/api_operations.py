"""The operations of all APIs, as their documents describe them."""

from collections.abc import Iterator
from typing import Any

import msgspec

from archiver.openapi import document as archiver
from gateway.api_docs.document import document as gateway
from router.api.openapi import document as router

ASKING = ("_search", "_explain", "_report", "_print")
"""Ends of paths that are POST only to keep what is asked out of the address."""


class Operation(msgspec.Struct, frozen=True):
    """One of a document; with its examples, if it takes a body."""

    door: str
    method: str
    path: str
    roles: tuple[Any, ...]
    """One of which a token needs; none where every token will do, or none is needed."""
    needs_token: bool
    bodies: tuple[Any, ...]
    takes_files: bool

    @property
    def is_order(self) -> bool:
        return self.method != "GET" and not self.path.endswith(ASKING)


def operations() -> Iterator[Operation]:
    for door, document in (("gateway", gateway), ("router", router), ("archiver", archiver)):
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
                    tuple(described.get("x-roles", ())),
                    {"bearer": []} in described["security"],
                    tuple(example["value"] for example in examples.values()),
                    bool(taken) and "application/json" not in taken,
                )
