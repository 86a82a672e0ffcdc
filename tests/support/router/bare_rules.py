"""Rules without a town around them: what the tests of conditions and tables stand on."""

from typing import Any

from router.rules.engine import Outcome, RuleTable, compile_rules, evaluate
from router.rules.matcher import MessageFacts
from services.config.model import Configuration
from services.config.routing_rules import Group, Rule, SafetyRule
from tests.support.router.harness import CONFIG
from tests.support.router.names import NOON


def town(*rules: Rule, care: tuple[SafetyRule, ...] = (), **groups: list[str]) -> Configuration:
    """Almelo and Borne with these rules alone; `groups` are words that have a name."""
    named = tuple(Group(id=id, words=tuple(words)) for id, words in groups.items())
    return CONFIG.model_copy(update={"rules": rules, "care": care, "groups": named})


def table(*rules: Rule, care: tuple[SafetyRule, ...] = (), **groups: list[str]) -> RuleTable:
    """Rules of Almelo, compiled."""
    return compile_rules(town(*rules, care=care, **groups), "almelo")


def rule(id: str = "r", *words: str, **more: Any) -> Rule:
    """One that decides for `groen`, unless `more` says what else it does."""
    does = {"department": "groen"} if not more.keys() & DOES else {}
    asks = {"words": words} if words else {}
    return Rule.model_validate({"id": id} | asks | does | more)


DOES = {"department", "menu", "hold", "tag", "reply", "first_text", "priority", "mask", "due_days"}


def facts(text: str = "", **more: Any) -> MessageFacts:
    given = {"at": NOON, "text": text} | more
    return MessageFacts(**given)


def outcome(text: str, *rules: Rule, **more: Any) -> Outcome:
    return evaluate(table(*rules), facts(text, **more))


def decided(text: str, *rules: Rule, **more: Any) -> str:
    """Id of the rule that decides, '' where none does."""
    verdict = outcome(text, *rules, **more).verdict
    return verdict.rule if verdict else ""


def why(text: str, condition: dict[str, Any], **more: Any) -> str | None:
    """Reason for which a rule with this condition fits; None when it does not."""
    groups = {"tuin": ["boom", "gras"]}
    found = evaluate(table(rule(**condition), **groups), facts(text, **more)).verdict
    return found.reason if found else None
