"""Arrange a report for its pages: headings, facts, conversations by day, tables. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby, starmap
from typing import Any

from archiver.subject_access.pdf import labels
from archiver.subject_access.pdf.glyphs import is_right_to_left
from archiver.subject_access.pdf.labels import counted, day, moment
from archiver.subject_access.pdf.tables import tables
from archiver.subject_access.report import Conversation, File, Identifier, Message, Report, messages

Json = dict[str, Any]
Facts = list[list[str]]
"""Pairs of a name and a value."""

LONG_CONVERSATIONS, LONG_MESSAGES = 3, 40
"""A report with more than either has more than a few pages, and begins with a table of contents."""


def page_layout(report: Report) -> Json:
    """Return everything that the template prints, in the order of the pages."""
    return {
        "title": labels.TITLE,
        "subtitle": labels.SUBTITLE,
        "introduction": labels.INTRODUCTION,
        "boxes": labels.BOXES,
        "empty": labels.EMPTY,
        "municipality": report.municipality.name,
        "reference": report.request.id if report.request else "",
        "facts": _named(_facts(report)),
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
        "ask": _named(_ask(report)),
    }


def _is_long(report: Report) -> bool:
    many = len(report.conversations) > LONG_CONVERSATIONS
    return many or messages(report) > LONG_MESSAGES


def _named(facts: Iterable[tuple[str, str]]) -> Facts:
    """Leave out facts without a value."""
    return [[name, value] for name, value in facts if value]


def _facts(report: Report) -> Iterator[tuple[str, str]]:
    yield from ((labels.KINDS.get(each.kind, each.kind), _known(each)) for each in report.about)
    since, until = day(report.period.since), day(report.period.until)
    sides = (since and f"van {since}", until and f"tot en met {until}")
    yield "Periode", " ".join(filter(None, sides)) or "alles wat wij hebben"
    if report.request:
        yield "Nummer van uw verzoek", report.request.id
        yield "Verzoek ontvangen op", day(report.request.received_on)
        yield "Antwoord uiterlijk op", day(report.request.due_on)
    yield "Gemaakt op", moment(report.made_at)
    yield "Gemaakt door", report.made_by


def _known(identifier: Identifier) -> str:
    value = labels.known(identifier.kind, identifier.value)
    if not identifier.found:
        return f"{value} (hierover hebben wij niets)"
    return value if identifier.asked else f"{value} (hoort bij u, vonden wij erbij)"


def _figures(report: Report) -> Facts:
    files = sum(len(said.files) for each in report.conversations for said in each.messages)
    return [
        counted(len(report.conversations), "gesprek", "gesprekken").split(" ", 1),
        counted(messages(report), "bericht", "berichten").split(" ", 1),
        counted(files, "bestand", "bestanden").split(" ", 1),
        counted(len(report.views), "keer bekeken", "keer bekeken").split(" ", 1),
    ]


def _ask(report: Report) -> Iterator[tuple[str, str]]:
    yield report.municipality.name, report.municipality.contact
    yield "Functionaris gegevensbescherming", report.municipality.officer


def _conversation(number: int, told: Conversation) -> Json:
    days = groupby(enumerate(told.messages, 1), key=lambda each: labels.weekday(each[1].at))
    return {
        "title": f"Gesprek {number}: {day(labels.here(told.opened_at))}",
        "facts": _named(_handling(told)),
        "days": [
            {"day": name, "messages": [_message(f"{number}.{at}", said) for at, said in those]}
            for name, those in days
        ],
        "notes": [
            {"head": f"{moment(note.at)} · {note.department}", **_text(note.text)}
            for note in told.notes
        ],
    }


def _handling(told: Conversation) -> Iterator[tuple[str, str]]:
    yield "Begonnen", moment(told.opened_at)
    yield "Afgesloten", moment(told.closed_at) or "nog niet"
    yield "Behandeld door", ", ".join(told.departments)
    yield "Zaak", told.zaak
    yield "Bewaard tot", day(told.kept_until)
    yield "Kenmerk", told.id


def _text(text: str) -> Json:
    return {"text": text, "rtl": is_right_to_left(text)}


def _message(number: str, said: Message) -> Json:
    return {
        "number": number,
        "time": labels.clock(said.at),
        "ours": said.direction != "in",
        "who": _who(said),
        "type": labels.TYPES.get(said.type, said.type),
        **_text(said.text),
        "files": [_file(file) for file in said.files],
        "lines": _named(_about(said)),
        "annotations": [
            {"head": f"Verbetering van {moment(each.at)}, door {each.by}", **_text(each.text)}
            for each in said.annotations
        ],
    }


def _who(said: Message) -> str:
    if said.direction == "in":
        return labels.AUTHORS["citizen"]
    name = labels.AUTHORS.get(said.author, said.author)
    return f"Gemeente · {name}" + (" · buiten Postkamer om" if said.direction == "echo" else "")


def _about(said: Message) -> Iterator[tuple[str, str]]:
    yield "Afdeling", said.department
    yield "Waarom", said.reason
    yield "Status", _steps(said)


def _steps(said: Message) -> str:
    """Write the statuses as `verstuurd 09.14 · gelezen 21 november 2026, 08.02 uur`, with the date
    only if it differs from the message's."""
    first = labels.weekday(said.at)
    return " · ".join(
        f"{labels.STATUSES.get(step.status, step.status)} "
        + (labels.clock(step.at) if labels.weekday(step.at) == first else moment(step.at))
        + (f" ({step.reason})" if step.reason else "")
        for step in said.statuses
    )


def _file(file: File) -> Json:
    state = labels.STATES.get(file.state, file.state)
    kind, size = labels.file_type(file.type), labels.size(file.size)
    return {
        "name": file.name or kind.capitalize() or "Bestand",
        "line": " · ".join(filter(None, (kind if file.name else "", size, state, file.reason))),
        "sha256": file.sha256,
    }
