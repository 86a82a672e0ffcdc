"""Differences between the files of two versions."""

from router.ruleset.file_diff import diff_files


def test_differences_are_a_patch_for_each_file_that_differs() -> None:
    one = {"a.toml": "x = 1\ny = 2\n", "b.toml": "z = 3\n", "same.toml": ""}
    other = {"a.toml": "x = 1\ny = 3", "c.toml": "w = 4\n", "same.toml": ""}
    head = ["--- a/a.toml", "+++ b/a.toml", "@@ -1,2 +1,2 @@"]
    assert {each.name: each.diff for each in diff_files(one, other)} == {
        "a.toml": [*head, " x = 1", "-y = 2", "+y = 3", "\\ No newline at end of file"],
        "b.toml": ["--- a/b.toml", "+++ /dev/null", "@@ -1 +0,0 @@", "-z = 3"],
        "c.toml": ["--- /dev/null", "+++ b/c.toml", "@@ -0,0 +1 @@", "+w = 4"],
    }
    assert list(diff_files(one, one)) == []
