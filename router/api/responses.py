"""Models of the answers of the router's API, as its OpenAPI document shows them. Pure."""

import datetime
import decimal
from typing import Literal
from uuid import UUID

from services.api.operations import Shown
from services.contract import Identified


class RuleStep(Shown):
    """A rule that was tried."""

    rule: str
    outcome: Literal["past niet", "markeert", "past"]
    """`past niet`: it does not match. `markeert`: it matches, and only labels. `past`: it matches,
    and decides."""
    matched: str
    """Words or circumstance by which it matches, in Dutch; empty if it does not."""


class AutomaticText(Shown):
    """Text that the citizen would get at once."""

    name: str
    """Id of the text; several are joined with a +."""
    body: str


class PlannedTimer(Shown):
    """Something that would happen by itself later."""

    kind: str
    due: datetime.datetime


class OpenDecision(Shown):
    """The department may still change: more words must follow, or a person answers."""

    words: bool
    """False for a message without words."""
    seconds: int
    """Silence after which it goes to `department`."""


class WeakSigns(Shown):
    """Danger that the words sound like, by a trained scorer, where no safety rule names it."""

    score: float
    """From 0 to 1. It is no probability that the citizen is in danger."""
    at_least: float
    """Score from which the municipality counts them."""
    use: Literal["mark", "decide"]
    """`mark`: a label and a high priority. `decide`: as a safety rule."""
    words: tuple[str, ...]
    """Words of the message that weigh most, in its order."""
    model: str
    """Version of the scorer."""


class Explanation(Shown):
    """Decision of the router about the words, and why. A member that would be empty is left out."""

    department: str
    name: str
    """Name of the department."""
    rule: str | None
    """Id of the rule that decides; null if none does."""
    reason: str
    """Explanation in Dutch, for an official. It quotes the words that a pattern matches."""
    tried: tuple[str, ...]
    """Ids of the ordinary rules up to the one that decides, in order."""
    steps: tuple[RuleStep, ...]
    """The same rules, each with its outcome."""
    care_steps: tuple[RuleStep, ...]
    """Safety rules up to the one that matches; they go before all others."""
    version: str
    """Version of the rules and texts that decides."""
    tags: tuple[str, ...] = ()
    """Labels."""
    priority: str = ""
    """Other than `normal`."""
    priority_reason: str = ""
    """Explanation of the priority."""
    also_about: tuple[str, ...] = ()
    """Ids of other departments to which a sentence would go by itself."""
    language: str = ""
    sensitive: tuple[str, ...] = ()
    """Kinds of numbers in the words that should not be sent by WhatsApp: `bsn`, `iban`."""
    due: datetime.date | None = None
    """Statutory deadline."""
    care: str = ""
    """Danger that a safety rule sees."""
    care_reason: str = ""
    weak_signs: WeakSigns | None = None
    """Given if the municipality uses them and the message has words."""
    held: bool = False
    """True if the events wait until a person releases them."""
    provisional: bool = False
    """True if later words may lead elsewhere."""
    text: AutomaticText | None = None
    timers: tuple[PlannedTimer, ...] = ()
    wakes: tuple[str, ...] = ()
    """Destinations that are alarmed, one after the other; given with `care`."""
    confirm_minutes: int | None = None
    """Minutes after which the next one is alarmed; given with `care`."""
    undecided: OpenDecision | None = None


class Approval(Shown):
    """Person who stands for a version."""

    by: str
    identified: Identified
    """`proven` by an identity provider or a login, or `stated`: in a command, or in the files."""
    at: datetime.datetime


class RulesVersion(Shown):
    """Version of rules and texts."""

    version: str
    """Hash of the files: the same files are the same version."""
    record: UUID | None = None
    """Id of its record in the archive; left out while it waits."""
    first_at: datetime.datetime
    """First moment at which it could decide anything. After a return to earlier files the version
    in force is not the newest one."""
    approvals: tuple[Approval, ...]
    in_force: bool
    """True for the one version that decides now."""
    waiting: bool = False
    """True for one that waits for a second person; left out otherwise."""


class Versions(Shown):
    versions: tuple[RulesVersion, ...]
    """Versions that were in force or wait, the newest first; at most the newest 1,000."""


class VersionFile(Shown):
    """File of a version."""

    name: str
    """Path beside `postkamer.toml`."""
    text: str | None
    """Content; a secret in it is `***`. Where several municipalities share the configuration:
    without the entries of the others. Null if either cannot be taken out."""


