"""Use of the scorer of weak signs by a municipality: mark, decide, or neither. Pure."""

from typing import Literal

import msgspec

from router.danger.model import Model, load_model
from router.danger.scorer import Score, explain_score, score_text
from router.rules.municipal_rules import safety_rules_of
from router.rules.reasons import Reasons
from services.config.model import Configuration
from services.config.routing_rules import SafetyRule

POSSIBLE_DANGER = "mogelijk-gevaar"
"""Label of a conversation with weak signs."""
MARKED_PRIORITY = "high"
"""Priority of such a conversation. Only a safety rule makes one urgent."""


class WeakSigns(msgspec.Struct, frozen=True):
    """The scorer with a municipality's threshold."""

    model: Model
    at_least: float
    use: Literal["mark", "decide"]
    rule: SafetyRule | None = None
    """Safety rule that weak signs stand for when they decide."""

    def reaches(self, text: str) -> bool:
        return score_text(text, self.model) >= self.at_least

    def score(self, text: str) -> Score:
        return explain_score(text, self.model)

    def explain(self, text: str, reasons: Reasons) -> str:
        """Return the words that weigh most, in a sentence for officials."""
        quoted = ", ".join(f'"{words}"' for words in self.score(text).words)
        if not quoted:
            return reasons.weak_signs_alone.format(self.model.version)
        return reasons.weak_signs.format(quoted, self.model.version)


def compile_weak_signs(config: Configuration, tenant: str) -> WeakSigns | None:
    """Return the scorer as a municipality uses it; None if it is off."""
    settings = next((each.care for each in config.tenants if each.id == tenant), None)
    if settings is None or settings.weak_signs == "off":
        return None
    model, use = load_model(), settings.weak_signs
    at_least = settings.weak_signs_at_least or model.at_least
    if use == "mark":
        return WeakSigns(model, at_least, use)
    rules = (rule for _, rule in safety_rules_of(config, tenant))
    rule = next((each for each in rules if each.id == settings.weak_signs_rule), None)
    # Without the rule, the configuration is only a part of one.
    return WeakSigns(model, at_least, use, rule) if rule else None
