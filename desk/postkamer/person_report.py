"""The report of everything about one person, as docs/integrators describes it, and the beginning of
it that a page shows. Pure."""

from collections.abc import Sequence
from typing import Any

import msgspec

Row = dict[str, Any]
Rows = tuple[msgspec.Raw, ...]
"""Rows of which there may be tens of thousands: only those that are shown are decoded."""


class ReportedConversation(msgspec.Struct, frozen=True, rename="camel"):
    opened_at: str
    departments: tuple[str, ...] = ()
    zaak: str = ""
    messages: Rows = ()
    notes: Rows = ()


class Report(msgspec.Struct, frozen=True):
    """The parts of a report that a page shows."""

    about: tuple[Row, ...] = ()
    conversations: tuple[ReportedConversation, ...] = ()
    consents: tuple[Row, ...] = ()
    deliveries: tuple[Row, ...] = ()
    views: Rows = ()
    copies: tuple[Row, ...] = ()


class MadeReport(msgspec.Struct, frozen=True):
    report: Report
    others: int


class ShownConversation(msgspec.Struct, frozen=True):
    conversation: ReportedConversation
    messages: list[Row]
    notes: list[Row]


def first_conversations(report: Report, count: int) -> list[ShownConversation]:
    """Return the conversations with the first `count` messages and notes of all."""
    shown, left = [], count
    for each in report.conversations:
        if left <= 0:
            break
        messages = decode_first(each.messages, left)
        notes = decode_first(each.notes, left - len(messages))
        left -= max(1, len(messages) + len(notes))  # an empty one has a line on the page as well
        shown.append(ShownConversation(each, messages, notes))
    return shown


def is_whole(report: Report, shown: Sequence[ShownConversation]) -> bool:
    """Return True if nothing of the conversations is left out."""
    wholes = (
        (len(each.messages), len(each.notes))
        == (len(each.conversation.messages), len(each.conversation.notes))
        for each in shown
    )
    return len(shown) == len(report.conversations) and all(wholes)


def decode_first(rows: Rows, count: int) -> list[Row]:
    return [msgspec.json.decode(each, type=Row) for each in rows[:count]]
