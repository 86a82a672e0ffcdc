"""A version of the rules as one municipality sees it: its files, and how they changed. Pure."""

from collections.abc import Iterator, Mapping

import msgspec

from router.ruleset.file_diff import PAIRS, count_pairs, diff_texts
from router.ruleset.municipal_files import municipal_files

Files = Mapping[str, str]


class ShownFile(msgspec.Struct, frozen=True):
    """A file of a version; `text` is None if it cannot be shown to one municipality alone."""

    name: str
    text: str | None


class Change(msgspec.Struct, frozen=True):
    """A file that differs, as lines of a unified diff; None if it is too large to compare, or
    cannot be shown."""

    name: str
    diff: list[str] | None


class VersionView(msgspec.Struct, frozen=True):
    files: list[ShownFile]
    changes: list[Change]


def view_version(files: Files, earlier: Files, tenant: str, pairs: int = PAIRS) -> VersionView:
    """Return what a municipality sees of a version and of its changes to the `earlier` one."""
    after, before = municipal_files(files, tenant), municipal_files(earlier, tenant)
    changed = {name for name in {*files, *earlier} if files.get(name) != earlier.get(name)}
    return VersionView(
        files=[ShownFile(name, after[name]) for name in sorted(after)],
        changes=list(_changes(before, after, changed, pairs)),
    )


def _changes(
    before: Mapping[str, str | None],
    after: Mapping[str, str | None],
    changed: set[str],
    pairs: int,
) -> Iterator[Change]:
    """Yield the changes until so many pairs of lines are compared; a later file may be smaller, and
    is compared all the same. `changed` are the names of the files that differ as a whole."""
    for name in sorted(before.keys() | after.keys()):
        one, other = before.get(name), after.get(name)
        if None in (before.get(name, ""), after.get(name, "")):
            if name in changed:
                yield Change(name, None)
        elif one != other:
            needed = count_pairs(one, other)
            fits = needed <= pairs
            pairs -= needed if fits else 0
            yield Change(name, diff_texts(name, one, other) if fits else None)
