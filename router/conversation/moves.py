"""What a decision says of a move that no person made: both departments are told. Pure."""

from typing import Any

from router.model.conversation import Conversation
from router.model.decision import Ground, Unit


def told(unit: Unit, before: Conversation, now: Conversation, ground: Ground) -> dict[str, Any]:
    """Members of the decision; none where it stays. The department that it left has work to take
    back, where another system than the new one's holds it."""
    if before.department == now.department:
        return {}
    left = ground.config.department(before.tenant, before.department)
    there = ground.config.department(now.tenant, now.department)
    former = left.destination if left else ""
    both = former not in ("", there.destination if there else "")
    return {
        "transfer": unit.id("transfer"),
        "moved_from": before.department,
        "former_event": unit.id("former") if both else None,
        "former_destination": former if both else "",
    }
