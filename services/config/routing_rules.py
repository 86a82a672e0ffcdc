"""What a municipality writes about routing: conditions, rules, care rules, menus. Typed, no logic.

All that stands beside each other in one table must hold (`all`); of a list, one is enough.
"""

from typing import Annotated, Literal

import re2
from pydantic import AfterValidator, BeforeValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from services.calendar import opening_hours
from services.toml.model import ConfigModel
from services.whatsapp.limits import BUTTON, BUTTONS, DESCRIPTION, ROWS, TITLE

Id = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
"""Ids become queue names and metric labels, so they are short and plain."""
TextId = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Phrase = Annotated[str, Field(min_length=1, max_length=200)]
Tag = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,30}$")]

PHRASES = 10_000
"""Of one list: the words of a whole town fit in one."""
PATTERN = 500
"""Characters of a pattern."""
PATTERN_BYTES = 1024 * 1024
"""Memory of one pattern, at most: with under half of it ordinary ones take four times as long."""
DEPTH = 8
"""Conditions within conditions: deeper nobody can follow, and reading them would recurse."""


def pattern_options(memory: int) -> re2.Options:
    """How every pattern is read, whatever its case."""
    options = re2.Options()
    options.case_sensitive, options.log_errors, options.max_mem = False, False, memory
    return options


def _pattern(given: str) -> str:
    try:
        re2.compile(given, pattern_options(PATTERN_BYTES))
    except re2.error as error:
        raise PydanticCustomError(
            "pattern",
            "It is no pattern that takes linear time and little memory: {why}",
            {"why": _said(error)},
        ) from None
    return given


def _said(error: re2.error) -> str:
    why = error.args[0] if error.args else "unreadable"
    return why.decode(errors="replace") if isinstance(why, bytes) else str(why)


def _opening(given: str) -> str:
    if why := opening_hours.fault(given):
        raise PydanticCustomError("hours", "{why}", {"why": why})
    return given


Pattern = Annotated[str, Field(max_length=PATTERN), AfterValidator(_pattern)]
OpeningHours = Annotated[str, AfterValidator(_opening)]
State = Literal["new", "undecided", "decided", "answered", "reopened"]
"""Of a conversation when a message comes: there was none; nobody decided yet where it belongs; a
rule or a person did; a person answered in it; it was closed, and this message opens it again."""


def _shallow(given: object) -> object:
    """Before it is read: reading recurses."""
    level = [given]
    for _ in range(DEPTH):
        level = [part for each in level if isinstance(each, dict) for part in _parts(each)]
        if not level:
            return given
    raise PydanticCustomError("depth", "Conditions stand more than {n} deep", {"n": DEPTH})


def _parts(condition: dict[str, object]) -> list[object]:
    listed = [condition.get("all"), condition.get("any")]
    return [p for part in listed if isinstance(part, list) for p in part] + [condition.get("not")]


class Condition(ConfigModel):
    """What must be so. At least one thing must be asked."""

    words: tuple[Phrase, ...] = Field(default=(), max_length=PHRASES)
    groups: tuple[Id, ...] = Field(default=(), max_length=100)
    """Of `[[groups]]`, whose words stand for these here."""
    without: tuple[Phrase, ...] = Field(default=(), max_length=PHRASES)
    """None of these may be said."""
    pattern: Pattern = ""
    """RE2, found anywhere in the text, whatever its case."""
    numbers: tuple[str, ...] = Field(default=(), max_length=1000)
    """Ids of our numbers."""
    choices: tuple[str, ...] = Field(default=(), max_length=1000)
    """Id of a chosen row or button, or the payload of a template's button."""
    referral: tuple[Phrase, ...] = Field(default=(), max_length=1000)
    """Words in the advertisement or link that the citizen came from."""
    types: tuple[Tag, ...] = Field(default=(), max_length=50)
    """Meta's types of message."""
    languages: tuple[Annotated[str, Field(pattern=r"^[a-z]{2,3}$")], ...] = ()
    hours: OpeningHours = ""
    """OpenStreetMap opening hours in which it holds, Europe/Amsterdam."""
    tagged: tuple[Tag, ...] = Field(default=(), max_length=50)
    """A tag of the conversation, or of the person."""
    states: tuple[State, ...] = ()
    all: tuple["Condition", ...] = Field(default=(), max_length=100)
    any: tuple["Condition", ...] = Field(default=(), max_length=100)
    # `not` is Python's own word.
    none: "Condition | None" = Field(default=None, alias="not")

    @model_validator(mode="after")
    def _asks_something(self) -> "Condition":
        if not any(getattr(self, name) for name in ASKED):
            raise PydanticCustomError("asks_nothing", "A condition must ask something")
        return self


