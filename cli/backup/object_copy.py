"""Judgement on a copy of the object store. Pure."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import msgspec

from cli.backup.finding import Finding, format_age
from cli.support.output import count

COPYING = timedelta(hours=1)
"""Time that a copy may take: what is younger than its newest head less so much may lack."""
SHOWN = 5
"""Names of objects that are printed; `--json` has as many."""


class CopyState(msgspec.Struct, frozen=True, kw_only=True):
    """The objects that the database names, and which of them the copy has."""

    copied_at: datetime | None
    """Time of the newest head of the log in the copy, which the archiver keeps each second while
    entries come. None: it has none."""
    signed_at: datetime | None
    """Time of the newest checkpoint of the database."""
    files: int
    """Number of files that the database names and that the copy should have."""
    looked_at: int
    lacking: int
    lacking_names: tuple[str, ...] = ()
    has_checkpoint: bool | None = None
    """None: there is none that it should have."""
    lacking_orders: tuple[int, ...] = ()
    wrong_orders: tuple[int, ...] = ()
    """Orders of which the copy has a part that does not open, or is another than the database's."""
    has_first_order: bool = True
    lacks_tokens: bool = False
    """True if it knows less of the tokens than the object store."""


def judge_copy(state: CopyState, oldest: timedelta) -> Iterator[Finding]:
    if not state.has_first_order or state.copied_at is None:
        empty = "the copy of the object store is empty, or another archive's"
        yield Finding(owner="object store", sentence=empty)
        return
    if state.signed_at and state.signed_at - state.copied_at > oldest:
        old = format_age(state.signed_at - state.copied_at)
        sentence = f"the copy of the object store is {old} behind the record"
        yield Finding(owner="object store", sentence=sentence)
    if state.lacking_orders:
        orders = count(len(state.lacking_orders), "order|orders")
        back = f"the copy lacks {orders} of destruction: with it, what they destroyed comes back"
        yield Finding(owner="object store", sentence=back)
    if state.wrong_orders:
        orders = count(len(state.wrong_orders), "order|orders")
        other = f"the copy has {orders} of destruction altered or under a key that was taken away"
        mend = f"{other}: copy destruction/ and outcome/ by content, else nothing starts from it"
        yield Finding(owner="object store", sentence=mend)
    if state.lacking:
        files = f"{count(state.lacking, 'file|files')} of {state.looked_at:,}"
        names = ", ".join(state.lacking_names[:SHOWN])
        sentence = f"the copy lacks {files} that the database names: {names}"
        yield Finding(owner="object store", sentence=sentence)
    if state.has_checkpoint is False:
        sentence = "the copy lacks the newest checkpoint of its time"
        yield Finding(owner="object store", sentence=sentence)
    if state.lacks_tokens:
        less = "the copy knows less of the tokens than the object store: bring it up to date"
        yield Finding(weight="warning", owner="object store", is_retryable=True, sentence=less)
