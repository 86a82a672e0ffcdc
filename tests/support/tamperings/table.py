"""All tamperings, and the page of them: `python -m tests.support.tamperings.table` writes it."""

from pathlib import Path

from tests.support.tamperings.of_access import OF_ACCESS, OF_OTHERS
from tests.support.tamperings.of_destruction import OF_DESTRUCTION
from tests.support.tamperings.of_disclosure import OF_DISCLOSURE
from tests.support.tamperings.of_files import OF_FILES, OF_OBJECTS
from tests.support.tamperings.of_index import OF_INDEX
from tests.support.tamperings.of_log import (
    OF_ENTRIES,
    OF_HASHES,
    OF_KEYS,
    OF_NONSENSE,
    OF_PLACES,
    OF_THE_MINUTE,
)
from tests.support.tamperings.of_signing_key import OF_COPIES, OF_SIGNING_KEY
from tests.support.tamperings.of_stamps import OF_STAMPS
from tests.support.tamperings.of_tables import OF_ROLES, OF_TABLES
from tests.support.tamperings.tampering import Tampering, Who

PAGE = Path(__file__).parents[3] / "docs" / "municipality" / "tamperings.md"
GROUPS: dict[str, list[Tampering]] = {
    "An entry": OF_ENTRIES,
    "The place of entries": OF_PLACES,
    "Hashes and checkpoints": OF_HASHES,
    "The minute before entries are signed": OF_THE_MINUTE,
    "Keys and erasures": OF_KEYS,
    "Values that cannot be, and tables that are gone": OF_NONSENSE,
    "The tables themselves": OF_TABLES,
    "The roles of the services": OF_ROLES,
    "The table of files": OF_FILES,
    "The search index": OF_INDEX,
    "Tokens and what operators did": OF_ACCESS,
    "Tables beside the log": OF_OTHERS,
    "Terms, holds and destruction": OF_DESTRUCTION,
    "Disclosures": OF_DISCLOSURE,
    "Files": OF_OBJECTS,
    "Copies of checkpoints": OF_COPIES,
    "Time stamps": OF_STAMPS,
    "Everything written and signed anew": OF_SIGNING_KEY,
}
TAMPERINGS: dict[str, Tampering] = {each.id: each for group in GROUPS.values() for each in group}
INTRODUCTION = """\
# Tamperings, and what finds them

Somebody who keeps the record has every means to change it. This page lists what they could do, and
what finds it: {found} of {all}. The others [stand at the end](#not-found), with the reason. Each
line but the last {untested} is a test that every version passes.

`archive verify` and its options are commands of `postkamer`: run them
[every night](../operators/archive.md#verify), with the master key. A name that begins with
`Postkamer` is [an alarm](../runbook.md). *At the next look* means whenever the command is run,
however long ago it was. The last column is a part of what the command prints. What waits outside
the archive, such as deliveries, is held against the record by
[the balance](../operators/balance.md).

Made by `python -m tests.support.tamperings.table`.
"""
COLUMNS = "| what was done | found by | after | it says |\n|---|---|---|---|\n"
NOT_FOUND = """\
## Not found

| by | what was done | why nothing finds it |
|---|---|---|
"""
DATABASE_ALONE = "all rights on the database, and no key"
UNTESTED = (
    (
        "the server",
        "PostgreSQL itself, something of its own in its catalogue, or a program of Postkamer is"
        " replaced by one that lies.",
        "What runs the check must be genuine: run it on another machine, from a signed image,"
        " on a copy of the database.",
    ),
    (
        "the witness too",
        "Whoever has the database, the store, the signing key and all witnesses writes the log"
        " anew.",
        "Nobody outside is left who knows what it was, but for proofs and checkpoints that were"
        " handed out.",
    ),
    (
        "the master key",
        "An event that never happened is added as a new entry.",
        "The record shows what Postkamer was given and when; it cannot show that it was true."
        " Segments of webhooks carry the signature of Meta.",
    ),
    (
        DATABASE_ALONE,
        "A batch that the broker lost is said to be accepted, in `router.gap`.",
        "What a person accepted of batches is not held against the record yet. Without the broker"
        " nobody can make it lose one.",
    ),
    (
        DATABASE_ALONE,
        "The balance is made to begin at its last decision in `balance.past`, or decisions of more"
        " than a week are said to be cleared in `router.cleared`.",
        "Only places that cannot be are refused: where `balance begin` began, and what `inbox_days`"
        " is, are not on the record. The record itself and what is new are still compared.",
    ),
    (
        DATABASE_ALONE,
        "The view `balance.lost_batch` is made to show no batch.",
        "Versions of PostgreSQL print the text of a view in different ways, so that it is not"
        " compared.",
    ),
    (
        DATABASE_ALONE,
        "A message that the router could not read is said to be one that cannot be decided again,"
        " and loses its entry.",
        "Its record has no refusal: a key that is given back between two attempts changes it. Its"
        " content stays, and waits for a person.",
    ),
    (
        DATABASE_ALONE,
        "The list of refused tokens is held back, a revoked token is put back, and then the"
        " gateway is restarted.",
        "The gateway believes what it finds at its start, or an archiver that is down would shut"
        " out every CRM. The archiver refuses the token, `PostkamerTokenRefused` goes off within a"
        " minute and `PostkamerTokenListOld` after ten; `archive verify` names the trigger.",
    ),
)
"""Tamperings without a test: by whom, what, and why nothing finds it, or not by itself."""


def make_page() -> str:
    """Return the text of the page."""
    found = [each.id for each in TAMPERINGS.values() if each.found_by]
    text = INTRODUCTION.format(
        found=len(found), all=len(TAMPERINGS) + len(UNTESTED), untested=len(UNTESTED)
    )
    for who in Who:
        text += f"\n## {who}\n"
        for heading, group in GROUPS.items():
            if rows := [_found_row(each) for each in group if each.who == who and each.found_by]:
                text += f"\n### {heading}\n\n{COLUMNS}{''.join(rows)}"
    return f"{text}\n{NOT_FOUND}{''.join(_not_found_rows())}"


def _found_row(each: Tampering) -> str:
    says = f"`{_plain(each.says)}`" if each.says else ""
    return f"| {each.what} | `{each.found_by}` | {each.after} | {says} |\n"


def _plain(text: str) -> str:
    """Return a sentence as it is for any archive."""
    return text.replace(":conversation", "…").strip()


def _not_found_rows() -> list[str]:
    return [
        *(
            f"| {each.who.lower()} | {each.what} | {each.why_not} |\n"
            for each in TAMPERINGS.values()
            if not each.found_by
        ),
        *(f"| {who} | {what} | {why} |\n" for who, what, why in UNTESTED),
    ]


if __name__ == "__main__":
    PAGE.write_text(make_page(), encoding="utf-8")
