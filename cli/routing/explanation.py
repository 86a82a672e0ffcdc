"""Explain a message by the files of a configuration. Pure."""

from datetime import datetime
from typing import Any

from router.explanation import HASHES, Question, explain_message
from router.rules.reasons import REASONS
from router.ruleset.context import build_context
from services.config.loader import LoadedConfig


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
    number = loaded.config.number(number_id) if number_id else loaded.config.numbers[0]
    if number is None:
        raise ValueError(f"--number: {number_id} is not in the configuration")
    context = build_context(loaded, HASHES, few_texts=True, reasons=REASONS[lang])
    return explain_message(Question(text, number, at, type), context)
