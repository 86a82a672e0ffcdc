"""Faults: the line of a location in a TOML file."""

import pytest

from services.toml.errors import Location, line_of

TEXT = """\
include = ["rules/*.toml"]
limits.text = 5

[[rules]]
id = "a"
words = [
  "x", "y",
]

[[ rules ]] # the second
id = "b"

[[menus]]
id = "m"
[[menus.options]]
id = "o"
[[menus.options]]
title = "p"

[[menus]]
[[menus.options]]
id = "q"

[[destinations]]
id = "crm"
[destinations.oauth]
scope = "s"

[service]
name = "KCC"
"""


@pytest.mark.parametrize(
    ("where", "line"),
    [
        (("include", 0), 1), (("limits", "text"), 2), (("limits",), 2),
        (("rules",), 4), (("rules", 0), 4), (("rules", 0, "words", 1), 6),
        (("rules", 0, "department"), 4), (("rules", 1), 10), (("rules", 1, "id"), 11),
        (("rules", 1, "words"), 10), (("menus", 0, "id"), 14),
        (("menus", 0, "options", 0, "id"), 16), (("menus", 0, "options", 1, "title"), 18),
        (("menus", 0, "options", 1, "id"), 17), (("menus", 1, "options", 0, "id"), 22),
        (("menus", 1, "text"), 20), (("destinations", 0, "oauth", "scope"), 27),
        (("destinations", 0, "oauth", "client_id"), 26), (("destinations", 0, "url"), 24),
        (("service", "name"), 30), (("service", "url"), 29), (("tenants",), 0), ((), 0),
    ],
)  # fmt: skip
def test_line_of_gives_the_line_of_a_key_or_of_the_table_around_it(
    where: Location, line: int
) -> None:
    assert line_of(TEXT, where) == line
