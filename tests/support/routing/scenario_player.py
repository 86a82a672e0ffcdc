"""Conversations of the table, played at the town hall: what was done, and what of it was expected
otherwise."""

import re
import tomllib
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import msgspec

from router.model.changes import DecidedUnit
from router.model.conversation import Conversation
from router.model.decision import Reply
from services.calendar.opening_hours import AMSTERDAM
from services.config.loader import LoadedConfig
from services.texts.catalogue import SOBER_WELCOME, WELCOME, Texts
from tests.support.router.commands import MACHINE, SANNE
from tests.support.router.decisions import DecisionView, decisions
from tests.support.router.simulation import Stadhuis
from tests.support.routing.town_hall import CITIZEN, NUMBER, hear, open_town_hall, tasks
from tests.support.routing.town_variants import SECOND

TABLE = Path(__file__).parents[2] / "examples/citizens/conversations.toml"
Colleague = Literal["", "answer", "close", "transfer", "note", "confirm", "release", "merge"]
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class Step(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """One line of a conversation; see the table for what each word means."""

    after: str = "0s"
    citizen: str | None = None
    type: str = "text"
    from_: str = CITIZEN
    number: Literal["", "second"] = ""
    late: str = "0s"
    choice: str = ""
    kind: str = "edit"
    bsuid: str = ""
    again: bool = False
    colleague: Colleague = ""
    to: str = ""
    employee: str = ""
    outcome: str = ""
    other: str = ""
    machine: bool = False
    centre: Literal["", "notice", "state"] = ""
    text: str = ""
    state: str = ""
    lasts: str = ""
    texts: list[str] = []
    at: str | None = None
    task: bool | None = None
    provisional: bool | None = None
    reopened: bool | None = None
    closed: bool | None = None
    tags: list[str] | None = None
    care: str | None = None
    alarm: str | None = None
    priority: str | None = None
    language: str | None = None
    due: bool | date | None = None
    masked: list[str] | None = None
    held: bool | None = None
    refused: str = ""
    happened: str | None = None
    says: str = ""
    never: str = ""

    @property
    def phone(self) -> tuple[str, str]:
        """Ours, and the citizen's."""
        return SECOND if self.number else NUMBER, self.from_


class Row(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    why: str
    start: datetime
    steps: list[Step]
    tasks: int
    texts: list[str]
    town: str = ""
    alarms: list[str] = []
    ends: list[str] | None = None
    differs: str = ""


class Seen(msgspec.Struct):
    """Effects of one step: its decisions, and the conversation after it."""

    decided: list[DecidedUnit]
    last: DecisionView | None
    now: Conversation | None
    texts: list[str]
    bodies: list[str]
    """Words of each text."""

    @property
    def words(self) -> str:
        """Words of the last text."""
        return self.bodies[-1] if self.bodies else ""

    @property
    def happened(self) -> list[str]:
        return [d.effect for d in decisions(self.decided) if d.effect]


class Played(msgspec.Struct):
    row: Row
    tasks: int
    texts: list[str]
    alarms: list[str]
    ends: list[str]
    wrong: list[str]
    bodies: list[str]
    """Words of each text."""


LOOKS: dict[str, Callable[[Seen], Any]] = {
    "at": lambda seen: seen.now and seen.now.department,
    "task": lambda seen: seen.last and seen.last.task,
    "provisional": lambda seen: seen.last and seen.last.provisional,
    "reopened": lambda seen: seen.last and seen.last.reopened,
    "closed": lambda seen: seen.now and seen.now.closed_at is not None,
    "tags": lambda seen: seen.now and list(seen.now.state.tags),
    "care": lambda seen: seen.last and seen.last.care,
    "alarm": lambda seen: next(iter(_alarms(seen.decided)), ""),
    "priority": lambda seen: seen.now and seen.now.state.priority,
    "language": lambda seen: seen.now and seen.now.state.language,
    "masked": lambda seen: seen.last and list(seen.last.mask),
    "held": lambda seen: seen.now and seen.now.state.held,
}
"""Expectation of a step -> where it is seen."""


def rows() -> list[Row]:
    given = tomllib.loads(TABLE.read_text())["conversations"]
    return msgspec.convert(given, list[Row])


def played(row: Row, choices: LoadedConfig) -> Played:
    """A conversation from beginning to end, and all that is otherwise than its row has it."""
    start = row.start.replace(tzinfo=AMSTERDAM)
    hall = open_town_hall(choices, start, few_texts=bool(row.town))  # a variant has a row or two
    where: dict[tuple[str, str], str] = {}
    said: list[str] = []
    wrong: list[str] = []
    bodies: list[str] = []
    for n, step in enumerate(row.steps, 1):
        seen = _seen(hall, _done(hall, step, where), where.get(step.phone, ""))
        said += seen.texts
        bodies += seen.bodies
        wrong += [f"step {n}: {what}" for what in _wrong(step, seen)]
    ends = [conversation.department for conversation in hall.router.conversations.values()]
    whole = Played(row, tasks(hall.done), said, _alarms(hall.done), ends, wrong, bodies)
    wrong += _totals(whole)
    return whole


def _done(hall: Stadhuis, step: Step, where: dict[tuple[str, str], str]) -> list[DecidedUnit]:
    """Do a step, and return the decisions since the step before."""
    begin = len(hall.done)
    hall.reaches(hall.now + _time(step.after))
    if step.again:
        hall.repeats()
    elif step.citizen is not None:
        where[step.phone] = hear(hall, _message(step)).conversation
    elif step.colleague:
        _orders(hall, step, where)
    elif step.centre:
        until = hall.now + _time(step.lasts) if step.lasts else None
        number = step.phone[0]
        hall.says(step.centre, step.text, number=number, state=step.state, until=until)
    return hall.done[begin:]


def _message(step: Step) -> dict[str, Any]:
    number, phone = step.phone
    given = {"type": step.type, "text": step.citizen, "number": number, "from": phone}
    given |= {"late": _time(step.late), "kind": step.kind, "bsuid": step.bsuid, "to": step.to}
    return given | ({"choice": step.choice} if step.choice else {})


def _orders(hall: Stadhuis, step: Step, where: dict[tuple[str, str], str]) -> DecisionView:
    author = MACHINE if step.machine else SANNE
    other = where[step.phone[0], step.other] if step.other else ""
    return hall.orders(
        "text" if step.colleague == "answer" else step.colleague,
        conversation=where[step.phone],
        number=step.phone[0],
        author=author,
        to_department=step.to,
        employee=step.employee,
        outcome=step.outcome,
        other=other,
    )


def _seen(hall: Stadhuis, decided: list[DecidedUnit], conversation: str) -> Seen:
    replies = [d.reply for d in decisions(decided) if d.reply]
    return Seen(
        decided=decided,
        last=decisions(decided)[-1] if decided else None,
        now=hall.router.conversations.get(conversation),
        texts=[_called(reply, hall.router.ground.texts) for reply in replies],
        bodies=[reply.text for reply in replies],
    )


def _called(reply: Reply, texts: Texts) -> str:
    """Its id, with that of the first text where that stands before it."""
    for first in (WELCOME, SOBER_WELCOME):
        text = texts.find(reply.language, first)
        begin = text.body.partition("{")[0] if text else ""
        if begin and reply.name != first and reply.text.startswith(begin):
            return f"{first}+{reply.name}"
    return reply.name


def _wrong(step: Step, seen: Seen) -> Iterator[str]:
    if step.texts != seen.texts:
        yield f"texts {seen.texts}, not {step.texts}"
    for name, look in LOOKS.items():
        expected = getattr(step, name)
        if expected is not None and (found := look(seen)) != expected:
            yield f"{name} {found!r}, not {expected!r}"
    if step.happened is not None and step.happened not in seen.happened:
        yield f"happened {seen.happened}, not {step.happened!r}"
    if step.says not in seen.words or (step.never and step.never in seen.words):
        yield f"the text says {seen.words!r}"
    yield from _wrong_order(step, seen)


def _wrong_order(step: Step, seen: Seen) -> Iterator[str]:
    refused = seen.last.reason if seen.last and seen.last.kind == "refused" else ""
    if refused.partition(":")[0] != step.refused:
        yield f"refused {refused!r}, not {step.refused!r}"
    due = seen.last.due if seen.last else None
    if step.due is not None and (due is None if step.due is True else due != step.due):
        yield f"due {due}, not {step.due}"


def _totals(played: Played) -> Iterator[str]:
    row = played.row
    for name in ("tasks", "texts", "alarms", "ends"):
        expected, found = getattr(row, name), getattr(played, name)
        if expected is not None and found != expected:
            yield f"in all: {name} {found}, not {expected}"


def _alarms(decided: list[DecidedUnit]) -> list[str]:
    return [d.alarm.destination for d in decisions(decided) if d.alarm]


def _time(given: str) -> timedelta:
    amount = re.fullmatch(r"(\d+)([smhd])", given)
    assert amount, f"{given!r} is no time: 40s, 10m, 12h, 3d"
    return timedelta(**{UNITS[amount[2]]: int(amount[1])})