ASKED = tuple(Condition.model_fields)

Mask = Literal["bsn", "iban"]


class Rule(Condition):
    """With a department, a menu or a hold it decides, and no rule after it is looked at. Without
    any it marks what it fits, and the next one is looked at."""

    id: Id
    tenant: str = ""
    """Only for this municipality; without it, for each that has the department."""
    department: str = ""
    menu: str = ""
    """Id of the menu to ask."""
    hold: bool = False
    """The conversation's events wait until somebody lets them go."""
    tag: tuple[Tag, ...] = Field(default=(), max_length=20)
    reply: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$")] = ""
    """Id of a text."""
    priority: Literal["", "low", "normal", "high", "urgent"] = ""
    mask: tuple[Mask, ...] = ()
    """Of what the CRM gets; the archive keeps the original."""
    due_days: int = Field(default=0, ge=0, le=366)
    """Days from receipt in which it must be dealt with, by law; 0: none."""

    @property
    def decides(self) -> bool:
        return bool(self.department or self.menu or self.hold)

    @model_validator(mode="after")
    def _does_something(self) -> "Rule":
        done = (self.tag, self.reply, self.priority, self.mask, self.due_days)
        if not (self.decides or any(done)):
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
"""What each class answers; a threat gets no answer of a machine."""


class SafetyRule(Condition):
    """Looked at before everything else; marks the conversation urgent and wakes a person."""

    id: Id
    kind: CareClass
    tenant: str = ""
    department: str = ""
    """Where it goes; '' where the rules say."""
    reply: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$")] = ""
    """Instead of its class's own text."""


class Group(ConfigModel):
    """Words that several rules use."""

    id: Id
    words: tuple[Phrase, ...] = Field(min_length=1, max_length=PHRASES)


class Option(ConfigModel):
    """A row or a button. It leads to a department, to another menu, or to an answer."""

    id: Id
    title: str = Field(min_length=1, max_length=TITLE)
    description: str = Field(default="", max_length=DESCRIPTION)
    department: str = ""
    menu: str = ""
    reply: Annotated[str, Field(pattern=r"^([a-z][a-z0-9_]{0,62})?$")] = ""
    tag: tuple[Tag, ...] = Field(default=(), max_length=20)

    @model_validator(mode="after")
    def _leads_somewhere(self) -> "Option":
        if not (self.department or self.menu or self.reply):
            raise PydanticCustomError(
                "leads_nowhere", "An option must name a department, a menu or a text"
            )
        return self


class Menu(ConfigModel):
    """What is asked when no rule decides: buttons up to three options, a list above that."""

    id: Id
    tenant: str = ""
    text: TextId = "keuze"
    options: tuple[Option, ...] = Field(min_length=1, max_length=ROWS)
    timeout_minutes: int = Field(default=10, ge=1, le=24 * 60)
    """Then a person reads it."""

    @property
    def buttons(self) -> bool:
        return len(self.options) <= BUTTONS and all(len(o.title) <= BUTTON for o in self.options)


Deep = BeforeValidator(_shallow)
