"""Where conversations stood then, whatever rules say of it now. Pure."""

import msgspec

from cli.replay.recorded import Row
from router.conversation.placement import STAND_INS
from router.model.conversation import Conversation
from router.rules.engine import MENU
from services.config.model import Configuration


def as_it_was(now: Conversation, row: Row, config: Configuration) -> Conversation:
    """A conversation after what a record tells, in the department and by the rule of then."""
    data = row.data
    if row.heard:
        spoken = not data.provisional
        now = now.with_state(tags=data.tags, language=data.language, has_question=spoken)
        now = now.with_state(priority=data.priority or "normal", due=data.due, held=data.held)
        if data.decision.rule:  # what decided, answered the menu too
            now = now.with_state(menu="")
    there = data.department, data.decision.rule
    if not data.department or there == (now.department, now.rule):
        return now
    home = _home(now, row, config)
    reason = data.decision.reason
    return msgspec.structs.replace(
        now, department=data.department, rule=data.decision.rule, reason=reason
    ).with_state(home_department=home)


def _home(now: Conversation, row: Row, config: Configuration) -> str:
    """The department that a conversation belongs to, which another may stand in for: that is not on
    record, but who stands in for whom is known."""
    there, rule = row.data.department, row.data.decision.rule
    known = now.state.home_department if now.rule == rule else ""
    for home in (known, _by_rule(rule, row.number, config)):
        if home and there in _stand_ins(home, now.tenant, config):
            return home
    return there


def _by_rule(rule: str, number: str, config: Configuration) -> str:
    """Where a rule, an option of a menu or the number itself sends a conversation."""
    ours = config.number(number)
    if not rule:
        return ours.fallback if ours else ""
    if rule.startswith(f"{MENU}:"):
        path, _, option = rule.removeprefix(f"{MENU}:").rpartition("/")
        menus = (menu for menu in config.menus if menu.id == path.rpartition("/")[2])
        return next((o.department for m in menus for o in m.options if o.id == option), "")
    return next((each.department for each in config.rules if each.id == rule), "")


def _stand_ins(home: str, tenant: str, config: Configuration) -> list[str]:
    found: list[str] = []
    for _ in range(STAND_INS):
        department = config.department(tenant, home)
        home = department.when_closed if department else ""
        found.append(home)
    return found
