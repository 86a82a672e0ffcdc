"""A version and its changes, as one municipality sees them."""

from router.ruleset.file_diff import count_pairs
from router.ruleset.version_view import Change, ShownFile, view_version

ALONE = '[[tenants]]\nid = "almelo"\n'
BOTH = ALONE + '[[tenants]]\nid = "borne"\n'
MINE = '[[rules]]\nid = "{}"\ntenant = "almelo"\n'
THEIRS = '[[rules]]\nid = "geheim-{}"\ntenant = "borne"\n'
ODD = 'rules = [{{id = "{}", tenant = "borne"}}, {{id = "mine"}}]\n'


def names(changes: list[Change]) -> list[str]:
    return [each.name for each in changes]


def test_first_version_adds_all_of_its_files() -> None:
    files = {"b.toml": ALONE, "a.toml": ""}
    view = view_version(files, {}, "almelo")
    assert view.files == [ShownFile("a.toml", ""), ShownFile("b.toml", ALONE)]
    assert view.changes == [
        Change("a.toml", []),
        Change("b.toml", ["--- /dev/null", "+++ b/b.toml", "@@ -0,0 +1,2 @@"]
               + [f"+{line}" for line in ALONE.splitlines()]),
    ]  # fmt: skip


def test_change_of_another_municipality_is_none_here() -> None:
    before = {"town.toml": BOTH, "rules.toml": MINE.format("a") + THEIRS.format(1)}
    after = {"town.toml": BOTH, "rules.toml": MINE.format("a") + THEIRS.format(2)}
    assert view_version(after, before, "almelo").changes == []
    [change] = view_version(after, before, "borne").changes
    assert change.diff and '+id = "geheim-2"' in change.diff


def test_rule_that_comes_to_hold_here_is_a_change_though_its_file_is_the_same() -> None:
    rules = '[[rules]]\nid = "afval"\ndepartment = "groen"\n'
    department = '[[departments]]\nid = "groen"\ntenant = "{}"\n'
    before = {"town.toml": BOTH + department.format("borne"), "rules.toml": rules}
    after = {"town.toml": BOTH + department.format("almelo"), "rules.toml": rules}
    changes = view_version(after, before, "almelo").changes
    assert names(changes) == ["rules.toml", "town.toml"]
    assert changes[0].diff and '+id = "afval"' in changes[0].diff


def test_file_that_cannot_be_shown_changes_without_its_lines() -> None:
    before, after = ({"town.toml": BOTH, "odd.toml": ODD.format(n)} for n in (1, 2))
    view = view_version(after, before, "almelo")
    assert view.files[0] == ShownFile("odd.toml", None)
    assert view.changes == [Change("odd.toml", None)]
    assert view_version(after, after, "almelo").changes == []
    gone = view_version({"town.toml": BOTH}, before, "almelo")
    assert gone.changes == [Change("odd.toml", None)]


def test_differences_are_worked_out_until_their_bound() -> None:
    one, other = ("".join(f"# {name}{n}\n" for n in range(10)) for name in "xy")
    before = {"a.toml": ALONE + one, "b.toml": one, "c.toml": "x\n"}
    after = {"a.toml": ALONE + other, "b.toml": other, "c.toml": "y\n"}
    diffs = {each.name: each.diff for each in view_version(after, before, "almelo", 150).changes}
    assert diffs["a.toml"] and diffs["b.toml"] is None and diffs["c.toml"]


def test_pairs_are_counted_between_the_first_difference_and_the_last() -> None:
    same = "".join(f"{n}\n" for n in range(100))
    assert count_pairs(same, same) == 0
    assert count_pairs(f"{same}a\n{same}", f"{same}b\nc\n{same}") == 2
    assert count_pairs(same, same + "more\n") == 0
    assert count_pairs(None, same) == 0
    assert count_pairs("a\n" + same, "b\n" + same.removesuffix("99\n")) == 101 * 100
