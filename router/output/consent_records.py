"""What the archive is told of consent: by which something goes, what is agreed to, what ends. Pure.

Made from the order and the decision alone, as all that goes on record.
"""

from router.model.decision import Data, Decision
from router.output.crm_events import ordered_by
from services.contract import Command


def brought(command: Command, decision: Decision) -> Data:
    """By which consent a message goes, and which came along; nothing where there is neither."""
    purpose = {"purpose": decision.purpose} if decision.purpose else {}
    return purpose | ({"consent": _proof(command)} if command.given_at else {})


def ended(decision: Decision) -> Data:
    """For what somebody is sent nothing any more that they did not ask for."""
    return {"consentEnded": decision.ended} if decision.ended else {}


def of_person(command: Command, decision: Decision) -> Data:
    """What a citizen agreed to, or no longer does."""
    return {
        "event": "given" if command.type == "consent" else "ended",
        "number": command.number,
        "to": command.to,
        **_proof(command),
        "by": ordered_by(command),
        "status": decision.status,
        "reason": decision.reason or None,
    }


def _proof(command: Command) -> Data:
    return {"purpose": command.purpose, "givenAt": command.given_at, "source": command.source}
