"""Explain where a message would go, and why, with the router's own decision function. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.conversation.interpretation import collect_facts
from router.handlers.dispatch import decide
from router.handlers.units import keyed_hash
from router.model.changes import Changes
from router.model.decision import MessageDecision
from router.model.snapshot import Snapshot
from router.model.work import WorkUnit
from router.rules.engine import RuleStep, trace_rules, trace_safety_rules, with_quotes
from router.rules.reasons import REASONS
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig
from services.config.organisation import Tenant
from services.contract import Receipt
from services.whatsapp import items

PERSON = items.Person(identities=(items.Identity("phone", "31600000000"),))
"""A phone number that is not in use in the Netherlands."""
OUTCOMES = {"no": "past niet", "marks": "markeert", "fits": "past"}


def explain(
    loaded: LoadedConfig,
    text: str,
    number_id: str | None,
    at: datetime,
    type: str = "text",
    *,
    lang: str = "nl",
) -> dict[str, Any]:
    """Return the router's decision about a text that starts a conversation; its reasons are in
    `lang`.

    ValueError for a number that is not in the configuration, ConfigError if the
    configuration cannot be compiled.
    """
    config = loaded.config
    number = config.number(number_id) if number_id else config.numbers[0]
    if number is None:
        raise ValueError(f"--number: {number_id} is not in the configuration")
    tenant = config.tenant(number.tenant)
    assert tenant is not None
    hash = keyed_hash(b"explained")
    context = build_context(loaded, hash, few_texts=True, reasons=REASONS[lang])
    # The user of the command wrote the text, so the explanation may quote it.
    quoting = {tenant: with_quotes(table) for tenant, table in context.rules.items()}
    context = msgspec.structs.replace(context, rules=quoting)
    unit = build_unit(text, number.id, at, type)
    decision, changes = decide(unit, Snapshot(), context)
    assert isinstance(decision, MessageDecision)
    assert isinstance(unit.item, items.Message)
    facts = collect_facts(unit, unit.item, None, number, context)
    tried = _step_json(trace_rules(context.rules[number.tenant], facts))
    department = config.department(number.tenant, decision.department)
    return {
        "department": decision.department,
        "name": department.name if department else decision.department,
        "rule": decision.rule or None,
        "reason": decision.reason,
        "tried": [step["rule"] for step in tried],
        "steps": tried,
        "careSteps": _step_json(trace_safety_rules(context.rules[number.tenant], facts)),
        "version": loaded.version,
        **_consequences(decision, changes),
        **_terms(decision, tenant, has_words=bool(facts.text)),
    }


def build_unit(text: str, number: str, at: datetime, type: str) -> WorkUnit:
    """Build a message as the router receives it."""
    content = items.Content(type=type, text=text)
    item = items.Message(
        raw=b"{}",
        number=number,
        field="messages",
        id="explained",
        person=PERSON,
        sent_at=at,
        content=content,
    )
    receipt = Receipt(
        id=UUID(int=0), received_at=at, door="", proof="explained", signature="", body=b""
    )
    return WorkUnit(b"explained", receipt, item)


def _step_json(tried: list[RuleStep]) -> list[dict[str, str]]:
    """Return each rule up to the one that decides, with the outcome and the match in words."""
    return [
        {"rule": step.rule, "outcome": OUTCOMES[step.outcome], "matched": step.matched}
        for step in tried
    ]


def _consequences(decision: MessageDecision, changes: Changes) -> dict[str, Any]:
    """Return the other consequences of the decision, without the empty ones."""
    reply = decision.reply
    members = {
        "tags": list(decision.labels.tags),
        "priority": "" if decision.labels.priority == "normal" else decision.labels.priority,
        "language": decision.labels.language,
        "sensitive": list(decision.sensitive),
        "due": decision.labels.due,
        "care": decision.care,
        "careReason": decision.care_reason,
        "held": decision.held,
        "provisional": decision.provisional,
        "text": {"name": reply.name, "body": reply.text} if reply else None,
        "timers": [{"kind": t.kind, "due": t.due_at} for t in changes.timers],
    }
    return {name: value for name, value in members.items() if value}


def _terms(decision: MessageDecision, tenant: Tenant, *, has_words: bool) -> dict[str, Any]:
    """Return the destinations that a safety rule wakes, with the minutes to confirm; and the
    seconds of silence after which a provisional decision becomes final."""
    members: dict[str, Any] = {}
    if decision.care:
        wakes = list(tenant.care.destinations) if decision.alarm else []
        members |= {"wakes": wakes, "confirmMinutes": tenant.care.confirm_minutes}
    if decision.provisional:
        members["undecided"] = {"words": has_words, "seconds": tenant.burst_seconds}
    return members
