"""Reports, notes and files as Signalen takes them (2.50, `app/signals/apps/api/serializers`). Pure.

The texts are Dutch, for the employees who read them.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import chain
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec

from deliverer.destinations.citizen import Place
from deliverer.destinations.citizen_text import KIND_LABELS, clean, shorten
from deliverer.destinations.signalen.messages import CitizenFile, Message
from services.calendar.spoken_dates import format_moment

Json = dict[str, Any]

MAX_TEXT = 3000
"""Characters of `text` of a report (models/signal.py) and of a note (models/note.py)."""
MAX_PHONE = 17
"""Characters of `phone` (models/reporter.py)."""
MAX_FILE_BYTES = 20 * 1024 * 1024
"""Default of API_MAX_UPLOAD_SIZE (settings.py)."""
ENDINGS = {
    "image/jpeg": "jpg", "image/png": "png", "image/gif": "gif", "application/pdf": "pdf",
}  # fmt: skip
"""Type of a file that the private API takes (models/attachment.py) -> ending of its name, which
must belong to the type."""
PRIORITIES = {"low": "low", "high": "high", "urgent": "high"}
"""Our priority -> that of a report; without one, Signalen sets `normal`."""
CATEGORY = "/signals/v1/public/terms/categories/{}/sub_categories/{}"
"""Path of a subcategory. Signalen looks it up by its path, whatever the host."""
MARK = "postkamer-{}"
"""`id` in the `extra_properties` by which a report is found again."""
WITHOUT_TEXT = "Melding via WhatsApp, zonder tekst."
PLACE_UNKNOWN = "Plaats niet opgegeven: de speld staat op een vaste plek."
PLACE_REFUSED = "Plaats volgens de melder: {:.5f}, {:.5f} (buiten het gebied van Signalen)."
PLACE_GIVEN = "De melder stuurde de plaats. De speld staat nu daar."
PLACE_ELSEWHERE = (
    "De melder stuurde nog een plaats: {:.5f}, {:.5f}. De speld is niet verzet. Gaat dit over iets"
    " anders, maak dan een tweede melding."
)
FORMER = "Eerdere melding uit hetzelfde WhatsApp-gesprek: nummer {}."
IN_CONVERSATION = "[{}] staat in het WhatsApp-gesprek: {}"
IN_ARCHIVE = "[{}] staat in het archief van de postkamer: {}"
NOT_OPENED = "Een bestand van de melder is niet te openen. {}"
NOTE_HEAD = "Melder via WhatsApp, {}:"
WITHHELD = "tekst"


class ReportOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of a municipality for its Signalen."""

    archiver: str
    """Address of the archiver's API."""
    category: str
    source: str
    default_place: Place
    has_phone: bool
    link: str = ""


class ReportHeader(msgspec.Struct, frozen=True, kw_only=True):
    """Contents of a report beside the words of its messages."""

    event: UUID
    """Event that began it: its mark."""
    conversation: str
    at: datetime
    priority: str = ""
    former: int | None = None
    """Signalen's id of the report before it of the same conversation."""
    refused_place: Place | None = None
    """Place of the citizen that this Signalen does not take."""


def report_body(header: ReportHeader, messages: Sequence[Message], options: ReportOptions) -> Json:
    """Return a new report. Its `location` is required, and a text that is not blank."""
    place = None if header.refused_place else last_place(messages)
    category = category_path(options.category)
    body = {
        "text": _report_text(header, messages, options),
        "source": options.source,
        "location": location(place or options.default_place),
        "category": {"sub_category": category},
        "reporter": _reporter(messages, options),
        "incident_date_start": min([m.at for m in messages], default=header.at).isoformat(),
        "extra_properties": [
            {
                "id": MARK.format(header.event),
                "label": "WhatsApp-gesprek",
                "answer": conversation_address(header.conversation, options),
                "category_url": category,
            }
        ],
    }
    if priority := PRIORITIES.get(header.priority):
        body["priority"] = {"priority": priority}
    return body


def category_path(category: str) -> str:
    main, _, sub = category.partition("/")
    return CATEGORY.format(main, sub)


def location(place: Place) -> Json:
    """Return a location: a GeoJSON point, whose longitude comes first."""
    return {"geometrie": {"type": "Point", "coordinates": [place.longitude, place.latitude]}}


def last_place(messages: Sequence[Message]) -> Place | None:
    """Return the place that the citizen gave last: a second one corrects the first."""
    return next((m.place for m in reversed(messages) if m.place), None)


def note_body(text: str) -> Json:
    """Return the change that adds a note: Signalen adds one in each request."""
    return {"notes": [{"text": shorten(text, MAX_TEXT)}]}


