"""Decide if a citizen may receive a business-initiated template. Pure.

A citizen who wrote within the municipality's term (`wrote_days`) waits for an answer, so a template
that opens a closed window for it needs no consent. Messages from before a STOP do not count, nor
does consent from before it.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from router.model.consent import CRM, META, STOP, Consent, Withdrawal
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from services.contract import Command, ConsentEvidence, SendMessage
from services.refusal import Refusal
from services.whatsapp.delivery_status import WITHDRAWN

PURPOSES = 32
"""Purposes on record for one person, ended ones included. More would mean a purpose for each
message, and then the record no longer shows what a citizen agreed to."""

MISSING = Refusal(
    "consent_missing", "deze inwoner schreef niet eerst; noem het doel waarvoor toestemming is"
)
NOT_GIVEN = Refusal(
    "consent_missing", "voor dit doel is geen toestemming van deze inwoner vastgelegd"
)
FULL = Refusal("consent_full", f"van deze inwoner zijn al {PURPOSES} doelen vastgelegd")

_NEVER = datetime.min.replace(tzinfo=UTC)


class SendPermission(msgspec.Struct, frozen=True, kw_only=True):
    """Permission to send a message."""

    purpose: str = ""
    """Purpose of the consent that permits it; '' if it needs none."""
    consent: Consent | None = None
    """Consent to record with it."""


def check_permission(
    unit: WorkUnit,
    command: Command,
    message: SendMessage,
    person_key: tuple[str, UUID],
    snapshot: Snapshot,
    context: RoutingContext,
) -> SendPermission | Refusal:
    """Decide if a message may be sent; `person_key` is its tenant and person."""
    if message.type != "template":
        return SendPermission()
    evidence, purpose = message.evidence, message.purpose
    new = None
    if evidence:
        new = build_consent(unit, command.token, purpose, evidence, person_key, snapshot)
    consent = new if isinstance(new, Consent) else None
    if has_recent_contact(unit, person_key, snapshot, context):
        return SendPermission(consent=consent)
    if not purpose:
        return MISSING
    if isinstance(new, Refusal):
        return new
    if refusal := None if consent else consent_refusal(person_key, purpose, snapshot):
        return refusal
    return SendPermission(purpose=purpose, consent=consent)


def has_recent_contact(
    unit: WorkUnit, person_key: tuple[str, UUID], snapshot: Snapshot, context: RoutingContext
) -> bool:
    """True if the citizen wrote within the term and has not said STOP since."""
    tenant, last = context.config.tenant(person_key[0]), snapshot.last_heard.get(person_key[1])
    if tenant is None or last is None:
        return False
    stopped = snapshot.withdrawals.get((*person_key, STOP))
    return unit.at - last < tenant.recent_contact and not (stopped and last <= stopped.at)


def consent_refusal(
    person_key: tuple[str, UUID], purpose: str, snapshot: Snapshot
) -> Refusal | None:
    """Return why the consent on record for a purpose does not permit sending."""
    consent = snapshot.consents.get((*person_key, purpose))
    if consent is None:
        return NOT_GIVEN
    return None if consent.given_at > _last_ended_at(person_key, purpose, snapshot) else WITHDRAWN


def build_consent(
    unit: WorkUnit,
    token: str,
    purpose: str,
    evidence: ConsentEvidence,
    person_key: tuple[str, UUID],
    snapshot: Snapshot,
) -> Consent | Refusal | None:
    """Return the consent to record; None if it is on record already; or why it is refused: evidence
    from before a withdrawal does not count."""
    tenant, person = person_key
    given_at = min(evidence.given_at, unit.at)  # a clock that runs ahead outlives no STOP
    existing = snapshot.consents.get((*person_key, purpose))
    if given_at <= _last_ended_at(person_key, purpose, snapshot):
        return WITHDRAWN
    if existing and existing.ended_at is None and given_at <= existing.given_at:
        return None
    if existing is None and len(snapshot.consents_of(*person_key)) >= PURPOSES:
        return FULL
    return Consent(
        tenant=tenant,
        person=person,
        purpose=purpose,
        source=evidence.source,
        given_at=given_at,
        recorded_at=unit.at,
        recorded_by=token,
    )


def end_consent(
    unit: WorkUnit, purpose: str, person_key: tuple[str, UUID], snapshot: Snapshot
) -> Consent | None:
    """Return the consent with its end; None if there is none to withdraw."""
    consent = snapshot.consents.get((*person_key, purpose))
    return consent.end(unit.at, CRM) if consent and consent.ended_at is None else None


def _last_ended_at(person_key: tuple[str, UUID], purpose: str, snapshot: Snapshot) -> datetime:
    """Return the last time at which this consent ended in any way."""
    withdrawals = (snapshot.withdrawals.get((*person_key, by)) for by in (STOP, META))
    withdrawn_at = [withdrawal.at for withdrawal in withdrawals if withdrawal]
    existing = snapshot.consents.get((*person_key, purpose))
    ended_at = [existing.ended_at] if existing and existing.ended_at else []
    return max([*withdrawn_at, *ended_at], default=_NEVER)


def find_ended_purposes(withdrawals: Iterable[Withdrawal], snapshot: Snapshot) -> tuple[str, ...]:
    """Return the purposes for which these withdrawals end a consent."""
    purposes = {
        consent.purpose
        for withdrawal in withdrawals
        for consent in snapshot.consents_of(withdrawal.tenant, withdrawal.person)
        if consent.ended_at is None and consent.given_at <= withdrawal.at
    }
    return tuple(sorted(purposes))


def transfer_withdrawals(
    of: tuple[str, UUID], to: UUID, snapshot: Snapshot
) -> tuple[Withdrawal, ...]:
    """Copy the withdrawals of a person to the person with whom they are merged. Consent is not
    copied."""
    withdrawals = (snapshot.withdrawals.get((*of, by)) for by in (STOP, META))
    return tuple(
        msgspec.structs.replace(withdrawal, person=to) for withdrawal in withdrawals if withdrawal
    )
