"""Rows of the deliverer that end at their term (docs/operators/terms.md)."""

from services.clearing import Clearing

# The balance looks for what a decision sent out until the decision itself is over its term. An hour
# is for clocks that differ.
_IS_UNSOUGHT = "{} < (select first_at from router.cleared) - interval '1 hour'"

# The record keeps the message. `told` is false until the record has this end too.
_PARKED = Clearing(
    "deliverer.delivery",
    "parked_days",
    since="at",
    ended="state = 'parked'",
    action="update",
    setting="""set state = 'dropped', reason = 'ended at its term', at = now(), told = false,
        body = null""",
    state="parked",
)
_DELIVERIES = Clearing(
    "deliverer.delivery",
    "delivery_days",
    since="at",
    ended="state in ('settled', 'dropped') and told",
    safe=_IS_UNSOUGHT.format("at"),
)
_SENDS = Clearing(
    "deliverer.ledger",
    "send_days",
    since="greatest(created_at, claimed_at)",
    ended="state in ('sent', 'failed')",
    safe=f"""{_IS_UNSOUGHT.format("greatest(created_at, claimed_at)")}
        and not exists (select from router.inbox i where i.send = ledger.id)""",
)
_OUTCOMES = Clearing("deliverer.outcome", "outbox_days", since="published_at")
# A row that is due is held by no account.
_UPLOADS = Clearing(
    "deliverer.upload",
    "outbox_days",
    since="due_at",
    ended="""not exists (select from deliverer.ledger l
        where l.media = upload.media and l.state not in ('sent', 'failed'))""",
)
_NOTICES = Clearing(
    "deliverer.owner_notice", "notice_days", since="at", ended="told or outcome = ''"
)

_RESENDS = Clearing("deliverer.resend", "notice_days", since="finished_at")
_SECRETS = Clearing("deliverer.secret", "notice_days", since="ends_at", ended="source = 'api'")

# Tasks stay in Open Klant with their contact. The rows of contacts stay as long as the record of
# their conversation: by them its contacts are found when it is destroyed.
_TASKS = Clearing("deliverer.internetaak", "conversation_days", since="ended_at", ended="ended")
_REGISTRATIONS = Clearing(
    "deliverer.registration",
    "conversation_days",
    since="found_at",
    ended="""not exists (select from deliverer.klantcontact k
        where (k.destination, k.event) = (registration.destination, registration.contact))""",
)
_ERASURES = Clearing(
    "deliverer.contact_erasure",
    "notice_days",
    since="ended_at",
    ended="ended_at is not null and told",
)
# The report stays in Signalen, which has terms of its own.
_REPORTS = Clearing("deliverer.report", "conversation_days", since="heard_at")
CLEARINGS = (
    _PARKED, _DELIVERIES, _SENDS, _OUTCOMES, _UPLOADS, _NOTICES, _RESENDS, _SECRETS, _TASKS,
    _REGISTRATIONS, _ERASURES, _REPORTS,
)  # fmt: skip
"""In this order: what follows asks if the rows before are gone."""
