"""A hold that goes with the decision of a request: the citizen objected, or asked to limit the
processing, and nothing of theirs is destroyed until somebody lifts it."""

from collections.abc import Iterator
from datetime import date, datetime

import msgspec

from archiver.encryption.key_store import KeyStore
from archiver.retention.hold import Ground, Hold, NewHold, review_faults
from archiver.retention.hold_store import HoldStore
from archiver.subject_access.requests.details import person_of
from archiver.subject_access.requests.fault import OrderFault, OrderRefused
from archiver.subject_access.requests.handling import Decision, decide_request
from archiver.subject_access.requests.legal_grounds import Kind
from archiver.subject_access.requests.request import Request
from archiver.subject_access.requests.store import RequestStore
from services.calendar.opening_hours import day_of
from services.contract import Identified
from services.postgres.database import Connection

GROUNDS: dict[Kind, Ground] = {"restriction": "limitation", "objection": "objection"}
"""Kind of request -> ground of the hold that its decision may place."""
NOT_FOR_IT = "goes with an objection or a restriction that is granted, wholly or partly"
NO_PERSON = "the request does not say any more whose it is: place the hold by itself"


class HeldDecision(msgspec.Struct, frozen=True):
    decision: Decision
    review_on: date | None = None
    """Day on which the hold is reviewed; None to place none."""


class RequestDecider:
    """Decides requests on the connection of one transaction. `identified` is the source of the
    names that it is given."""

    def __init__(self, connection: Connection, keys: KeyStore, identified: Identified) -> None:
        self._requests = RequestStore(connection, keys, identified)
        self._holds = HoldStore(connection, keys, identified)

    async def decide(
        self, request: Request, order: HeldDecision, by: str, now: datetime
    ) -> tuple[Request, Hold | None]:
        """Decide a request, and place its hold. Raises OrderRefused, and the transaction must end.

        The hold comes first: a destruction takes these locks in that order.
        """
        hold = await self._place(request, order, by, now) if order.review_on else None
        return await decide_request(self._requests, request, order.decision, by, now), hold

    async def _place(
        self, request: Request, order: HeldDecision, by: str, now: datetime
    ) -> Hold | None:
        if request.decision:
            return None  # the decision is refused
        if faults := list(hold_faults(request.kind, order, day_of(now))):
            raise OrderRefused(faults)
        named = person_of(event for _, event in await self._requests.steps(request))
        if not named:
            raise OrderRefused([OrderFault("holdReviewOn", NO_PERSON)])
        assert order.review_on
        new = NewHold(
            tenant=request.tenant,
            ground=GROUNDS[request.kind],
            review_on=order.review_on,
            text=request.id,
            identities=named,
        )
        return await self._holds.place_order(new, by, now)


def hold_faults(kind: Kind, order: HeldDecision, today: date) -> Iterator[OrderFault]:
    """Yield why a decision places no hold on this day. Pure."""
    if order.review_on is None:
        return
    if kind not in GROUNDS or order.decision.outcome == "refused":
        yield OrderFault("holdReviewOn", NOT_FOR_IT)
    for fault in review_faults(order.review_on, today):
        yield msgspec.structs.replace(fault, member="holdReviewOn")
