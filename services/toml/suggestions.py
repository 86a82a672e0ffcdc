"""Suggestions for a misspelt name: the known name that was probably meant. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches
from functools import lru_cache

SIMILARITY = 0.65
"""Smallest similarity of a suggestion: `crn` and `crm` have 0.67, `bomen` and `groen` 0.6."""
NAMES, LENGTH = 1000, 100
"""Most known names, and most characters of a name, that are compared: the time grows with both."""


def did_you_mean(name: str, known: Iterable[str | None]) -> str:
    """Return `: did you mean 'x'?` to end a sentence with; '' if no known name is similar."""
    meant = find_similar(name, frozenset(filter(None, known)))
    return f": did you mean {meant!r}?" if meant else ""


@lru_cache(NAMES)
def find_similar(name: str, known: frozenset[str]) -> str:
    """Return the most similar known name, in any case; '' if no name is similar or `name` is known.

    Cached, because many rules may name the same group.
    """
    if name in known or len(known) > NAMES or len(name) > LENGTH:
        return ""
    by_folded = {each.casefold(): each for each in sorted(known) if len(each) <= LENGTH}
    matches = get_close_matches(name.casefold(), sorted(by_folded), n=1, cutoff=SIMILARITY)
    return by_folded[matches[0]] if matches else ""
