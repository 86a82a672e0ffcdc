"""Judge what the rules chose by what people then did with the conversation. Pure.

Whatever no person chose waits for a judgement: a rule, a menu, the number's fallback. It was right
if the conversation is closed where it was placed, or if the citizen asks on after an answer there.
It was not if a person gives the conversation to another department before that: an answer that only
says that somebody else will answer does not make it right.

Only the first judgement counts, and what Postkamer itself does is none. A deputy department stands
for its own; danger that leads elsewhere, and waiting too long, take the placement away unjudged.
"""

from typing import NamedTuple

from router.model.conversation import Conversation, RulePlacement
from router.model.decision import CommandAccepted, Decision, MessageDecision, TimerDecision
from router.model.work import WorkUnit
from router.rules.engine import ESCALATED
from services.contract import CloseConversation, Command, TransferConversation

RIGHT, CORRECTED = "right", "corrected"
AUTOMATED = "automated"
"""Kind of author that is no person. What a system tells, an employee did in it."""


class Judgement(NamedTuple):
    waiting: RulePlacement | None = None
    """Placement that waits for a judgement after the decision."""
    verdict: str = ""
    """RIGHT or CORRECTED, of the one that waited before it; '' if it was not judged now."""


def judge_placement(
    unit: WorkUnit,
    decision: Decision,
    previous: Conversation | None,
    after: Conversation,
    version: str,
) -> Judgement:
    """Return what a decision says of the placement, and what waits for a judgement after it."""
    if is_placement(decision, previous, after):
        is_late = after.rule == ESCALATED
        return Judgement(None if is_late else _placement_of(after, version))
    waiting = previous.state.placed if previous else None
    if previous is None or waiting is None:
        return Judgement(waiting)
    match decision:
        case CommandAccepted():
            return _judge_command(unit, waiting, previous, after)
        case MessageDecision():
            # Only a person's answer ends a wait.
            asks_on = after.state.waiting_since and not previous.state.waiting_since
            return Judgement(None, RIGHT) if asks_on else Judgement(waiting)
        case TimerDecision():
            return _judge_timer(decision, waiting, previous, after)
    return Judgement(waiting)


def _judge_command(
    unit: WorkUnit, waiting: RulePlacement, previous: Conversation, after: Conversation
) -> Judgement:
    command = unit.entry
    action = command.action if isinstance(command, Command) else None
    if isinstance(action, TransferConversation) and after.department != previous.department:
        verdict = RIGHT if after.department == waiting.department else CORRECTED
    elif isinstance(action, CloseConversation):
        verdict = RIGHT
    else:
        return Judgement(waiting)
    return Judgement(None, verdict if _is_persons(unit) else "")


def _is_persons(unit: WorkUnit) -> bool:
    author = unit.entry.author if isinstance(unit.entry, Command) else None
    return author is None or author.kind != AUTOMATED


def _judge_timer(
    decision: TimerDecision, waiting: RulePlacement, previous: Conversation, after: Conversation
) -> Judgement:
    """Take an answer for a judgement, if the conversation then ends by itself."""
    if decision.effect == "closed":
        return Judgement(None, RIGHT if previous.state.answered_at else "")
    if decision.effect == "waiting" and after.department != previous.department:
        return Judgement()
    return Judgement(waiting)


def is_placement(
    decision: Decision, previous: Conversation | None, after: Conversation | None
) -> bool:
    """Return True if the decision chose a department, and no person did."""
    if after is None or not isinstance(decision, MessageDecision | TimerDecision):
        return False
    is_other = previous is None or not _is_placed(previous) or previous.rule != after.rule
    return is_other and _is_placed(after)


def _is_placed(conversation: Conversation) -> bool:
    """Return False for a greeting at the number's fallback: words that choose may follow."""
    return bool(conversation.rule) or conversation.state.has_question


def _placement_of(conversation: Conversation, version: str) -> RulePlacement:
    home = conversation.state.home_department or conversation.department
    return RulePlacement(kind_of_rule(conversation.rule), home, version)


def kind_of_rule(rule: str) -> str:
    """Return the id of a rule; of a choice in a menu, only that it was one."""
    return rule.partition(":")[0]
