import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.guard import authenticate, hashed

TOKENS = hashed([("crm", "sandbox-api-token"), ("operator", "één"), ("crm", "the-next-one")])


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Bearer sandbox-api-token", "crm"),
        ("bearer sandbox-api-token", "crm"),
        ("BEARER   sandbox-api-token ", "crm"),
        ("Bearer één", "operator"),
        ("Bearer the-next-one", "crm"),
        ("", None),
        ("Bearer", None),
        ("Bearer ", None),
        ("sandbox-api-token", None),
        ("Basic sandbox-api-token", None),
        ("Bearer sandbox-api-toke", None),
        ("Bearer sandbox-api-tokenx", None),
        ("Bearer sandbox-api-token sandbox-api-token", None),
        ("Bearer Sandbox-Api-Token", None),
        ("Bearer crm", None),
        ("Bearer crm:sandbox-api-token", None),
        ("Bearer \udcff\udcfe", None),
    ],
)
def test_a_bearer_token_of_ours_has_a_name_and_nothing_else_has(
    header: str, name: str | None
) -> None:
    assert authenticate(header, TOKENS) == name


def test_without_tokens_nobody_comes_in() -> None:
    assert authenticate("Bearer ", []) is None
    assert authenticate("Bearer x", []) is None


@given(st.text(), st.lists(st.tuples(st.text(min_size=1), st.text(min_size=1)), max_size=4))
def test_no_header_is_too_strange_to_be_answered(
    header: str, tokens: list[tuple[str, str]]
) -> None:
    name = authenticate(header, hashed(tokens))
    assert name is None or (name, header.partition(" ")[2].strip()) in tokens
