"""Requests of citizens as the command line shows them, without the identity of the citizen."""

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from archiver.subject_access.report import Copy
from archiver.subject_access.requests.store import Request, RequestEvent
from services import clock
from services.calendar.opening_hours import AMSTERDAM


class RequestSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request in the list."""

    id: str
    tenant: str
    kind: str
    received_on: date
    due_on: date
    state: str
    decision: str | None
    ground: str

    def __str__(self) -> str:
        request = f"{self.id} of {self.tenant}: {self.kind}, received {self.received_on}"
        ground = f" ({self.ground})" if self.ground else ""
        state = f"{self.decision}{ground}" if self.decision else f"{self.state}, due {self.due_on}"
        return f"{request}; {state}"


class RequestStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of a request, as it is archived."""

    at: datetime
    event: str
    by: str
    due_on: date
    ground: str
    decision: str
    text: str

    def __str__(self) -> str:
        details = filter(None, (self.decision, self.ground, self.text))
        return f"  {self.at:%Y-%m-%d %H:%M}Z {': '.join((f'{self.event} by {self.by}', *details))}"


class RequestView(msgspec.Struct, frozen=True, kw_only=True):
    request: RequestSummary
    steps: list[RequestStep]
    copies: tuple[Copy, ...]


def format_request(view: RequestView) -> Iterator[str]:
    yield str(view.request)
    yield from map(str, view.steps)
    yield "copies elsewhere:"
    for copy in view.copies:
        yield f"  {copy.place}: {copy.what}" + (f" ({copy.until})" if copy.until else "")


def today() -> date:
    return clock.now().astimezone(AMSTERDAM).date()


def summarise(request: Request) -> RequestSummary:
    return RequestSummary(
        id=request.id,
        tenant=request.tenant,
        kind=request.kind,
        received_on=request.received_on,
        due_on=request.due_on,
        state=request.state(today()),
        decision=request.decision,
        ground=request.ground or request.extension,
    )


def present_step(at: datetime, step: RequestEvent) -> RequestStep:
    return RequestStep(
        at=at,
        event=step.event,
        by=step.by,
        due_on=step.due_on,
        ground=step.ground,
        decision=step.decision,
        text=step.text,
    )
