"""Arrange a transcript for both of its forms: facts, days, messages in words. Pure."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import msgspec

from archiver.printing import labels
from archiver.printing.labels import format_date, format_moment, format_time
from archiver.transcript import phrases
from archiver.transcript.dot_map import draw_map
from archiver.transcript.place import format_rd, format_wgs84
from archiver.transcript.transcript import (
    Author,
    Change,
    Destroyed,
    File,
    Message,
    Note,
    Person,
    Place,
    Quote,
    Reaction,
    Row,
    Status,
    Step,
    Transcript,
)
from services.printing.glyphs import is_right_to_left
from services.retention.selection_list import RESULTS

Json = dict[str, Any]
Facts = list[list[str]]
"""Pairs of a name and a value."""
FIRST_STRONG, END_OF_ISOLATE = "\u2068", "\u2069"
"""Characters around a text with a direction of its own, which is that of its first letter."""


class Layout(msgspec.Struct, frozen=True):
    """Pages in words, and what they show beside words, by its name in them."""

    pages: Json
    files: dict[str, File]
    """Files of which the content is shown."""
    maps: dict[str, str]
    """Drawings, as SVG."""


def lay_out(transcript: Transcript) -> Layout:
    """Return everything that both forms show, in its order."""
    messages = [row for row in transcript.rows if isinstance(row, Message)]
    days = groupby(transcript.rows, key=lambda row: labels.format_weekday(row.at))
    pages = {
        "title": phrases.TITLE,
        "municipality": transcript.municipality,
        "reference": transcript.id,
        "introduction": phrases.INTRODUCTION,
        "boxes": phrases.BOXES,
        "remarks": list(_remarks(transcript)),
        "facts": _with_values(_facts(transcript)),
        "stays": [[stay.department, format_moment(stay.since)] for stay in transcript.stays],
        "days": [{"day": day, "rows": list(map(_row, rows))} for day, rows in days],
    }
    files = {_file_key(file): file for each in messages for file in each.files if file.shown}
    maps = {_map_key(each): draw_map(each.place) for each in messages if each.place}
    return Layout(pages, files, {key: drawn for key, drawn in maps.items() if drawn})


def _with_values(facts: Iterable[tuple[str, str]]) -> Facts:
    """Leave out facts without a value."""
    return [[name, value] for name, value in facts if value]


def _remarks(transcript: Transcript) -> Iterator[str]:
    yield from transcript.remarks
    if transcript.is_partial:
        yield phrases.PARTIAL
    if transcript.unreadable:
        count = labels.format_count(transcript.unreadable, *phrases.ENTRIES)
        yield phrases.UNREADABLE.format(count=count)


def _facts(transcript: Transcript) -> Iterator[tuple[str, str]]:
    for person in transcript.people:
        yield "Inwoner", format_person(person)
    yield "Begonnen", format_moment(transcript.opened_at)
    yield "Afgesloten", format_moment(transcript.closed_at) or phrases.OPEN
    yield "Zaak", transcript.zaak
    yield "Selectielijst 2020", _format_code(transcript.code)
    until = format_date(transcript.kept_until)
    yield "Bewaard tot", phrases.FOR_EVER if transcript.is_permanent else until
    yield "Niet vernietigen", ", ".join(phrases.HOLDS.get(each, each) for each in transcript.holds)
    yield "Laatste vermelding", format_moment(transcript.last_at)
    yield "Nummer van de gemeente", f"{transcript.number} (kenmerk bij WhatsApp)"
    yield "Kenmerk", transcript.id


def _format_code(code: str) -> str:
    result = RESULTS.get(code)
    return f"{code}: {result.title}" if result else code


def format_person(person: Person) -> str:
    """Write a person as `Fatima (+31600000011)`: by a phone number, or else by another name."""
    names = [_isolate(labels.format_identifier(*each), person) for each in person.identifiers]
    phones = [name for (kind, _), name in zip(person.identifiers, names, strict=True)
              if kind == "phone"]  # fmt: skip
    shown = ", ".join(phones or names)
    name = _isolate(person.name, person)
    return f"{name} ({shown})" if name and shown else name or shown


def _isolate(text: str, person: Person) -> str:
    """Keep a name that is written from right to left from turning what stands beside it."""
    is_turning = bool(text) and is_right_to_left(person.name)
    return f"{FIRST_STRONG}{text}{END_OF_ISOLATE}" if is_turning else text


def format_author(author: Author) -> str:
    name = phrases.AUTHORS[author.kind]
    proof = phrases.IDENTIFIED.get(author.identified or "", "")
    shown = f"{name}: {author.id}" if author.id and author.kind != "automated" else name
    return f"{shown} ({proof})" if proof else shown


def _row(row: Row) -> Json:
    match row:
        case Message():
            return _message(row)
        case Destroyed():
            return _destroyed(row)
        case Note():
            return _note(row)
        case Step():
            return _step(row)


def _text(text: str) -> Json:
    """Return the lines of a text, those together that are written in the same direction."""
    sides = groupby(text.splitlines(), key=is_right_to_left) if text else ()
    return {"parts": [{"rtl": is_rtl, "text": "\n".join(lines)} for is_rtl, lines in sides]}


def _message(message: Message) -> Json:
    return {
        "kind": "message",
        "number": str(message.number),
        "time": format_time(message.at),
        "ours": message.direction != "in",
        "head": _head(message),
        "type": labels.TYPES.get(message.type, message.type),
        "quote": _quote(message),
        **_text(message.text),
        "withdrawn": any(each.kind == "withdrawn" for each in message.changes),
        "changes": [_change(each) for each in message.changes],
        "files": [_file(file, message) for file in message.files],
        "place": _place(message, message.place) if message.place else None,
        "reactions": [_reaction(each) for each in message.reactions],
        "lines": _with_values(_message_facts(message)),
        "annotations": [
            {
                "head": phrases.CORRECTION.format(at=format_moment(each.at), by=each.by)
                + _proof(each.identified),
                **_text(each.text),
            }
            for each in message.annotations
        ],
    }


def _proof(identified: str | None) -> str:
    return f" ({phrases.IDENTIFIED[identified]})" if identified else ""


def _head(message: Message) -> str:
    if message.direction == "in":
        person = format_person(message.person)
        return f"{phrases.AUTHORS['citizen']}: {person}" if person else phrases.AUTHORS["citizen"]
    outside = f" · {phrases.OUTSIDE}" if message.direction == "echo" else ""
    return format_author(message.author) + outside


def _quote(message: Message) -> Json | None:
    """Return the other message that this one names, and how."""
    named = message.quote or message.about
    if named is None:
        return None
    words = phrases.ABOUT.get(message.type, phrases.QUOTES)
    return {
        "number": str(named.number) if named.number else "",
        "head": words.format(what=_name(named)),
        **_text(named.words),
    }


def _name(named: Quote) -> str:
    return phrases.NUMBERED.format(number=named.number) if named.number else phrases.ELSEWHERE


def _change(change: Change) -> Json:
    words = phrases.EDITED if change.kind == "edited" else phrases.WITHDRAWN
    text = words.format(at=format_moment(change.at), number=change.number)
    return {"text": text, "number": str(change.number)}


def _file_key(file: File) -> str:
    return f"file {file.id[-12:]}"


def _map_key(message: Message) -> str:
    return f"map {message.number}"


def _file(file: File, message: Message) -> Json:
    name, line = labels.describe_file(file.name, file.type, file.size, file.state, file.reason)
    return {
        "name": name,
        "line": line,
        "sha256": file.sha256,
        "shown": file.shown,
        "key": _file_key(file),
        "alt": phrases.PICTURE_ALT[message.direction].format(number=message.number),
        "remark": phrases.SCALED if file.is_scaled else "",
    }


def _place(message: Message, place: Place) -> Json:
    return {
        "facts": _with_values(
            [
                ("Naam", place.name),
                ("Adres", place.address),
                ("WGS84", format_wgs84(place)),
                ("RD", format_rd(place)),
            ]
        ),
        "key": _map_key(message) if draw_map(place) else "",
        "alt": phrases.MAP_ALT.format(number=message.number),
    }


def _reaction(reaction: Reaction) -> str:
    words = phrases.REACTION if reaction.emoji else phrases.REACTION_ENDED
    who, at = phrases.SIDES[reaction.direction], format_moment(reaction.at)
    text = words.format(who=who, emoji=reaction.emoji, at=at)
    return text[0].upper() + text[1:]


def _message_facts(message: Message) -> Iterator[tuple[str, str]]:
    if message.decision:
        yield "Afdeling", message.decision.department
        yield "Waarom", message.decision.reason
        yield "Versie van de regels", message.decision.version
    statuses = ((each.status, each.at, _status_reason(each)) for each in message.statuses)
    yield "Status", labels.format_statuses(message.at, statuses)


def _status_reason(status: Status) -> str:
    by = f"volgens {format_author(status.author)}" if status.author else ""
    return ", ".join(filter(None, (status.reason, by)))


def _destroyed(row: Destroyed) -> Json:
    at = format_moment(row.destroyed_at)
    return {
        "kind": "destroyed",
        "number": str(row.number),
        "time": format_time(row.at),
        "text": phrases.DESTROYED_AT.format(at=at) if at else phrases.DESTROYED,
        "lines": _with_values([("Afdeling", row.department)]),
    }


def _note(note: Note) -> Json:
    by = format_author(note.author) if note.author else ""
    return {
        "kind": "note",
        "time": format_time(note.at),
        "head": phrases.NOTE,
        "by": " · ".join(filter(None, (by, note.department))),
        **_text(note.text),
    }


def _step(step: Step) -> Json:
    return {
        "kind": "step",
        "time": format_time(step.at),
        "text": _happened(step),
        "lines": _with_values(_step_facts(step)),
    }


def _happened(step: Step) -> str:
    if step.event not in phrases.STEPS:
        return step.event
    words = phrases.STEPS[step.event]
    if step.event == "transferred" and step.former:
        is_within = step.former == step.department
        words = phrases.ASSIGNED if is_within else phrases.TRANSFERRED_FROM
    return words.format(department=step.department, former=step.former)


def _step_facts(step: Step) -> Iterator[tuple[str, str]]:
    yield "Door", format_author(step.author) if step.author else ""
    yield "Gevaar", phrases.CARE.get(step.care, step.care)
    yield "Gewaarschuwd", step.asked
    yield "Zaak", step.zaak if step.event == "linked" else ""
    yield "Wat er is gedaan", phrases.OUTCOMES.get(step.outcome, step.outcome)
    yield "Bewaren volgens", _format_code(step.code)
    yield "Waarom", step.reason