def addition_text(
    message: Message,
    conversation: str,
    options: ReportOptions,
    place_line: str = PLACE_GIVEN,
) -> str:
    """Return the note about a later message; its end is its mark, and `place_line` says what became
    of its place. '' if it says nothing that the report does not get in another way."""
    lines = [*_lines(message, conversation, options)]
    if message.place:
        lines.append(place_line.format(message.place.latitude, message.place.longitude))
    if not lines:
        return ""
    head, end = NOTE_HEAD.format(format_moment(message.at)), message_mark(message.id)
    room = MAX_TEXT - len(head) - len(end) - 2
    return "\n".join((head, shorten("\n".join(lines), room), end))


def message_mark(message: UUID) -> str:
    """Return the end of the note about a message."""
    return f"[bericht {message}]"


def file_note(message: UUID, file: CitizenFile, conversation: str, options: ReportOptions) -> str:
    """Return the note about a file that Signalen does not get."""
    if file.state not in ("waiting", "available"):
        line = NOT_OPENED.format(shorten(clean(file.reason), MAX_TEXT // 2))
    else:
        line = _whereabouts("bestand", file.link, conversation, options)
    return f"{line}\n{file_mark(message)}"


def file_mark(message: UUID) -> str:
    """Return the end of the note about a file."""
    return f"[bestand {message}]"


def file_name(message: UUID, mime_type: str) -> str | None:
    """Return the name of a file there, by which it is found again; None for a type that Signalen
    does not take."""
    ending = ENDINGS.get(mime_type.partition(";")[0].strip().lower())
    return f"whatsapp-{message}.{ending}" if ending else None


def is_named_after(address: str, message: UUID) -> bool:
    """Return whether the address of a file is that of this message's: Django may add a suffix."""
    return urlsplit(address).path.rpartition("/")[2].startswith(f"whatsapp-{message}")


def file_form(name: str, mime_type: str, content: bytes, boundary: UUID) -> tuple[bytes, str]:
    """Return a form with one file, and its content type. The maker of the file could not know the
    boundary, so it is not in the file."""
    kind = mime_type.partition(";")[0].strip().lower()
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    form = b"".join((head.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
    return form, f"multipart/form-data; boundary={boundary}"


def conversation_address(conversation: str, options: ReportOptions) -> str:
    """Return the address of the conversation: that for employees, else the archiver's."""
    if options.link:
        return options.link.replace("{conversation}", conversation)
    return f"{options.archiver}/v1/conversations/{conversation}/messages"


def _report_text(header: ReportHeader, messages: Sequence[Message], options: ReportOptions) -> str:
    """Return the words of the messages. The report before it and what is known of the place come
    last, and a long text never pushes them out."""
    lines = (_lines(message, header.conversation, options) for message in messages)
    words = "\n".join(chain.from_iterable(lines))
    ends = [FORMER.format(header.former)] if header.former else []
    if place := header.refused_place:
        ends.append(PLACE_REFUSED.format(place.latitude, place.longitude))
    elif last_place(messages) is None:
        ends.append(PLACE_UNKNOWN)
    last = "\n".join(ends)
    room = MAX_TEXT - len(last) - 2
    return "\n\n".join(filter(None, (shorten(words or WITHOUT_TEXT, room), last)))


def _lines(message: Message, conversation: str, options: ReportOptions) -> Iterator[str]:
    """Yield the text of a message, and where the part is that Signalen does not get."""
    if message.text:
        yield message.text
    path = f"/v1/messages/{message.id}"
    if message.is_withheld:
        yield _whereabouts(WITHHELD, path, conversation, options)
    kind = KIND_LABELS.get(message.type, "").lower()
    if message.file:
        if file_name(message.id, message.file.mime_type) is None:
            yield _whereabouts(kind or "bestand", message.file.link, conversation, options)
    elif kind and not (message.text or message.place or message.is_withheld):
        yield _whereabouts(kind, path, conversation, options)


def _whereabouts(part: str, path: str, conversation: str, options: ReportOptions) -> str:
    """Return the line about a part that Signalen does not get. Its address in the archive needs a
    token, so the page of the conversation comes first."""
    if options.link:
        return IN_CONVERSATION.format(part, conversation_address(conversation, options))
    return IN_ARCHIVE.format(part, options.archiver + path)


def _reporter(messages: Sequence[Message], options: ReportOptions) -> Json:
    """Return the reporter, which is required, but may say nothing of the citizen."""
    phone = next((m.phone for m in messages if m.phone), "") if options.has_phone else ""
    known = {"phone": phone} if phone and len(phone) <= MAX_PHONE else {}
    return {"sharing_allowed": False} | known
