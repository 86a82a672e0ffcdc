"""Rows of the router that end at their term (docs/operators/terms.md).

The balance looks again at decisions of the past. `router.cleared` tells it which of them are gone
because their term is over, and it tells here how far it has come.
"""

from collections.abc import Sequence

from router.conversation import timers
from services.clearing import Clearing
from services.config.numbers import Number

_INBOX = Clearing(
    "router.inbox",
    "inbox_days",
    since="decided_at",
    safe="decided_at < (select first_at from router.cleared)",
    before="""
update router.cleared set first_at = greatest(first_at, least($1::timestamptz, taken_at))
""",
)
_SUSPECTS = Clearing("router.suspect", "inbox_days", since="at")
_QUARANTINE = Clearing(
    "router.quarantine",
    "quarantine_days",
    since="coalesce(dropped_at, published_at)",
    safe="not exists (select from router.inbox i where i.record = quarantine.id)",
)
_EARLY_STATUSES = Clearing("router.early_status", "outbox_days", since="received_at")

# A citizen may read a message after months. Charges that cost something stay; a message that was
# not charged needs none.
_CONVERSATIONS = Clearing(
    "router.conversation",
    "conversation_days",
    since="closed_at",
    ended="""not exists (select from router.held h where h.conversation = conversation.id)
        and not exists (select from router.outgoing o
            where o.conversation = conversation.id and o.changed_at >= $1)""",
    also=""", messages as (
    delete from router.outgoing o using gone g where o.conversation = g.id returning o.id
), uncharged as (
    delete from router.charge c using messages m where c.id = m.id and c.delivered_at is null
), timers as (
    delete from router.timer t using gone g where t.conversation = g.id
)""",
)
_REFUSED = Clearing(
    "router.outgoing", "conversation_days", since="changed_at", ended="conversation = ''"
)
_CHARGES = Clearing("router.charge", "charge_days", since="delivered_at")
_FIGURES = Clearing("router.figure", "figure_days", since="day")
_MONTH_FIGURES = Clearing("router.month_figure", "figure_days", since="month + interval '1 month'")
_RULE_FIGURES = Clearing("router.rule_figure", "figure_days", since="month + interval '1 month'")

_CONSENTS = Clearing("router.consent", "consent_days", since="ended_at")
# STOP counts for as long as anything could be sent to the person.
_SILENT = """not exists (select from router.conversation c where c.person = {0}.person)
    and not exists (select from router.consent c where c.person = {0}.person)"""
_WITHDRAWALS = Clearing(
    "router.withdrawal", "consent_days", since="at", ended=_SILENT.format("withdrawal")
)
_OPT_OUTS = Clearing("router.opt_out", "consent_days", since="at", ended=_SILENT.format("opt_out"))

# A name stays for as long as anything is known of its person.
_PEOPLE = Clearing(
    "router.identity",
    "conversation_days",
    since="coalesce(valid_to, valid_from)",
    ended=f"""valid_to is not null or {_SILENT.format("identity")}
        and not exists (select from router.withdrawal w where w.person = identity.person)
        and not exists (select from router.opt_out o where o.person = identity.person)""",
)
_LAST_MOVED = "greatest(opened_at, since, last_inbound_at)"


def _abandoned(numbers: Sequence[Number]) -> Clearing:
    """Return the open conversations of a number that is not configured, or that has passed to
    another municipality: nobody can answer or close them. A timer has them closed on the record, as
    of their last message; the rows end in a later round."""
    known = ", ".join(f"('{each.id}', '{each.tenant}')" for each in numbers)
    return Clearing(
        "router.conversation",
        "conversation_days",
        since=_LAST_MOVED,
        ended=f"""closed_at is null and (number, tenant) not in (values {known})
        and not exists (select from router.timer t
            where t.conversation = conversation.id and t.kind = '{timers.LEFT}')""",
        action="update",
        setting="set closed_at = closed_at",
        also=f""", closings as (
    insert into router.timer (id, conversation, number, kind, due_at)
    select gen_random_uuid(), g.id, g.number, '{timers.LEFT}', now() from gone g
)""",
        state="of no number",
    )


def _left_consents(numbers: Sequence[Number]) -> Clearing:
    """Return the consents in force of a municipality that has no number. They ended with its last
    conversation, which is not deleted before they are marked: nobody knows when it left."""
    is_gone = f"""tenant not in ({", ".join(f"'{each.tenant}'" for each in numbers)})"""
    # One scan of the conversations for all rows, and none if no consent is of such a municipality.
    ended_at = f"""case when {is_gone} then greatest(recorded_at, ((
        select jsonb_object_agg(tenant, last_at) from (
            select tenant, max(coalesce(closed_at, 'infinity')) as last_at
            from router.conversation where {is_gone} group by tenant) each
        ) ->> tenant)::timestamptz) end"""
    return Clearing(
        "router.consent",
        "conversation_days",
        since=ended_at,
        ended="ended_at is null",
        action="update",
        setting=f"set ended_at = {ended_at}, ended_by = 'left'",
        state="of no municipality",
    )


def clearings(numbers: Sequence[Number]) -> tuple[Clearing, ...]:
    """Return what ends where these numbers are configured, in the order in which it does."""
    return (_abandoned(numbers), _left_consents(numbers), *CLEARINGS)


CLEARINGS = (
    _INBOX, _SUSPECTS, _QUARANTINE, _EARLY_STATUSES, _CONVERSATIONS, _REFUSED, _CHARGES, _FIGURES,
    _MONTH_FIGURES, _RULE_FIGURES, _CONSENTS, _WITHDRAWALS, _OPT_OUTS, _PEOPLE,
)  # fmt: skip
"""In this order: what follows asks if the rows before are gone."""
