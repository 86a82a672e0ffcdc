"""Figures, spans and sizes in words that fit a column. Pure."""

from datetime import timedelta

from cli.status.snapshot import CAP

UNKNOWN = "?"
UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))
"""Seconds of a unit -> its word."""
SIZES = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "kB"))


def format_span(span: timedelta) -> str:
    """Return a span by its largest unit, and the next if that is small: `2 d 3 h`, `14 min`."""
    seconds = max(0, int(span.total_seconds()))
    for place, (size, word) in enumerate(UNITS[:-1]):
        if seconds >= size:
            whole, rest = divmod(seconds, size)
            smaller, name = UNITS[place + 1]
            more = f" {rest // smaller} {name}" if word in "dh" and rest >= smaller else ""
            return f"{whole} {word}{more}"
    return f"{seconds} s"


def format_count(count: int | None) -> str:
    if count is None:
        return UNKNOWN
    return f"{CAP:,}+" if count > CAP else f"{count:,}"


def count_of(number: int, nouns: str) -> str:
    """Return a count with its noun, given as `file|files`."""
    one, several = nouns.split("|")
    return f"{format_count(number)} {one if number == 1 else several}"


def format_bytes(size: int) -> str:
    for unit, word in SIZES:
        if size >= unit:
            figure = size / unit
            return f"{figure:.1f} {word}" if figure < 10 else f"{figure:.0f} {word}"
    return f"{size} B"
