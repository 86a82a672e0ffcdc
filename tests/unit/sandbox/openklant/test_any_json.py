"""The stand-in has an answer that can be sent to any JSON and any query."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from sandbox.openklant import error_responses, lists, writes
from sandbox.openklant.lists import FILTERS
from sandbox.openklant.request_body import Unreadable, parse
from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.serializers import Serializer
from sandbox.openklant.summary import summary
from sandbox.openklant.writes import CheckedWrite, Stamp
from tests.support.example_count import example_count
from tests.support.openklant.api_client import AT, FilledStore

pytestmark = pytest.mark.slow

KEYS = st.text(max_size=12) | st.sampled_from(["\ud800", "a\udfffb", "a\x00", "_", "A__b1C"])
"""Keys, with lone surrogates too: JSON can hold them."""
WORDS = st.sampled_from(["klant", "verwerkt", "a@b.nl", "+31612345678", "2026-11-24", "42"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | KEYS | WORDS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.sampled_from(["uuid", "functie"]), inner, max_size=3)
    ),
    max_leaves=6,
)


@pytest.mark.parametrize("resource", RESOURCES)
@settings(max_examples=example_count(150), deadline=None)
@given(data=st.data())
def test_every_body_is_refused_or_stored_and_shown(resource: str, data: st.DataObject) -> None:
    filled = FilledStore()
    changed = st.dictionaries(st.sampled_from(list(RESOURCES[resource])), VALUES, max_size=4)
    sent = changed.map(lambda some: filled.bodies[resource] | some) | VALUES
    try:
        body = parse(json.dumps(data.draw(sent)).encode())
    except Unreadable:
        return
    found = writes.check_write(filled.store, resource, body)
    if not isinstance(found, CheckedWrite):
        problem = error_responses.problem_body(error_responses.invalid(*found), "http://x", "y")
        assert json.loads(msgspec.json.encode(problem))["invalidParams"]
        return
    row = writes.create(filled.store, found, Stamp(AT, filled.new_id))
    shown = msgspec.json.encode(Serializer(filled.store, "http://x").serialize(resource, row))
    assert json.loads(shown)["uuid"] == row["uuid"]
    assert msgspec.json.encode(summary(filled.store, 10))


@pytest.mark.parametrize("resource", FILTERS)
@settings(max_examples=example_count(100), deadline=None)
@given(data=st.data())
def test_every_query_is_answered_or_refused(resource: str, data: st.DataObject) -> None:
    filled = FilledStore()
    filled.create("digitaleadressen")
    filled.create("internetaken")
    names = st.sampled_from([*FILTERS[resource], "page", "pageSize", "other"])
    texts = st.text(max_size=8) | WORDS | st.just(filled.contact)
    url = URL("http://x/y").with_query(data.draw(st.dictionaries(names, texts, max_size=3)))
    answer = lists.list_page(Serializer(filled.store, "http://x"), resource, url)
    if isinstance(answer, error_responses.Refusal):
        assert answer.status in {400, 404}
        answer = error_responses.problem_body(answer, "http://x", "y")  # type: ignore[assignment]
    assert msgspec.json.encode(answer)
