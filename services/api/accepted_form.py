"""The form of an answer that a caller accepts. Pure."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

Form = TypeVar("Form", bound=str)


class Range(NamedTuple):
    """A range of media types that a caller accepts."""

    quality: float
    pattern: str


def negotiate(accept: Sequence[str], forms: Sequence[Form]) -> Form | None:
    """Return the form that a caller accepts most, the first among equals; None if they accept none
    of them."""
    ranges = [_parse_range(each) for each in ",".join(accept).split(",") if each.strip()]
    if not ranges:
        return forms[0]
    qualities = [(_quality(form, ranges), form) for form in forms]
    best, form = max(qualities, key=lambda each: each[0])
    return form if best > 0 else None


def _parse_range(text: str) -> Range:
    pattern, *parameters = (each.strip().lower() for each in text.split(";"))
    quality = next((each[2:] for each in parameters if each.startswith("q=")), "1")
    try:
        return Range(min(float(quality), 1.0), pattern)
    except ValueError:
        return Range(0.0, pattern)


def _quality(form: str, ranges: Sequence[Range]) -> float:
    """Return the quality by the most specific range that has the form (RFC 9110, 12.5.1)."""
    for pattern in (form, f"{form.partition('/')[0]}/*", "*/*"):
        matching = [each.quality for each in ranges if each.pattern == pattern]
        if matching:
            return max(matching)
    return 0.0
