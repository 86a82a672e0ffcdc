"""Routing rules as a municipality writes them: conditions, rules, safety rules, menus. No logic.

All fields of one condition must hold; of a list in a field, one element is enough.
"""

from typing import Annotated, Literal

import re2
from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, model_validator
from pydantic_core import PydanticCustomError

from services.calendar import opening_hours
from services.toml.model import ConfigModel
from services.whatsapp.limits import BUTTON, BUTTONS, DESCRIPTION, ROWS, TITLE

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Ids become queue names and metric labels, so they are short and plain."""
TextId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
OptionalTextId = Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$")]
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Tag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]

PHRASES = 10_000
"""Largest number of phrases in one list: the words of a whole town fit."""
PATTERN = 500
"""Largest number of characters of a pattern."""
PATTERN_BYTES = 1024 * 1024
"""Largest memory of one pattern: with less than half, ordinary patterns take four times as long."""
DEPTH = 8
"""Largest nesting of conditions: deeper ones are unreadable, and parsing them recurses."""
UNCHECKED_PATTERNS = "unchecked patterns"
"""Context of a validation that compiles no patterns, because its caller compiles them anyway."""


def pattern_options(memory: int) -> re2.Options:
    """Return the options of every pattern; case is ignored."""
    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = False, False, memory
    return options


def _check_pattern(pattern: str, info: ValidationInfo) -> str:
    if info.context == UNCHECKED_PATTERNS:
        return pattern
    try:
        re2.compile(pattern, pattern_options(PATTERN_BYTES))
    except re2.error as error:
        raise PydanticCustomError(
            "pattern",
            "It is no pattern that takes linear time and little memory: {why}",
            {"why": _reason(error)},
        ) from None
    return pattern


def _reason(error: re2.error) -> str:
    why = error.args[0] if error.args else "unreadable"
    return why.decode(errors="replace") if isinstance(why, bytes) else str(why)


def _check_hours(hours: str) -> str:
    if why := opening_hours.fault(hours):
        raise PydanticCustomError("hours", "{why}", {"why": why})
    return hours


Pattern = Annotated[str, Field(max_length=PATTERN), AfterValidator(_check_pattern)]
OpeningHours = Annotated[str, AfterValidator(_check_hours)]
State = Literal["new", "undecided", "decided", "answered", "reopened"]
"""State of the conversation when a message arrives. `new`: there was none. `undecided`: no
department was chosen yet. `decided`: a rule or a person chose one. `answered`: a person answered in
it. `reopened`: it was closed, and this message opens it again."""


def _check_depth(condition: object) -> object:
    """Refuse deep nesting before the condition is parsed, because parsing recurses."""
    level = [condition]
    for _ in range(DEPTH):
        level = [part for each in level if isinstance(each, dict) for part in _parts(each)]
        if not level:
            return condition
    raise PydanticCustomError("depth", "Conditions stand more than {n} deep", {"n": DEPTH})


def _parts(condition: dict[str, object]) -> list[object]:
    lists = [condition.get("all"), condition.get("any")]
    return [p for part in lists if isinstance(part, list) for p in part] + [condition.get("not")]


class Condition(ConfigModel):
    """A condition on a message, with at least one test."""

    words: tuple[Phrase, ...] = Field(default=(), max_length=PHRASES)
    groups: tuple[Id, ...] = Field(default=(), max_length=100)
    """Ids of `[[groups]]` whose words count as words of this condition."""
    without: tuple[Phrase, ...] = Field(default=(), max_length=PHRASES)
    """Phrases that the text must not contain."""
    pattern: Pattern = ""
    """RE2 pattern that matches anywhere in the text, in any case."""
    numbers: tuple[str, ...] = Field(default=(), max_length=1000)
    """Ids of our numbers that the message may be sent to."""
    choices: tuple[str, ...] = Field(default=(), max_length=1000)
    """Ids of a chosen row or button, or payloads of a template's button."""
    referral: tuple[Phrase, ...] = Field(default=(), max_length=1000)
    """Words in the advertisement or link that brought the citizen."""
    types: tuple[Tag, ...] = Field(default=(), max_length=50)
    """Types of message, in Meta's words."""
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = ()
    hours: OpeningHours = ""
    """Hours in which the condition holds, in the notation of OpenStreetMap, Europe/Amsterdam."""
    tagged: tuple[Tag, ...] = Field(default=(), max_length=50)
    """Tags of the conversation or of the person."""
    states: tuple[State, ...] = ()
    all: tuple["Condition", ...] = Field(default=(), max_length=100)
    any: tuple["Condition", ...] = Field(default=(), max_length=100)
    # `not` is a keyword of Python.
    none: "Condition | None" = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _require_test(self) -> "Condition":
        if not any(getattr(self, name) for name in TESTS):
            raise PydanticCustomError("asks_nothing", "A condition must ask something")
        return self


