"""Where would this message go, and why? The router itself is asked beforehand. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.conversation.interpretation import collect_facts
from router.handlers.dispatch import decide
from router.handlers.units import keyed_hash
from router.model.decision import Changes, Decision, RoutingContext, WorkUnit
from router.model.snapshot import Snapshot
from router.rules.engine import RuleStep, trace_rules, trace_safety_rules, with_quotes
from router.rules.matcher import MessageFacts
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig
from services.config.organisation import Tenant
from services.contract import Receipt
from services.whatsapp import items

SOMEBODY = items.Person(identities=(items.Identity("phone", "31600000000"),))
"""A number that the Netherlands hand out to nobody."""
OUTCOMES = {"no": "past niet", "marks": "markeert", "fits": "past"}


def explain(
    choices: LoadedConfig, text: str, number: str | None, at: datetime, type: str = "text"
) -> dict[str, Any]:
    """What the router would decide of a text that starts a conversation.

    ValueError for a number that is not in the configuration, ConfigError where nothing can be
    decided by it.
    """
    config = choices.config
    ours = config.number(number) if number else config.numbers[0]
    if ours is None:
        raise ValueError(f"--number: {number} is not in the configuration")
    tenant = config.tenant(ours.tenant)
    assert tenant is not None
    ground = _quoting(build_context(choices, keyed_hash(b"explained")))
    unit = asked(text, ours.id, at, type)
    decision, changes = decide(unit, Snapshot(), ground)
    facts = _facts(unit, ground)
    tried = _shown(trace_rules(ground.rules[ours.tenant], facts))
    department = config.department(ours.tenant, decision.department)
    return {
        "department": decision.department,
        "name": department.name if department else decision.department,
        "rule": decision.rule or None,
        "reason": decision.reason,
        "tried": [step["rule"] for step in tried],
        "steps": tried,
        "careSteps": _shown(trace_safety_rules(ground.rules[ours.tenant], facts)),
        "version": choices.version,
        **_beside(decision, changes),
        **_woken(decision, tenant),
        **_undecided(decision, facts, tenant),
    }


def asked(text: str, number: str, at: datetime, type: str) -> WorkUnit:
    """A message as the router gets it."""
    said = items.Content(type=type, text=text)
    item = items.Message(
        raw=b"{}",
        number=number,
        field="messages",
        id="explained",
        person=SOMEBODY,
        sent_at=at,
        content=said,
    )
    receipt = Receipt(
        id=UUID(int=0), received_at=at, door="", proof="explained", signature="", body=b""
    )
    return WorkUnit(b"explained", receipt, item)


def _quoting(ground: RoutingContext) -> RoutingContext:
    """Whoever asks wrote the text: they may read it again."""
    rules = {tenant: with_quotes(table) for tenant, table in ground.rules.items()}
    return msgspec.structs.replace(ground, rules=rules)


def _facts(unit: WorkUnit, ground: RoutingContext) -> MessageFacts:
    assert isinstance(unit.item, items.Message)
    number = ground.config.number(unit.item.number)
    assert number is not None
    return collect_facts(unit, unit.item, None, number, ground)


def _shown(tried: list[RuleStep]) -> list[dict[str, str]]:
    """Each rule up to the one that decides; what matched is in words."""
    return [
        {"rule": step.rule, "outcome": OUTCOMES[step.outcome], "matched": step.matched}
        for step in tried
    ]


def _beside(decision: Decision, changes: Changes) -> dict[str, Any]:
    """What else would happen, as far as anything would."""
    reply = decision.reply
    found = {
        "tags": list(decision.tags),
        "priority": "" if decision.priority == "normal" else decision.priority,
        "language": decision.language,
        "sensitive": list(decision.sensitive),
        "due": decision.due,
        "care": decision.care,
        "careReason": decision.care_reason,
        "held": decision.held,
        "provisional": decision.provisional,
        "text": {"name": reply.name, "body": reply.text} if reply else None,
        "timers": [{"kind": t.kind, "due": t.due_at} for t in changes.timers],
    }
    return {name: value for name, value in found.items() if value}


def _woken(decision: Decision, tenant: Tenant) -> dict[str, Any]:
    """By a care rule: whom, one after the other, and how long each has to confirm."""
    if not decision.care:
        return {}
    wakes = list(tenant.care.destinations) if decision.alarm else []
    return {"wakes": wakes, "confirmMinutes": tenant.care.confirm_minutes}


def _undecided(decision: Decision, facts: MessageFacts, tenant: Tenant) -> dict[str, Any]:
    """After how many seconds of silence it is the department's all the same."""
    if not decision.provisional:
        return {}
    return {"undecided": {"words": bool(facts.text), "seconds": tenant.burst_seconds}}
