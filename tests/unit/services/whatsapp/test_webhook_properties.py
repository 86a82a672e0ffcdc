"""Invariants of every webhook body, tried on generated ones."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.whatsapp import body as webhook_body
from services.whatsapp import segments
from services.whatsapp.items import AnyItem, Message
from services.whatsapp.parser import Unparseable, identity_key, parse, routing_keys
from services.whatsapp.segments import SegmentedBody, join_body, split_body
from tests.support.example_count import example_count
from tests.support.odd_webhooks import BAD_ITEMS, GOOD, pieces, travels, webhook

EXAMPLES = Path(__file__).parents[3] / "examples" / "whatsapp"
BODIES = [path.read_bytes() for path in sorted(EXAMPLES.glob("*.json"))]


NAMES = [
    "id", "from", "from_user_id", "to", "type", "text", "body", "timestamp", "context",
    "errors", "code", "messages", "statuses", "contacts", "profile", "name", "wa_id", "user_id",
    "status", "history", "threads", "message_echoes", "calls", "groups", "user_preferences",
    "interactive", "button_reply", "edit", "message", "reaction", "emoji", "system", "referral",
    "pricing", "recipient_type", "group_id", "recipient_participant_id", "image", "caption",
    "location", "metadata", "phone_number_id", "event", "a\0b",
]  # fmt: skip
FIELDS = [
    "messages", "history", "smb_message_echoes", "calls", "user_preferences", "security", "new", 1,
]  # fmt: skip
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["text", "edit", "interactive", "system", "group", "NL.1", "31600000001"])
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.just("\0")
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)
    ),
    max_leaves=25,
)
OBJECTS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=8)
LISTS = st.lists(OBJECTS | VALUES, max_size=3)
METADATA = st.fixed_dictionaries({"phone_number_id": SCALARS}) | VALUES
LISTED = ["contacts", "messages", "statuses", "message_echoes", "history", "errors", "calls"]
VALUE = (
    st.fixed_dictionaries({}, optional={"metadata": METADATA} | dict.fromkeys(LISTED, LISTS))
    | VALUES
)
CHANGE = st.fixed_dictionaries({"field": st.sampled_from(FIELDS), "value": VALUE}) | VALUES
ENTRY = (
    st.fixed_dictionaries(
        {},
        optional={"id": SCALARS, "time": SCALARS, "changes": st.lists(CHANGE, max_size=3) | VALUES},
    )
    | VALUES
)
ENVELOPES = st.fixed_dictionaries({"entry": st.lists(ENTRY, max_size=3)})


def check_invariants(body: bytes) -> list[AnyItem] | None:
    """Parse, and check what is true of every body; None if it is refused."""
    keys = routing_keys(body)
    try:
        items = parse(body)
    except Unparseable:
        assert keys == []
        return None
    assert set(keys) == {item.key for item in items if item.key}
    assert len(keys) == len(set(keys)) <= webhook_body.MAX_KEYS
    for item in items:
        assert travels(item)
        assert all(isinstance(part, str) for part in identity_key(item))
    for way in WAYS:
        assert join_body(way(body, items), pieces(items)) == body
    return items


def walked(body: bytes, items: Sequence[AnyItem]) -> SegmentedBody:
    """Cut by a walk, however few items there are."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(segments, "FEW", 0)
        return split_body(body, items)


WAYS = (split_body, walked)


@pytest.mark.slow
@given(ENVELOPES, st.booleans())
@settings(max_examples=example_count(400), deadline=None)
def test_any_webhook_body_is_parsed_item_by_item(given: Any, ascii: bool) -> None:
    body = json.dumps(given, ensure_ascii=ascii).encode()
    items = check_invariants(body)
    assert items is not None
    assert all(item.raw in body for item in items)
    assert len(items) >= len(given["entry"])
    for way in WAYS:
        taken = [hole.item for hole in way(body, items).holes if hole.part == "item"]
        assert sorted(taken) in ([], list(range(len(items))))  # nothing, or all of it


@given(st.binary(max_size=200))
@settings(max_examples=example_count(200), deadline=None)
def test_any_bytes_are_parsed_or_refused(body: bytes) -> None:
    check_invariants(body)


@pytest.mark.slow
@given(st.sampled_from(BODIES), st.data())
@settings(max_examples=example_count(400), deadline=None)
def test_real_body_with_changed_bytes_is_parsed_or_refused(body: bytes, data: Any) -> None:
    start = data.draw(st.integers(0, len(body) - 1))
    length = data.draw(st.integers(0, 40))
    change = data.draw(
        st.binary(max_size=8) | st.sampled_from([b"[", b"{", b'"', rb"\ud800", b"1e999"])
    )
    check_invariants(body[:start] + change + body[start + length :])


@pytest.mark.slow
@given(
    st.lists(
        st.sampled_from(BAD_ITEMS) | OBJECTS.map(lambda o: json.dumps(o).encode()), max_size=4
    ),
    st.data(),
)
@settings(max_examples=example_count(200), deadline=None)
def test_good_messages_are_parsed_among_any_others(others: list[bytes], data: Any) -> None:
    good = [GOOD.replace(b"GOOD", b"%d" % n) for n in range(3)]
    mixed = data.draw(st.permutations([*good, *others]))
    items = parse(webhook(*mixed))
    assert len(items) == len(mixed)
    assert {item.raw for item in items if isinstance(item, Message)} >= set(good)
    assert [item.raw for item in items] == list(mixed)


@given(st.sampled_from(BODIES), st.sampled_from(BODIES))
@settings(max_examples=example_count(100), deadline=None)
def test_identity_key_does_not_depend_on_the_other_items(one: bytes, other: bytes) -> None:
    entries = [entry for body in (other, one) for entry in json.loads(body)["entry"]]
    alone = {identity_key(item) for item in parse(json.dumps(json.loads(one)).encode())}
    together = {identity_key(item) for item in parse(json.dumps({"entry": entries}).encode())}
    assert alone <= together
