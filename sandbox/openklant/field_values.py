"""Readers of field values, as in the server: trimmed text, numbers as text, dates. Pure.

Each reader returns the value or raises InvalidValue; the reasons are Dutch, like the server's.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sandbox.openklant.schema import Field

PHONE = re.compile(r"(0[1-9][0-9]{8}|\+[0-9]{9,15}|00[0-9]{7,13})")
SERVICE_NUMBERS = ("0800", "0900", "1400", "140")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
WHOLE = re.compile(r"-?[0-9]+")
SLUG = re.compile(r"[-A-Za-z0-9_]+")
URL = re.compile(r"(https?|ftps?)://[^\s/]+\S*")
YES = {"t", "y", "yes", "true", "on", "1"}
NO = {"f", "n", "no", "false", "off", "0"}
NONE = {"", "null", "n/a", "none"}


MAX_QUOTED = 100
"""Most characters of the sent value that a reason quotes."""


class InvalidValue(Exception):
    """A value is refused. Clients decide on `code`."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(code)
        self.code, self.reason = code, reason


def text(field: Field, raw: object) -> str:
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise InvalidValue("invalid", "Geen geldige tekst.")
    value = str(raw).strip()
    if not value:
        if field.blank:
            return ""
        raise InvalidValue("blank", "Dit veld mag niet leeg zijn.")
    if "\x00" in value:
        raise InvalidValue("null_characters_not_allowed", "Null-tekens zijn niet toegestaan.")
    if any("\ud800" <= sign <= "\udfff" for sign in value):
        raise InvalidValue("surrogate_characters_not_allowed", "Dit teken is niet toegestaan.")
    if field.max_length and len(value) > field.max_length:
        reason = f"Zorg ervoor dat dit veld niet meer dan {field.max_length} karakters bevat."
        raise InvalidValue("max_length", reason)
    return value


def digits(field: Field, raw: object) -> str:
    return require_match(text(field, raw), WHOLE, "Voer een geldig geheel getal in.")


def slug(field: Field, raw: object) -> str:
    reason = "Voer een geldige slug in: letters, cijfers, lage streepjes en koppeltekens."
    return require_match(text(field, raw), SLUG, reason)


def url(field: Field, raw: object) -> str:
    return require_match(text(field, raw), URL, "Voer een geldige URL in.")


def email(field: Field, raw: object) -> str:
    return require_match(text(field, raw), EMAIL, "Voer een geldig e-mailadres in.")


def phone(field: Field, raw: object) -> str:
    value = text(field, raw)
    if value.startswith(SERVICE_NUMBERS):
        raise InvalidValue(
            "invalid",
            "Het opgegeven telefoonnummer is ongeldig, telefoonnummers beginnend met 0800, 0900, "
            "1400 of 140xx zijn niet toegestaan.",
        )
    return require_match(value, PHONE, "Het opgegeven telefoonnummer is ongeldig.")


def require_match(value: str, pattern: re.Pattern[str], reason: str) -> str:
    if value and not pattern.fullmatch(value):
        raise InvalidValue("invalid", reason)
    return value


def choice(field: Field, raw: object) -> str:
    if not isinstance(raw, str) or raw not in field.one_of:
        raise InvalidValue("invalid_choice", f'"{quote(raw)}" is een ongeldige keuze.')
    return raw


def quote(raw: object) -> str:
    """Quote the sent value in a reason: short, and valid UTF-8."""
    return str(raw)[:MAX_QUOTED].encode(errors="replace").decode()


def yes(field: Field, raw: object) -> bool | None:
    if isinstance(raw, str | int | float):
        word = str(raw).lower() if isinstance(raw, str | bool) else f"{raw:g}"
        if word in YES:
            return True
        if word in NO:
            return False
        if word in NONE and field.null:
            return None
    raise InvalidValue("invalid", "Moet een geldige booleaanse waarde zijn.")


def whole(_: Field, raw: object) -> int:
    reason = "Een geldig geheel getal is vereist."
    if isinstance(raw, bool) or not isinstance(raw, str | int):
        raise InvalidValue("invalid", reason)
    value = require_match(str(raw).strip() or "?", WHOLE, reason)
    if not 1 <= len(value) <= 5 or int(value) < 1:
        raise InvalidValue("min_value", "Zorg ervoor dat deze waarde van 1 tot en met 99999 is.")
    return int(value)


def moment(_: Field, raw: object) -> datetime:
    """Read any ISO 8601 moment: UTC if it has no zone, cut off to microseconds."""
    try:
        value = datetime.fromisoformat(raw) if isinstance(raw, str) else None
    except ValueError:
        value = None
    if value is None:
        reason = "Datetime heeft een ongeldig formaat, gebruik: YYYY-MM-DDThh:mm[:ss][+HH:MM|Z]."
        raise InvalidValue("invalid", reason)
    try:
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except OverflowError as error:
        raise InvalidValue("overflow", "Deze datum is niet mogelijk.") from error


def day(_: Field, raw: object) -> str:
    try:
        return date.fromisoformat(raw).isoformat() if isinstance(raw, str) else _refuse_day()
    except ValueError:
        return _refuse_day()


def _refuse_day() -> str:
    raise InvalidValue("invalid", "Datum heeft een ongeldig formaat, gebruik: YYYY-MM-DD.")


READERS: dict[str, Callable[[Field, object], Any]] = {
    "text": text,
    "digits": digits,
    "slug": slug,
    "url": url,
    "phone": phone,
    "email": email,
    "choice": choice,
    "yes": yes,
    "whole": whole,
    "moment": moment,
    "date": day,
}
