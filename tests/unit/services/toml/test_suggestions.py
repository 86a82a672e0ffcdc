"""Suggestions: the known name that was probably meant, and none that is only vaguely similar."""

import pytest

from services.toml.suggestions import NAMES, did_you_mean

FIELDS = ("id", "department", "words", "when_closed", "name", "hours")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("departement", "department"), ("Department", "department"), ("nmae", "name"),
        ("woords", "words"), ("when-closed", "when_closed"), ("hour", "hours"),
        ("nam", "name"), ("afdeling", ""), ("x", ""), ("", ""), ("words", ""), ("d" * 101, ""),
    ],
)  # fmt: skip
def test_only_a_similar_name_is_suggested(name: str, meant: str) -> None:
    assert did_you_mean(name, FIELDS) == (f": did you mean {meant!r}?" if meant else "")


def test_nothing_is_suggested_from_more_names_than_are_compared() -> None:
    known = [f"group-{n}" for n in range(NAMES)]
    assert did_you_mean("group1", known)
    assert did_you_mean("group1", [*known, "one-more"]) == ""
