"""Dutch words of what is printed: how people read the codes of the record. Pure."""

from collections.abc import Iterable
from datetime import date, datetime

from services.calendar.opening_hours import AMSTERDAM
from services.calendar.opening_hours_syntax import DAYS
from services.calendar.spoken_dates import month_names

KINDS = {
    "phone": "Telefoonnummer",
    "bsuid": "Kenmerk bij WhatsApp",
    "parent_bsuid": "Kenmerk bij WhatsApp (bovenliggend)",
    "username": "Gebruikersnaam",
    "name": "Naam",
    "conversation": "Gesprek",
}
TYPES = {
    "text": "",
    "image": "Foto",
    "video": "Video",
    "audio": "Spraakbericht",
    "voice": "Spraakbericht",
    "document": "Document",
    "sticker": "Sticker",
    "location": "Locatie",
    "contacts": "Contactgegevens",
    "interactive": "Keuze",
    "button": "Knop",
    "reaction": "Reactie",
    "order": "Bestelling",
    "template": "Vast bericht",
    "system": "Melding van WhatsApp",
    "edit": "Bericht aangepast",
    "revoke": "Bericht ingetrokken",
    "unsupported": "Soort bericht dat wij niet kunnen lezen",
    "unknown": "Soort bericht dat wij niet kunnen lezen",
}
"""Types of messages. A type that is not in the table is shown by its code."""
STATUSES = {
    "received": "ontvangen",
    "accepted": "klaargezet",
    "held": "wacht",
    "sent": "verstuurd",
    "delivered": "bezorgd",
    "read": "gelezen",
    "played": "afgespeeld",
    "failed": "niet bezorgd",
    "deleted": "gewist op de telefoon",
    "unknown": "niet bekend of het aankwam",
}
STATES = {
    "available": "bewaard",
    "waiting": "nog niet opgehaald",
    "quarantined": "apart gezet",
    "lost": "niet bewaard",
    "delivered": "aangekomen",
    "parked": "apart gezet",
    "dropped": "niet bezorgd",
}
"""States of files and of deliveries to a system."""
FILE_TYPES = {
    "image": "foto",
    "audio": "geluid",
    "video": "video",
    "text": "tekst",
    "application/pdf": "pdf",
}
SIZES = ("bytes", "kB", "MB", "GB")


def format_date(at: date | None) -> str:
    """Write a date as `20 november 2026`; None becomes ''."""
    return f"{at.day} {month_names('nl')[at.month - 1]} {at.year}" if at else ""


def local_date(at: datetime) -> date:
    """Return the date in Amsterdam."""
    return at.astimezone(AMSTERDAM).date()


def format_weekday(at: datetime) -> str:
    """Write a moment as `Vrijdag 20 november 2026`, in Amsterdam."""
    return f"{DAYS[local_date(at).weekday()].capitalize()} {format_date(local_date(at))}"


def format_time(at: datetime) -> str:
    """Write a moment as `09.14`, in Amsterdam."""
    return f"{at.astimezone(AMSTERDAM):%H.%M}"


def format_moment(at: datetime | None) -> str:
    """Write a moment as `20 november 2026, 09.14 uur`, in Amsterdam; None becomes ''."""
    return f"{format_date(local_date(at))}, {format_time(at)}\N{NO-BREAK SPACE}uur" if at else ""


def format_count(number: int, singular: str, plural: str) -> str:
    """Write a number with its noun: `1 gesprek`, `1.204 gesprekken`."""
    return f"{number:,} {singular if number == 1 else plural}".replace(",", ".")


def format_size(octets: int | None) -> str:
    """Write a size as `48 kB` or `1,2 MB`; None becomes ''."""
    if octets is None:
        return ""
    amount, unit = float(octets), 0
    while amount >= 1000 and unit < len(SIZES) - 1:
        amount, unit = amount / 1000, unit + 1
    if unit == 0:
        return "1 byte" if octets == 1 else f"{octets} {SIZES[0]}"
    number = f"{amount:.1f}" if amount < 10 else f"{amount:.0f}"
    return f"{number.replace('.', ',')} {SIZES[unit]}"


def format_identifier(kind: str, value: str) -> str:
    """Write a phone number with the plus that people expect: WhatsApp leaves it out."""
    return f"+{value}" if kind == "phone" and value.isascii() and value.isdigit() else value


def describe_type(mime_type: str) -> str:
    """Return a Dutch word for the type, if there is one: few know what `audio/ogg` is."""
    bare = mime_type.partition(";")[0].strip().lower()
    return FILE_TYPES.get(bare) or FILE_TYPES.get(bare.partition("/")[0]) or bare


def format_statuses(sent_at: datetime, statuses: Iterable[tuple[str, datetime, str]]) -> str:
    """Write statuses, each with its time and reason, as `verstuurd 09.14 · gelezen 21 november
    2026, 08.02 uur`, with the date only if it differs from that of the message."""
    first = format_weekday(sent_at)
    return " · ".join(
        f"{STATUSES.get(status, status)} "
        + (format_time(at) if format_weekday(at) == first else format_moment(at))
        + (f" ({reason})" if reason else "")
        for status, at, reason in statuses
    )


def describe_file(
    name: str, mime_type: str, size: int | None, state: str, reason: str
) -> tuple[str, str]:
    """Return the name of a file, or its kind if it has none, and the line that describes it."""
    kind, state = describe_type(mime_type), STATES.get(state, state)
    line = " · ".join(filter(None, (kind if name else "", format_size(size), state, reason)))
    return name or kind.capitalize() or "Bestand", line
