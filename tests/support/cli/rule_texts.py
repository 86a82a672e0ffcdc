"""Rules, departments, menus and closings of a municipality, in one line of a test."""

import json
import re

TABLES = {
    "": "rules", "care": "care", "group": "groups", "department": "departments", "menu": "menus",
    "closing": "closings",
}  # fmt: skip
LISTS = {
    "words", "without", "groups", "types", "states", "tagged", "languages", "numbers", "choices",
    "tag", "departments", "instead_of", "takes_rules",
}  # fmt: skip
IN_TOML = re.compile(r"[\[{'\"]|\d{4}-\d\d-\d\d$")
"""Start of a value that is written in TOML: a list, a table, a string; or a date."""


def rules_toml(text: str, department: str = "kcc") -> str:
    """Return the TOML of rules such as `a: words = boom, heg; tenant = almelo | b: pattern = x+`.

    A rule without a department, a tag and a menu has this department. `care x: ...` is a safety
    rule, `group x: ...` a group of words, `closing 2026-12-24: ...` a closing from that day.
    """
    return "".join(_entry(part, department) for part in text.split(" | ") if part)


def fields_toml(text: str) -> str:
    """Return the TOML of fields such as `hours = off; public_name = Zorg`."""
    return "".join(f"{key} = {value}\n" for key, value in map(_field, text.split("; ")))


def _entry(text: str, department: str) -> str:
    name, _, body = text.partition(": ")
    kind, _, id = name.rpartition(" ")
    own = f"first = {id}\n" if kind == "closing" else f'id = "{id}"\n'
    own += fields_toml(body) if body else ""
    if not kind and not re.search("^(department|tag|menu) =", own, re.MULTILINE):
        own += f'department = "{department}"\n'
    return f"[[{TABLES[kind]}]]\n{own}"


def _field(text: str) -> tuple[str, str]:
    key, _, value = text.partition(" = ")
    if IN_TOML.match(value) or value in ("true", "false"):
        return key, value
    return key, json.dumps(value.split(", ") if key in LISTS else value, ensure_ascii=False)


def cases(table: str) -> list[tuple[str, list[str]]]:
    """Return rules with their warnings. In the table a warning is indented, below its rules; a line
    that begins with | continues the line above, and # begins a comment."""
    found: list[tuple[str, list[str]]] = []
    for line in table.strip().splitlines():
        if line.startswith("| "):
            found[-1] = f"{found[-1][0]} {line}", found[-1][1]
        elif line.startswith("    "):
            found[-1][1].append(line.strip())
        elif not line.startswith("#"):
            found.append((line, []))
    return found
