"""Files of a version as one municipality may read them, where several share a configuration. Pure.

Entries of another municipality are cut out. Where any are, so are comments between entries: nobody
can tell of which municipality they speak. A file that cannot be cut by its tables is not shown.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise
from typing import Any, TypeGuard

import msgspec

from router.ruleset.masked_secrets import mask_secrets
from services.toml.errors import ConfigFault, toml

HEADER = re.compile(
    r"^[ \t]*\[(?P<array>\[)?[ \t]*(?P<name>[\w-]+)(?P<more>[ \t]*\.)?", re.MULTILINE
)
"""Line that begins a table: `[name]`, `[[name]]`, or a table within the last entry of `name`."""
COMMENT = re.compile(r"^[ \t]*#.*\n?", re.MULTILINE)
SPELLINGS = ("tenants", "\\u", "\\U")
"""One of these stands in each file that has a table of municipalities: TOML can write a name in
letters or in escapes. To parse all files of a large town takes half a second."""
Entry = Mapping[str, Any]


class Municipality(msgspec.Struct, frozen=True):
    """One municipality of a version, with the ids of what is its own. `departments` has each name
    that rules may use for one of its departments."""

    id: str
    departments: frozenset[str]
    destinations: frozenset[str]
    providers: frozenset[str]


def municipal_files(files: Mapping[str, str], tenant: str) -> dict[str, str | None]:
    """Return the files of a version for a municipality, with their secrets masked, without those
    that hold nothing for it. None is a file that cannot be shown to it alone."""
    tenants = _tenants(files)
    if tenant not in tenants:
        return {}
    masked = {name: mask_secrets(text, name) for name, text in files.items()}
    if tenants == {tenant}:
        return masked
    parsed = [toml(text, name) for name, text in files.items()]
    town = _municipality(tenant, [each for each in parsed if isinstance(each, dict)])
    cut = {name: text and _cut(text, toml(text, name), town) for name, text in masked.items()}
    return {name: text for name, text in cut.items() if text is None or text.strip()}


def _tenants(files: Mapping[str, str]) -> frozenset[str]:
    possible = {n: text for n, text in files.items() if any(each in text for each in SPELLINGS)}
    parsed = [toml(text, name) for name, text in possible.items()]
    return frozenset(str(entry.get("id")) for entry in _entries(parsed, "tenants"))


def _municipality(tenant: str, files: list[dict[str, Any]]) -> Municipality:
    departments = [each for each in _entries(files, "departments") if each.get("tenant") == tenant]
    owners = [each for each in _entries(files, "tenants") if each.get("id") == tenant]
    alerted = [each.get("care", {}).get("destinations", ()) for each in owners]
    providers = _entries(files, "identity_providers")
    return Municipality(
        id=tenant,
        departments=frozenset(str(each.get("id")) for each in departments).union(
            *(map(str, each.get("instead_of", ())) for each in departments)
        ),
        destinations=frozenset(str(each.get("destination")) for each in departments).union(
            *(map(str, each) for each in alerted)
        ),
        providers=frozenset(str(p.get("id")) for p in providers if p.get("tenant") == tenant),
    )


def _entries(files: Any, table: str) -> Iterator[Entry]:
    for tables in files:
        entries = tables.get(table) if isinstance(tables, dict) else None
        yield from (each for each in entries or () if isinstance(each, dict))


def _is_own(entry: Entry, town: Municipality) -> bool:
    return entry.get("tenant") == town.id


def _is_own_or_of_all(entry: Entry, town: Municipality) -> bool:
    return entry.get("tenant", "") in ("", town.id)


def _applies(entry: Entry, town: Municipality) -> bool:
    """Return True for a rule that holds here, as `router.rules.municipal_rules` has it."""
    return _is_own_or_of_all(entry, town) and entry.get("department", "") in ("", *town.departments)


SHOWN: dict[str, Callable[[Entry, Municipality], bool]] = {
    "tenants": lambda entry, town: entry.get("id") == town.id,
    "numbers": _is_own,
    "departments": _is_own,
    "destinations": lambda entry, town: entry.get("id") in town.destinations,
    "contacts": _is_own,
    "identity_providers": _is_own,
    "identity_grants": lambda entry, town: entry.get("provider") in town.providers,
    "tests": _is_own,
    "closings": _is_own_or_of_all,
    "menus": _is_own_or_of_all,
    "rules": _applies,
    "care": _applies,
    "groups": lambda entry, town: True,
    "rates": lambda entry, town: True,
}
"""Table -> rule by which an entry is shown. Of a table that is not here nothing is."""


def _is_shown(table: str, entry: Any, town: Municipality) -> bool:
    rule = SHOWN.get(table)
    return rule is not None and isinstance(entry, dict) and rule(entry, town)


def _cut(text: str, tables: dict[str, Any] | ConfigFault, town: Municipality) -> str | None:
    """Return a file without the entries of others; None if it does not say then what it should."""
    if isinstance(tables, ConfigFault):
        return None
    wanted = dict(_wanted(tables, town))
    if wanted == tables:
        return text
    if not wanted:
        return ""
    kept = "".join(_sections(text, tables, town))
    return kept if toml(kept, "") == wanted else None


def _wanted(tables: dict[str, Any], town: Municipality) -> Iterator[tuple[str, Any]]:
    """Yield what may be shown of a file: its settings, and the entries that are."""
    for name, value in tables.items():
        if not _is_array(value):
            yield name, value
        elif entries := [each for each in value if _is_shown(name, each, town)]:
            yield name, entries


def _is_array(value: Any) -> TypeGuard[list[Any]]:
    """Return True for an array of tables."""
    return isinstance(value, list) and any(isinstance(each, dict) for each in value)


def _sections(text: str, tables: dict[str, Any], town: Municipality) -> Iterator[str]:
    """Yield the parts of a file that may be shown."""
    heads = [*HEADER.finditer(text)]
    starts = [head.start() for head in heads]
    yield COMMENT.sub("", text[: starts[0] if starts else len(text)]).lstrip()
    shown, seen = True, dict.fromkeys(tables, 0)
    for head, (start, end) in zip(heads, pairwise([*starts, len(text)]), strict=True):
        name, value = head["name"], tables.get(head["name"])
        if not _is_array(value):
            shown = True
        elif head["array"] and not head["more"]:
            place, seen[name] = seen[name], seen[name] + 1
            shown = place < len(value) and _is_shown(name, value[place], town)
        if shown:
            yield _without_end(text[start:end])


def _without_end(section: str) -> str:
    """Return an entry without the comments after it: they lead to the next one."""
    lines = section.split("\n")
    while lines and (not (last := lines[-1].strip()) or last.startswith("#")):
        lines.pop()
    return "\n".join([*lines, "", ""])
