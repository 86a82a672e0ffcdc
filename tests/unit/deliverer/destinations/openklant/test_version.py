"""Versions of Open Klant, and the question who numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliverer.destinations.openklant.version import (
    RELEASES,
    describe_version,
    parse_version,
    takes_numbers,
)


@pytest.mark.parametrize(
    ("header", "release", "takes"),
    [
        ("0.5.0", "unknown (API 0.5)", False),
        ("0.6.0", "2.15", False),
        ("0.7.0", "2.16", True),
        ("0.8.1", "2.17", True),
        ("0.9.0", "2.18", True),
        ("0.10.0", "unknown (API 0.10)", True),
        ("1.0", "unknown (API 1.0)", True),
        ("", "unknown", False),
        ("v2", "unknown", False),
        ("0.66666", "unknown", False),
    ],
)
def test_version_names_its_release_and_tells_who_numbers(
    header: str, release: str, takes: bool
) -> None:
    version = parse_version(header)
    assert (describe_version(version), takes_numbers(version)) == (release, takes)


@given(st.text(max_size=20))
def test_any_header_has_a_version_or_none(header: str) -> None:
    version = parse_version(header)
    assert describe_version(version) in RELEASES.values() or "unknown" in describe_version(version)
    assert takes_numbers(version) <= (version is not None)
