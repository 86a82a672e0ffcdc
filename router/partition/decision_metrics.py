"""Metrics and alarms of decisions, with labels from a closed vocabulary."""

from collections.abc import Iterable, Sequence

import structlog

from router.handlers import account_event
from router.model.changes import DecidedUnit
from router.model.decision import Archived, Decision, MessageDecision, Quarantined
from services import metrics
from services.config.pricing import CATEGORIES, Rate, find_rate, month_of
from services.whatsapp import items

TYPES = frozenset(
    [
        "text", "image", "video", "audio", "document", "sticker", "location", "contacts",
        "interactive", "button", "reaction", "order", "system", "unsupported", "edit", "revoke",
    ]
)  # fmt: skip
"""Message types that have a label of their own; Meta adds new ones."""

log = structlog.get_logger()


def count_decisions(decided: Iterable[DecidedUnit]) -> None:
    """Count published decisions. A decision that is published again after a crash counts again."""
    for unit, decision, _ in decided:
        if isinstance(decision, MessageDecision) and isinstance(unit.item, items.Message):
            type = unit.item.content.type
            metrics.messages_received.labels(type=type if type in TYPES else "other").inc()
            metrics.decisions.labels(
                department=decision.department, rule=decision.rule or "fallback"
            ).inc()
        elif isinstance(decision, Archived) and isinstance(unit.item, items.Notice):
            _count_notice(unit.item, decision)
        elif isinstance(decision, Quarantined):
            metrics.quarantined.labels(reason=decision.reason).inc()
            log.warning("item.quarantined", record=decision.record, reason=decision.reason)


def _count_notice(item: items.Notice, decision: Decision) -> None:
    event = account_event.event_label(item)
    metrics.notices.labels(field=item.field, event=event).inc()
    if account_event.needs_attention(item):
        metrics.notice_alarms.labels(field=item.field, event=event).inc()
        log.error("notice.alarm", field=item.field, kind=event, record=decision.record)


def count_unknown_vocabulary(new: Iterable[tuple[str, str]]) -> None:
    """Count and log new words of Meta's, which a developer should look up."""
    for kind, name in new:
        metrics.first_sightings.labels(kind=kind).inc()
        log.error("sighting.new", kind=kind, what=name)


def count_charges(new: Iterable[DecidedUnit], rates: Sequence[Rate]) -> None:
    """Count messages that have become charged: each once, after the commit."""
    for _, _, changes in new:
        charge = changes.charge
        if charge is None or not changes.is_newly_charged or charge.delivered_at is None:
            continue
        category = charge.category if charge.category in CATEGORIES else "other"
        metrics.messages_charged.labels(category=category).inc()
        rate = find_rate(rates, month_of(charge.delivered_at))
        if cost := rate and rate.cost(charge.category):
            metrics.message_cost.labels(category=category).inc(float(cost))


def count_duplicates(count: int) -> None:
    metrics.duplicates.inc(count)


def log_failures(faults: Iterable[Exception]) -> None:
    for fault in faults:
        log.error("decision.failed", exc_info=fault)
