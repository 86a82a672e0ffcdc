"""Conditions and messages, as hypothesis makes them, small enough to meet each other often."""

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from router.rules.matcher import MessageFacts
from services.config.model import Configuration, parse
from tests.support.cli.command_line import TOML

NOW = datetime(2026, 11, 25, 10, tzinfo=UTC)
TYPES = ["text", "image", "audio"]
STATES = ["new", "decided", "answered"]
TAGS = ["pers", "raad"]
BASE = parse(TOML, "postkamer.toml").model_dump(by_alias=True)


def _some(of: list[str]) -> Any:
    return st.lists(st.sampled_from(of), min_size=1, max_size=2)


WORDS = _some(["a", "b", "c", "a b", "b c"])
"""Words of one letter, which have no other form and are never written as one."""
LEAVES = {
    "words": WORDS,
    "without": WORDS,
    "types": _some(TYPES),
    "states": _some(STATES),
    "tagged": _some(TAGS),
    "languages": _some(["nl", "en"]),
    "pattern": st.sampled_from([".*", "a", "b*|c", "^b"]),
}


def _merged(parts: list[dict[str, Any]]) -> dict[str, Any]:
    return reduce(lambda one, other: one | other, parts)


def _of(fields: dict[str, Any]) -> Any:
    """A condition that asks one to three of these things."""
    one = st.one_of(
        *(st.builds(lambda v, n=name: {n: v}, values) for name, values in fields.items())
    )
    return st.lists(one, min_size=1, max_size=3).map(_merged)


def _deeper(inner: Any) -> Any:
    lists = st.lists(inner, min_size=1, max_size=2)
    return _of(LEAVES | {"all": lists, "any": lists, "not": inner})


CONDITIONS = st.recursive(_of(LEAVES), _deeper, max_leaves=4)
FACTS = st.builds(
    MessageFacts,
    at=st.just(NOW),
    text=st.lists(st.sampled_from("abcd"), max_size=5).map(" ".join),
    type=st.sampled_from(TYPES),
    state=st.sampled_from(STATES),
    tags=st.frozensets(st.sampled_from(TAGS)),
    language=st.sampled_from(["", "nl", "en"]),
)


def town(conditions: list[dict[str, Any]], groups: Sequence[list[str]] = ()) -> Configuration:
    """One where each of these decides, in Almelo, and there are the tags that they ask for; groups
    are called g0, g1 ..."""
    rules = [
        {"id": f"r{n}", "department": "kcc", "tenant": "almelo"} | condition
        for n, condition in enumerate(conditions)
    ]
    contacts = [{"tenant": "almelo", "tag": tag, "phones": ["+31600000000"]} for tag in TAGS]
    named = [{"id": f"g{n}", "words": words} for n, words in enumerate(groups)]
    return Configuration.model_validate(
        BASE | {"rules": rules, "contacts": contacts, "groups": named}
    )


def as_it_can_be(facts: MessageFacts) -> MessageFacts:
    """A recording has no words."""
    return replace(facts, text="") if facts.type == "audio" else facts
