"""Persons who are missing before a version of rules and texts counts."""

import pytest

from services.second_person.judgement import (
    Standing,
    Supporter,
    VersionInForce,
    count_missing_persons,
    why_in_force,
)

ASKING, FREE = VersionInForce("a", asks=True), VersionInForce("a", asks=False)
JANSEN, BOER = Supporter("S. Jansen"), Supporter("K. de Boer")
ALONE = Supporter("S. Jansen", alone=True)


@pytest.mark.parametrize(
    ("version", "standing", "missing", "because"),
    [
        ("b", Standing(), 0, "first"),
        ("b", Standing(FREE), 0, "first"),
        ("a", Standing(ASKING, was_in_force=True), 0, "again"),
        ("b", Standing(ASKING), 2, ""),
        ("b", Standing(ASKING, supporters=(JANSEN,)), 1, ""),
        ("b", Standing(ASKING, supporters=(JANSEN, Supporter("S.\u00a0JANSEN "))), 1, ""),
        ("b", Standing(ASKING, supporters=(JANSEN, BOER)), 0, "approved"),
        ("b", Standing(ASKING, supporters=(ALONE,)), 0, "alone"),
        ("b", Standing(ASKING, supporters=(ALONE, BOER)), 0, "approved"),
        ("b", Standing(ASKING, was_in_force=True), 0, "again"),
    ],
)
def test_version_counts_with_two_persons_where_the_former_one_asks(
    version: str, standing: Standing, missing: int, because: str
) -> None:
    assert count_missing_persons(version, standing) == missing
    assert missing or why_in_force(standing) == because
