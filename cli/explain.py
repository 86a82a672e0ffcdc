"""Where would this message go, and why? The same rules as the router's, asked beforehand. Pure."""

from datetime import datetime
from typing import Any

from router.rules import compile_config, route
from services.config import Config


def explain(config: Config, text: str, number: str | None, at: str | None) -> dict[str, Any]:
    """Department, rule and reason for a text that starts a conversation.

    ValueError for a number that is not in the configuration or a time that is none.
    """
    ours = config.number(number) if number else config.numbers[0]
    if ours is None:
        raise ValueError(f"--number: {number} is not in the configuration")
    if at is not None:
        try:
            datetime.fromisoformat(at)
        except ValueError:
            raise ValueError("--at: expected a time such as 2026-11-25T10:00:00+01:00") from None
    verdict = route(compile_config(config)[ours.tenant], text, ours.fallback)
    department = config.department(ours.tenant, verdict.department)
    return {
        "department": verdict.department,
        "name": department.name if department else verdict.department,
        "rule": verdict.rule or None,
        "reason": verdict.reason,
        "tried": list(verdict.tried),
    }