class FileChange(Shown):
    """File that differs from the version before."""

    name: str
    diff: tuple[str, ...] | None
    """Lines of a unified diff; null if the difference is too large to work out here
    (`postkamer rules diff` does), or the file cannot be shown."""


class FullVersion(RulesVersion):
    """Version with its files, and how they differ from the version before."""

    before: str | None
    """Version that came before it; null for the first."""
    files: tuple[VersionFile, ...]
    changes: tuple[FileChange, ...]
    """Files that differ from the version before; of the first version none."""


class FirstAnswers(Shown):
    """First answers of a person since a conversation began or a citizen opened it again."""

    count: int
    median_minutes: int | None
    """Minutes, rounded down: to 5 from two hours on, to 60 from a day on; null of fewer than
    five answers."""
    p90_minutes: int | None


class RightAtOnce(Shown):
    """Conversations of which people showed if the department was right that no person had chosen:
    once each, by the department that was chosen. What was closed by itself without a person's
    answer is in neither."""

    right: int
    """It was closed there, or ended by itself there after a person's answer."""
    corrected: int
    """A person gave it to another department, which answered it or ended it."""


class JudgedRule(RightAtOnce):
    rule: str
    """Id of the rule; `_menu` for a choice in a menu, `_geen` if only the number's fallback was
    left, `_veiligheid` for all safety rules, `_verwijderd` for rules that are gone."""


class JudgedVersion(RightAtOnce):
    version: str
    """Version of the rules that chose; `_eerder` for all older ones than the newest 12."""
    first_at: datetime.datetime | None
    """First moment at which it could decide anything; null if that is not known."""


class CountedDangers(Shown):
    """Dangers of which a person was to be alarmed, by class; null for fewer than five. The same
    danger within an hour is one."""

    emergency: int | None
    suicide: int | None
    violence: int | None
    threat: int | None


class Costs(Shown):
    """Delivered messages as Meta charged them (`postkamer costs`)."""

    delivered: int
    free: int
    charged: int
    unknown: int
    """Messages of which Meta did not say how they were charged."""
    amount: decimal.Decimal | None
    """In the currency of the month; null without a rate."""
    unrated: int
    """Charged messages of a category without a rate, which have no amount."""


class Figures(Shown):
    """Counts, of a department or of all. Small ones stay as they are."""

    opened: int
    """Conversations that citizens began. Here and below the department is the one that had it, or
    sent it, at that moment."""
    begun: int
    """Conversations that the municipality began."""
    reopened: int
    """Closed conversations that went on."""
    received: int
    """Messages of citizens, without reactions."""
    by_employees: int
    """Messages that employees sent, once accepted."""
    by_systems: int
    automatic: int
    """Messages that nobody wrote: the router's texts, and those of chatbots."""
    undelivered: int
    """Messages of employees that did not arrive."""
    first_answers: FirstAnswers
    first_answers_open: FirstAnswers
    """The same, in opening hours of the department that answered."""
    windows_missed: int
    """Times that the 24 hours ended while a citizen waited, on the day on which they ended. One is
    counted when the conversation next changes, so those of a month may still grow after it."""
    transferred: int
    """Conversations that people gave to another department, at the one that they left."""
    right_at_once: RightAtOnce
    closed: dict[str, int]
    """Ends by outcome: `answered`, `handled`, `forwarded`, `redirected`, `unsaid` (by a person,
    without one), `idle` (by itself), `merged`. One that is opened again may end twice."""
    without_message: int
    """Conversations that were closed, though nobody had sent the citizen anything but automatic
    texts since it began or its citizen opened it again."""
    costs: Costs | None
    """Null if there are too many kinds of messages to add up."""


class DepartmentFigures(Shown):
    id: str
    name: str
    """Name; the id of a department that left the configuration."""
    figures: Figures


class MonthFigures(Shown):
    month: str
    is_over: bool
    """False for the month in which we are."""
    counted_since: datetime.date | None
    """First day of which anything was counted; null if nothing was yet."""
    departments: tuple[DepartmentFigures, ...]
    total: Figures
    """Sum of the departments; median and p90 are those of all answers together."""
    rules: tuple[JudgedRule, ...]
    """By rule, what was corrected most first."""
    versions: tuple[JudgedVersion, ...]
    """By version of the rules, the newest first."""
    care: CountedDangers
    currency: str | None
    """Currency of the amounts."""
    report_from: datetime.date
    """First day on which the report of this month can be made."""
