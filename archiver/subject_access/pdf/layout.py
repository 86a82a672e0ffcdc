"""Arrange a report for its pages: headings, facts, conversations by day, tables. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby, starmap
from typing import Any

from archiver.printing import labels
from archiver.printing.labels import format_count, format_date, format_moment
from archiver.subject_access.pdf import phrases
from archiver.subject_access.pdf.tables import tables
from archiver.subject_access.report import (
    Conversation,
    File,
    Identifier,
    Message,
    Report,
    count_messages,
)
from services.printing.glyphs import is_right_to_left

Json = dict[str, Any]
Facts = list[list[str]]
"""Pairs of a name and a value."""

LONG_CONVERSATIONS, LONG_MESSAGES = 3, 40
"""A report with more than either has more than a few pages, and begins with a table of contents."""


def page_layout(report: Report) -> Json:
    """Return everything that the template prints, in the order of the pages."""
    return {
        "title": phrases.TITLE,
        "subtitle": phrases.SUBTITLE,
        "introduction": phrases.INTRODUCTION,
        "boxes": phrases.BOXES,
        "empty": phrases.EMPTY,
        "municipality": report.municipality.name,
        "reference": report.request.id if report.request else "",
        "facts": _with_values(_report_facts(report)),
        "figures": _figures(report),
        "contents": _is_long(report),
        "purposes": [[purpose.text, purpose.ground] for purpose in report.purposes],
        "retention": list(report.retention),
        "source": report.source,
        "automated": report.automated,
        "conversations": list(starmap(_conversation, enumerate(report.conversations, 1))),
        "tables": tables(report),
        "rights": [[right.name, right.text] for right in report.rights],
        "complaint": report.complaint,
        "ask": _with_values(_contacts(report)),
    }


def _is_long(report: Report) -> bool:
    many = len(report.conversations) > LONG_CONVERSATIONS
    return many or count_messages(report) > LONG_MESSAGES


def _with_values(facts: Iterable[tuple[str, str]]) -> Facts:
    """Leave out facts without a value."""
    return [[name, value] for name, value in facts if value]


def _report_facts(report: Report) -> Iterator[tuple[str, str]]:
    yield from (
        (labels.KINDS.get(each.kind, each.kind), _format_identifier(each)) for each in report.about
    )
    since, until = format_date(report.period.since), format_date(report.period.until)
    sides = (since and f"van {since}", until and f"tot en met {until}")
    yield "Periode", " ".join(filter(None, sides)) or "alles wat wij hebben"
    if report.request:
        yield "Nummer van uw verzoek", report.request.id
        yield "Verzoek ontvangen op", format_date(report.request.received_on)
        yield "Antwoord uiterlijk op", format_date(report.request.due_on)
    yield "Gemaakt op", format_moment(report.made_at)
    yield "Gemaakt door", report.made_by


def _format_identifier(identifier: Identifier) -> str:
    value = labels.format_identifier(identifier.kind, identifier.value)
    if not identifier.found:
        return f"{value} (hierover hebben wij niets)"
    return value if identifier.asked else f"{value} (hoort bij u, vonden wij erbij)"


def _figures(report: Report) -> Facts:
    files = sum(len(message.files) for each in report.conversations for message in each.messages)
    return [
        format_count(len(report.conversations), "gesprek", "gesprekken").split(" ", 1),
        format_count(count_messages(report), "bericht", "berichten").split(" ", 1),
        format_count(files, "bestand", "bestanden").split(" ", 1),
        format_count(len(report.views), "keer bekeken", "keer bekeken").split(" ", 1),
    ]


def _contacts(report: Report) -> Iterator[tuple[str, str]]:
    yield report.municipality.name, report.municipality.contact
    yield "Functionaris gegevensbescherming", report.municipality.officer


def _conversation(number: int, conversation: Conversation) -> Json:
    days = groupby(
        enumerate(conversation.messages, 1), key=lambda each: labels.format_weekday(each[1].at)
    )
    return {
        "title": f"Gesprek {number}: {format_date(labels.local_date(conversation.opened_at))}",
        "facts": _with_values(_conversation_facts(conversation)),
        "days": [
            {
                "day": name,
                "messages": [_message(f"{number}.{at}", message) for at, message in numbered],
            }
            for name, numbered in days
        ],
        "notes": [
            {"head": f"{format_moment(note.at)} · {note.department}", **_text(note.text)}
            for note in conversation.notes
        ],
    }


def _conversation_facts(conversation: Conversation) -> Iterator[tuple[str, str]]:
    yield "Begonnen", format_moment(conversation.opened_at)
    yield "Afgesloten", format_moment(conversation.closed_at) or "nog niet"
    yield "Behandeld door", ", ".join(conversation.departments)
    yield "Zaak", conversation.zaak
    yield "Bewaard tot", format_date(conversation.kept_until)
    yield "Kenmerk", conversation.id


def _text(text: str) -> Json:
    return {"text": text, "rtl": is_right_to_left(text)}


def _message(number: str, message: Message) -> Json:
    return {
        "number": number,
        "time": labels.format_time(message.at),
        "ours": message.direction != "in",
        "who": _author(message),
        "type": labels.TYPES.get(message.type, message.type),
        **_text(message.text),
        "files": [_file(file) for file in message.files],
        "lines": _with_values(_message_facts(message)),
        "annotations": [
            {
                "head": f"Verbetering van {format_moment(each.at)}, door {each.by}",
                **_text(each.text),
            }
            for each in message.annotations
        ],
    }


def _author(message: Message) -> str:
    if message.direction == "in":
        return phrases.AUTHORS["citizen"]
    name = phrases.AUTHORS.get(message.author, message.author)
    return f"Gemeente · {name}" + (" · buiten Postkamer om" if message.direction == "echo" else "")


def _message_facts(message: Message) -> Iterator[tuple[str, str]]:
    yield "Afdeling", message.department
    yield "Waarom", message.reason
    statuses = ((step.status, step.at, step.reason) for step in message.statuses)
    yield "Status", labels.format_statuses(message.at, statuses)


def _file(file: File) -> Json:
    name, line = labels.describe_file(file.name, file.type, file.size, file.state, file.reason)
    return {"name": name, "line": line, "sha256": file.sha256}
