"""Rules for migrations, because services of the release before go on with the new tables. Pure.

Expand in one release, migrate, contract in a later one: docs/operators/update.md. A file that takes
something away names in its first line the release that stopped using it: `-- contract: 0.2.0`.
"""

import re
from collections.abc import Collection, Iterator, Sequence

BASELINE = {
    "services": 16, "gateway": 5, "router": 19, "deliverer": 25, "archiver": 33, "desk": 3,
}  # fmt: skip
"""Folder -> number of its last migration in 0.1.0. Nobody runs a release before it, so the rules
hold for the later ones."""

Rules = Sequence[tuple[str, str]]
"""Pattern at the beginning of a statement -> what it does to a service of before."""
CHANGES: Rules = (
    (r"drop (?:column )?(?!constraint |default |trigger )", "drops a column"),
    (r"drop constraint ", "drops a constraint, which may be one that `on conflict` needs"),
    (r"rename ", "renames what it knows by its name"),
    (r"set schema ", "moves what it knows by its name"),
    (r"alter (?:column )?\S+ (?:set data )?type ", "changes the type of what it reads and writes"),
    (r"alter (?:column )?\S+ set not null", "demands a value that it may leave out"),
    (
        r"alter (?:column )?\S+ drop (?:default|identity|expression)",
        "takes away the value that it leaves out",
    ),
    (r"alter (?:column )?\S+ drop not null", "lets in a null, which it does not expect"),
    (
        r"add (?!constraint )(?!.*\b(?:default|generated)\b).* not null",
        "demands a value that it leaves out",
    ),
    (
        r"add (?:constraint \S+ )?(?:check|unique|primary key|foreign key|exclude)\b",
        "forbids what it may write",
    ),
    (r"(?:enable|force) row level security", "hides rows from it"),
)
"""Rules for one change in an `alter table`."""
STATEMENTS: Rules = (
    (
        r"drop (?:table|view|materialized view|schema|sequence|type|domain|function|procedure"
        r"|aggregate|role|owned|index)\b",
        "takes away what it may use",
    ),
    (r"alter (?!table ).* (?:rename|set schema) ", "renames what it knows by its name"),
    (r"alter domain ", "changes a type"),
    (r"create unique index ", "forbids what it may write"),
    (r"revoke ", "takes a right away"),
)
"""Rules for all other statements."""

CONTRACT = re.compile(r"-- contract: (\S+)\n")
MADE = re.compile(
    r"create (?:or replace )?(?:unlogged )?"
    r"(?:table|view|materialized view|function|procedure|sequence|schema|type)"
    r" (?:if not exists )?([\w.]+)"
)
ABOUT = re.compile(
    r"alter table (?:if exists )?(?:only )?(?P<table>[\w.]+)"
    r"|create unique index (?:.*? )?on (?:only )?(?P<indexed>[\w.]+)"
    r"|revoke .*? on (?:all )?(?:table |functions? |tables in schema |schema )?(?P<shut>[\w.]+)"
)
LISTED = re.compile(r"check\s*\(\s*(\w+)\s+in\s*\(([^)]*)\)\s*\)", re.IGNORECASE)
"""A column that has one of the values in a list."""
WIDER = re.compile(r"add constraint (\w+)\s+" + LISTED.pattern, re.IGNORECASE)


def broken_rules(sql: str, earlier: str, releases: Collection[str]) -> list[str]:
    """Return what services of before do not survive in a migration.

    `earlier` are the migrations before it, `releases` those that were released.
    """
    if found := CONTRACT.match(sql):
        release = found[1]
        return [] if release in releases else [f"{release} was never released"]
    statements = list(_statements(sql))
    made = {each[1] for one in statements if (each := MADE.search(one))}
    wider = set(_wider(sql, earlier))
    return [
        f"{reason}: {statement}"
        for statement in statements
        if _subject(statement) not in made
        for change, rules in _changes(statement)
        if not any(name in change.split() for name in wider)
        for pattern, reason in rules
        if re.match(pattern, change)
    ]


def _statements(sql: str) -> Iterator[str]:
    """Statements in small letters, without comments and quoted words. Those of a `do` block count,
    also where it puts them together; those of a function run later, in its own service."""
    text = re.sub(r"--.*", "", sql)
    text = re.sub(
        r"\bdo\s+\$(\w*)\$(.*?)\$\1\$", lambda block: block[2].replace("'", ";"), text, flags=re.S
    )
    text = re.sub(r"\$(\w*)\$.*?\$\1\$", "", text, flags=re.S)
    text = re.sub(r"'[^']*'", "''", text)
    for part in text.split(";"):
        words = " ".join(part.lower().split())
        yield re.sub(
            r"^(?!(?:create|alter|drop|revoke) )(?:.*\b(?:begin|then|else|loop) )", "", words
        )


def _changes(statement: str) -> Iterator[tuple[str, Rules]]:
    """Changes that a statement makes, each with the rules for it."""
    if not statement.startswith("alter table "):
        yield statement, STATEMENTS
        return
    actions = re.sub(r"^alter table (?:if exists )?(?:only )?\S+ ", "", statement)
    while actions != (flat := re.sub(r"\([^()]*\)", "", actions)):
        actions = flat
    yield from ((action.strip(), CHANGES) for action in actions.split(","))


def _subject(statement: str) -> str:
    """Table, function or schema that a statement is about."""
    found = ABOUT.search(statement)
    return next(filter(None, found.groups()), "") if found else ""


def _wider(sql: str, earlier: str) -> Iterator[str]:
    """Names of the constraints that allow now what they allowed before, and more."""
    for name, column, values in WIDER.findall(sql):
        table = name.removesuffix(f"_{column}_check")
        about = re.compile(rf"\b(?:create|alter) table [\w.]*\b{table}\b")
        before = [
            values
            for statement in earlier.split(";")
            if about.search(statement)
            for own, values in LISTED.findall(statement)
            if own == column
        ]
        if before and _values(before[-1]) <= _values(values):
            yield name


def _values(text: str) -> set[str]:
    return set(re.findall(r"'([^']*)'", text))
