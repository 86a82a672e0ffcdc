"""A span for each decision, once it is published."""

from collections.abc import Iterable

from router.model.changes import DecidedUnit
from services import tracing


def record_decisions(decided: Iterable[DecidedUnit], seconds: float) -> None:
    """Record the decisions of a batch that took `seconds`, in the traces of their entries.

    A decision for a confidential department goes without its rule, which would say why.
    """
    if not tracing.is_on():
        return
    for unit, decision, _ in decided:
        tracing.record_step(
            "decide",
            unit.traceparent,
            seconds,
            entry=unit.entry.__struct_config__.tag,
            record=decision.record,
            message=decision.message,
            tenant=decision.tenant,
            department=decision.department,
            rule="" if decision.confidential else decision.rule,
        )
