"""Making a report of all data about a person, for commands and the API alike."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.index.record_fields import Identity
from archiver.subject_access.collector import Progress, SubjectCollector, SubjectData
from archiver.subject_access.copies import copies
from archiver.subject_access.person_finder import SubjectMatch, TooManyMatches
from archiver.subject_access.report import (
    MADE_BY,
    Identifier,
    Municipality,
    Period,
    Purpose,
    Report,
    Request,
)
from services.calendar.opening_hours import AMSTERDAM
from services.config.model import Configuration
from services.postgres.database import Connection


class ReportOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Person of one municipality, and the request that the report answers, if any."""

    tenant: str
    request: str = ""
    period: Period = Period()
    made_by: str = MADE_BY
    now: datetime


class MadeReport(msgspec.Struct, frozen=True):
    report: Report
    others: int
    """Conversations by the same number that are another person's."""


class ReportRefused(Exception):
    """No report can be made. The argument is a sentence for the user; `is_of_request` says that
    the request is the reason, and else there is too much."""

    def __init__(self, sentence: str, *, is_of_request: bool = False) -> None:
        super().__init__(sentence)
        self.is_of_request = is_of_request


async def make_report(
    connection: Connection,
    keys: KeyStore,
    config: Configuration,
    match: SubjectMatch,
    order: ReportOrder,
    progress: Progress,
) -> MadeReport:
    """Report everything about a person, on the connection of one transaction. Raises
    ReportRefused."""
    request = await _load_request(connection, order, match)

    def department_name(id: str) -> str:
        """Return the name of a department, or its id if it is no longer configured."""
        department = config.department(order.tenant, id)
        return department.called if department else id

    collector = SubjectCollector(connection, keys, order.tenant)
    try:
        data = await collector.collect(match, order.period, department_name, progress)
    except TooManyMatches as error:
        raise ReportRefused(str(error)) from None
    return MadeReport(_build_report(config, order, match, data, request), match.others)


async def find_request(connection: Connection, id: str, tenant: str) -> Any:
    """Return the row of a request. Raises ReportRefused if the municipality has none."""
    row = await connection.fetchrow(_REQUEST, id, tenant)
    if row is None:
        raise ReportRefused(f"{tenant} has no request {id!r}", is_of_request=True)
    return row


async def _load_request(
    connection: Connection, order: ReportOrder, match: SubjectMatch
) -> Request | None:
    """Load the request that the report answers. Raises ReportRefused if it is another person's:
    the report would go to the wrong person."""
    if not order.request:
        return None
    row = await find_request(connection, order.request, order.tenant)
    of_person, of_request = set(match.conversations), set(row["conversations"])
    is_apart = of_request and of_person.isdisjoint(of_request)
    # Without names, since they were destroyed, the conversations that are left say who it is.
    is_same = not of_request.isdisjoint(of_person)
    if row["hashes"]:
        is_same = not set(row["hashes"]).isdisjoint(match.hashes)
    if is_apart or not is_same:
        raise ReportRefused(f"{order.request} is about another person", is_of_request=True)
    return Request(id=order.request, received_on=row["received_on"], due_on=row["due_on"])


def _build_report(
    config: Configuration,
    order: ReportOrder,
    match: SubjectMatch,
    data: SubjectData,
    request: Request | None,
) -> Report:
    tenant = next(each for each in config.tenants if each.id == order.tenant)
    privacy, today = tenant.privacy, order.now.astimezone(AMSTERDAM).date()
    return Report(
        municipality=Municipality(
            name=tenant.name, contact=privacy.contact, officer=privacy.officer
        ),
        about=tuple(_identifiers(match, data.names)),
        made_at=order.now,
        made_by=order.made_by,
        request=request,
        period=order.period,
        purposes=tuple(Purpose(text=each.text, ground=each.ground) for each in privacy.purposes),
        retention=privacy.retention,
        conversations=data.conversations,
        consents=data.consents,
        identity_changes=data.changes,
        deliveries=data.deliveries,
        views=data.views,
        copies=copies(config, order.tenant, data.deliveries, today),
    )


def _identifiers(match: SubjectMatch, names: Iterable[str]) -> Iterator[Identifier]:
    """Yield the identifiers that were asked, then the others of the person, then their names."""
    for is_asked, identities in ((True, match.asked), (False, match.names - match.asked)):
        for each in sorted(identities, key=_sort_key):
            is_found = each in match.names
            yield Identifier(kind=each.kind, value=each.value, asked=is_asked, found=is_found)
    for name in names:
        yield Identifier(kind="name", value=name, asked=False)


def _sort_key(identity: Identity) -> tuple[str, str]:
    return identity.kind, identity.value


_REQUEST = """
select received_on, due_on, hashes, conversations from archiver.request
where id = $1 and tenant = $2
"""
