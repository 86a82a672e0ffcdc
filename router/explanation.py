"""Explain where a message would go, and why, with the router's own decision function. Pure."""

import math
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from router.conversation.interpretation import collect_facts
from router.handlers.dispatch import decide
from router.model.changes import Changes
from router.model.decision import MessageDecision
from router.model.hashes import Hashes
from router.model.snapshot import Snapshot
from router.model.work import RoutingContext, WorkUnit
from router.rules.engine import (
    RuleStep,
    RuleTable,
    trace_rules,
    trace_safety_rules,
    with_quotes,
)
from services.config.numbers import Number
from services.config.organisation import Tenant
from services.contract import Receipt
from services.whatsapp import items

PERSON = items.Person(identities=(items.Identity("phone", "31600000000"),))
"""A phone number that is not in use in the Netherlands."""
OUTCOMES = {"no": "past niet", "marks": "markeert", "fits": "past"}
HASHES = Hashes(b"explained")
"""Hashes of who never wrote: nobody of the router's is recognised in it."""


class Question(msgspec.Struct, frozen=True):
    """A text that starts a conversation, as a citizen would send it to one of our numbers."""

    text: str
    number: Number
    at: datetime
    type: str = "text"


def explain_message(question: Question, context: RoutingContext) -> dict[str, Any]:
    """Return the router's decision about a text that starts a conversation."""
    number, context = question.number, with_quoting_rules(context)
    tenant = context.config.tenant(number.tenant)
    assert tenant is not None
    unit = build_unit(question.text, number.id, question.at, question.type)
    decision, changes = decide(unit, Snapshot(), context)
    assert isinstance(decision, MessageDecision)
    assert isinstance(unit.item, items.Message)
    facts = collect_facts(unit, unit.item, None, number, context)
    tried = _step_json(trace_rules(context.rules[number.tenant], facts))
    department = context.config.department(number.tenant, decision.department)
    return {
        "department": decision.department,
        "name": department.name if department else decision.department,
        "rule": decision.rule or None,
        "reason": decision.reason,
        "tried": [step["rule"] for step in tried],
        "steps": tried,
        "careSteps": _step_json(trace_safety_rules(context.rules[number.tenant], facts)),
        "version": context.version,
        **_weak_signs(context.rules[number.tenant], facts.text),
        **_consequences(decision, changes),
        **_terms(decision, tenant, has_words=bool(facts.text)),
    }


def _weak_signs(table: RuleTable, text: str) -> dict[str, Any]:
    """Return the score of the weak signs of danger in a text, unless the municipality has that off
    or there are no words. A safety rule that matches goes before them, whatever the score."""
    if (signs := table.weak_signs) is None or not text:
        return {}
    score = signs.score(text)
    shown = {
        "score": math.floor(score.value * 1000) / 1000,  # never up to a threshold it is below
        "atLeast": signs.at_least,
        "use": signs.use,
        "words": score.words,
        "model": signs.model.version,
    }
    return {"weakSigns": shown}


def with_quoting_rules(context: RoutingContext) -> RoutingContext:
    """Return a context in which reasons quote the text: the one who reads them wrote it."""
    rules = {tenant: with_quotes(table) for tenant, table in context.rules.items()}
    return msgspec.structs.replace(context, rules=rules, hashes=HASHES)


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
        "priorityReason": decision.labels.priority_reason,
        "alsoAbout": list(decision.labels.also_about),
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
