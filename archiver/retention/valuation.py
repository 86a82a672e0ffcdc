"""The valuation of a conversation: destroyed after which day, or kept for ever. Pure.

A result that a person gave, or the zaak, counts alone. Without one the longest of the defaults of
all departments that had the conversation counts. A conversation of a zaak follows the result of the
zaak, and waits for it.
"""

from collections.abc import Collection
from datetime import date
from typing import Literal

import msgspec

from archiver.retention.selection import TenantTerms
from services.retention.selection_list import RESULTS
from services.retention.term import last_day

Source = Literal["", "person", "zaak"]
ZAAK: Source = "zaak"
State = Literal["open", "unset", "waits", "destroy", "permanent"]
STATES: tuple[State, ...] = ("open", "unset", "waits", "destroy", "permanent")
"""open. unset: closed, and nobody said by which result it is kept. waits: for the result of its
zaak, or for the day on which its term begins. destroy: after `kept_until`. permanent: goes to the
archival depot."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """Facts that count for the term of a conversation."""

    departments: Collection[str]
    """All that had it."""
    closed_on: date | None
    """Day in Amsterdam; None while it is open."""
    has_zaak: bool = False
    code: str = ""
    source: Source = ""
    starts_on: date | None = None
    """Begin of the term, where somebody gave it."""


class Valuation(msgspec.Struct, frozen=True):
    state: State
    code: str = ""
    """Result that counts: of several, that with the longest term."""
    kept_until: date | None = None
    """Last day on which it must be kept."""


def value(facts: Facts, terms: TenantTerms) -> Valuation:
    """Return the valuation of a conversation."""
    if facts.closed_on is None:
        return Valuation("open")
    if facts.has_zaak and facts.source != ZAAK:
        return Valuation("waits", facts.code)
    codes = frozenset((facts.code,)) if facts.code else terms.codes_of(facts.departments)
    if permanent := next((code for code in sorted(codes) if is_permanent(code)), None):
        return Valuation("permanent", permanent)
    if not all(code in RESULTS for code in codes):
        return Valuation("unset")  # the term of a department without a result may be the longest
    ends = [(end_of_term(code, facts.closed_on, facts.starts_on), code) for code in sorted(codes)]
    if any(end is None for end, _ in ends):
        return Valuation("waits", next(code for end, code in ends if end is None))
    end, code = max((end, code) for end, code in ends if end)
    return Valuation("destroy", code, end)


def is_permanent(code: str) -> bool:
    return code in RESULTS and RESULTS[code].term is None


def longer_of(first: str, second: str) -> str:
    """Return the result of two that keeps a conversation longer, for one about two subjects: what
    is kept for ever, else that whose term must wait for its begin, else the longer term."""
    return max((first, second), key=_length)


_ANY_DAY = date(2001, 1, 1)


def _length(code: str) -> tuple[bool, bool, date]:
    result = RESULTS.get(code)
    if result is None:
        return False, False, date.min
    end = last_day(_ANY_DAY, result.term) if result.term else date.max
    return result.term is None, bool(result.begins), end


def end_of_term(code: str, closed_on: date, starts_on: date | None) -> date | None:
    """Return the last day of keeping by a result with a term; None as long as that has no begin. It
    is never before the closing."""
    result = RESULTS[code]
    assert result.term
    begin = starts_on or (None if result.begins else closed_on)
    return max(last_day(begin, result.term), closed_on) if begin else None
