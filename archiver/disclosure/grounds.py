"""The grounds of the law on which something is not shown, with a short description in Dutch."""

from collections.abc import Iterable

import msgspec

from archiver.disclosure.disclosure import Kind
from services.package_data import load_table


class Ground(msgspec.Struct, frozen=True):
    code: str
    kind: Kind
    article: str
    words: str


class _Table(msgspec.Struct, frozen=True):
    ground: tuple[Ground, ...]


GROUNDS = {each.code: each for each in load_table(__package__, "grounds.toml", _Table).ground}
PRIVACY: dict[Kind, str] = {"woo": "5.1.2e", "access": "AVG-15.4"}
"""Kind of disclosure -> ground for the names and the privacy of people."""
NUMBER: dict[Kind, str] = {"woo": "5.1.1e", "access": "AVG-15.4"}
"""Kind of disclosure -> ground for a number by which the law knows a person."""


def ground_fault(code: str, kind: Kind) -> str:
    """Return why this is no ground for a kind of disclosure; '' if it is one."""
    ground = GROUNDS.get(code)
    if ground is None or ground.kind != kind:
        known = ", ".join(each.code for each in GROUNDS.values() if each.kind == kind)
        return f"not a ground for this: expected one of {known}"
    return ""


def describe_grounds(codes: Iterable[str]) -> list[str]:
    """Return a line for each ground, in the order of the law."""
    chosen = frozenset(codes)
    return [
        f"[{each.code}] {each.article}: {each.words}"
        for each in GROUNDS.values()
        if each.code in chosen
    ]
