"""Which department a text goes to, and why: an ordered table of rules, first match wins. Pure."""

import re
import unicodedata
from collections.abc import Iterable

import msgspec

from services.config import Config, Rule

TRANSFER, OPENED = "_transfer", "_opened"
"""What stands in the place of a rule where a person chose the department; no rule has such an id.
It sticks as a rule's choice does."""


class Verdict(msgspec.Struct, frozen=True):
    """`rule` is '' where none matched; `reason` is a sentence that an official can read;
    `tried` names the rules that were looked at, in order."""

    department: str
    rule: str
    reason: str
    tried: tuple[str, ...] = ()


class Table(msgspec.Struct, frozen=True):
    """The rules of one municipality.

    `starts` leads from a first word to the phrases that it begins: (position of the rule, words of
    the phrase). So thousands of phrases cost one look-up for each word of the text.
    """

    rules: tuple[Rule, ...]
    starts: dict[str, list[tuple[int, tuple[str, ...]]]]


def plain_words(text: str) -> list[str]:
    """Words in lower case without accents: `Één fiéts!` -> een fiets.

    Letters in another shape (bold ones from a keyboard app) are decomposed before they are folded:
    they have no lower case of their own. An underscore is WhatsApp's mark for italics.
    """
    if text.isascii():  # most of them, and there is nothing to fold
        return re.findall(r"[^\W_]+", text.lower())
    folded = unicodedata.normalize("NFKD", text).casefold()
    decomposed = unicodedata.normalize("NFKD", folded)
    plain = "".join(c for c in decomposed if not unicodedata.combining(c))
    return re.findall(r"[^\W_]+", plain)


def compile_rules(rules: Iterable[Rule], departments: Iterable[str], tenant: str) -> Table:
    """The rules that hold for `tenant`: its own, and those for a department that it has."""
    has = frozenset(departments)
    own = tuple(rule for rule in rules if rule.tenant in ("", tenant) and rule.department in has)
    starts: dict[str, list[tuple[int, tuple[str, ...]]]] = {}
    for position, rule in enumerate(own):
        for phrase in rule.words:
            if words := tuple(plain_words(phrase)):
                starts.setdefault(words[0], []).append((position, words))
    return Table(own, starts)


def compile_config(config: Config) -> dict[str, Table]:
    """Tenant -> its rules."""
    return {
        tenant.id: compile_rules(
            config.rules, [d.id for d in config.departments if d.tenant == tenant.id], tenant.id
        )
        for tenant in config.tenants
    }


def match(table: Table, text: str) -> tuple[int, tuple[str, ...]] | None:
    """Position of the first rule that matches and the phrase that did it."""
    words = plain_words(text)
    hits = [
        (position, phrase)
        for start, word in enumerate(words)
        for position, phrase in table.starts.get(word, ())
        if tuple(words[start : start + len(phrase)]) == phrase
    ]
    return min(hits, default=None)


def route(table: Table, text: str, fallback: str) -> Verdict:
    """Where a text goes that starts a conversation."""
    hit = match(table, text)
    if hit is None:
        reason = "geen enkele regel past; dit is de afdeling voor de rest"
        return Verdict(fallback, "", reason, tuple(rule.id for rule in table.rules))
    position, phrase = hit
    rule = table.rules[position]
    said = f'"{" ".join(phrase)}" staat in regel {rule.id}'
    return Verdict(rule.department, rule.id, said, tuple(r.id for r in table.rules[: position + 1]))
