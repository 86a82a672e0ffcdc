"""Conversations as scripts. A line says what happens, and after `->` everything that came of it.

    = 2026-11-25 18:00 menu= number=desk   (first) when it begins, what the tenant chose, our number
    hoi                          the citizen writes; `[image] words` is a message of another type
    +5m hoi                      5 minutes later; `@2026-11-26 09:00 hoi` at that time
    {late=60} hoi                with more arguments of `Stadhuis.hears`, `taps` or `orders`
    <menu:keuze/afval            the citizen taps this row
    /close outcome=handled       a colleague's command; `/transfer groen`, `/text` by `/machine`
    /state closed Wij zijn dicht the contact centre's command for the number

`;` stands between steps of one line. What came of them: names of texts, `~` effects of timers, `!`
destinations of alarms; all of these must be named. `@` department and `#` rule of the conversation,
`?` code of a refusal, and flags of the last decision (`task`, `no task`, `provisional`, `opened`,
`reopened`, `held`, `releases`) are compared where they are named.
"""

import re
from typing import Any

from tests.support.router.commands import MACHINE
from tests.support.router.config_full import BORNE, DESK, config
from tests.support.router.decisions import DecisionView
from tests.support.router.names import BERT
from tests.support.router.simulation import Stadhuis
from tests.support.router.webhooks import content_of

LINE = re.compile(
    r"(?:\+(?P<after>\S+)|@(?P<until>\S+ \S+))? *"
    r"(?:\{(?P<more>[^}]*)\})? *(?:\[(?P<type>\w+)(?::(?P<kind>\w+))?\])? *(?P<act>.*)"
)
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
PRESS = {"phone": "31655555555"}
VALUES: dict[str, Any] = {"bert": BERT, "press": PRESS, "desk": DESK, "borne": BORNE}
FLAGS = ("task", "provisional", "opened", "reopened", "held", "releases")


def play(script: str, hall: Stadhuis | None = None, **town: Any) -> Stadhuis:
    """Play a script at a town hall, and compare what came of each line."""
    first, *lines = list(filter(None, map(str.strip, script.splitlines())))
    if first.startswith("="):
        town |= opening(first)
    else:
        lines = [first, *lines]
    hall = hall or Stadhuis(**town)
    for line in lines:
        done, _, expected = line.partition("->")
        for step in done.split(";"):
            decision = act(hall, step.strip())
        compare(hall, line, decision, list(filter(None, map(str.strip, expected.split(",")))))
    return hall


def opening(line: str) -> dict[str, Any]:
    """Arguments of a town hall from the first line of a script."""
    day, time, *rest = line.removeprefix("=").split()
    chosen = arguments(" ".join(rest))
    number = {"number": chosen.pop("number")} if "number" in chosen else {}
    return {"start": f"{day} {time}", **number} | (
        {"given": config(tenant=chosen)} if chosen else {}
    )


def act(hall: Stadhuis, line: str) -> DecisionView | None:
    """Let time pass, then do what the line says."""
    found = LINE.fullmatch(line)
    assert found, line
    if found["after"]:
        hall.after(
            **{UNITS[u]: float(n) for n, u in re.findall(r"([\d.]+)([smhd])", found["after"])}
        )
    if found["until"]:
        hall.until(found["until"])
    more = arguments(found["more"] or "")
    words, type = found["act"], found["type"]
    if words.startswith("/"):
        return give_command(hall, words[1:], more)
    if words.startswith("<"):
        return hall.taps(words[1:], **more)
    if type:
        content = content_of(type, words, kind=found["kind"] or "edit")
        return hall.hears(type=type, **{"content": content} | more)
    return hall.hears(words, **more) if words or found["more"] else None


def arguments(given: str) -> dict[str, Any]:
    """`late=60 who=bert` -> the arguments that it names."""
    pairs = (each.partition("=") for each in given.split())
    return {
        name: VALUES.get(v) or (int(v) if v.lstrip("-").isdigit() else v) for name, _, v in pairs
    }


def give_command(hall: Stadhuis, words: str, more: dict[str, Any]) -> DecisionView:
    type, *rest = words.split()
    if type in ("notice", "state"):
        state = rest.pop(0) if type == "state" else ""
        return hall.says(type, " ".join(rest), state=state, **more)
    if type == "machine":
        type, more = "text", more | {"author": MACHINE}
    if type == "begin":
        type, more = "template", more | {"conversation": "", "to": "31611111111"}
    more |= arguments(" ".join(each for each in rest if "=" in each))
    to = [each for each in rest if "=" not in each]
    decision = hall.orders(type, **{"to_department": to[0]} if to else {}, **more)
    hall.id = decision.conversation or hall.id
    return decision


def compare(hall: Stadhuis, line: str, decision: DecisionView | None, expected: list[str]) -> None:
    """Everything that goes out by itself must be expected; the rest may be."""
    texts = [each for each in expected if each.isidentifier() and each not in FLAGS]
    effects = [each[1:] for each in expected if each[0] == "~"]
    alarms = [each[1:] for each in expected if each[0] == "!"]
    assert (hall.heard, hall.happened, hall.woken) == (texts, effects, alarms), line
    for each in expected:
        assert each in texts or each[0] in "~!" or is_so(hall, decision, each), f"{line}: {each}"


def is_so(hall: Stadhuis, decision: DecisionView | None, expected: str) -> bool:
    """One thing of the decision or the conversation is as expected."""
    if expected[0] == "@":
        return hall.conversation.department == expected[1:]
    if expected[0] == "#":
        return hall.conversation.rule == expected[1:]
    if expected[0] == "?":
        assert decision
        return decision.kind == "refused" and decision.reason.startswith(expected[1:])
    flag = expected.removeprefix("no ")
    assert flag in FLAGS, expected
    return bool(getattr(decision, flag)) is (flag == expected)
