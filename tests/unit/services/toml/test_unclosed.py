"""Lists that are never closed: the fault is on the line where the list opens."""

import pytest

from services.toml.errors import ConfigFault, toml

NEXT = 'department = "kcc"\n'
RULE = '[[rules]]\nid = "b"\nwords = ["b"]\n'
OPEN = 'id = "a"\nwords = ["afval",\n  "grof [vuil",  # [ ]\n'
"""A list that opens on line 2 and has brackets in a text and in a comment."""


@pytest.mark.parametrize(
    ("text", "line", "before"),
    [
        (OPEN + NEXT, 2, "line 4"), (OPEN + RULE, 2, "line 4"), (OPEN, 2, "the end of the file"),
        ('words = ["afval"\n' + NEXT, 1, "line 2"), ('words = ["afval"\n' + RULE, 1, "line 2"),
        ('words = ["afval"\n\n# next\n[tenants.care]\n', 1, "line 4"),
        ('words = [["x"]\nid = "a"', 1, "line 2"), ('words = ["afval"', 1, "the end of the file"),
        ("words = [\n  '''\na = [\n''',\n" + NEXT, 1, "line 5"),
        (OPEN.replace("\n", "\r\n") + RULE.replace("\n", "\r\n"), 2, "line 4"),
    ],
)  # fmt: skip
def test_unclosed_list_is_reported_where_it_opens(text: str, line: int, before: str) -> None:
    sentence = f"the list that opens here is not closed: a ] is missing before {before}"
    assert toml(text, "p.toml") == ConfigFault("p.toml", line, "words", sentence)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a = = 1\n" + OPEN + NEXT, 1), ("[[rules]\n" + NEXT, 1), ('a = ["x]\nb = 1\n', 1),
        ('a = ["x" "y"]\nb = 1\n', 1), ("a = afval\nb = [1]\n", 1), ("a = [1\n, = 2]\n", 2),
        ("a = [1]]\nb = 1", 1), ('a = """x\nb = [', 1),
    ],
)  # fmt: skip
def test_other_fault_of_syntax_keeps_the_line_of_the_parser(text: str, line: int) -> None:
    fault = toml(text, "p.toml")
    assert isinstance(fault, ConfigFault)
    assert (fault.line, fault.where) == (line, "file")