TESTS = tuple(Condition.model_fields)

Mask = Literal["bsn", "iban"]


class Rule(Condition):
    """A routing rule. With a department, a menu or a hold it decides, and later rules are skipped.
    Without any of these it only annotates matching messages, and the next rule is tried."""

    id: Id
    tenant: str = ""
    """Municipality of the rule; '' for every municipality that has the department."""
    department: str = ""
    menu: str = ""
    """Id of the menu to send."""
    hold: bool = False
    """True to withhold the events of the conversation until a person releases them."""
    tag: tuple[Tag, ...] = Field(default=(), max_length=20)
    reply: OptionalTextId = ""
    """Id of the text to send."""
    first_text: OptionalTextId = ""
    """Id of the text that these citizens get instead of the welcome text."""
    priority: Literal["", "low", "normal", "high", "urgent"] = ""
    mask: tuple[Mask, ...] = ()
    """Data to mask for the CRM; the archive stores the original."""
    due_days: int = Field(default=0, ge=0, le=366)
    """Legal term for an answer, in days from receipt; 0: none."""

    @property
    def decides(self) -> bool:
        return bool(self.department or self.menu or self.hold)

    @model_validator(mode="after")
    def _require_effect(self) -> "Rule":
        texts = (self.reply, self.first_text)
        annotations = (self.tag, *texts, self.priority, self.mask, self.due_days)
        if not (self.decides or any(annotations)):
            raise PydanticCustomError(
                "does_nothing", "A rule must name a department, a menu, or what else it does"
            )
        return self


CareClass = Literal["emergency", "suicide", "violence", "threat"]
CARE_TEXTS: dict[str, str] = {
    "emergency": "noodgeval",
    "suicide": "zelfdoding",
    "violence": "geweld",
    "threat": "",
}
"""Class -> id of its text; a threat gets no automatic answer."""


class SafetyRule(Condition):
    """A safety rule. It is tried before all other rules, marks the conversation urgent and alerts a
    person."""

    id: Id
    kind: CareClass
    tenant: str = ""
    department: str = ""
    """Department that gets the conversation; '' leaves it to the rules."""
    reply: OptionalTextId = ""
    """Id of a text instead of the text of its class."""


class Group(ConfigModel):
    """A list of words that several rules share."""

    id: Id
    language: Annotated[str, Field(pattern=r"^([a-z]{2,3})?$")] = ""
    """Language to which these words belong alone: it is that of a message with one of them, if
    nothing else shows its language. '' for words that show none."""
    words: tuple[Phrase, ...] = Field(min_length=1, max_length=PHRASES)


class Option(ConfigModel):
    """A row or a button that leads to a department, to another menu or to a text."""

    id: Id
    title: str = Field(min_length=1, max_length=TITLE)
    description: str = Field(default="", max_length=DESCRIPTION)
    department: str = ""
    menu: str = ""
    reply: OptionalTextId = ""
    tag: tuple[Tag, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _require_target(self) -> "Option":
        if not (self.department or self.menu or self.reply):
            raise PydanticCustomError(
                "leads_nowhere", "An option must name a department, a menu or a text"
            )
        return self


class Menu(ConfigModel):
    """A question for when no rule decides: buttons for up to three options, a list for more."""

    id: Id
    tenant: str = ""
    text: TextId = "keuze"
    options: tuple[Option, ...] = Field(min_length=1, max_length=ROWS)
    timeout_minutes: int = Field(default=10, ge=1, le=24 * 60)
    """Minutes without a choice after which a person gets the message."""

    @property
    def has_buttons(self) -> bool:
        return len(self.options) <= BUTTONS and all(len(o.title) <= BUTTON for o in self.options)


class RuleTest(ConfigModel):
    """A municipality's own table of messages, below which no version of its rules may fall."""

    tenant: str
    table: str = Field(min_length=1, max_length=200)
    """File with the messages, beside the first file or below."""
    at_least: float = Field(ge=0.01, le=1)
    """Smallest share of the messages that must go to their department."""


DepthLimited = BeforeValidator(_check_depth)
"""Validator that refuses conditions nested deeper than DEPTH."""
