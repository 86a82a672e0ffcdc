"""Where would this message go, and why? The router itself is asked beforehand. Pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

from router.decide import decide
from router.decisions import Changes, Decision, Ground, Unit
from router.grounds import grounded
from router.knowledge import Knowledge
from router.listening import facts_of
from router.rules import steps
from router.units import keyed_hash
from services.choices import Choices
from services.contract import Receipt
from services.whatsapp import items

SOMEBODY = items.Person(identities=(items.Identity("phone", "31600000000"),))
"""A number that the Netherlands hand out to nobody."""
OUTCOMES = {"no": "past niet", "marks": "markeert", "fits": "past"}


def explain(
    choices: Choices, text: str, number: str | None, at: datetime, type: str = "text"
) -> dict[str, Any]:
    """What the router would decide of a text that starts a conversation.

    ValueError for a number that is not in the configuration.
    """
    config = choices.config
    ours = config.number(number) if number else config.numbers[0]
    if ours is None:
        raise ValueError(f"--number: {number} is not in the configuration")
    ground = grounded(choices, keyed_hash(b"explained"))
    unit = asked(text, ours.id, at, type)
    decision, changes = decide(unit, Knowledge(), ground)
    tried = _tried(unit, ground, ours.tenant)
    department = config.department(ours.tenant, decision.department)
    return {
        "department": decision.department,
        "name": department.name if department else decision.department,
        "rule": decision.rule or None,
        "reason": decision.reason,
        "tried": [step["rule"] for step in tried],
        "steps": tried,
        "version": choices.version,
        **_beside(decision, changes),
    }


def asked(text: str, number: str, at: datetime, type: str) -> Unit:
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
    return Unit(b"explained", receipt, item)


def _tried(unit: Unit, ground: Ground, tenant: str) -> list[dict[str, str]]:
    """Each rule up to the one that decides; what matched is in words."""
    assert isinstance(unit.item, items.Message)
    number = ground.config.number(unit.item.number)
    assert number is not None
    facts = facts_of(unit, unit.item, None, number, ground)
    return [
        {"rule": step.rule, "outcome": OUTCOMES[step.outcome], "matched": step.matched}
        for step in steps(ground.rules[tenant], facts)
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
        "provisional": decision.provisional,
        "text": {"name": reply.name, "body": reply.text} if reply else None,
        "timers": [{"kind": t.kind, "due": t.due_at} for t in changes.timers],
    }
    return {name: value for name, value in found.items() if value}


def lines(answer: dict[str, Any], *, every: bool = False) -> list[str]:
    """The same for who reads it in a terminal, in Dutch. `every`: also the rules that do not fit,
    and the words of the text that goes out."""
    said = [f"{answer['name']} ({answer['department']}): {answer['reason']}"]
    shown = [step for step in answer["steps"] if every or step["outcome"] != OUTCOMES["no"]]
    for step in shown:
        matched = f": {step['matched']}" if step["matched"] else ""
        said.append(f"  {step['outcome']:<10} {step['rule']}{matched}")
    if len(shown) < len(answer["steps"]):
        said.append("  de regels daarvoor passen niet (--all noemt ze)")
    named = {"tags": "labels", "priority": "voorrang", "language": "taal", "due": "uiterlijk"}
    for key, word in named.items():
        if value := answer.get(key):
            said.append(f"{word}: {', '.join(value) if isinstance(value, list) else value}")
    if answer.get("care"):
        said.append(f"zorg: {answer['care']}: {answer['careReason']}")
    if text := answer.get("text"):
        said.append(f"tekst: {text['name']}")
        said += [f"  {line}" for line in text["body"].splitlines() if every]
    return said
