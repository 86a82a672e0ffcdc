"""Policy of the watch: pauses before a service is started again, lines about the rules. Pure."""

from collections.abc import Sequence

from services.config.rules_status import BELOW, RulesStatus
from services.http.service_status import ServiceStatus

RESTARTS = 5
"""Times that one service is started again within WINDOW_SECONDS; then something is wrong that a
start does not mend."""
WINDOW_SECONDS = 600.0
FIRST_PAUSE_SECONDS = 1.0
"""Pause before the first start; each next one is twice as long, so the fifth is 16 s."""
LONGEST_PAUSE_SECONDS = 30.0
"""Longest pause while a person mends a file: a start costs a second of processor time."""


def restart_pause(ends: Sequence[float], now: float) -> float | None:
    """Return the pause before a service is started that ended at these times, the last just now.
    None if it ended too often.
    """
    recent = sum(now - end < WINDOW_SECONDS for end in ends)
    return FIRST_PAUSE_SECONDS * 2 ** (recent - 1) if recent <= RESTARTS else None


def mending_pause(last: float) -> float:
    """Return the pause in which a fault in the configuration may be mended; `last` is the one
    before, 0 if there was none. No pause is the last: a person mends the file when there is time.
    """
    return min(max(2 * last, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def merge_rules(statuses: Sequence[ServiceStatus | None]) -> RulesStatus | None:
    """Return the rules of all services as one: those of a service that refused a change, if any.

    Else None while a service is silent, or has not taken a version yet that another has.
    """
    rules = [status.rules for status in statuses if status and status.rules]
    if refused := next((each for each in rules if each.refused), None):
        return refused
    if None in statuses:
        return None
    return rules[0] if len({each.version for each in rules}) == 1 else None


def report_rules(before: RulesStatus, after: RulesStatus) -> str:
    """Return the line that tells how the rules changed; '' if they did not."""
    if after.refused == before.refused and after.version == before.version:
        return ""
    if after.refused:
        what = BELOW if after.refused.in_force else "A change of the rules is NOT in force"
        return f"{what}: {after.refused}"
    if before.refused:
        return f"The rules are in order again: version {after.version} is in force"
    return f"Changed rules are in force: version {after.version}"
