"""Judge what the rules chose by what people then did with the conversation. Pure.

Whatever no person chose waits for a judgement: a rule, a menu, the number's fallback. It was right
if the conversation is closed where it was placed. It was not if a person gave the conversation to
another department, and that one answers it or ends it: an answer before, and a message after it, do
not make it right, for both may be about who should answer. Who gives it back before any answer made
a slip of the hand.

Only the first judgement counts, and what Postkamer itself does is none. A deputy department stands
for its own; danger that leads elsewhere, and waiting too long, take the placement away unjudged,
and so does who gives on what the citizen, once answered, was also about.
"""

from typing import NamedTuple

from router.model.conversation import Conversation, RulePlacement
from router.model.decision import CommandAccepted, Decision, MessageDecision, TimerDecision
from router.model.work import WorkUnit
from router.rules.engine import ESCALATED, TRANSFER
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
    waiting = previous.state.placed if previous else None
    if is_placement(decision, previous, after):
        is_away = previous and waiting and _is_given_away(waiting, previous)
        new = None if after.rule == ESCALATED else _placement_of(after, version)
        return Judgement(new, CORRECTED if is_away else "")
    if previous is None or waiting is None:
        return Judgement(waiting)
    match decision:
        case CommandAccepted():
            return _judge_command(unit, waiting, previous, after)
        case TimerDecision():
            return _judge_timer(decision, waiting, previous)
    return Judgement(waiting)


def _judge_command(
    unit: WorkUnit, waiting: RulePlacement, previous: Conversation, after: Conversation
) -> Judgement:
    action = unit.entry.action if isinstance(unit.entry, Command) else None
    is_end = isinstance(action, CloseConversation)
    is_move = isinstance(action, TransferConversation) and after.department != previous.department
    is_answer = after.state.answered_sequence != previous.state.answered_sequence
    is_away, is_persons = _is_given_away(waiting, previous), _is_persons(unit)
    if is_move and is_persons:
        is_other = not is_away and _is_about_another(waiting, previous, after)
        return Judgement(None if is_other else waiting)
    if is_away and (is_end or is_move or is_answer):
        return Judgement(None, CORRECTED)
    if is_end or is_move:
        return Judgement(None, RIGHT if is_persons else "")
    return Judgement(waiting)


def _is_given_away(waiting: RulePlacement, conversation: Conversation) -> bool:
    """Return True if a person gave it to another department than the one that was chosen."""
    home = conversation.state.home_department or conversation.department
    return conversation.rule == TRANSFER and home != waiting.department


def _is_about_another(waiting: RulePlacement, previous: Conversation, after: Conversation) -> bool:
    """Return True if a person who answered gives on another subject of the citizen's. Where no rule
    had matched, that subject is the first."""
    is_answered = previous.state.answered_at is not None
    is_subject = after.department in previous.state.also_about
    return is_answered and is_subject and bool(waiting.rule)


def _is_persons(unit: WorkUnit) -> bool:
    author = unit.entry.author if isinstance(unit.entry, Command) else None
    return author is None or author.kind != AUTOMATED


def _judge_timer(
    decision: TimerDecision, waiting: RulePlacement, previous: Conversation
) -> Judgement:
    """Take an answer for a judgement, if the conversation then ends by itself."""
    if decision.effect != "closed":
        return Judgement(waiting)
    if _is_given_away(waiting, previous):
        return Judgement(None, CORRECTED)
    return Judgement(None, RIGHT if previous.state.answered_at else "")


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
