"""An explanation, for any words at any time."""

import json
from datetime import UTC, datetime
from functools import cache

import jsonschema_rs
from hypothesis import example, given, settings
from hypothesis import strategies as st

from router.api.openapi import document
from router.api.requests import EXPLAIN, FIRST, LAST
from router.explanation import HASHES, Question, explain_message
from router.model.work import RoutingContext
from router.ruleset.context import build_context
from services.api.json_body import parse_body
from services.config import loader
from services.http.problems import json_response
from tests.support.example_count import example_count
from tests.support.installation import EXAMPLE

SCHEMA = {"$ref": "#/components/schemas/Explanation"} | {"components": document["components"]}
MOMENTS = st.datetimes(
    FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None), timezones=st.just(UTC)
).filter(lambda at: at < LAST)
JUST_BEFORE = datetime(2099, 12, 31, 23, 59, 59, 999_999, UTC)


@cache
def town() -> RoutingContext:
    return build_context(loader.load(EXAMPLE), HASHES)


@given(text=st.text(min_size=1, max_size=300), at=MOMENTS)
@example(text="mijn container is vol", at=FIRST)
@example(text="hallo", at=JUST_BEFORE)
@settings(max_examples=example_count(300), deadline=None)
def test_explanation_of_any_words_is_as_the_document_says(text: str, at: datetime) -> None:
    body = json.dumps({"text": text, "at": at.isoformat()}).encode()
    asked = parse_body(body, EXPLAIN)
    if isinstance(asked, list):
        assert not text.strip() or "\0" in text
        return
    assert (asked.text, asked.at) == (text, at)
    question = Question(asked.text, town().config.numbers[0], at)
    shown = json_response(explain_message(question, town())).body
    assert isinstance(shown, bytes)
    faults = [*jsonschema_rs.Draft202012Validator(SCHEMA).iter_errors(json.loads(shown))]
    assert faults == []
    assert json_response(explain_message(question, town())).body == shown
