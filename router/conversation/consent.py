"""What somebody may be sent who did not write first: a template, by consent on record. Pure.

Whoever wrote within the municipality's term (`wrote_days`) waits for an answer, and a template that
opens a closed window for it asks for nothing more. What they wrote before they said STOP does not
count, nor does consent that they gave before.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from router.model.consent import CRM, META, STOP, Consent, Withdrawal
from router.model.decision import RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from services.contract import Command
from services.whatsapp.delivery_status import WITHDRAWN

PURPOSES = 32
"""On record of one person, also those that ended: more is a purpose for each message, and then
nobody can say what they agreed to."""

MISSING = "consent_missing: deze inwoner schreef niet eerst; noem het doel waarvoor toestemming is"
NOT_GIVEN = "consent_missing: voor dit doel is geen toestemming van deze inwoner vastgelegd"
FULL = f"consent_full: van deze inwoner zijn al {PURPOSES} doelen vastgelegd"

NEVER = datetime.min.replace(tzinfo=UTC)


class SendPermission(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a message may go: `reason` says why not. `purpose` is that of the consent by which it
    goes, '' where it needs none; `consent` what is to be put on record with it."""

    reason: str = ""
    purpose: str = ""
    consent: Consent | None = None


def check_permission(
    unit: WorkUnit, given: Command, whose: tuple[str, UUID], known: Snapshot, ground: RoutingContext
) -> SendPermission:
    """`whose`: tenant and person."""
    if given.type != "template":
        return SendPermission()
    brought = consent_from(unit, given, whose, known) if given.given_at else None
    consent = brought if isinstance(brought, Consent) else None
    if has_recent_contact(unit, whose, known, ground):
        return SendPermission(consent=consent)
    if not given.purpose:
        return SendPermission(reason=MISSING)
    if isinstance(brought, str):
        return SendPermission(reason=brought)
    if reason := "" if consent else consent_refusal(whose, given.purpose, known):
        return SendPermission(reason=reason)
    return SendPermission(purpose=given.purpose, consent=consent)


def has_recent_contact(
    unit: WorkUnit, whose: tuple[str, UUID], known: Snapshot, ground: RoutingContext
) -> bool:
    """Whether they wrote first, not too long ago, and did not say STOP since."""
    tenant, last = ground.config.tenant(whose[0]), known.last_heard.get(whose[1])
    if tenant is None or last is None:
        return False
    stopped = known.withdrawals.get((*whose, STOP))
    return unit.at - last < tenant.recent_contact and not (stopped and last <= stopped.at)


def consent_refusal(whose: tuple[str, UUID], purpose: str, known: Snapshot) -> str:
    """Why what is on record for a purpose does not hold; '' when it does."""
    consent = known.consents.get((*whose, purpose))
    if consent is None:
        return NOT_GIVEN
    return "" if consent.given_at > _ended(whose, purpose, known) else WITHDRAWN


def consent_from(
    unit: WorkUnit, given: Command, whose: tuple[str, UUID], known: Snapshot
) -> Consent | str | None:
    """The consent that an order brings, as it goes on record; None where that holds it already; or
    why it does not count: proof from before the withdrawal is none."""
    tenant, person = whose
    given_at = min(given.given_at or unit.at, unit.at)  # a clock that runs ahead outlives no STOP
    before = known.consents.get((*whose, given.purpose))
    if given_at <= _ended(whose, given.purpose, known):
        return WITHDRAWN
    if before and before.ended_at is None and given_at <= before.given_at:
        return None
    if before is None and len(known.consents_of(*whose)) >= PURPOSES:
        return FULL
    return Consent(
        tenant=tenant,
        person=person,
        purpose=given.purpose,
        source=given.source,
        given_at=given_at,
        recorded_at=unit.at,
        recorded_by=given.token,
    )


def _ended(whose: tuple[str, UUID], purpose: str, known: Snapshot) -> datetime:
    """When it last ended, by whatever."""
    all_of_it = [w.at for by in (STOP, META) if (w := known.withdrawals.get((*whose, by)))]
    before = known.consents.get((*whose, purpose))
    this = [before.ended_at] if before and before.ended_at else []
    return max([*all_of_it, *this], default=NEVER)


def ended(withdrawals: Iterable[Withdrawal], known: Snapshot) -> tuple[str, ...]:
    """The purposes for which these end a consent."""
    return tuple(
        sorted(
            {
                consent.purpose
                for each in withdrawals
                for consent in known.consents_of(each.tenant, each.person)
                if consent.ended_at is None and consent.given_at <= each.at
            }
        )
    )


def transfer_withdrawals(of: tuple[str, UUID], to: UUID, known: Snapshot) -> tuple[Withdrawal, ...]:
    """What somebody withdrew holds for whom they were found to be; what they agreed to does not."""
    theirs = (known.withdrawals.get((*of, by)) for by in (STOP, META))
    return tuple(msgspec.structs.replace(each, person=to) for each in theirs if each)


def _given(
    unit: WorkUnit, given: Command, whose: tuple[str, UUID], known: Snapshot
) -> Consent | str | None:
    return consent_from(unit, given, whose, known)


def _taken_back(
    unit: WorkUnit, given: Command, whose: tuple[str, UUID], known: Snapshot
) -> Consent | str | None:
    """Done all the same where there is none."""
    consent = known.consents.get((*whose, given.purpose))
    return consent.end(unit.at, CRM) if consent and consent.ended_at is None else None


Change = Callable[[WorkUnit, Command, tuple[str, UUID], Snapshot], Consent | str | None]
ORDERS: dict[str, Change] = {"consent": _given, "withdraw": _taken_back}
"""Type of an order -> what is to be written, nothing, or why not."""
