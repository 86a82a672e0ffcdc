"""Whatever JSON comes, the stand-in for Open Klant has an answer to it that can be sent."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from sandbox.openklant import error_responses, pagination, writes
from sandbox.openklant.filters import FILTERS
from sandbox.openklant.request_body import Unreadable, parse
from sandbox.openklant.schema import RESOURCES
from sandbox.openklant.serializers import Serializer
from sandbox.openklant.summary import summary
from sandbox.openklant.writes import CheckedWrite, Stamp
from tests.support.example_count import example_count
from tests.support.openklant.api_client import AT, Register

pytestmark = pytest.mark.slow

SIGNS = st.text(max_size=12) | st.sampled_from(["\ud800", "a\udfffb", "a\x00", "_", "A__b1C"])
"""Lone surrogates too: JSON can bring them."""
WORDS = st.sampled_from(
    [
        "klant",
        "verwerkt",
        "email",
        "a@b.nl",
        "medewerker",
        "+31612345678",
        "2026-11-24",
        "42",
        "true",
    ]
)
LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | SIGNS | WORDS
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(SIGNS | st.sampled_from(["uuid", "functie"]), inner, max_size=3)
    ),
    max_leaves=6,
)


def bodies(register: Register, resource: str) -> st.SearchStrategy[Any]:
    """One that is taken, with some fields changed to anything."""
    changed = st.dictionaries(st.sampled_from(list(RESOURCES[resource])), VALUES, max_size=4)
    return changed.map(lambda some: register.body(resource) | some) | VALUES


@pytest.mark.parametrize("resource", RESOURCES)
@settings(max_examples=example_count(150), deadline=None)
@given(data=st.data())
def test_every_body_is_taken_or_refused_and_what_is_taken_can_be_shown(
    resource: str, data: st.DataObject
) -> None:
    register = Register()
    sent = json.dumps(data.draw(bodies(register, resource))).encode()
    try:
        body = parse(sent)
    except Unreadable:
        return
    found = writes.check_write(register.store, resource, body)
    if not isinstance(found, CheckedWrite):
        assert found
        problem = error_responses.problem_body(error_responses.invalid(*found), "http://x", "y")
        assert json.loads(msgspec.json.encode(problem))["invalidParams"]
        return
    row = writes.create(register.store, found, Stamp(AT, register.new_id))
    shown = msgspec.json.encode(Serializer(register.store, "http://x").serialize(resource, row))
    assert json.loads(shown)["uuid"] == row["uuid"]
    assert msgspec.json.encode(summary(register.store, 10))


@pytest.mark.parametrize("resource", FILTERS)
@settings(max_examples=example_count(100), deadline=None)
@given(data=st.data())
def test_every_query_finds_something_or_nothing_or_is_refused(
    resource: str, data: st.DataObject
) -> None:
    register = Register()
    register.take("digitaleadressen", register.body("digitaleadressen"))
    register.take("internetaken", register.body("internetaken"))
    names = st.sampled_from([*FILTERS[resource], "page", "pageSize", "expand", "other"])
    texts = st.text(max_size=8) | WORDS | st.just(register.contact)
    query = data.draw(st.dictionaries(names, texts, max_size=3))
    url = URL("http://x/y").with_query(query)
    answer = pagination.list_page(Serializer(register.store, "http://x"), resource, url)
    if isinstance(answer, error_responses.Refusal):
        assert answer.status in {400, 404}
        answer = error_responses.problem_body(answer, "http://x", "y")
    assert msgspec.json.encode(answer)
