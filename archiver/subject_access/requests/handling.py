"""Handling of requests: opening, extending and deciding them, for commands and the API alike."""

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from archiver.subject_access.person_finder import SubjectMatch
from archiver.subject_access.requests import deadlines
from archiver.subject_access.requests.fault import OrderFault, OrderRefused
from archiver.subject_access.requests.legal_grounds import (
    EXTENSIONS,
    REFUSALS,
    Ground,
    extension,
    list_grounds,
    refusal,
)
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import NewRequest, RequestStore
from services.calendar.opening_hours import day_of

DECIDED = "decided"
"""Code of the refusal to change a request that was decided."""


class Extension(msgspec.Struct, frozen=True):
    """A longer term. `ground` is a code of `EXTENSIONS`."""

    until: date
    ground: str


class Decision(msgspec.Struct, frozen=True):
    """A decision. `ground` is a code of `REFUSALS`; `text` is for the citizen, beside that of the
    ground."""

    outcome: str
    ground: str = ""
    text: str = ""


async def open_request(
    store: RequestStore, new: NewRequest, subject: SubjectMatch, now: datetime
) -> Request:
    """Register a request, or return the undecided one that is the same: somebody registers it
    again who did not see that it was. Raises OrderRefused."""
    _refuse(list(deadlines.receipt_errors(new.received_on, day_of(now))))
    if same := await store.find_same(new, subject):
        return same
    return await store.open(new, subject, now)


async def extend_request(
    store: RequestStore, request: Request, order: Extension, by: str, now: datetime
) -> Request:
    """Extend the term of a request, which the store has locked. Raises OrderRefused."""
    _require_undecided(request)
    dates = request.received_on, order.until, request.due_on, day_of(now)
    faults = list(deadlines.extension_errors(*dates))
    if extension(order.ground) is None:
        faults.append(ground_fault(order.ground, EXTENSIONS, request.kind))
    _refuse(faults)
    return await store.extend(request, order.until, order.ground, by, now)


async def decide_request(
    store: RequestStore, request: Request, order: Decision, by: str, now: datetime
) -> Request:
    """Decide a request, which the store has locked. Raises OrderRefused."""
    _require_undecided(request)
    _refuse(list(decision_faults(request, order)))
    return await store.decide(request, order.outcome, order.ground, by, order.text, now)


def decision_faults(request: Request, order: Decision) -> Iterator[OrderFault]:
    """Yield what is wrong with a decision. Pure."""
    if order.outcome == "granted":
        if order.ground:
            yield OrderFault("ground", "what is granted needs none")
    elif refusal(order.ground, request.kind) is None:
        yield ground_fault(order.ground, REFUSALS, request.kind)


def ground_fault(code: str, grounds: tuple[Ground, ...], kind: str) -> OrderFault:
    """Return the fault of a ground that is none, with all that there are. Pure."""
    fault = f"{code!r} is no ground" if code else "it needs a ground"
    lines = [f"{fault}; for {kind} there are:", *list_grounds(grounds, kind)]
    codes = tuple(each.code for each in grounds if kind in each.kinds)
    return OrderFault("ground", "\n".join(lines), codes)


def _require_undecided(request: Request) -> None:
    if request.decision:
        sentence = f"{request.id} was decided already: {request.decision}"
        raise OrderRefused([OrderFault("", sentence)], DECIDED)


def _refuse(faults: list[OrderFault]) -> None:
    if faults:
        raise OrderRefused(faults)
