"""The span of a decision says where it went and why; for a confidential department only where."""

from typing import Any

import msgspec
import pytest

from router.partition.decision_spans import record_decisions
from services import tracing
from services.config.model import Configuration
from tests.support.router.config_full import CONFIG, DISCREET
from tests.support.router.simulation import Stadhuis
from tests.support.trace_collector import collecting

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("town", "expected"), [(CONFIG, {"postkamer.rule": "jeugd"}), (DISCREET, {})]
)
def test_span_of_a_decision_has_its_rule_unless_the_department_is_confidential(
    town: Configuration, expected: dict[str, Any]
) -> None:
    hall = Stadhuis(given=town)
    hall.hears("jeugdzorg")
    [(unit, decision, changes)] = hall.done
    entry = msgspec.structs.replace(unit.entry, traceparent=TRACE)
    traced = msgspec.structs.replace(unit, entry=entry)
    with collecting() as collector, tracing.exporting("router", collector.url, {}):
        record_decisions([(traced, decision, changes), (unit, decision, changes)], 2.0)
    [span] = collector.spans
    assert (span.name, span.parent) == ("decide", TRACE[36:52])
    assert span.ended - span.started == 2_000_000_000
    assert span.attributes == expected | {
        "postkamer.entry": "receipt",
        "postkamer.record": str(decision.record),
        "postkamer.message": str(decision.message),
        "postkamer.tenant": decision.tenant,
        "postkamer.department": "zorg",
    }
