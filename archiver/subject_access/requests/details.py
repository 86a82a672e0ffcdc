"""Requests as they are shown: in a list without the person, and one with its steps and copies."""

from collections.abc import Iterable
from datetime import date, datetime

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Identity
from archiver.subject_access.collector import SubjectCollector
from archiver.subject_access.copies import copies
from archiver.subject_access.person_finder import SubjectMatch
from archiver.subject_access.report import Copy
from archiver.subject_access.requests.erasure import Erasure, sum_up
from archiver.subject_access.requests.letters import LetterFacts, letter
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import RequestEvent, RequestStore
from services.calendar.opening_hours import day_of
from services.config.model import Configuration
from services.contract import Identified
from services.postgres.database import Connection


class RequestSummary(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request in the list, without the identity of the citizen."""

    id: str
    tenant: str
    kind: str
    received_on: date
    due_on: date
    state: str
    decision: str | None
    ground: str


class RequestStep(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A step of a request, as it is archived."""

    at: datetime
    event: str
    by: str
    identified: Identified | None
    due_on: date
    ground: str
    decision: str
    text: str


class RequestDetails(msgspec.Struct, frozen=True):
    """A request with its steps and the copies of the data elsewhere."""

    request: Request
    steps: list[RequestStep]
    copies: tuple[Copy, ...]
    names: tuple[Identity, ...] = ()
    """Identities of the person, as the opening has them; none once these are destroyed."""

    erasure: Erasure | None = None
    """State of an erasure that was granted."""

    def letter(self, config: Configuration, today: date) -> str:
        """Return the letter to the citizen, in the present state of the request."""
        tenant = config.tenant(self.request.tenant)
        name = tenant.name if tenant else self.request.tenant
        facts = LetterFacts(
            copies=self.copies,
            text=self.decision_text,
            municipality=name,
            today=today,
            erasure=self.erasure,
        )
        return letter(self.request, facts)

    @property
    def decision_text(self) -> str:
        """Text that was added to the decision; '' without one."""
        return next((step.text for step in self.steps[::-1] if step.event == "decided"), "")


async def load_details(
    connection: Connection, keys: KeyStore, config: Configuration, request: Request, today: date
) -> RequestDetails:
    """Return a request with all that is on the record about it."""
    collector = SubjectCollector(connection, keys, request.tenant)
    subject = SubjectMatch(asked=frozenset(), conversations=request.conversations)
    counts = await collector.count_deliveries(subject)
    events = await RequestStore(connection, keys).steps(request)
    steps = [present_step(at, event) for at, event in events]
    erasure = await load_erasure(connection, request)
    gone_at = erasure.destroyed_at if erasure else None
    day = day_of(gone_at) if gone_at else today
    places = copies(config, request.tenant, counts, day, is_gone=bool(gone_at))
    names = person_of(event for _, event in events)
    return RequestDetails(request, steps, places, names, erasure)


async def load_erasure(connection: Connection, request: Request) -> Erasure | None:
    """Return the progress of an erasure; None for another request, or an undecided one."""
    if request.kind != "erasure" or request.decision not in ("granted", "partly"):
        return None
    lists = await connection.fetch(_LIST, request.id)
    conversations = list(request.conversations)
    items = await connection.fetch(_ITEMS, request.id, request.tenant, conversations)
    return sum_up(lists[0] if lists else None, items, len(request.conversations))


def summarise(request: Request, today: date) -> RequestSummary:
    members = {
        name: getattr(request, name) for name in ("id", "tenant", "kind", "received_on", "due_on")
    }
    ground = request.ground or request.extension
    return RequestSummary(
        **members, state=request.state(today), decision=request.decision, ground=ground
    )


def present_step(at: datetime, event: RequestEvent) -> RequestStep:
    names = ("event", "by", "identified", "due_on", "ground", "decision", "text")
    return RequestStep(at=at, **{name: getattr(event, name) for name in names})


def person_of(events: Iterable[RequestEvent]) -> tuple[Identity, ...]:
    """Return the identities by which the opening of a request names the person. Pure."""
    opened = [event.from_ for event in events if event.event == "opened" and event.from_]
    return tuple(Identity(**each) for one in opened for each in one["identities"])


_LIST = """
select id, state, approved_at + waiting as destroyed_from from archiver.destruction_list
where request = $1 order by drawn_at desc, id desc limit 1
"""
_ITEMS = """
select distinct on (i.conversation) i.state, i.changed_at from archiver.destruction_item i
join archiver.destruction_list l on l.id = i.list
where i.tenant = $2 and i.conversation = any($3::text[])
    and (l.request = $1 or i.state = 'destroyed')
order by i.conversation, i.state = 'destroyed' desc, l.drawn_at desc, l.id desc
"""
"""Last state of each conversation; one that another list destroyed is gone as well."""
